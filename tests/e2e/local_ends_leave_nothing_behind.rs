//! LO-09, LO-10: however an application ends, its session ends, and the next one that has its port
//! gets none of its bytes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::cluster::{Cluster, Plan};
use super::process::{PATIENCE, wait_for};
use super::sockets::{accept, dial, echo_service, reset, rest, service};

fn is_clean(cluster: &Cluster) -> bool {
    [&cluster.alice, &cluster.bob]
        .into_iter()
        .all(|daemon| daemon.status().tunnels.iter().all(|tunnel| tunnel.sessions.is_empty()))
}

fn echoed(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("open");
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, text.as_bytes());
}

#[test]
fn applications_that_die_end_reset_or_never_read_leave_nothing() {
    let cluster = Plan::default().service(5, echo_service()).start();
    let at = cluster.alice.forward("bob:5");
    echoed(&mut dial(at), "first");
    wait_for("the first session's end", || is_clean(&cluster).then_some(()));
    let descriptors = || [&cluster.alice, &cluster.bob].map(|daemon| daemon.process.descriptors());
    let before = descriptors();
    for turn in 0..60 {
        let mut near = dial(at);
        echoed(&mut near, "hello");
        match turn % 4 {
            0 => reset(near),
            1 => {
                near.shutdown(Shutdown::Write).expect("open");
                assert!(rest(&near).is_empty());
            }
            // It never reads what comes back.
            2 => near.write_all(&vec![7; 64 << 10]).expect("open"),
            _ => {}
        }
    }
    wait_for("the end of all sessions", || is_clean(&cluster).then_some(()));
    wait_for("the end of all sockets", || {
        let now = descriptors();
        (now[0] <= before[0] && now[1] <= before[1]).then_some(())
    });
}

#[test]
fn a_port_that_is_used_again_gets_no_byte_of_its_former_life() {
    let (listener, port) = service();
    let cluster = Plan::default().service(port, port).start();
    let at = cluster.alice.forward(&format!("bob:{port}"));
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, super::cluster::free_port()));
    let dial_from = || {
        let kind = (socket2::Domain::IPV4, socket2::Type::STREAM);
        let socket = socket2::Socket::new(kind.0, kind.1, None).expect("a socket");
        socket.set_reuse_address(true).expect("TCP");
        socket.bind(&from.into()).expect("a free port");
        socket.connect(&at.into()).expect("the node listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream
    };
    let mut near = dial_from();
    let mut far = accept(&listener);
    near.write_all(b"the first").expect("open");
    far.read_exact(&mut [0; 9]).expect("the first");
    // The far end still has its side, and something to say on it, when the port has a new life.
    reset(near);
    let mut near = dial_from();
    let _ = far.write_all(b"a late answer to the first");
    let mut again = accept(&listener);
    near.write_all(b"the second").expect("open");
    let mut heard = [0; 10];
    again.read_exact(&mut heard).expect("the second");
    assert_eq!(&heard, b"the second");
    again.write_all(b"an answer").expect("open");
    again.shutdown(Shutdown::Write).expect("open");
    assert_eq!(rest(&near), b"an answer");
    far.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    let mut left = Vec::new();
    let _ = far.read_to_end(&mut left);
    assert!(left.is_empty(), "{left:?}");
}
