//! The bounds and the order of what is kept.

use super::*;
use crate::crypto::rng::Rng;
use crate::overlay::dht::record::Record;
use crate::overlay::dht::record::tests::{called, identity, record, signed};
use quickcheck::quickcheck;

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn by_name(signed: &Signed, replica: u8) -> (Key, u8) {
    (key(&Wanted::Name(signed.record().name), replica), replica)
}

fn by_alias(signed: &Signed, replica: u8) -> (Key, u8) {
    let alias = signed.record().alias.clone().expect("an alias");
    (key(&Wanted::Alias(alias), replica), replica)
}

fn neighbour(fill: u8) -> Option<Name> {
    Some(Name::from_bytes([fill; 32]))
}

// DH-02
#[test]
fn of_one_name_only_the_highest_number_is_kept() {
    let mut store = Store::default();
    let place = by_name(&signed(1, 5), 0);
    for (number, done) in [(5, Ok(())), (4, Err(Refusal::Older)), (6, Ok(())), (6, Ok(()))] {
        assert_eq!(store.keep(signed(1, number), place, None, at(0)), done);
    }
    let elsewhere = by_name(&signed(1, 5), 3);
    assert_eq!(store.keep(signed(1, 5), elsewhere, None, at(0)), Err(Refusal::Older));
    assert_eq!(store.find(&place.0).collect::<Vec<_>>(), [&signed(1, 6)]);
    assert_eq!(store.counters().get("dht-older"), 2);
}

// DH-03
#[test]
fn after_the_end_nothing_is_kept_but_the_end() {
    let mut store = Store::default();
    let place = by_name(&signed(1, 5), 0);
    assert_eq!(
        store.keep(called(1, 5, "bob"), by_alias(&called(1, 5, "bob"), 1), None, at(0)),
        Ok(())
    );
    let end = Record::end(identity(1).name(), 540).sign(&identity(1)).expect("the end");
    assert_eq!(store.keep(end.clone(), place, None, at(0)), Ok(()));
    assert_eq!(store.keep(signed(1, u64::MAX - 1), place, None, at(1)), Err(Refusal::Older));
    assert_eq!((store.len(), store.find(&place.0).next()), (1, Some(&end)));
}

// DH-04: nothing but the age since arrival counts, and never more than the bound.
#[test]
fn a_record_dies_by_its_age_here_unless_it_is_stored_again() {
    let mut store = Store::default();
    let place = by_name(&signed(1, 5), 0);
    assert_eq!(store.keep(signed(1, 5), place, None, at(1_000_000)), Ok(()));
    assert_eq!(store.keep(signed(1, 5), place, None, at(1_000_180)), Ok(()));
    assert_eq!(store.next_timeout(), Some(at(1_000_720)));
    store.tick(at(1_000_719));
    assert_eq!(store.len(), 1);
    store.tick(at(1_000_720));
    assert!(store.is_empty() && store.bytes() == 0 && store.next_timeout().is_none());
    let long = Record { ttl: u16::MAX, ..record(1, 6) }.sign(&identity(1)).expect("a form");
    assert_eq!(store.keep(long, place, None, at(0)), Ok(()));
    assert_eq!(store.next_timeout(), Some(Time::ZERO + RECORD_TTL_MAX));
}

// DH-08: per alias, per signer, per neighbour; what is full for one is not for another.
#[test]
fn a_flood_finds_its_bounds() {
    let mut store = Store::default();
    let claims: Vec<_> = (1..=5).map(|fill| called(fill, 1, "bob")).collect();
    let done = claims
        .iter()
        .map(|claim| store.keep(claim.clone(), by_alias(claim, 0), neighbour(1), at(0)));
    assert_eq!(done.filter(Result::is_ok).count(), FOUND_MAX);
    assert_eq!(store.counters().get("dht-claims-full"), 1);

    let mut store = Store::default();
    let big = cost(&signed(1, 1));
    *store.bytes.entry(neighbour(1)).or_default() = STORE_BYTES_PER_NEIGHBOUR - big + 1;
    let (one, other) = (signed(1, 1), signed(2, 1));
    let place = by_name(&one, 0);
    assert_eq!(store.keep(one.clone(), place, neighbour(1), at(0)), Err(Refusal::Neighbour));
    assert_eq!(store.keep(one.clone(), place, neighbour(2), at(0)), Ok(()));
    assert_eq!(store.keep(one, place, neighbour(1), at(0)), Ok(()), "it is here already");
    let here = store.bytes();
    *store.bytes.entry(neighbour(3)).or_default() = STORE_BYTES_MAX - here;
    let refused = store.keep(other.clone(), by_name(&other, 0), neighbour(4), at(0));
    assert_eq!(refused, Err(Refusal::Full));
}

