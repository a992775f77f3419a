//! What the formats' corpus is made of: the packets of a real run, and texts by hand.

use std::time::Duration;

use muses::base::ids::{Endpoint, Name};
use muses::base::limits::{FRAME_HEADER, HEAD_ROOM, ROUTE_LEN};
use muses::base::machine::{Input, Machine, Port};
use muses::crypto::identity::Identity;
use muses::fuzzing::pair::{A, B, Pair};
use muses::fuzzing::{EXAMPLE_KIND, VERSION, example_device};
use muses::tape::{Header as TapeHeader, Recorded};
use muses::wire::ack::{Ack, Entry, ReHello, Span, Spans, emit_entry};
use muses::wire::attachment::{Attachment, emit_names};
use muses::wire::cursor::Writer;
use muses::wire::frame::{self, Kind};
use muses::wire::hello::{Credentials, Offer};
use muses::wire::link::{Hello, Role};
use muses::wire::packet::{ConType, Header};

use super::{overlay, scripts};

/// Target, file name, content.
pub(crate) type Made = (&'static str, String, Vec<u8>);

pub(crate) fn all() -> Vec<Made> {
    let mut all = packets();
    all.extend(bodies());
    all.extend(named("socks", socks()));
    all.extend(named("control_line", control_lines()));
    all.extend(named("routes_file", routes()));
    all.extend(named("identity_text", identities()));
    all.extend(named("config_file", config_files()));
    all.extend(named("link_stream", link_streams()));
    all.extend(named("tape", tapes()));
    all.extend(scripts::all());
    all.extend(overlay::all());
    all
}

pub(crate) fn named(target: &'static str, files: Vec<(&'static str, Vec<u8>)>) -> Vec<Made> {
    files.into_iter().map(|(name, bytes)| (target, name.to_owned(), bytes)).collect()
}

/// With the version byte before it.
pub(crate) fn versioned(choices: &[u8]) -> Vec<u8> {
    [&[VERSION], choices].concat()
}

/// The first packet of each type of a run with an outage in it.
fn packets() -> Vec<Made> {
    let mut pair = Pair::default();
    let key = pair.open(A, 40_000);
    pair.say(A, key, b"over the network and through its outage");
    pair.flow(Duration::from_millis(50));
    pair.say(A, key, b"lost");
    pair.wire[B].clear();
    pair.wait(Duration::from_secs(4));
    pair.sides[A].to_finish.insert(key);
    pair.flow(Duration::from_secs(4));
    let frames = pair.archive.concat();
    let kind = |frame: &[u8]| Header::parse(&frame[FRAME_HEADER + ROUTE_LEN..HEAD_ROOM]);
    let first = |wanted| {
        let frame = frames.iter().find(|frame| kind(frame).is_ok_and(|h| h.kind == wanted))?;
        let name = format!("packet-{wanted:?}").to_lowercase();
        Some(("packet_parser", name, versioned(frame)))
    };
    ConType::ALL.into_iter().filter_map(first).collect()
}

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = [0; 1024];
    let mut writer = Writer::new(&mut bytes);
    write(&mut writer);
    let length = writer.len();
    bytes[..length].to_vec()
}

fn frame_of(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = [&[0; FRAME_HEADER][..], body].concat();
    let total = bytes.len();
    frame::emit(&mut bytes, kind, total);
    bytes
}

fn link_hello() -> Vec<u8> {
    let name = Identity::from_seed([2; 32]).name();
    written(|into| Hello { role: Role::Neighbour, name, challenge: [4; 32] }.emit(into))
}

fn names() -> Vec<u8> {
    let list = [1, 2].map(attachment);
    written(|into| emit_names(list.iter(), into))
}

/// An attachment that is not signed.
fn attachment(fill: u8) -> Attachment {
    let node = Identity::from_seed([2; 32]).name();
    let client = Name::from_bytes([fill; 32]);
    Attachment { client, node, number: 7, ttl: 600, signature: [fill; 64] }
}

fn acknowledgement() -> Vec<u8> {
    let mut spans = Spans::default();
    spans.push(Span { start: 9, end: 12 });
    spans.push(Span { start: 13, end: 14 });
    let entry = Entry { cumulative: 7, credit: 1 << 20, delay_us: 900, spans, ..Entry::default() };
    written(|into| {
        Ack { settled: true, received: 12, marked: 1 }.emit(into);
        emit_entry(&entry, into);
        emit_entry(&Entry { gone: true, ..Entry::default() }, into);
    })
}

