//! SOCKS replies: success only after the far service accepted, else the code that fits, also when
//! the question was asked during an outage.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::cluster::{Plan, free_port, say};
use super::process::wait_for;
use super::sockets::{accept, dial, service, socks, socks_request, spawn};

const NOT_ALLOWED: u8 = 2;
const HOST_UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;
const NO_SUCH_COMMAND: u8 = 7;

fn code(answer: Result<TcpStream, u8>) -> u8 {
    answer.err().unwrap_or(0)
}

#[test]
fn socks_tells_the_truth() {
    let (listener, port) = service();
    let (closed, private) = (free_port(), free_port());
    let nobody = "a".repeat(52);
    let mut cluster = Plan::default()
        .service(port, port)
        .service(closed, closed)
        .bob(&["--serve", &format!("{private}={port},allow={nobody}")])
        .start();
    let at = cluster.alice.socks();
    let name = cluster.bob.name.clone();
    for host in ["bob", "bob.muses", "BOB.Muses", &name, &format!("{name}.muses")] {
        socks(at, host, port).expect("accepted");
        accept(&listener);
    }
    assert_eq!(code(socks(at, "bob.muses", closed)), REFUSED);
    assert_eq!(code(socks(at, "bob.muses", private)), NOT_ALLOWED);
    // On no list for it: whether anything is there is none of her business.
    assert_eq!(code(socks(at, "bob.muses", 9)), NOT_ALLOWED);
    for host in ["carol.muses", "example.com", "127.0.0.1"] {
        assert_eq!(code(socks(at, host, port)), HOST_UNREACHABLE, "{host}");
    }
    let v4 = [5, 1, 0, 1, 127, 0, 0, 1, 0, 80];
    assert_eq!(code(socks_request(at, &v4)), HOST_UNREACHABLE);
    let mut v6 = vec![5, 1, 0, 4];
    v6.extend([0; 15]);
    v6.extend([1, 0, 80]);
    assert_eq!(code(socks_request(at, &v6)), HOST_UNREACHABLE);
    let bind = [5, 2, 0, 1, 127, 0, 0, 1, 0, 80];
    assert_eq!(code(socks_request(at, &bind)), NO_SUCH_COMMAND);

    // A forward has no words but the reset.
    let mut forward = dial(cluster.alice.forward(&format!("bob:{closed}")));
    assert!(forward.read(&mut [0]).is_err(), "a reset, because the far service refused");

    cluster.r1.process.kill();
    cluster.r2.process.kill();
    let asked = [port, closed, private].map(|port| spawn(move || socks(at, "bob.muses", port)));
    wait_for("three questions", || {
        let status = cluster.alice.status();
        (status.tunnels.first()?.sessions.len() >= 3).then_some(())
    });
    std::thread::sleep(Duration::from_secs(1));
    assert!(asked.iter().all(|asked| !asked.is_finished()), "answered without asking");
    cluster.r1.start();
    cluster.r2.start();
    let since = Instant::now();
    let answers = asked.map(|asked| asked.join().expect("no panic"));
    say(&format!("three SOCKS answers {:?} after the return of both relays", since.elapsed()));
    assert_eq!(answers.map(code), [0, REFUSED, NOT_ALLOWED]);
}
