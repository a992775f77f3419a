//! The bytes of the protocol as `docs/protocol` has them, for an attacker: nothing is checked that
//! an attacker might want to be wrong.

use muses::crypto::identity::Identity;
use muses::crypto::noise::Noise;
use muses::crypto::rng::Rng;
use openssl::rand::rand_bytes;
use openssl::sha::sha256;

/// Bytes of a Routing Header.
pub(crate) const ROUTE: usize = 204;

/// The version that a link's Hello begins with.
pub(crate) const LINK_VERSION: u8 = 2;

/// Kinds of frames.
pub(crate) mod kind {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const PROOF: u8 = 2;
    pub(crate) const NAMES: u8 = 3;
    pub(crate) const PACKET: u8 = 4;
    pub(crate) const PING: u8 = 5;
    pub(crate) const PONG: u8 = 6;
    pub(crate) const STANDING: u8 = 7;
    pub(crate) const RECORD: u8 = 10;
    pub(crate) const ERRAND: u8 = 13;
}

/// Types of packets.
pub(crate) mod contype {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const HELLO_BACK: u8 = 2;
    pub(crate) const RE_HELLO: u8 = 5;
    pub(crate) const RE_HELLO_BACK: u8 = 6;
    pub(crate) const UNREACHABLE: u8 = 32;
    pub(crate) const REFUSED: u8 = 33;
}

/// Roles of a link's end.
pub(crate) const NEIGHBOUR: u8 = 1;
pub(crate) const CLIENT: u8 = 2;

/// A Name.
pub(crate) type Name = [u8; 32];

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_bytes(&mut bytes).expect("OpenSSL has random bytes");
    bytes
}

/// A key that belongs to no device.
pub(crate) fn fresh() -> Identity {
    Identity::from_seed(random())
}

/// The Name of a key.
pub(crate) fn name_of(key: &Identity) -> Name {
    *key.name().as_bytes()
}

/// A frame: length, kind, body.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).expect("a short body").to_be_bytes();
    [&length, &[kind][..], body].concat()
}

/// What a link's end signs.
pub(crate) fn proof_text(own: (u8, Name, [u8; 32]), other: (u8, Name, [u8; 32])) -> Vec<u8> {
    let end =
        |(role, name, challenge): (u8, Name, [u8; 32])| [&[role][..], &name, &challenge].concat();
    [&b"MUSeS link proof v1"[..], &end(own), &end(other)].concat()
}

/// A Routing Header as its maker writes it.
pub(crate) fn route(destination: &Name, source: &Name) -> Vec<u8> {
    let mut bytes = vec![0; ROUTE];
    bytes[..6].copy_from_slice(&[2, 32, 0, 0, 0, 204]);
    bytes[6..38].copy_from_slice(destination);
    bytes[38..70].copy_from_slice(source);
    bytes[72..76].fill(0xff);
    bytes
}

/// A Routing Header on its way down to the keeper of a key.
pub(crate) fn route_to_key(key: &[u8; 32], source: &Name, replica: u8, trees: u8) -> Vec<u8> {
    let mut bytes = route(key, source);
    // Climb first: the root alone knows where the descent begins.
    bytes[3] = (2 << 4) | (replica % trees);
    bytes[70] = replica;
    bytes
}

/// A persistent header.
pub(crate) fn header(contype: u8, suite: u8, number: u64, session: &[u8; 16]) -> Vec<u8> {
    let mut bytes = vec![1, contype, suite, 0, 0, 0, 0, 0];
    bytes.extend(number.to_be_bytes());
    bytes.extend(session);
    bytes
}

/// A packet frame.
pub(crate) fn packet(destination: &Name, source: &Name, header: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(kind::PACKET, &[&route(destination, source), header, payload].concat())
}

/// A SessID as a Hello has it: the initiator's half, port 0 and 48 random bits.
pub(crate) fn half_session() -> [u8; 16] {
    let mut session = [0; 16];
    session[2..8].copy_from_slice(&random::<6>());
    session
}

