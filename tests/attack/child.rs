//! A stranger that hangs itself into the trees as a child of the relay, and lies about its size.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::control::Control;
use super::neighbour::Link;
use super::wire::{self, Standing, kind};

/// Milliseconds of the wall clock: what the numbers of trees are.
pub(crate) fn number_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("a small number")
}

/// Asks to be a child in every tree and says that so many nodes hang below, until the attack ends.
pub(crate) fn hang(control: &Control, link: &mut Link, size: u32) -> io::Result<()> {
    let mut numbers = [number_now(); 4];
    while !control.is_over() {
        let parent = link.far;
        link.live(Duration::from_millis(100), |link, found, body| {
            let parsed = (found == kind::STANDING).then(|| Standing::parse(body)).flatten();
            let Some(theirs) = parsed else { return Ok(()) };
            let answer = answer(link, &parent, &theirs, size, &mut numbers);
            control.sent(answer.len());
            link.send(&answer)
        })?;
    }
    Ok(())
}

/// What a child says to its parent's standing: a wish, or the edge that it was granted.
fn answer(
    link: &Link,
    parent: &wire::Name,
    theirs: &Standing,
    size: u32,
    numbers: &mut [u64; 4],
) -> Vec<u8> {
    let tree = theirs.tree;
    let mut edges = theirs.edges.clone();
    let number = &mut numbers[usize::from(tree % 4)];
    let wish = match &theirs.grant {
        Some(grant) if grant.0 == *number => {
            edges.push(wire::edge(&link.key, tree, parent, grant));
            (*number, Some(grant.1))
        }
        _ => {
            *number += 1;
            (*number, None)
        }
    };
    // Below a giant claim stands what the parent believes of the way to the root.
    let claim = theirs.claim.clone();
    Standing { tree, claim, size, edges, wish: Some(wish), grant: None }.emit()
}
