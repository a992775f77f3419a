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

fn neighbour(fill: u8) -> Option<SourceGroup> {
    Some(SourceGroup::Address(u64::from(fill)))
}

/// A record of a stranger, one of very many.
fn stranger(number: u32) -> Signed {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let who = crate::crypto::identity::Identity::from_seed(seed);
    Record { name: who.name(), home: who.name(), ..record(1, 1) }.sign(&who).expect("a form")
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

// DH-08: an alias that one source has claimed four times is still open to another one.
#[test]
fn one_source_does_not_hold_an_alias_alone() {
    let mut store = Store::default();
    let claims: Vec<_> = (1..=5).map(|fill| called(fill, 1, "bob")).collect();
    let done = claims
        .iter()
        .map(|claim| store.keep(claim.clone(), by_alias(claim, 0), neighbour(1), at(0)));
    assert_eq!(done.filter(Result::is_ok).count(), FOUND_MAX);
    assert_eq!(store.counters().get("dht-claims-full"), 1);
    let honest = called(6, 1, "bob");
    let place = by_alias(&honest, 0);
    assert_eq!(store.keep(honest.clone(), place, neighbour(2), at(0)), Ok(()));
    assert_eq!(store.keep(claims[4].clone(), place, neighbour(1), at(0)), Err(Refusal::Claims));
    assert!(store.find(&place.0).any(|signed| *signed == honest));
    assert_eq!(store.find(&place.0).count(), FOUND_MAX);
}

// DH-08, row 10: strangers fill the table; honest records are taken in and stay.
#[test]
fn who_brings_little_is_never_refused_and_never_pushed_out() {
    let mut store = Store::default();
    let honest: Vec<Signed> = (1..=60).map(|fill| signed(fill, 1)).collect();
    let mut number = 0;
    let mut flood = |store: &mut Store, count: usize| {
        for _ in 0..count {
            number += 1;
            let record = stranger(number);
            let (place, from) = (by_name(&record, 0), neighbour(number as u8 % 6 + 10));
            assert_eq!(store.keep(record, place, from, at(0)), Ok(()));
        }
    };
    let each = cost(&stranger(0));
    flood(&mut store, STORE_BYTES_MAX / each + 100);
    assert!(store.bytes() <= STORE_BYTES_MAX && store.bytes() > STORE_BYTES_MAX - 2 * each);
    for record in &honest {
        assert_eq!(store.keep(record.clone(), by_name(record, 0), neighbour(1), at(0)), Ok(()));
        flood(&mut store, 20);
    }
    let is_kept = |record: &Signed| store.find(&by_name(record, 0).0).eq([record]);
    assert!(honest.iter().all(is_kept));
    assert!(store.counters().get("dht-pushed-out") > 1_000);
}

// DH-08: what a flood brings again is not its own.
#[test]
fn an_honest_record_that_a_flood_brings_as_well_stays_its_first_bringers() {
    let mut store = Store::default();
    let record = signed(1, 1);
    let place = by_name(&record, 0);
    (0..50).for_each(|number| {
        let other = stranger(number);
        let _ = store.keep(other.clone(), by_name(&other, 0), neighbour(2), at(0));
    });
    for from in [neighbour(2), neighbour(1), neighbour(2)] {
        assert_eq!(store.keep(record.clone(), place, from, at(0)), Ok(()));
    }
    assert_eq!(store.kept[&(place.0, record.record().name)].from, neighbour(1));
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
        let books: usize = store.books.values().map(|book| book.bytes).sum();
        let booked = store.books.values().flat_map(|book| book.signers.values());
        let booked: usize = booked.map(BTreeSet::len).sum();
        let counts = [booked, keys, store.ends.len()];
        bytes == store.bytes() && books == bytes && counts == [store.len(); 3]
    }
}
