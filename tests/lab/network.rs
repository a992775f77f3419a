//! The network of the paper's Figure 6.
//!
//! ```text
//!                    Alice            10.1.0.0/24
//!                      |
//!                     R1
//!                    /  \
//!  Carol, Erin --- R2 -- R3 --- Dave, Frank   10.2.0.0/24, 10.3.0.0/24
//!                   |    |
//!                  R5    R4           10.5.0.0/24, 10.4.0.0/24
//!                    \  :
//!                     Bob
//! ```
//!
//! A router is a host with a switch (a bridge) for its own network; Bob's and Alice's wires are
//! pulled from one switch and put into another. R2 to R5 and R3 to R4 are [`Wire`]s.

use super::namespace::Namespace;
use super::wire::Wire;
use super::world::Mark;

/// Where Carol's CLOAK node is.
pub(crate) const CAROL: &str = "10.2.0.3";
/// Where Dave's is.
pub(crate) const DAVE: &str = "10.3.0.3";
/// Where Erin's is.
pub(crate) const ERIN: &str = "10.2.0.4";
/// Where Frank's is.
pub(crate) const FRANK: &str = "10.3.0.4";

/// All hosts and wires; gone with this value.
#[derive(Debug)]
pub(crate) struct Network {
    /// Between R2 and R5; direction 1 is from Bob.
    pub(crate) left: Wire,
    /// Between R3 and R4; direction 1 is from Bob.
    pub(crate) right: Wire,
    pub(crate) alice: Namespace,
    pub(crate) bob: Namespace,
    pub(crate) carol: Namespace,
    pub(crate) dave: Namespace,
    pub(crate) erin: Namespace,
    pub(crate) frank: Namespace,
    /// R1 to R5.
    pub(crate) routers: [Namespace; 5],
}

/// A host's interface and the wire's end at the switch.
fn plug(router: &Namespace, host: &Namespace, wire: &str) {
    let name = host.name();
    router.ip(&format!(
        "link add {wire} type veth peer name eth0 netns {name}\n\
         link set {wire} master lan up"
    ));
    host.ip("link set eth0 up");
}

/// Joins two routers; `link` names their interfaces and the network between them.
fn joined(a: &Namespace, b: &Namespace, link: u8) {
    let other = b.name();
    a.ip(&format!(
        "link add l{link} type veth peer name l{link} netns {other}\n\
         addr add 10.{link}.1.1/30 dev l{link}\nlink set l{link} up"
    ));
    b.ip(&format!("addr add 10.{link}.1.2/30 dev l{link}\nlink set l{link} up"));
}

impl Network {
    /// Builds it; `tag` makes its names unlike any other's.
    pub(crate) fn new(tag: &str, seed: u64) -> Self {
        let host = |who: &str| Namespace::new(format!("muses-{tag}-{who}"));
        let routers = [1, 2, 3, 4, 5].map(|number| host(&format!("r{number}")));
        for (router, number) in routers.iter().zip(1..) {
            router.sysctl("ipv4/ip_forward", "1");
            router.ip(&format!(
                "link add lan type bridge\nlink set lan up\naddr add 10.{number}.0.1/24 dev lan"
            ));
        }
        let [r1, r2, r3, r4, r5] = &routers;
        joined(r1, r2, 12);
        joined(r1, r3, 13);
        joined(r2, r3, 23);
        let left = (r2, "to5", "10.25.0.1/30".into());
        let left = Wire::new(&left, &(r5, "out", "10.25.0.2/30".into()), seed);
        let right = (r3, "to4", "10.34.0.1/30".into());
        let right = Wire::new(&right, &(r4, "out", "10.34.0.2/30".into()), seed ^ 0x5555);
        let via = |router: &Namespace, routes: &[(&str, &str)]| {
            let lines = routes.iter().map(|(to, via)| format!("route add {to} via {via}\n"));
            router.ip(&lines.collect::<String>());
        };
        let [two, three] = ["10.12.1.2", "10.13.1.2"];
        via(r1, &[("10.2.0.0/24", two), ("10.5.0.0/24", two), ("10.25.0.0/30", two)]);
        via(r1, &[("10.3.0.0/24", three), ("10.4.0.0/24", three), ("10.34.0.0/30", three)]);
        let (one, three) = ("10.12.1.1", "10.23.1.2");
        via(r2, &[("10.1.0.0/24", one), ("10.5.0.0/24", "10.25.0.2")]);
        via(r2, &[("10.3.0.0/24", three), ("10.4.0.0/24", three), ("10.34.0.0/30", three)]);
        let (one, two) = ("10.13.1.1", "10.23.1.1");
        via(r3, &[("10.1.0.0/24", one), ("10.4.0.0/24", "10.34.0.2")]);
        via(r3, &[("10.2.0.0/24", two), ("10.5.0.0/24", two), ("10.25.0.0/30", two)]);
        via(r4, &[("default", "10.34.0.1")]);
        via(r5, &[("default", "10.25.0.1")]);
        let hosts = ["alice", "bob", "carol", "dave", "erin", "frank"].map(host);
        for (at, router) in [r1, r5, r2, r3, r2, r3].into_iter().enumerate() {
            // The default differs from machine to machine; every namespace may choose this one.
            hosts[at].sysctl("ipv4/tcp_congestion_control", "reno");
            plug(router, &hosts[at], &format!("wire{at}"));
        }
        let [alice, bob, carol, dave, erin, frank] = hosts;
        let this = Self { left, right, alice, bob, carol, dave, erin, frank, routers };
        for (host, at) in [(&this.carol, CAROL), (&this.dave, DAVE)] {
            address(host, at);
        }
        for (host, at) in [(&this.erin, ERIN), (&this.frank, FRANK)] {
            address(host, at);
        }
        address(&this.alice, "10.1.0.2");
        address(&this.bob, "10.5.0.2");
        this
    }

