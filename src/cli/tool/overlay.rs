//! `muses overlay`: where this node is in the overlay, and who is what to it.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::api;
use crate::control::status::{Neighbour, Overlay, Records, Share, Status, Tree};

use super::super::columns::Columns;
use super::super::failure::{Failure, one_line};
use super::super::programs::print;
use super::super::units;
use super::status::last_error;

/// Runs it.
pub(super) fn run(state: Option<PathBuf>, as_json: bool) -> Result<(), Failure> {
    let status = api::status(state.as_deref()).map_err(Failure::run)?;
    let overlay = in_trees(&status)?;
    print(&if as_json {
        serde_json::to_string_pretty(overlay).map_err(Failure::run)? + "\n"
    } else {
        text(overlay)
    })
}

/// The overlay node of a daemon, if it has one that is in trees.
pub(super) fn in_trees(status: &Status) -> Result<&Overlay, Failure> {
    let Some(overlay) = &status.overlay else {
        return Err(Failure::run(
            "this muses-node uses a cloak-node (--cloak): ask that one, with --state and its state \
             directory (~/.local/state/cloak unless it was given another)",
        ));
    };
    if overlay.trees.is_empty() {
        return Err(Failure::run(
            "this cloak-node goes by a routes file and is in no tree: start it without --routes, \
             or see its neighbours with 'muses status'",
        ));
    }
    Ok(overlay)
}

/// A Name as a person knows it.
pub(super) fn called(name: &str, alias: &str) -> String {
    let short: String = name.chars().take(8).collect();
    if alias.is_empty() { short } else { format!("{alias} ({short})") }
}

fn text(overlay: &Overlay) -> String {
    let mut text = String::new();
    let (own, forwarded) = (called(&overlay.name, ""), overlay.forwarded);
    let _ = writeln!(text, "overlay node {}, {forwarded} packets passed on\n", one_line(&own));
    text.push_str(&trees(&overlay.trees).text(""));
    text.push('\n');
    let neighbours = neighbours(overlay);
    if neighbours.is_empty() {
        text.push_str("no neighbours\n");
    } else {
        text.push_str(&neighbours.text(""));
    }
    if let Some(records) = &overlay.records {
        text.push('\n');
        text.push_str(&held(records).text(""));
    }
    text
}

fn trees(trees: &[Tree]) -> Columns {
    let mut columns = Columns::new([
        "TREE",
        "ADDRESS",
        "DEPTH",
        "NODES BELOW",
        "ROOT",
        "SINCE",
        "LAST PULSE",
        "NUMBER",
    ]);
    for tree in trees {
        columns.row([
            tree.tree.to_string(),
            format!("{}{}", tree.tag, tree.word),
            tree.depth.to_string(),
            tree.size.saturating_sub(1).to_string(),
            called(&tree.root, &tree.root_alias),
            units::millis(tree.root_since_ms),
            format!("{} ago", units::millis(tree.pulse_age_ms)),
            tree.pulse.to_string(),
        ]);
    }
    columns
}

fn neighbours(overlay: &Overlay) -> Columns {
    let in_trees: Vec<String> =
        overlay.trees.iter().map(|tree| format!("IN TREE {}", tree.tree)).collect();
    let head = ["NEIGHBOUR", "AT", "STATE", "FOR", "RTT", "QUEUED"];
    let head = head.into_iter().chain(in_trees.iter().map(String::as_str)).chain(["LAST ERROR"]);
    let mut columns = Columns::new(head);
    for neighbour in &overlay.neighbours {
        let link = [
            called(&neighbour.name, &neighbour.alias),
            neighbour.at.clone(),
            neighbour.wait.state.clone(),
            units::millis(neighbour.wait.since_ms),
            units::round_trip(neighbour.rtt_us),
            queued(neighbour),
        ];
        let roles = overlay.trees.iter().map(|tree| role(neighbour, tree.tree));
        columns.row(link.into_iter().chain(roles).chain([last_error(neighbour)]));
    }
    columns
}

fn queued(neighbour: &Neighbour) -> String {
    match neighbour.queued_packets {
        0 => "0".to_owned(),
        packets => format!("{} in {packets}", units::bytes(neighbour.queued)),
    }
}

/// What a neighbour is in a tree; of a child also how many nodes hang there.
fn role(neighbour: &Neighbour, tree: u8) -> String {
    let role = neighbour.roles.iter().find(|role| role.tree == tree);
    role.map_or_else(
        || "-".to_owned(),
        |role| match role.size {
            0 => role.role.clone(),
            size => format!("{} of {size}", role.role),
        },
    )
}

fn held(records: &Records) -> Columns {
    let mut columns = Columns::new(["TABLE OF RECORDS", "HELD", "AT MOST"]);
    let bytes = records.kept_bytes;
    let kept = format!("{} in {}", records.kept, units::bytes(bytes.held));
    columns.row(["kept for others".into(), kept, units::bytes(bytes.most)]);
    let mut count = |what: &str, share: Share| {
        columns.row([what.to_owned(), share.held.to_string(), share.most.to_string()]);
    };
    count("of Names attached here", records.own);
    count("learnt for own use", records.learnt);
    count("asked for in vain", records.absent);
    count("numbers remembered", records.numbers);
    count("lookups under way", records.lookups);
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::{Role, Wait};

    fn overlay() -> Overlay {
        let tree = |tree, size| Tree {
            tree,
            tag: "0a1b2c3d".into(),
            word: "/3/0".into(),
            depth: 2,
            root: "r".repeat(52),
            root_alias: "bob".into(),
            size,
            pulse: 1_764_104_595_000,
            ..Tree::default()
        };
        let role =
            |tree, role: &str, size| Role { tree, role: role.into(), word: "/3".into(), size };
        let neighbour = Neighbour {
            name: "n".repeat(52),
            at: "relay:7001".into(),
            wait: Wait { state: "up".into(), since_ms: 4_000, ..Wait::default() },
            roles: vec![role(0, "parent", 0), role(2, "child", 5)],
            queued: 2048,
            queued_packets: 3,
            last_error: "reset\nby peer".into(),
            last_error_ms: 1_500,
            ..Neighbour::default()
        };
        Overlay {
            name: "o".repeat(52),
            trees: vec![tree(0, 1), tree(1, 1), tree(2, 6)],
            neighbours: vec![neighbour],
            records: Some(Records { kept: 7, ..Records::default() }),
            ..Overlay::default()
        }
    }

    #[test]
    fn every_part_of_the_overlay_is_shown() {
        let shown = text(&overlay());
        for part in [
            "overlay node oooooooo, 0 packets passed on",
            "0a1b2c3d/3/0  2      5            bob (rrrrrrrr)",
            "parent     -          child of 5  reset by peer, 1.5 s ago",
            "2.0K in 3",
            "kept for others         7 in 0",
            "1764104595000",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let alone = Overlay { neighbours: vec![], ..overlay() };
        assert!(text(&alone).contains("\nno neighbours\n"));
    }

    #[test]
    fn who_is_in_no_tree_says_so_and_what_to_do() {
        let error = |overlay| {
            let status = Status { overlay, ..Status::default() };
            in_trees(&status).expect_err("no tree").to_string()
        };
        assert!(error(None).contains("ask that one, with --state"));
        assert!(error(Some(Overlay::default())).contains("start it without --routes"));
    }
}