/// What is sealed in packets, in the clear; and link messages in their frames.
fn bodies() -> Vec<Made> {
    let acknowledgement = acknowledgement();
    let re_hello = ReHello { nonce: [5; 32], outage: true, keep: false, heard: 3 };
    let re_hello = written(|into| re_hello.emit(into));
    let credentials = Credentials { binding: [6; 64], boot: [7; 16], suite: 1 };
    let files = vec![
        ("link-hello", frame_of(Kind::Hello, &link_hello())),
        ("link-names", frame_of(Kind::Names, &names())),
        ("link-attach", frame_of(Kind::Attach, &written(|into| attachment(1).emit(into)))),
        ("link-ping-and-pong", [frame_of(Kind::Ping, &[]), frame_of(Kind::Pong, &[])].concat()),
        ("body-names", names()),
        ("body-attach", written(|into| attachment(1).emit(into))),
        ("body-link-hello", link_hello()),
        ("body-ack", acknowledgement.clone()),
        ("body-re-hello", [re_hello, acknowledgement].concat()),
        ("body-offer", written(|into| Offer { suites: vec![1, 2, 3, 99] }.emit(into))),
        ("body-credentials", written(|into| credentials.emit(into))),
        ("body-reason", vec![20]),
        ("frame-too-long", vec![0xff; 8]),
    ];
    let files = files.into_iter().map(|(name, bytes)| (name, versioned(&bytes))).collect();
    named("packet_parser", files)
}

/// Cut sizes, then what a client says.
fn socks() -> Vec<(&'static str, Vec<u8>)> {
    let said = |bytes: &[u8]| versioned(&[&[2, 3, 1][..], bytes].concat());
    let domain = |name: &[u8]| {
        said(
            &[b"\x05\x01\x00\x05\x01\x00\x03", &[name.len() as u8][..], name, b"\x00\x16SSH"]
                .concat(),
        )
    };
    vec![
        ("connect-to-an-alias", domain(b"bob.muses")),
        ("connect-to-the-longest-name", domain(&[b'n'; 255])),
        ("connect-to-no-name", domain(b"")),
        ("connect-by-ipv4", said(b"\x05\x02\x00\x02\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50")),
        ("connect-by-ipv6", said(b"\x05\x01\x00\x05\x01\x00\x04\xfd000000000000001\x00\x50")),
        ("bind", said(b"\x05\x01\x00\x05\x02\x00\x01\x0a\x00\x00\x01\x00\x50")),
        ("insists-on-a-password", said(b"\x05\x01\x02")),
        ("http", said(b"CONNECT bob:22 HTTP/1.1\r\n\r\n")),
        ("tls", said(b"\x16\x03\x01\x00\x05hello")),
        ("socks4", said(b"\x04\x01\x00\x16\x0a\x00\x00\x01\x00")),
    ]
}

fn control_lines() -> Vec<(&'static str, Vec<u8>)> {
    // Pieces of up to 255 bytes, each with its length.
    let said = |text: &str| {
        let pieces = text.as_bytes().chunks(255);
        let pieces = pieces.flat_map(|piece| [&[piece.len() as u8][..], piece].concat());
        versioned(&pieces.collect::<Vec<u8>>())
    };
    vec![
        ("status-and-reconnect", said("{\"do\":\"status\"}\n{\"do\":\"reconnect\"}\n")),
        (
            "connect-and-a-stream",
            said("{\"do\":\"connect\",\"name\":\"bob\",\"port\":22}\nSSH-2.0"),
        ),
        ("listen", said("{\"do\":\"listen\",\"port\":80,\"allow\":[\"bob\",\"al\"]}\n")),
        (
            "accept-and-kill",
            said("{\"do\":\"accept\",\"incoming\":7}\n{\"do\":\"kill\",\"session\":7}\n"),
        ),
        ("an-unknown-field", said("{\"do\":\"status\",\"now\":true}\n")),
        ("a-line-without-end", said(&" ".repeat(5000))),
        ("deeply-nested", said(&format!("{}\n", "[".repeat(1000)))),
    ]
}

fn routes() -> Vec<(&'static str, Vec<u8>)> {
    let (bob, relay) = (Name::from_bytes([1; 32]), Name::from_bytes([2; 32]));
    let text = |text: String| text.into_bytes();
    vec![
        (
            "routes-and-a-default",
            text(format!("# ours\n{bob} via {relay}\ndefault via r.x:7001\n")),
        ),
        ("via-an-ipv6-endpoint", text(format!("{bob} via [::1]:7001 # near\n"))),
        ("the-same-twice", text(format!("{bob} via a:1\n{bob} via b:1\n"))),
        ("a-word-missing", text(format!("\n{bob} {relay}\n"))),
    ]
}

