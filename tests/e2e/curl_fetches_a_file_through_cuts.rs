//! curl, unmodified, through SOCKS5 from a real HTTP server, while relays are killed and stopped.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::bytes::{digest, file};
use super::cluster::{Plan, say};
use super::programs::{Run, are_here, grown, http_server, run};

const SIZE: usize = 96 << 20;

fn curl(socks: impl ToString, url: &str, into: &Path) -> Command {
    let mut command = Command::new("curl");
    // No rate limit of curl's own: it would hold back bytes that are here already.
    command.args(["--silent", "--show-error", "--fail", "--max-time", "140", "--proxy"]);
    command.arg(format!("socks5h://{}", socks.to_string())).arg("--output").arg(into).arg(url);
    command
}

#[test]
fn curl_fetches_a_file_through_cuts() {
    if !are_here("curl through SOCKS5", &["curl"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let wanted = file(&dir.path().join("large"), 1, SIZE);
    let (_server, port) = http_server(dir.path());
    let serve = format!("80=127.0.0.1:{port}");
    let mut cluster = Plan::default().bob(&["--serve", &serve, "--allow", "alice"]).start();
    let socks = cluster.alice.socks();

    let got = dir.path().join("by-alias");
    let transfer = Run::start(&mut curl(socks, "http://bob.muses/large", &got));
    grown(&got, SIZE as u64 / 8);
    let since = Instant::now();
    cluster.cut_by_kill(Duration::from_secs(2));
    grown(&got, SIZE as u64 / 2);
    let half = since.elapsed();
    cluster.cut_by_stop(Duration::from_secs(5));
    let took = transfer.succeed().took;
    assert_eq!(digest(&got), wanted);
    say(&format!("curl by alias, killed 2 s (half by {half:?}) and stopped 5 s: {took:?}"));

    let got = dir.path().join("by-name");
    let url = format!("http://{}.muses/large", cluster.bob.name);
    let transfer = Run::start(&mut curl(socks, &url, &got));
    grown(&got, SIZE as u64 / 4);
    cluster.cut_by_stop(Duration::from_secs(1));
    grown(&got, SIZE as u64 / 2);
    cluster.cut_by_kill(Duration::from_secs(1));
    let took = transfer.succeed().took;
    assert_eq!(digest(&got), wanted);
    say(&format!("curl by Name, stopped 1 s and killed 1 s: {took:?}"));

    // Either side may have been the first to notice; the epoch steps with every resume.
    let epoch = cluster.alice.status().tunnels[0].epoch;
    assert!(epoch >= 3, "only {epoch} outages were noticed");
}

#[test]
fn curl_is_told_that_an_address_is_not_a_name() {
    if !are_here("curl at an address", &["curl"]) {
        return;
    }
    let cluster = Plan::default().start();
    let into = cluster.path("nothing");
    for host in ["192.0.2.1", "nobody.muses", "example.com"] {
        let url = format!("http://{host}/");
        let outcome = run(&mut curl(cluster.alice.socks(), &url, &into));
        // CURLE_PROXY, and SOCKS5's code 4: host unreachable.
        assert_eq!(outcome.status.code(), Some(97), "{host}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("(4)"), "{host}: {}", outcome.stderr);
    }
}