    /// Bob has another interface, in router R4's network; his routes prefer the first.
    pub(crate) fn add_a_way_for_bob(&self) {
        let bob = self.bob.name();
        self.routers[3].ip(&format!(
            "link add second type veth peer name eth1 netns {bob}\n\
             link set second master lan up"
        ));
        // As desktops have it: an answer may come over another interface than the routes prefer.
        self.bob.sysctl("ipv4/conf/all/rp_filter", "2");
        self.bob.ip("link set eth1 up\naddr add 10.4.0.2/24 dev eth1\n\
             route add default via 10.4.0.1 dev eth1 metric 200");
    }

    /// Bob's wire is pulled out; his address goes with it, as where DHCP sees the carrier go.
    pub(crate) fn bob_leaves(&self, router: usize) {
        unplug(&self.routers[router - 1], "wire1");
        self.bob.ip("addr flush dev eth0");
    }

    /// Bob's wire goes into this router's switch, and he has an address there.
    /// The network counts as back when only the address is missing.
    pub(crate) fn bob_joins(&self, from: usize, to: usize) -> Mark {
        rewire(&self.routers[from - 1], &self.routers[to - 1], "wire1");
        let mark = Mark::now();
        address(&self.bob, &format!("10.{to}.0.2"));
        mark
    }

    /// The same for Alice.
    pub(crate) fn alice_leaves(&self, router: usize) {
        unplug(&self.routers[router - 1], "wire0");
        self.alice.ip("addr flush dev eth0");
    }

    /// The same for Alice.
    pub(crate) fn alice_joins(&self, from: usize, to: usize) {
        rewire(&self.routers[from - 1], &self.routers[to - 1], "wire0");
        address(&self.alice, &format!("10.{to}.0.9"));
    }

    /// Limits the rate of both of Bob's ways in both directions, with a queue of so long.
    pub(crate) fn rate(&self, rate: &str, queue: &str) {
        for (router, interface) in [(1, "to5"), (4, "out"), (2, "to4"), (3, "out")] {
            let line = ["tc", "qdisc", "replace", "dev", interface, "root", "tbf", "rate", rate];
            let more = ["burst", "32kbit", "latency", queue];
            self.routers[router].run(&[&line[..], &more[..]].concat());
        }
    }
}

/// An address and the way to all others, which is the last thing a new place gives.
fn address(host: &Namespace, at: &str) {
    let net = at.rsplit_once('.').expect("an IPv4 address").0;
    host.ip(&format!("addr add {at}/24 dev eth0\nroute replace default via {net}.1"));
}

fn unplug(router: &Namespace, wire: &str) {
    router.ip(&format!("link set {wire} nomaster down"));
}

fn rewire(from: &Namespace, to: &Namespace, wire: &str) {
    if from.name() != to.name() {
        from.ip(&format!("link set {wire} netns {}", to.name()));
    }
    to.ip(&format!("link set {wire} master lan up"));
}
