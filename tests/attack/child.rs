//! A stranger that hangs itself into the trees: as a child that lies about its size, or as a root.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muses::crypto::identity::Identity;

use super::control::Control;
use super::neighbour::Link;
use super::wire::{self, Standing, kind};

/// Milliseconds of the wall clock: what the numbers of trees are.
pub(crate) fn number_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("a small number")
}

/// A key that no tree would have as its root: others would ask it for a place.
pub(crate) fn humble_key() -> Identity {
    let is_humble = |key: &Identity| {
        let mut ranks = (0..3).map(|tree| wire::rank(&wire::name_of(key), tree));
        ranks.all(|rank| rank > u64::MAX / 4 * 3)
    };
    std::iter::repeat_with(wire::fresh).find(is_humble).expect("one in sixty-four")
}

/// Asks to be a child in every tree and says that so many nodes hang below, until the attack ends.
pub(crate) fn hang(control: &Control, link: &mut Link, size: u32) -> io::Result<()> {
    let mut numbers = [number_now(); 4];
    control.set_in_place();
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

/// A key that a tree has as its root before all of these Names.
pub(crate) fn key_above(tree: u8, names: &[wire::Name]) -> Identity {
    let least = names.iter().map(|name| wire::rank(name, tree)).min().unwrap_or(u64::MAX);
    let is_above = |key: &Identity| wire::rank(&wire::name_of(key), tree) < least;
    std::iter::repeat_with(wire::fresh).find(is_above).expect("one in as many as there are Names")
}

/// Says that it is the root of a tree, takes whoever asks as its child and passes nothing on, until
/// the attack ends.
pub(crate) fn reign(control: &Control, link: &mut Link, tree: u8) -> io::Result<()> {
    let first = root_word(link, tree, None);
    link.send(&first)?;
    control.set_in_place();
    while !control.is_over() {
        link.live(Duration::from_millis(100), |link, found, body| {
            let parsed = (found == kind::STANDING).then(|| Standing::parse(body)).flatten();
            let theirs = parsed.filter(|said| said.tree == tree);
            let Some((wish, _)) = theirs.and_then(|said| said.wish) else { return Ok(()) };
            let answer = root_word(link, tree, Some(wish));
            control.sent(answer.len());
            link.send(&answer)
        })?;
    }
    Ok(())
}

/// What a root says to the relay, with the place that it wishes for.
fn root_word(link: &Link, tree: u8, wish: Option<u64>) -> Vec<u8> {
    const LETTER: u8 = 7;
    let grant = wish.map(|wish| {
        let text = wire::edge_text(tree, &link.name(), &link.far, LETTER, wish);
        (wish, LETTER, link.key.sign(&text))
    });
    let claim = wire::claim(&link.key, tree, number_now());
    Standing { tree, claim, size: 2, edges: vec![], wish: None, grant }.emit()
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
    let number = &mut numbers[usize::from(tree % 4)];
    // Who has no parent yet says that it is a root, and asks.
    let (claim, edges) = match &theirs.grant {
        Some(grant) if grant.0 == *number => {
            let own = wire::edge(&link.key, tree, parent, grant);
            (theirs.claim.clone(), [&theirs.edges[..], &[own]].concat())
        }
        _ => {
            *number += 1;
            (wire::claim(&link.key, tree, *number), Vec::new())
        }
    };
    let letter = theirs.grant.filter(|_| !edges.is_empty()).map(|(_, letter, _)| letter);
    let wish = (*number, letter);
    Standing { tree, claim, size, edges, wish: Some(wish), grant: None }.emit()
}
