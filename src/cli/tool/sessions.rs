//! `muses sessions`.

use std::path::PathBuf;

use serde_json::json;

use crate::api;
use crate::control::status::{Status, Tunnel};

use super::super::columns::Columns;
use super::super::failure::Failure;
use super::super::programs::print;
use super::super::units;

/// Runs it.
pub(super) fn run(state: Option<PathBuf>, as_json: bool) -> Result<(), Failure> {
    let status = api::status(state.as_deref()).map_err(Failure::run)?;
    print(&if as_json { json_text(&status)? } else { text(&status) })
}

fn json_text(status: &Status) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for tunnel in &status.tunnels {
        for session in &tunnel.sessions {
            let mut row = serde_json::to_value(session).map_err(Failure::run)?;
            row["peer"] = json!(tunnel.name);
            row["tunnel"] = json!(tunnel.wait.state);
            rows.push(row);
        }
    }
    Ok(serde_json::to_string_pretty(&rows).map_err(Failure::run)? + "\n")
}

/// A tunnel's peer as a person knows it.
pub(super) fn peer(tunnel: &Tunnel) -> String {
    let short: String = tunnel.name.chars().take(8).collect();
    if tunnel.alias.is_empty() { short } else { format!("{} ({short})", tunnel.alias) }
}

fn text(status: &Status) -> String {
    let mut columns = Columns::new([
        "SESSION", "PEER", "PORT", "WAY", "LOCAL", "STATE", "FOR", "SENT", "RECEIVED", "WHY",
    ]);
    for tunnel in &status.tunnels {
        for session in &tunnel.sessions {
            let suspended = tunnel.wait.state == "suspended";
            let wait = if suspended { &tunnel.wait } else { &session.wait };
            columns.row([
                session.session.to_string(),
                peer(tunnel),
                session.port.to_string(),
                if session.outgoing { "out".into() } else { "in".into() },
                session.local.clone(),
                wait.state.clone(),
                units::millis(wait.since_ms),
                units::bytes(session.sent),
                units::bytes(session.received),
                super::status::reason(wait),
            ]);
        }
    }
    if columns.is_empty() { "no sessions\n".to_owned() } else { columns.text("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::{Session, Wait};

    #[test]
    fn a_suspended_tunnels_sessions_are_suspended() {
        let wait = |state: &str| Wait { state: state.into(), since_ms: 7, ..Wait::default() };
        let session = Session { session: 4, port: 22, wait: wait("flowing"), ..Session::default() };
        let mut tunnel =
            Tunnel { name: "n".repeat(52), sessions: vec![session], ..Tunnel::default() };
        tunnel.wait = wait("suspended");
        let status = Status { tunnels: vec![tunnel], ..Status::default() };
        let shown = text(&status);
        assert!(shown.contains("4        nnnnnnnn  22") && shown.contains("suspended"), "{shown}");
        assert!(json_text(&status).expect("plain").contains("\"tunnel\": \"suspended\""));
        assert_eq!(text(&Status::default()), "no sessions\n");
    }
}