/// A forged Hello: 278 bytes that anybody can write.
pub(crate) fn hello_packet(destination: &Name, source: &Name) -> Vec<u8> {
    let payload = [&[0][..], &random::<32>(), &[3, 1, 2, 3]].concat();
    packet(destination, source, &header(contype::HELLO, 0, 0, &half_session()), &payload)
}

/// A relay's own answer to a Hello: readable, of another static key, its credentials made up.
pub(crate) fn false_hello_back(hello: &Seen<'_>) -> Option<Vec<u8>> {
    let key = fresh();
    let prologue = [&b"MUSeS v1"[..], &hello.source, &hello.destination].concat();
    let mut rng = Rng::new(random());
    let mut noise = Noise::responder(key.static_key(), &prologue, None, &mut rng).ok()?;
    // Bit 2 of the flags: a cookie follows them.
    let message = if hello.payload.first()? & 4 == 0 { 1 } else { 33 };
    noise.read(hello.payload.get(message..)?, &mut [0; 256]).ok()?;
    let credentials = [&random::<32>()[..], &[0; 32], &random::<16>(), &[1]].concat();
    let mut payload = [0; 512];
    let length = noise.write(&credentials, &mut payload).ok()?;
    let mut session = hello.session;
    session[10..16].copy_from_slice(&random::<6>());
    let header = header(contype::HELLO_BACK, 0, 0, &session);
    Some(packet(&hello.source, &hello.destination, &header, &payload[..length]))
}

/// A forged Refused.
pub(crate) fn refused_packet(
    destination: &Name,
    source: &Name,
    session: &[u8; 16],
    reason: u8,
) -> Vec<u8> {
    packet(destination, source, &header(contype::REFUSED, 0, 0, session), &[reason])
}

/// A forged Unreachable.
pub(crate) fn unreachable_packet(destination: &Name, source: &Name, about: &Name) -> Vec<u8> {
    packet(destination, source, &header(contype::UNREACHABLE, 0, 1, &half_session()), about)
}

/// What of a packet frame's body is of use to a relay.
pub(crate) struct Seen<'a> {
    pub(crate) destination: Name,
    pub(crate) source: Name,
    pub(crate) contype: u8,
    pub(crate) session: [u8; 16],
    pub(crate) payload: &'a [u8],
}

/// Reads the body of a packet frame.
pub(crate) fn seen(body: &[u8]) -> Option<Seen<'_>> {
    Some(Seen {
        destination: body.get(6..38)?.try_into().ok()?,
        source: body.get(38..70)?.try_into().ok()?,
        contype: *body.get(ROUTE + 1)?,
        session: body.get(ROUTE + 16..ROUTE + 32)?.try_into().ok()?,
        payload: body.get(ROUTE + 32..)?,
    })
}

/// A list of one attached Name that never signed that it is attached there.
pub(crate) fn claimed_name(name: &Name) -> Vec<u8> {
    let (number, lifetime) = (u64::MAX / 2, 600_u32);
    let claim = [&[0, 1][..], name, &number.to_be_bytes(), &lifetime.to_be_bytes()].concat();
    frame(kind::NAMES, &[&claim[..], &random::<32>(), &[0; 32]].concat())
}

/// A root's word.
pub(crate) fn claim(key: &Identity, tree: u8, number: u64) -> Vec<u8> {
    let text = [&b"MUSeS tree root v1"[..], &[tree], &number.to_be_bytes()].concat();
    let signature = key.sign(&text);
    [&name_of(key)[..], &number.to_be_bytes(), &signature].concat()
}

/// The rank of a Name as a root, the least first.
pub(crate) fn rank(name: &Name, tree: u8) -> u64 {
    let hash = sha256(&[&b"MUSeS tree rank v1"[..], &[tree], name].concat());
    u64::from_be_bytes(hash[..8].try_into().expect("eight bytes"))
}

/// What both ends of an edge sign.
pub(crate) fn edge_text(tree: u8, parent: &Name, child: &Name, letter: u8, number: u64) -> Vec<u8> {
    let head = [&b"MUSeS tree edge v1"[..], &[tree], parent, child].concat();
    [&head[..], &[letter], &number.to_be_bytes()].concat()
}

/// A grant: number, letter, the parent's signature.
pub(crate) type Grant = (u64, u8, [u8; 64]);

