//! `muses status`: how everything is, and why.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::api;
use crate::control::status::{Neighbour, Overlay, Status, Tunnel, Wait};

use super::super::columns::Columns;
use super::super::failure::{Failure, one_line};
use super::super::programs::print;
use super::super::units;
use super::sessions::peer;

/// Runs it.
pub(super) fn run(state: Option<PathBuf>, as_json: bool) -> Result<(), Failure> {
    let status = api::status(state.as_deref()).map_err(Failure::run)?;
    print(&if as_json {
        serde_json::to_string_pretty(&status).map_err(Failure::run)? + "\n"
    } else {
        text(&status)
    })
}

/// Why a wait is, and what will end it.
pub(super) fn reason(wait: &Wait) -> String {
    match (wait.why.as_str(), wait.until.as_str()) {
        ("", "") => String::new(),
        (why, "") => why.to_owned(),
        ("", until) => format!("until {until}"),
        (why, until) => format!("{why}; until {until}"),
    }
}

/// `suspended for 12 s: no link to the overlay; until a neighbour answers`.
fn sentence(wait: &Wait) -> String {
    let reason = reason(wait);
    let colon = if reason.is_empty() { "" } else { ": " };
    one_line(&format!("{} for {}{colon}{reason}", wait.state, units::millis(wait.since_ms)))
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    device(&mut text, status);
    if let Some(overlay) = &status.overlay {
        neighbours(&mut text, overlay);
    }
    for seeking in &status.seeking {
        let sessions = seeking.sessions.iter().map(u64::to_string).collect::<Vec<_>>();
        let alias = one_line(&seeking.alias);
        let (sessions, sentence) = (sessions.join(", "), sentence(&seeking.wait));
        let _ = writeln!(text, "\nalias {alias} (sessions {sessions}): {sentence}");
    }
    for tunnel in &status.tunnels {
        tunnel_text(&mut text, tunnel);
    }
    if !status.counters.is_empty() {
        let counters = status.counters.iter().map(|(name, count)| format!("{name} {count}"));
        let _ =
            writeln!(text, "\ncounted   {}", one_line(&counters.collect::<Vec<_>>().join(", ")));
    }
    text
}

fn device(text: &mut String, status: &Status) {
    let up = units::millis(status.uptime_ms);
    let _ = writeln!(text, "device    {}", status.name);
    let _ = writeln!(text, "daemon    version {}, up {up}", status.version);
    if let Some(uplink) = &status.uplink {
        let _ = writeln!(text, "uplink    {}", sentence(uplink));
    }
    let (used, budget) = (units::bytes(status.memory_used), units::bytes(status.memory_budget));
    let _ = writeln!(text, "memory    {used} of {budget}");
    for listener in &status.listeners {
        let to =
            if listener.to.is_empty() { String::new() } else { format!(" to {}", listener.to) };
        let _ = writeln!(text, "listens   {} at {}{to}", listener.purpose, listener.at);
    }
    for service in &status.services {
        let allow = match service.allow.is_empty() {
            true => String::new(),
            false => format!(" also for {}", service.allow.join(", ")),
        };
        let _ = writeln!(text, "serves    {} at {}{allow}", service.port, service.target);
    }
}

fn neighbours(text: &mut String, overlay: &Overlay) {
    let forwarded = overlay.forwarded;
    let short: String = overlay.name.chars().take(8).collect();
    let _ = writeln!(text, "\noverlay node {short}, {forwarded} packets passed on");
    let head = ["NEIGHBOUR", "AT", "STATE", "FOR", "RTT", "QUEUED", "WHY", "LAST ERROR"];
    let mut columns = Columns::new(head);
    for neighbour in &overlay.neighbours {
        columns.row([
            neighbour.name.chars().take(8).collect(),
            neighbour.at.clone(),
            neighbour.wait.state.clone(),
            units::millis(neighbour.wait.since_ms),
            units::round_trip(neighbour.rtt_us),
            units::bytes(neighbour.queued),
            reason(&neighbour.wait),
            last_error(neighbour),
        ]);
    }
    if columns.is_empty() {
        text.push_str("  no neighbours\n");
    } else {
        text.push_str(&columns.text("  "));
    }
    for client in &overlay.clients {
        let _ = writeln!(text, "  attached {}", one_line(client));
    }
}

/// What ended a neighbour's last link, and how long ago.
pub(super) fn last_error(neighbour: &Neighbour) -> String {
    match neighbour.last_error.as_str() {
        "" => String::new(),
        error => format!("{error}, {} ago", units::millis(neighbour.last_error_ms)),
    }
}

fn tunnel_text(text: &mut String, tunnel: &Tunnel) {
    let _ = writeln!(text, "\ntunnel to {}: {}", one_line(&peer(tunnel)), sentence(&tunnel.wait));
    if !tunnel.suite.is_empty() {
        let _ = writeln!(
            text,
            "  {}, epoch {}, round trip {}, {} in flight of {}, resumed {} times, {} packets sent again",
            tunnel.suite,
            tunnel.epoch,
            units::round_trip(tunnel.rtt_us),
            units::bytes(tunnel.in_flight),
            units::bytes(tunnel.window),
            tunnel.resumed,
            tunnel.sent_again,
        );
    }
    let head =
        ["SESSION", "PORT", "WAY", "LOCAL", "STATE", "FOR", "SENT", "RECEIVED", "KEPT", "WHY"];
    let mut columns = Columns::new(head);
    for session in &tunnel.sessions {
        columns.row([
            session.session.to_string(),
            session.port.to_string(),
            if session.outgoing { "out".into() } else { "in".into() },
            session.local.clone(),
            session.wait.state.clone(),
            units::millis(session.wait.since_ms),
            units::bytes(session.sent),
            units::bytes(session.received),
            units::bytes(session.unacknowledged),
            reason(&session.wait),
        ]);
    }
    if !columns.is_empty() {
        text.push_str(&columns.text("  "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::{Seeking, Session};

    #[test]
    fn a_wait_says_state_time_reason_and_end() {
        let wait = Wait {
            state: "suspended".into(),
            since_ms: 12_000,
            why: "no link".into(),
            until: "a neighbour answers".into(),
        };
        assert_eq!(sentence(&wait), "suspended for 12 s: no link; until a neighbour answers");
        let flowing = Wait { state: "flowing".into(), since_ms: 5, ..Wait::default() };
        assert_eq!(sentence(&flowing), "flowing for 5 ms");
    }

    #[test]
    fn every_part_of_the_status_is_shown() {
        let neighbour =
            Neighbour { at: "h:1".into(), last_error: "reset".into(), ..Neighbour::default() };
        let overlay = Overlay { neighbours: vec![neighbour], ..Overlay::default() };
        let sessions = vec![Session { session: 7, ..Session::default() }];
        let tunnel = Tunnel { alias: "bob".into(), sessions, ..Tunnel::default() };
        let status = Status {
            uplink: Some(Wait::default()),
            tunnels: vec![tunnel],
            seeking: vec![Seeking { alias: "carol".into(), ..Seeking::default() }],
            overlay: Some(overlay),
            counters: vec![("refused".into(), 2)],
            ..Status::default()
        };
        let shown = text(&status);
        for part in [
            "device",
            "uplink",
            "h:1",
            "reset, 0 ms ago",
            "alias carol",
            "tunnel to bob",
            "refused 2",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
