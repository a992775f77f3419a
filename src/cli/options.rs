//! The two daemons' options, read, checked and with every alias resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{CHILDREN_MAX, TREES_DEFAULT};
use crate::overlay::dht::alias::Alias;
use crate::overlay::routes::Routes;

use super::checks::{
    bounds, each, forwards, is_loopback, path, routes, secrets, services, trees, way,
};
use super::failure::Wrong;
use super::names::{self, Aliases};
use super::settings::Settings;
use super::values;

/// The way into the overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A `cloak-node` elsewhere.
    Daemon(Endpoint),
    /// The one in this daemon.
    Embedded {
        /// Where neighbours are accepted.
        listen: Option<Endpoint>,
        /// Neighbours to dial.
        peers: Vec<Endpoint>,
        /// Its trees.
        trees: Trees,
    },
}

/// The overlay's trees, as a node is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trees {
    /// How many.
    pub count: u8,
    /// Names that go before others as roots.
    pub roots: Vec<Name>,
    /// Children at most in each tree.
    pub children: u8,
}

impl Default for Trees {
    fn default() -> Self {
        Self { count: TREES_DEFAULT, roots: Vec::new(), children: CHILDREN_MAX }
    }
}

/// A local port or socket whose connections go to one far service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where it listens.
    pub listen: Endpoint,
    /// The far device.
    pub name: Name,
    /// The far service.
    pub port: u16,
}

/// A service offered to other devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Port that they ask for.
    pub port: u16,
    /// Where its connections go.
    pub target: Endpoint,
    /// Who may use it besides those of `--allow`.
    pub allow: Vec<Name>,
}

/// A pre-shared secret; it shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Options of `muses-node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// State directory; `None` means the default one.
    pub state: Option<PathBuf>,
    /// The way into the overlay.
    pub way: Way,
    /// The alias that the device claims in the overlay.
    pub register: Option<Alias>,
    /// Where SOCKS5 is served.
    pub socks: Option<Endpoint>,
    /// Fixed forwards.
    pub forwards: Vec<Forward>,
    /// Services, one for each port.
    pub services: Vec<Service>,
    /// Devices that may use every service.
    pub allow: Vec<Name>,
    /// Own words for Names.
    pub aliases: Aliases,
    /// Pre-shared secrets.
    pub secrets: BTreeMap<Name, Secret>,
    /// Number of the suite to offer first.
    pub suite: u8,
    /// How long a session outlives its peer; `None` means forever.
    pub retain: Option<Duration>,
    /// Bound of all packet memory, in bytes.
    pub memory: usize,
    /// Bound of one session's log and credit, in bytes.
    pub window: usize,
    /// Where to write a tape.
    pub record: Option<PathBuf>,
    /// Whether the daemon confines itself.
    pub sandbox: bool,
}

/// Options of `cloak-node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloakOptions {
    /// State directory; `None` means the default one.
    pub state: Option<PathBuf>,
    /// Where neighbours are accepted.
    pub listen: Option<Endpoint>,
    /// Where local MUSeS nodes are accepted.
    pub local: Option<Endpoint>,
    /// Neighbours to dial.
    pub peers: Vec<Endpoint>,
    /// Its trees.
    pub trees: Trees,
    /// What the routes file says: packets go by it alone.
    pub routes: Option<Routes>,
    /// Where to write a tape.
    pub record: Option<PathBuf>,
    /// Whether the daemon confines itself.
    pub sandbox: bool,
}

impl NodeOptions {
    /// Reads them.
    pub fn read(settings: &Settings) -> Result<Self, Wrong> {
        let aliases = names::aliases(settings)?;
        let name = |text: &str| names::resolve(&aliases, text);
        let retain = settings.read("retain", values::retention)?.flatten();
        let (memory, window) = bounds(settings)?;
        Ok(Self {
            state: path(settings, "state"),
            way: way(settings, &aliases)?,
            register: settings.read("register", values::registered)?,
            socks: settings
                .read("socks", values::listen_or_none)?
                .unwrap_or_else(|| values::listen("1080").ok()),
            forwards: forwards(settings, &aliases)?,
            services: services(settings, &aliases)?,
            allow: each(settings, "allow", name)?,
            secrets: secrets(settings, &aliases)?,
            suite: settings.read("suite", values::suite)?.unwrap_or(1),
            retain,
            memory,
            window,
            record: path(settings, "record"),
            sandbox: settings.count("no-sandbox") == 0,
            aliases,
        })
    }

    /// What a person should look at, though it is allowed.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let forwards = self.forwards.iter().map(|forward| &forward.listen);
        let open = self.socks.iter().chain(forwards).filter(|at| !is_loopback(at));
        let mut texts: Vec<String> = open
            .map(|at| format!("{at} is open to everybody who can reach this machine"))
            .collect();
        let nobody = |service: &&Service| service.allow.is_empty() && self.allow.is_empty();
        for service in self.services.iter().filter(nobody) {
            texts.push(format!("port {} is served to nobody: give --allow NAME", service.port));
        }
        texts
    }
}