fn identities() -> Vec<(&'static str, Vec<u8>)> {
    let text = Identity::from_seed([9; 32]).to_text();
    let damaged = text.replacen("BEJ", "BEK", 1);
    vec![
        ("a-key-file", text.as_bytes().to_vec()),
        ("a-damaged-seed", damaged.into_bytes()),
        ("a-key-file-of-windows", text.replace('\n', "\r\n").into_bytes()),
        ("a-fourth-line", format!("{}more\n", *text).into_bytes()),
    ]
}

fn config_files() -> Vec<(&'static str, Vec<u8>)> {
    let all = "socks = \"127.0.0.1:1080\"\npeer = [\"a.x:1\", \"b.x:1\"]\nserve = \"22=22\"\n\
               L = [\"2222:bob:22\"]\nmemory = 100_000_000\nretain = \"7d\"\n[alias]\nbob = \"b\"\n";
    vec![
        ("all-forms-of-values", all.into()),
        ("an-unknown-key", b"pear = 1\n".to_vec()),
        ("not-toml", b"a = 1\nb = = 2\n".to_vec()),
        ("a-key-twice", b"peer = 1\npeer = 2\n".to_vec()),
        ("a-table-in-a-list", b"peer = [{ a = 1 }]\n".to_vec()),
    ]
}

/// Form, cut sizes, then what the far end says.
fn link_streams() -> Vec<(&'static str, Vec<u8>)> {
    let said = |form: u8, bytes: &[u8]| versioned(&[&[form, 2, 1, 7][..], bytes].concat());
    let ping = frame_of(Kind::Ping, &[]);
    let packet = frame_of(Kind::Packet, &[0x11; 600]);
    let hello = frame_of(Kind::Hello, &link_hello());
    vec![
        ("a-hello-and-a-wrong-proof", said(0, &[hello, frame_of(Kind::Proof, &[8; 64])].concat())),
        ("pings-packets-and-names", {
            let names = frame_of(Kind::Names, &names());
            said(2, &[&ping[..], &packet, &names, &packet, &ping].concat())
        }),
        ("a-client-with-names", said(6, &frame_of(Kind::Names, &names()))),
        ("a-packet-too-early", said(0, &packet)),
        ("a-frame-too-long", said(2, &[0xff; 8])),
    ]
}

/// A device that is called by an application and told to stop.
fn tapes() -> Vec<(&'static str, Vec<u8>)> {
    let mut tape = Vec::new();
    let header = TapeHeader { kind: EXAMPLE_KIND, started: 0, origin: Vec::new() };
    let mut device = Recorded::new(example_device(), &header, &mut tape).expect("memory");
    let mut now = Default::default();
    let at = Endpoint::Tcp(([127, 0, 0, 1], 1080).into());
    for input in [Input::Start, Input::Listening(Port(1), at.clone())] {
        device.handle(input, now);
        while device.poll().is_some() {}
    }
    if let Some(link) = device.accept(Port(1), at, now) {
        while device.poll().is_some() {}
        let greeting = b"\x05\x01\x00\x05\x01\x00\x03\x03bob\x00\x16";
        device.recv_space(link)[..greeting.len()].copy_from_slice(greeting);
        device.recv_commit(link, greeting.len(), now);
        while device.poll().is_some() {}
    }
    for input in [Input::Timeout, Input::PathChanged, Input::Stop] {
        now = now + Duration::from_millis(300);
        device.handle(input, now);
        while device.poll().is_some() {}
    }
    device.finish().expect("memory");
    drop(device);
    // A record that was not finished has no check, so a fuzzer may change what stands before it.
    let mut unchecked = tape[..tape.len().min(64)].to_vec();
    unchecked.truncate(8 + 2 + 1 + 8 + 4 + env!("CARGO_PKG_VERSION").len() + 4);
    for kind in [0x80, 0x89, 0x8a, 0x8b] {
        unchecked.extend([kind, 1, 0, 0, 0, 0]);
    }
    vec![
        ("a-socks-request-and-a-stop", tape.clone()),
        ("torn", tape[..tape.len() - 3].to_vec()),
        ("records-without-a-check", unchecked),
        ("another-format", [b"MUSETAPE\x00\x09", &tape[10..]].concat()),
    ]
}