#[test]
fn a_name_has_no_more_keys_here_than_are_its_own() {
    let mut store = Store::default();
    let (bob, rob) = (called(1, 5, "bob"), called(1, 6, "rob"));
    for replica in 0..REPLICAS {
        assert_eq!(store.keep(bob.clone(), by_name(&bob, replica), None, at(0)), Ok(()));
        assert_eq!(store.keep(bob.clone(), by_alias(&bob, replica), None, at(0)), Ok(()));
    }
    assert_eq!(store.len(), STORE_KEYS_PER_NAME);
    let (wrong, _) = by_name(&bob, 0);
    assert_eq!(store.keep(bob.clone(), (wrong, 1), None, at(0)), Err(Refusal::Misplaced));
    assert_eq!(store.keep(bob.clone(), (wrong, 8), None, at(0)), Err(Refusal::Misplaced));
    assert_eq!(store.keep(rob.clone(), by_alias(&rob, 0), None, at(0)), Ok(()));
    assert_eq!(store.len(), 9, "what was claimed under the former alias is gone");
    assert_eq!(store.find(&by_alias(&bob, 0).0).count(), 0);
}

// DH-10: whatever comes first, all nodes keep the same, and count it.
#[test]
fn of_two_records_with_one_number_all_nodes_keep_the_same() {
    let pair = [signed(1, 5), called(1, 5, "bob")];
    let place = by_name(&pair[0], 0);
    let kept = [[0, 1], [1, 0]].map(|order| {
        let mut store = Store::default();
        for at_ in order {
            let _ = store.keep(pair[at_].clone(), place, None, at(0));
        }
        assert_eq!(store.counters().get("dht-same-number"), 1);
        store.find(&place.0).cloned().collect::<Vec<_>>()
    });
    assert!(kept[0] == kept[1] && kept[0].len() == 1);
}

// DH-12
#[test]
fn who_keeps_a_key_no_more_hands_it_over_once_and_keeps_a_copy() {
    let mut store = Store::default();
    let record = signed(1, 5);
    let place = by_name(&record, 2);
    assert_eq!(store.keep(record.clone(), place, None, at(0)), Ok(()));
    let leaving = store.leaving(|_, _| false, at(500));
    assert_eq!(leaving, [(place.0, record.record().name)]);
    assert_eq!(store.leaving(|_, _| false, at(501)), []);
    assert_eq!(store.next_timeout(), Some(at(1_040)));
    assert_eq!(store.find(&place.0).count(), 1);
    assert_eq!(store.leaving(|_, _| true, at(502)), []);
    assert_eq!(store.leaving(|_, _| false, at(503)).len(), 1);
}

quickcheck! {
    fn the_books_are_right(steps: Vec<(u8, u8, u8, u8)>) -> bool {
        let (mut store, mut now, mut rng) = (Store::default(), at(0), Rng::new([1; 32]));
        steps.iter().take(60).for_each(|(fill, number, replica, way)| {
            let (fill, number, replica) = (fill % 3, u64::from(number % 4), replica % 9);
            let is_plain = way % 2 == 0;
            let record =
                if is_plain { signed(fill, number) } else { called(fill, number, "x") };
            let by = if way % 4 < 3 { by_name } else { by_alias };
            let place = by(&record, replica);
            let _ = store.keep(record, place, neighbour(way % 3), now);
            now = now + Duration::from_secs(rng.below(200));
            store.tick(now);
        });
        let bytes: usize = store.iter().map(|(_, _, signed)| cost(signed)).sum();
        let keys: usize = store.signers.values().map(BTreeSet::len).sum();
        bytes == store.bytes() && keys == store.len() && store.ends.len() == store.len()
    }
}