/// What a neighbour says of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) tree: u8,
    /// 104 bytes: root, number, signature.
    pub(crate) claim: Vec<u8>,
    pub(crate) size: u32,
    /// 169 bytes each.
    pub(crate) edges: Vec<Vec<u8>>,
    /// The number of a wish, and its letter.
    pub(crate) wish: Option<(u64, Option<u8>)>,
    /// A grant to whom it is sent.
    pub(crate) grant: Option<Grant>,
}

impl Standing {
    pub(crate) fn emit(&self) -> Vec<u8> {
        let wish = self.wish.map_or(0, |(_, letter)| 1 | u8::from(letter.is_some()) << 1);
        let grant = self.grant.map_or(0, |_| 12);
        let mut body = vec![self.tree, wish | grant];
        body.extend(&self.claim);
        body.extend(self.size.to_be_bytes());
        body.push(u8::try_from(self.edges.len()).expect("few edges"));
        self.edges.iter().for_each(|edge| body.extend(edge));
        if let Some((number, letter)) = self.wish {
            body.extend(number.to_be_bytes());
            body.extend(letter);
            body.extend([0; 32]);
        }
        if let Some((number, letter, signature)) = self.grant {
            body.extend(number.to_be_bytes());
            body.push(letter);
            body.extend(signature);
        }
        frame(kind::STANDING, &body)
    }

    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let (tree, flags) = (*body.first()?, *body.get(1)?);
        let claim = body.get(2..106)?.to_vec();
        let size = u32::from_be_bytes(body.get(106..110)?.try_into().ok()?);
        let count = usize::from(*body.get(110)?);
        let (edges, mut rest) = body.get(111..)?.split_at_checked(count * 169)?;
        let edges = edges.chunks(169).map(<[u8]>::to_vec).collect();
        let mut wish = None;
        if flags & 1 != 0 {
            let letter = (flags & 2 != 0).then(|| rest.get(8).copied());
            wish = Some((u64::from_be_bytes(rest.get(..8)?.try_into().ok()?), letter.flatten()));
            rest = rest.get(8 + usize::from(flags >> 1 & 1) + 32..)?;
        }
        let mut grant = None;
        if flags & 12 == 12 {
            let number = u64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
            grant = Some((number, *rest.get(8)?, rest.get(9..73)?.try_into().ok()?));
        }
        Some(Self { tree, claim, size, edges, wish, grant })
    }
}

/// The edge that a grant makes, signed by the child as well.
pub(crate) fn edge(key: &Identity, tree: u8, parent: &Name, grant: &Grant) -> Vec<u8> {
    let (number, letter, by_parent) = grant;
    let child = name_of(key);
    let by_child = key.sign(&edge_text(tree, parent, &child, *letter, *number));
    [&child[..], &[*letter], &number.to_be_bytes(), by_parent, &by_child].concat()
}

/// A record as large as it can be without an alias, of a Name that belongs to no device.
pub(crate) fn record(key: &Identity, number: u64, ttl: u16) -> Vec<u8> {
    let mut bytes = [&[1][..], &name_of(key), &number.to_be_bytes(), &ttl.to_be_bytes()].concat();
    bytes.extend(random::<32>());
    bytes.extend([0, 4]);
    for tag in 1..=4_u32 {
        bytes.extend(tag.to_be_bytes());
        bytes.push(58);
        bytes.extend((0..58).map(|at| at & 1));
    }
    let signature = key.sign(&[b"MUSeS record v1", &bytes[..]].concat());
    bytes.extend(signature);
    bytes
}

/// The key of a Name's replica in the table of Names.
pub(crate) fn table_key(name: &Name, replica: u8) -> [u8; 32] {
    sha256(&[&b"MUSeS key v1"[..], &[replica, 1], name].concat())
}

/// The letters of a Name.
pub(crate) fn text_of(name: &Name) -> String {
    muses::base::ids::Name::from_bytes(*name).to_string()
}

/// The Name that letters stand for.
pub(crate) fn name_from(text: &str) -> Name {
    let name: muses::base::ids::Name = text.parse().expect("a Name");
    *name.as_bytes()
}
