//! DO-11, row 18: whatever others do, the log is short; whatever is logged, no secret is in it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER};

use super::cluster::{Plan, say};
use super::process::PATIENCE;
use super::sockets::{dial, echo_service, socks, until_reset};

/// Of each kind and source: four at once, then one after 1 s, 2 s and 4 s ...
const LINES_MAX: usize = 12;

#[test]
fn a_peer_that_asks_in_a_loop_makes_few_lines() {
    // Bob serves port 5 to Alice, and she asks for port 6.
    let plan = Plan::default().service(5, echo_service()).alice(&["-L", "0:bob:6"]);
    let cluster = plan.start();
    let at = cluster.alice.forward("bob:6");
    let (since, mut asked) = (Instant::now(), 0);
    while since.elapsed() < Duration::from_secs(3) {
        let near: Vec<_> = (0..20).map(|_| dial(at)).collect();
        asked += near.len();
        near.iter().for_each(|near| drop(until_reset(near)));
        let unknown = socks(cluster.alice.socks(), "example.org", 80);
        assert_eq!(unknown.err(), Some(4));
    }
    cluster.bob.process.says(" more in the last");
    let said = cluster.bob.process.said();
    let lines = said.lines().filter(|line| line.contains("asked for port 6")).count();
    let strangers = cluster.alice.process.said().matches("example.org").count();
    say(&format!("{asked} requests for what is not served: {lines} lines"));
    assert!((1..=LINES_MAX).contains(&lines), "{said}");
    assert!((1..=LINES_MAX).contains(&strangers), "{}", cluster.alice.process.said());
    let counters = cluster.bob.status().counters;
    let refused = counters.iter().find(|(name, _)| name == "service-refused");
    assert_eq!(refused.map(|(_, count)| *count), Some(asked as u64), "the counter has them all");
}

#[test]
fn no_secret_is_in_a_log_that_has_everything() {
    let dir = tempfile::tempdir().expect("a directory");
    let psk = dir.path().join("psk");
    let secret = "hydrant-marmalade-obelisk-tangerine";
    fs::write(&psk, secret).expect("a fresh directory");
    fs::set_permissions(&psk, fs::Permissions::from_mode(0o600)).expect("ours");
    let said = "payload-that-nobody-else-may-read";
    let psk = psk.display();
    let plan = Plan::default().service(5, echo_service());
    let plan = plan.alice(&["-vv", "--psk", &format!("bob={psk}")]);
    let mut cluster = plan.bob(&["-vv", "--psk", &format!("alice={psk}")]).start();
    let mut near = dial(cluster.alice.forward("bob:5"));
    near.set_read_timeout(Some(PATIENCE)).expect("not zero");
    near.write_all(said.as_bytes()).expect("open");
    near.read_exact(&mut vec![0; said.len()]).expect("an answer");
    let states = [cluster.alice.state.clone(), cluster.bob.state.clone()];
    let keys = states.map(|state| {
        let text = fs::read_to_string(state.join("identity")).expect("a key file");
        text.lines().nth(1).expect("a seed").to_owned()
    });
    let mut planted = vec![secret.as_bytes().to_vec(), said.as_bytes().to_vec()];
    for key in &keys {
        planted.push(data_encoding::BASE32_NOPAD.decode(key.as_bytes()).expect("a seed"));
    }
    let logs: Vec<String> = cluster.everybody().iter().map(|one| one.process.said()).collect();
    assert!(logs.iter().any(|log| log.contains("TRACE")), "the log has everything");
    for log in &logs {
        for bytes in &planted {
            let list = format!("{bytes:?}");
            let forms = [
                String::from_utf8_lossy(bytes).into_owned(),
                HEXLOWER.encode(bytes),
                BASE64.encode(bytes),
                list.trim_matches(['[', ']']).to_owned(),
            ];
            let found = forms.iter().find(|form| log.contains(form.as_str()));
            assert_eq!(found, None, "a secret in a log");
        }
        assert!(keys.iter().all(|key| !log.contains(key.as_str())), "a key in a log");
    }
}
