//! Every binary format: parsing never panics, and what parses is what would be written (FR-01,
//! FR-02, FR-04, FR-05).

use super::script::Script;
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, FRAME_MAX, PERSISTENT_LEN, ROUTE_LEN};
use crate::wire::ack::{Ack, Entries, ReHello, emit_entry};
use crate::wire::attachment::{Attachment, emit_names, parse_names};
use crate::wire::cursor::Writer;
use crate::wire::frame::{self, Kind};
use crate::wire::hello::{Credentials, Manner, Offer};
use crate::wire::link::Hello;
use crate::wire::packet::{ConType, Header};
use crate::wire::reason::Reason;
use crate::wire::route::{self, Route};

/// The bytes as a stream of frames, and as each single format.
pub fn packet_parser(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let bytes = script.rest();
    frames(bytes);
    packet(bytes);
    for kind in [Kind::Hello, Kind::Names, Kind::Attach] {
        link_message(kind, bytes);
    }
    for kind in ConType::ALL {
        body(kind, bytes);
    }
    if let Ok((offer, length)) = Offer::parse(bytes).map(|offer| (offer, bytes.len())) {
        assert_eq!(written(length, |into| offer.emit(into)), bytes);
    }
    if let Ok(credentials) = Credentials::parse(bytes) {
        assert_eq!(written(Credentials::LEN, |into| credentials.emit(into)), bytes);
    }
}

/// What `emit` puts into so many bytes, all of which it must write.
fn written(length: usize, emit: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = vec![0xa5; length];
    let mut writer = Writer::new(&mut bytes);
    emit(&mut writer);
    assert_eq!(writer.room(), 0, "every byte is written");
    bytes
}

fn frames(mut bytes: &[u8]) {
    while let Ok(Some(total)) = frame::length(bytes) {
        assert!((FRAME_HEADER..=FRAME_MAX).contains(&total), "a frame of {total} bytes");
        let Some(whole) = bytes.get(..total) else { return };
        bytes = &bytes[total..];
        let Ok(kind) = frame::kind(whole) else { continue };
        let mut again = [0; FRAME_HEADER];
        frame::emit(&mut again, kind, total);
        assert_eq!(again, whole[..FRAME_HEADER]);
        match kind {
            Kind::Packet => packet(&whole[FRAME_HEADER..]),
            _ => link_message(kind, &whole[FRAME_HEADER..]),
        }
    }
}

fn link_message(kind: Kind, bytes: &[u8]) {
    let [client, node] = [1, 2].map(|fill| Name::from_bytes([fill; Name::LEN]));
    if kind == Kind::Attach
        && let Ok(own) = Attachment::parse(bytes, client, node)
    {
        assert_eq!(written(Attachment::LEN, |into| own.emit(into)), bytes);
    }
    if kind == Kind::Hello
        && let Ok(hello) = Hello::parse(bytes)
    {
        assert_eq!(written(Hello::LEN, |into| hello.emit(into)), bytes);
    }
    if kind == Kind::Names
        && let Ok(names) = parse_names(bytes, node)
    {
        assert_eq!(written(bytes.len(), |into| emit_names(names.iter(), into)), bytes);
    }
}

/// A Routing Header, a persistent header and what follows.
fn packet(bytes: &[u8]) {
    let Ok(route) = Route::new_checked(bytes) else { return };
    let mut again = [0xa5; ROUTE_LEN];
    route::emit(&mut again, &route.source(), &route.destination(), route.hops());
    let mut copy = Route::new_checked(&mut again).expect("what emit wrote");
    if route.is_marked() {
        copy.mark();
    }
    copy.set_course(route.course(), route.tried(), route.watermark());
    let [there, here] = [route.there(), route.here()].map(|places| places.expect("checked"));
    copy.set_there(there.iter().copied());
    copy.set_here(here.iter().copied());
    let again = Route::new_checked(&again).expect("what was set");
    assert_eq!(again.course(), route.course());
    assert_eq!((again.there(), again.here()), (Ok(there), Ok(here)));
    let bytes = &bytes[ROUTE_LEN..];
    let Ok(header) = Header::parse(bytes) else { return };
    let mut again = [0xa5; PERSISTENT_LEN];
    header.emit(&mut again);
    assert_eq!(again, bytes[..PERSISTENT_LEN]);
    body(header.kind, &bytes[PERSISTENT_LEN..]);
}

/// What a packet of this type says, once it is opened.
fn body(kind: ConType, bytes: &[u8]) {
    match kind {
        ConType::Hello => {
            if let Ok((manner, noise)) = Manner::parse(bytes) {
                let head = written(bytes.len() - noise.len(), |into| manner.emit(into));
                assert_eq!([&head[..], noise].concat(), bytes);
            }
        }
        ConType::ReHello | ConType::ReHelloBack => {
            if let Ok((hello, rest)) = ReHello::parse(bytes) {
                let head = written(ReHello::LEN, |into| hello.emit(into));
                assert_eq!([&head[..], rest].concat(), bytes);
                acknowledgement(rest);
            }
        }
        ConType::Ack => acknowledgement(bytes),
        ConType::Refuse | ConType::Reset | ConType::Goodbye | ConType::Refused => {
            if let Ok(reason) = Reason::parse(bytes) {
                assert_eq!([reason as u8], bytes);
                assert!(!reason.to_string().is_empty());
            }
        }
        _ => {}
    }
}

fn acknowledgement(bytes: &[u8]) {
    let Ok((head, entries)) = Ack::parse(bytes) else { return };
    let written_head = written(Ack::LEN, |into| head.emit(into));
    let taken = entries_again(entries);
    assert_eq!([written_head, taken.clone()].concat(), bytes[..Ack::LEN + taken.len()]);
    if entries.clone().all(|entry| entry.is_ok()) {
        assert_eq!(Ack::LEN + taken.len(), bytes.len(), "nothing trails");
    }
}

/// The entries up to the first error, written again.
fn entries_again(entries: Entries<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries.map_while(Result::ok) {
        let spans = entry.spans.as_slice();
        let rising = spans.iter().try_fold(entry.cumulative, |end, span| {
            (end < span.start && span.start < span.end).then_some(span.end)
        });
        assert!(rising.is_some(), "spans rise and do not touch");
        bytes.extend(written(entry.wire_len(), |into| assert!(emit_entry(&entry, into))));
    }
    bytes
}