impl CloakOptions {
    /// Reads them.
    pub fn read(settings: &Settings) -> Result<Self, Wrong> {
        Ok(Self {
            state: path(settings, "state"),
            listen: settings.read("listen", values::listen_or_none)?.flatten(),
            local: settings
                .read("local", values::listen_or_none)?
                .unwrap_or_else(|| values::listen("7000").ok()),
            peers: each(settings, "peer", values::target)?,
            trees: trees(settings, &Aliases::default())?,
            routes: routes(settings)?,
            record: path(settings, "record"),
            sandbox: settings.count("no-sandbox") == 0,
        })
    }

    /// What a person should look at, though it is allowed.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let open = self.local.iter().filter(|at| !is_loopback(at));
        open.map(|at| format!("any host that reaches {at} can attach a Name here")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::{CLOAK, NODE, Program};
    use super::super::parse::{Asked, parse};
    use super::super::private;
    use super::*;
    use crate::base::limits;

    fn settings(program: &Program, line: &str) -> Settings {
        let line: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(program, &[], &line) {
            Ok(Asked::Run(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn node(line: &str) -> Result<NodeOptions, String> {
        NodeOptions::read(&settings(&NODE, line)).map_err(|wrong| wrong.to_string())
    }

    fn bob() -> Name {
        Name::from_bytes([7; 32])
    }

    // LO-05.
    #[test]
    fn no_option_at_all_runs() {
        let options = node("").expect("defaults");
        let trees = Trees::default();
        assert_eq!(options.way, Way::Embedded { listen: None, peers: vec![], trees });
        assert_eq!(options.socks, "127.0.0.1:1080".parse().ok());
        assert_eq!((options.suite, options.retain), (1, None));
        assert_eq!(options.memory, limits::MEMORY_DEFAULT);
        assert!(options.warnings().is_empty());
        let cloak = CloakOptions::read(&settings(&CLOAK, "")).expect("defaults");
        assert_eq!((cloak.local, cloak.listen), ("127.0.0.1:7000".parse().ok(), None));
    }

    #[test]
    fn aliases_are_resolved_wherever_names_are_written() {
        let line = format!(
            "--alias bob={} -L 2222:bob:22 --serve 22=22,allow=bob.muses --allow bob \
             --socks none --retain 7d --memory 64M --window 1M --suite aes-gcm",
            bob()
        );
        let options = node(&line).expect("right");
        assert!(options.sandbox && !node("--no-sandbox").expect("right").sandbox);
        assert_eq!((options.forwards[0].name, options.forwards[0].port), (bob(), 22));
        assert_eq!(options.services[0].allow, [bob()]);
        assert_eq!((options.allow, options.socks, options.suite), (vec![bob()], None, 2));
        assert_eq!((options.memory, options.window), (64 << 20, 1 << 20));
    }

    #[test]
    fn contradictions_are_named() {
        for (line, wanted) in [
            ("--cloak 7000 --peer a:1", "--cloak and --peer exclude each other: "),
            ("--cloak 7000 --listen 1", "--cloak and --listen exclude each other: "),
            ("--serve 22=22 --serve 22=23", "port 22 is given twice (--serve): "),
            ("-L 1:bob:22", "'bob' is neither a Name nor an alias (--forward): give --alias bob="),
            ("--window 300M", "larger than all packet memory: raise --memory"),
            ("--window 1K", "'1K' is out of bounds (--window): give 256K or more"),
            ("--alias bob=x", "'x' is not a Name: a Name has 52 letters, this has 1 (--alias): "),
            ("--psk bob=/none", "'bob' is neither a Name nor an alias (--psk): "),
        ] {
            let error = node(line).expect_err(line);
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn secrets_are_read_and_never_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("psk");
        private::create(&file, b"correct horse battery").expect("writable");
        let line = format!("--psk {}={}", bob(), file.display());
        let options = node(&line).expect("right");
        assert_eq!(options.secrets[&bob()].0.as_slice(), b"correct horse battery");
        assert!(!format!("{options:?}").contains("correct"));
        assert!(node(&format!("{line} {line}")).expect_err("twice").contains("given twice"));
    }

    #[test]
    fn a_routes_file_that_cannot_be_used_names_its_option_and_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("routes");
        let read = || {
            let line = format!("--routes {}", file.display());
            CloakOptions::read(&settings(&CLOAK, &line)).map_err(|wrong| wrong.to_string())
        };
        let missing = read().expect_err("no file");
        assert!(missing.contains("cannot read ") && missing.contains("(--routes): "), "{missing}");
        std::fs::write(&file, "# none\nto nowhere\n").expect("writable");
        let wrong = read().expect_err("no route");
        assert!(wrong.contains("line 2: 'to nowhere'") && wrong.contains("(--routes"), "{wrong}");
        std::fs::write(&file, format!("{} via {}\n", bob(), bob())).expect("writable");
        assert!(read().expect("right").routes.is_some_and(|routes| routes != Routes::default()));
    }

    // LO-05.
    #[test]
    fn what_is_open_to_others_is_said() {
        let line = format!("--socks 0.0.0.0:1080 -L [::]:1:{0}:2 --serve 22=22", bob());
        assert_eq!(node(&line).expect("allowed").warnings().len(), 3);
    }
}
