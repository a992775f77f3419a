//! What people and local applications write: SOCKS5, control lines, and the files.

use super::script::Script;
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::control::line::{LineError, Lines};
use crate::control::request::Request;
use crate::crypto::identity::Identity;
use crate::overlay::routes::Routes;
use crate::wire::socks::{Negotiation, Step};

/// A SOCKS5 client's bytes: however they are cut, the same comes of them (FR-03, LO-08).
pub fn socks(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let cuts = script.piece();
    let bytes = script.rest();
    let whole = negotiate(bytes, &[]);
    assert_eq!(negotiate(bytes, &[1]), whole, "byte by byte");
    assert_eq!(negotiate(bytes, cuts), whole, "in pieces");
    let ends = whole.0.iter().filter(|step| !matches!(step, Step::Answer(_)));
    assert!(ends.count() <= 1, "one request has one outcome");
}

/// The steps that mattered, and how many bytes were left to the application. Sizes are cycled; no
/// size means all at once.
fn negotiate(bytes: &[u8], sizes: &[u8]) -> (Vec<Step>, usize) {
    let mut negotiation = Negotiation::default();
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(1)).cycle();
    let (mut steps, mut at, mut end) = (Vec::new(), 0, 0);
    loop {
        let (consumed, step) = negotiation.feed(&bytes[at..end]);
        at += consumed;
        assert!(at <= end, "no more is consumed than there is");
        if step != Step::NeedMore {
            steps.push(step);
        } else if end == bytes.len() {
            return (steps, bytes.len() - at);
        } else {
            end = end.saturating_add(sizes.next().unwrap_or(usize::MAX)).min(bytes.len());
        }
    }
}

/// A control connection's bytes: bounded, and a request that is understood survives its text.
pub fn control_line(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let mut lines = Lines::default();
    while !script.is_over() {
        let piece = script.piece();
        let space = lines.recv_space();
        assert!(!space.is_empty() && space.len() <= REQUEST_BYTES_MAX);
        let count = piece.len().min(space.len());
        space[..count].copy_from_slice(&piece[..count]);
        lines.recv_commit(count);
        while let Some(line) = lines.next_line::<Request>() {
            match line {
                Ok(request) => {
                    let text = serde_json::to_vec(&request).expect("a request is JSON");
                    assert_eq!(serde_json::from_slice::<Request>(&text).ok(), Some(request));
                }
                Err(error) => {
                    // It goes to a person as a JSON line.
                    assert!(!error.to_string().is_empty());
                    if error == LineError::TooLong {
                        return;
                    }
                }
            }
        }
    }
    assert!(lines.take_rest().len() < REQUEST_BYTES_MAX);
}

/// A routes file: what is read is written back the same, and a mistake has its line (FR-08).
pub fn routes_file(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.parse::<Routes>() {
        Ok(routes) => assert_eq!(routes.to_string().parse(), Ok(routes)),
        Err(error) => {
            assert!((1..=text.lines().count()).contains(&error.line));
            assert!(!error.to_string().contains('\n'));
        }
    }
}

/// A key file: what is read is written back as the same identity (HS-15, FR-08).
pub fn identity_text(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(identity) = Identity::from_text(text) {
        let again = identity.to_text();
        assert!(text.lines().eq(again.lines()));
        let name = Identity::from_text(&again).map(|identity| identity.name());
        assert_eq!(name, Ok(identity.name()));
    }
}

/// A configuration file of either daemon: a mistake is one line that names its place (FR-08).
#[cfg(all(feature = "cli", feature = "reactor"))]
pub fn config_file(input: &[u8]) {
    use crate::cli::file::parse;
    use crate::cli::flags::{CLOAK, NODE};
    use crate::cli::settings::Settings;

    let Ok(text) = std::str::from_utf8(input) else { return };
    for program in [&NODE, &CLOAK] {
        let mut settings = Settings::default();
        if let Err(wrong) = parse(program, "muses.toml".as_ref(), text, &mut settings) {
            let wrong = wrong.to_string();
            assert!(wrong.contains("muses.toml line ") && !wrong.contains('\n'), "{wrong}");
        }
    }
}
