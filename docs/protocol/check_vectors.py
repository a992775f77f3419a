#!/usr/bin/env python3
"""Checks tests/vectors/*.txt with an implementation of its own: docs/protocol/vectors.md.

Needs Python 3.8 or newer and the `openssl` command, version 3. It shares no code with the crate:
HMAC and the hashes are Python's, AES, ChaCha20, X25519 and Ed25519 are the command's, and GHASH,
Poly1305, Noise and everything of MUSeS are written here from the protocol's text.
"""

import hashlib
import hmac
import os
import subprocess
import sys
import tempfile
from fractions import Fraction

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "tests", "vectors")
CHECKED = 0


def read(name):
    """The fields of a vector: `name:` and hexadecimal digits, `#` to the end of a line is text."""
    fields, field = {}, None
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        for line in file:
            for word in line.split("#")[0].split():
                if word.endswith(":"):
                    field = word[:-1]
                    fields[field] = ""
                else:
                    fields[field] += word
    return {field: bytes.fromhex(digits) for field, digits in fields.items()}


def same(what, found, expected):
    global CHECKED
    CHECKED += 1
    if found != expected:
        sys.exit(f"{what}\n  vector  {expected.hex()}\n  script  {found.hex()}")


def true(what, is_true):
    same(what, bytes([bool(is_true)]), b"\x01")


# ---- Primitives ------------------------------------------------------------------------------


def openssl(arguments, data=b"", files=()):
    """Runs the command; files are (placeholder, bytes) whose paths replace the placeholders."""
    with tempfile.TemporaryDirectory() as directory:
        paths = {}
        for place, content in files:
            paths[place] = os.path.join(directory, place)
            with open(paths[place], "wb") as file:
                file.write(content)
        line = ["openssl"] + [paths.get(word, word) for word in arguments]
        done = subprocess.run(line, input=data, capture_output=True, check=False)
    return done.returncode == 0, done.stdout


def enc(cipher, key, iv, data):
    line = ["enc", "-" + cipher, "-K", key.hex(), "-nosalt", "-nopad"]
    done, out = openssl(line + (["-iv", iv.hex()] if iv else []), data)
    assert done, cipher
    return out


def aes_ctr(key, block, data):
    return enc("aes-256-ctr", key, block, data) if data else b""


def gcm_tag(key, nonce, bound, body):
    """NIST SP 800-38D with a nonce of 12 bytes."""
    h = int.from_bytes(enc("aes-256-ecb", key, None, bytes(16)), "big")

    def times(x):
        z, v = 0, h
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                z ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        return z

    y = 0
    lengths = (len(bound) * 8).to_bytes(8, "big") + (len(body) * 8).to_bytes(8, "big")
    for part in (bound, body, lengths):
        for at in range(0, len(part), 16):
            y = times(y ^ int.from_bytes(part[at : at + 16].ljust(16, b"\0"), "big"))
    return aes_ctr(key, nonce + b"\0\0\0\x01", y.to_bytes(16, "big"))


def gcm_seal(key, nonce, bound, plain):
    body = aes_ctr(key, nonce + b"\0\0\0\x02", plain)
    return body + gcm_tag(key, nonce, bound, body)


def gcm_open(key, nonce, bound, sealed):
    body, tag = sealed[:-16], sealed[-16:]
    true("a tag of AES-GCM", hmac.compare_digest(tag, gcm_tag(key, nonce, bound, body)))
    return aes_ctr(key, nonce + b"\0\0\0\x02", body)


def chacha20(key, counter, nonce, data):
    return enc("chacha20", key, counter.to_bytes(4, "little") + nonce, data)


def chacha20_poly1305_seal(key, nonce, bound, plain):
    """RFC 8439 section 2.8."""
    body = chacha20(key, 1, nonce, plain)
    one_time = chacha20(key, 0, nonce, bytes(32))
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    text = b""
    for part in (bound, body):
        text += part + bytes(-len(part) % 16)
    text += len(bound).to_bytes(8, "little") + len(body).to_bytes(8, "little")
    sum_ = 0
    for at in range(0, len(text), 16):
        sum_ = (sum_ + int.from_bytes(text[at : at + 16] + b"\x01", "little")) * r % (2**130 - 5)
    tag = (sum_ + int.from_bytes(one_time[16:], "little")) % 2**128
    return body + tag.to_bytes(16, "little")


# Raw keys of RFC 8410 in their ASN.1 wrapping: the last number of the identifier is the curve's.
X25519, ED25519 = b"\x6e", b"\x70"


def private(curve, raw):
    return bytes.fromhex("302e020100300506032b65") + curve + bytes.fromhex("04220420") + raw


def public(curve, raw):
    return bytes.fromhex("302a300506032b65") + curve + bytes.fromhex("032100") + raw


def public_of(curve, raw):
    line = ["pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER"]
    done, out = openssl(line, files=[("key", private(curve, raw))])
    assert done
    return out[-32:]


def x25519(own, other):
    line = "pkeyutl -derive -keyform DER -inkey own -peerform DER -peerkey other".split()
    files = [("own", private(X25519, own)), ("other", public(X25519, other))]
    done, out = openssl(line, files=files)
    assert done
    return out


def sign(seed, text):
    line = "pkeyutl -sign -rawin -keyform DER -inkey key -in text".split()
    done, out = openssl(line, files=[("key", private(ED25519, seed)), ("text", text)])
    assert done
    return out


def signed(name, text, signature):
    line = "pkeyutl -verify -rawin -pubin -keyform DER -inkey name -in text -sigfile sig".split()
    files = [("name", public(ED25519, name)), ("text", text), ("sig", signature)]
    return openssl(line, files=files)[0]


# ---- MUSeS -----------------------------------------------------------------------------------


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac_sha256(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(salt, *parts):
    return hmac_sha256(salt, *parts)


def derive(secret, label, *parts):
    info = b"MUSeS v1 " + label.encode()
    for part in parts:
        info += len(part).to_bytes(2, "big") + part
    return hmac_sha256(secret, info, b"\x01")


def seal(suite, secret, bound, header, plain):
    seq = header[8:16]
    if suite == 1:
        body = aes_ctr(derive(secret, "aes-ctr key"), seq + bytes(8), plain)
        key = derive(secret, "hmac-sha1 key")
        return body + hmac.new(key, bound + header + body, hashlib.sha1).digest()
    nonce = bytes(4) + seq
    if suite == 2:
        return gcm_seal(derive(secret, "aes-gcm key"), nonce, bound + header, plain)
    key = derive(secret, "chacha20-poly1305 key")
    return chacha20_poly1305_seal(key, nonce, bound + header, plain)


def rng(seed, count):
    """The program's generator up to its first refill: not of the protocol, only of this vector."""
    assert count <= 480
    return aes_ctr(seed, bytes(16), bytes(512))[32 : 32 + count]


class Symmetric:
    """Noise's SymmetricState with AESGCM and SHA256."""

    def __init__(self, name, prologue):
        self.h = name.ljust(32, b"\0")  # of 32 bytes or fewer, as the revision 34 says
        self.ck, self.k, self.n = self.h, None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = sha256(self.h, data)

    def mix_key(self, material):
        temp = hmac_sha256(self.ck, material)
        self.ck = hmac_sha256(temp, b"\x01")
        self.k, self.n = hmac_sha256(temp, self.ck, b"\x02"), 0

    def open(self, sealed):
        if self.k is None:
            self.mix_hash(sealed)
            return sealed
        plain = gcm_open(self.k, bytes(4) + self.n.to_bytes(8, "big"), self.h, sealed)
        self.n += 1
        self.mix_hash(sealed)
        return plain

    def split(self):
        temp = hmac_sha256(self.ck)
        one = hmac_sha256(temp, b"\x01")
        return one, hmac_sha256(temp, one, b"\x02")


class Device:
    def __init__(self, seed, boot, random):
        self.seed = bytes([seed]) * 32
        self.name = public_of(ED25519, self.seed)
        self.static = derive(self.seed, "static key")
        self.boot = bytes([boot]) * 16
        # The handshake draws its own seed first, and its ephemeral key is the first draw of that.
        self.ephemeral = rng(rng(bytes([random]) * 32, 32), 32)


ALICE = Device(0x11, 0xB1, 0x33)
BOB = Device(0x22, 0xB2, 0x44)
CAROL = Device(0x33, 0xB3, 0x55)
FRAME, ROUTE, PERSISTENT = 5, 204, 32
HEAD = FRAME + ROUTE + PERSISTENT


def places(*given):
    """The area of 64 bytes for places that have room in it: pairs of a tag and letters."""
    area = bytes([len(given)])
    for tag, letters in given:
        area += tag.to_bytes(4, "big") + bytes([len(letters)]) + bytes(letters)
    return area.ljust(64, b"\0")


def routing_header(
    source, destination, hops=32, mark=0, course=0, tried=0, watermark=2**32 - 1, there=(), here=()
):
    fields = bytes([2, hops, mark, course, 0, ROUTE]) + destination + source
    fields += bytes([tried, 0]) + watermark.to_bytes(4, "big")
    return fields + places(*there) + places(*here)


def persistent(kind, suite, last, epoch, seq, session):
    number = lambda value, size: value.to_bytes(size, "big")
    return bytes([1, kind, suite, last]) + number(epoch, 4) + number(seq, 8) + session


def parts(frame, source, destination):
    """Persistent header and payload of a fresh packet frame, whose outside is checked."""
    same("frame header", frame[:FRAME], (len(frame) - 4).to_bytes(4, "big") + b"\x04")
    route = frame[FRAME : FRAME + ROUTE]
    same("Routing Header", route, routing_header(source.name, destination.name))
    return frame[FRAME + ROUTE : HEAD], frame[HEAD:]


def opened(frame, source, destination, secret, kind, epoch, seq, session):
    """The plaintext of a packet of suite 1, which must be the only way to seal it."""
    header, sealed = parts(frame, source, destination)
    last = int(kind >= 16)
    same("persistent header", header, persistent(kind, 1, last, epoch, seq, session))
    plain = aes_ctr(derive(secret, "aes-ctr key"), header[8:16] + bytes(8), sealed[:-20])
    same("sealed", seal(1, secret, source.name + destination.name, header, plain), sealed)
    return plain


def check_messages():
    hello = read("link-hello.txt")["message"]
    same("link Hello", b"\x02\x01" + ALICE.name + bytes(range(0x40, 0x60)), hello)

    proof = read("link-proof.txt")
    text = b"MUSeS link proof v1"
    text += b"\x02" + ALICE.name + b"\x0a" * 32 + b"\x01" + BOB.name + b"\x0b" * 32
    same("text of a link proof", text, proof["text"])
    true("a link proof", signed(ALICE.name, text, proof["message"]))

    node = public_of(ED25519, b"\x63" * 32)
    lifetime = (600).to_bytes(4, "big")

    def attached(client, number):
        return b"MUSeS attachment v1" + client + node + number.to_bytes(8, "big") + lifetime

    attach, number = read("link-attach.txt"), 0x0102030405060708
    same("text of an attachment", attached(ALICE.name, number), attach["text"])
    same("Attach", number.to_bytes(8, "big") + lifetime, attach["message"][:12])
    true("an attachment", signed(ALICE.name, attach["text"], attach["message"][12:]))

    names = read("link-names.txt")
    same("count of Names", b"\0\x02", names["message"][:2])
    for at, (client, number) in enumerate(sorted([(ALICE.name, 7), (BOB.name, 8)])):
        entry = names["message"][2 + 108 * at : 2 + 108 * (at + 1)]
        same("an entry of Names", client + number.to_bytes(8, "big") + lifetime, entry[:44])
        true("its signature", signed(client, attached(client, number), entry[44:]))
    same("length of Names", len(names["message"]).to_bytes(2, "big"), b"\0\xda")
    same("no Names", b"\0\0", names["none"])

    lengths = {"hello": (66, 1), "proof": (64, 2), "names": (2, 3), "ping": (0, 5), "pong": (0, 6)}
    lengths["packet"] = (ROUTE + PERSISTENT + 16384 + 20, 4)
    lengths.update({"standing": (111, 7), "pulse": (105, 8), "places": (64, 9)})
    lengths.update({"record": (1024, 10), "seek": (3, 11), "sought": (4, 12)})
    lengths.update({"errand": (ROUTE + 42, 13), "listens": (2, 14), "referral": (102, 15)})
    lengths["attach"] = (76, 16)
    for field, header in read("frame-header.txt").items():
        body, kind = lengths.pop(field)
        same("frame " + field, (body + 1).to_bytes(4, "big") + bytes([kind]), header)
    true("all kinds of frames", not lengths)

    route = read("routing-header.txt")
    same("Routing Header", routing_header(ALICE.name, BOB.name), route["fresh"])
    same("the same, relayed", routing_header(ALICE.name, BOB.name, 31, 1), route["relayed"])
    there = ((0x01020304, (1, 2, 1)), (0x05060708, ()))
    here = ((0x05060708, (250,)),)
    placed = routing_header(ALICE.name, BOB.name, 32, 0, 0x11, 2, 3, there, here)
    same("a Routing Header with places", placed, route["placed"])
    descending = routing_header(ALICE.name, BOB.name, course=0x32, tried=5)
    same("a Routing Header on its way to a key", descending, route["descending"])

    offer = read("handshake.txt")
    same("flags", offer["flags-none"] + offer["flags-psk"] + offer["flags-notice"], b"\0\x01\x02")
    same("a Hello's cookie", b"\x04" + bytes(range(0xC0, 0xE0)), offer["flags-cookie"])
    same("Offer", b"\x03\x01\x02\x03", offer["offer"])
    same("prologue", b"MUSeS v1" + ALICE.name + BOB.name, offer["prologue"])
    binding = b"MUSeS static key v1" + ALICE.name + public_of(X25519, ALICE.static)
    same("text of a binding", binding, offer["binding-text"])
    credentials = offer["credentials"]
    true("a binding", signed(ALICE.name, binding, credentials[:64]))
    same("Credentials", bytes(range(0x60, 0x70)) + b"\x01", credentials[64:])

    number = lambda value, size: value.to_bytes(size, "big")
    session = b"\xc0\x01" + number(2, 6)
    ack = b"\x01" + number(0x01020304, 4) + number(5, 4)
    ack += session + b"\x02" + number(100, 8) + number(0x20000, 8) + number(4321, 4)
    ack += number(1, 4) + number(2, 4) + number(7, 4) + number(1, 4)
    ack += b"\xc0\x01" + number(4, 6) + b"\x80" + bytes(20)
    same("acknowledgement", ack, read("ack.txt")["message"])
    heard = (0x1122).to_bytes(8, "big")
    same("Re-Hello", bytes(range(0x80, 0xA0)) + b"\x01" + heard, read("re-hello.txt")["message"])
    same("a keeping one", bytes(range(0x80, 0xA0)) + b"\x03" + heard, read("re-hello.txt")["keeping"])


def check_numbers():
    kinds = "Hello HelloBack Finished FinishedBack ReHello ReHelloBack Ack Probe Goodbye".split()
    expected = {kind: 1 + at for at, kind in enumerate(kinds)}
    kinds = "Open Accept Refuse Data Fin Reset".split()
    expected.update({kind: 16 + at for at, kind in enumerate(kinds)})
    expected.update({"Unreachable": 32, "Refused": 33, "Retry": 34})
    true("ConTYPE", {k: bytes([v]) for k, v in expected.items()} == read("contype.txt"))
    words = "not-allowed no-service refused unreachable timed-out no-such-host secret-differs"
    words += " secret-missing no-suite full"
    expected = {word: 1 + at for at, word in enumerate(words.split())}
    words = "by-application killed expired stopped restarted let-go"
    expected.update({word: 16 + at for at, word in enumerate(words.split())})
    true("reasons", {k: bytes([v]) for k, v in expected.items()} == read("reason.txt"))


def check_sealed():
    session = b"\xc0\x01" + bytes(5) + b"\x02" + b"\0\x16" + bytes.fromhex("a1b2c3d4e5f6")
    message = read("persistent-header.txt")["message"]
    same("persistent header", persistent(19, 1, 1, 3, 7, session), message)
    for suite, name in enumerate(("aes-ctr-hmac-sha1", "aes-gcm", "chacha20-poly1305"), 1):
        vector = read(f"sealed-{name}.txt")
        header = persistent(19, suite, 1, 3, 7, session)
        same(name + " header", header, vector["header"])
        same(name + " bound", ALICE.name + BOB.name, vector["bound"])
        sealed = seal(suite, vector["secret"], vector["bound"], header, vector["plaintext"])
        same(name, sealed, vector["sealed"])

    vector = read("derive.txt")
    same("derive", derive(vector["secret"], "traffic"), vector["bare"])
    context = (b"\0\0\0\x01", b"\x07" * 32)
    same("derive with context", derive(vector["secret"], "step", *context), vector["with-context"])
    same("extract", extract(vector["salt"], b"\x01" * 32, b"\x02" * 32), vector["extracted"])


def credentials(device, body):
    """The suite in the Credentials of a device, whose binding and boot number are checked."""
    text = b"MUSeS static key v1" + device.name + public_of(X25519, device.static)
    true("a binding", signed(device.name, text, body[:64]))
    same("boot", body[64:80], device.boot)
    return body[80:]


def check_conversation():
    said = read("conversation.txt")
    a, b = ALICE, BOB

    # Hello: flag, e, Offer.
    header, body = parts(said["hello"], a, b)
    half_a = header[16:24]
    same("header of Hello", header, persistent(1, 0, 0, 0, 0, half_a + bytes(8)))
    same("port of the tunnel", half_a[:2], b"\0\0")
    same("flag", body[:1], b"\0")
    noise = Symmetric(b"Noise_XX_25519_AESGCM_SHA256", b"MUSeS v1" + a.name + b.name)
    e_a = public_of(X25519, a.ephemeral)
    same("e of Alice", body[1:33], e_a)
    noise.mix_hash(e_a)
    same("Offer", noise.open(body[33:]), b"\x03\x01\x02\x03")

    # HelloBack: e, ee, s, es, Credentials.
    header, body = parts(said["hello-back"], b, a)
    tunnel = header[16:]
    same("header of HelloBack", header, persistent(2, 0, 0, 0, 0, half_a + tunnel[8:]))
    e_b, s_b = public_of(X25519, b.ephemeral), public_of(X25519, b.static)
    same("e of Bob", body[:32], e_b)
    noise.mix_hash(e_b)
    noise.mix_key(x25519(a.ephemeral, e_b))
    same("s of Bob", noise.open(body[32:80]), s_b)
    noise.mix_key(x25519(a.ephemeral, s_b))
    same("suite", credentials(b, noise.open(body[80:])), b"\x01")

    # Finished: s, se, Credentials.
    header, body = parts(said["finished"], a, b)
    same("header of Finished", header, persistent(3, 0, 0, 0, 0, tunnel))
    s_a = public_of(X25519, a.static)
    same("s of Alice", noise.open(body[:48]), s_a)
    noise.mix_key(x25519(a.static, e_b))
    same("suite", credentials(a, noise.open(body[48:])), b"\x01")

    root = extract(noise.h, *noise.split())
    traffic, resume = derive(root, "traffic"), derive(root, "resume")

    # The session: port and serial of Alice, service and tunnel serial of Bob.
    session = b"\xc0\x01" + bytes(6) + b"\0\x16" + tunnel[10:]
    key = derive(derive(traffic, "sessions"), "session", session, a.name)
    same("Open", opened(said["open"], a, b, key, 16, 0, 0, session), b"")
    key = derive(traffic, "tunnel", b.name)
    same("FinishedBack", opened(said["finished-back"], b, a, key, 4, 0, 0, tunnel), b"\0")

    key = derive(traffic, "tunnel", a.name)
    first = opened(said["first-ack"], a, b, key, 7, 0, 0, tunnel)
    same("the answer to FinishedBack", first, b"\x01" + bytes(8))

    # The step into epoch 1.
    number = lambda value, size: value.to_bytes(size, "big")
    key = derive(resume, "re-hello", a.name)
    body = opened(said["re-hello"], a, b, key, 5, 0, 0, tunnel)
    nonce_a = body[:32]
    head = b"\0" + bytes(8) + b"\x01" + bytes(8)
    entry = session[:8] + b"\0" + bytes(8) + number(128 << 10, 8) + number(10_000, 4)
    same("outage, heard, head, session", body[32:], head + entry)
    key = derive(resume, "re-hello", b.name)
    body = opened(said["re-hello-back"], b, a, key, 6, 0, 0, tunnel)
    nonce_b = body[:32]
    same("heard", body[33:41], number(1, 8))
    low, high = (nonce_a, nonce_b) if a.name < b.name else (nonce_b, nonce_a)
    step = derive(resume, "step", number(1, 4), low, high)
    traffic = derive(step, "traffic")

    key = derive(traffic, "tunnel", a.name)
    body = opened(said["ack"], a, b, key, 7, 1, 0, tunnel)
    same("not settled: the Open is not acknowledged", body[:1], b"\0")
    key = derive(derive(traffic, "sessions"), "session", session, a.name)
    same("Reset", opened(said["reset"], a, b, key, 21, 1, 1, session), b"\x11")


# ---- The overlay -----------------------------------------------------------------------------


def number(value, size):
    return value.to_bytes(size, "big")


TREE = b"\x01"
CLAIM = b"MUSeS tree root v1" + TREE + number(9, 8)
CLAIMED = ALICE.name + number(9, 8) + sign(ALICE.seed, CLAIM)


def edge_text(parent, child, letter, serial):
    ends = parent.name + child.name
    return b"MUSeS tree edge v1" + TREE + ends + bytes([letter]) + number(serial, 8)


def edge(parent, child, letter, serial):
    text = edge_text(parent, child, letter, serial)
    signatures = sign(parent.seed, text) + sign(child.seed, text)
    return child.name + bytes([letter]) + number(serial, 8) + signatures


def standing(flags, size, edges, rest=b""):
    head = TREE + bytes([flags]) + CLAIMED + number(size, 4)
    return head + bytes([len(edges)]) + b"".join(edges) + rest


def check_trees():
    text = read("tree-text.txt")
    same("text of a claim", CLAIM, text["claim"])
    same("a claim", sign(ALICE.seed, CLAIM), text["claim-signed"])
    both = edge_text(ALICE, BOB, 4, 5)
    same("text of an edge", both, text["edge"])
    same("an edge, by the parent", sign(ALICE.seed, both), text["edge-by-parent"])
    same("an edge, by the child", sign(BOB.seed, both), text["edge-by-child"])

    said = read("standing.txt")
    edges = [edge(ALICE, BOB, 4, 5), edge(BOB, CAROL, 200, 6)]
    taken = bytes([9]) + bytes(30) + bytes([1])
    same("standing of a root", standing(0, 0, []), said["root"])
    same("a wish", standing(1, 3, [], number(6, 8) + taken), said["wish"])
    half = sign(BOB.seed, edge_text(BOB, CAROL, 200, 6))
    same("a grant", standing(12, 0, edges[:1], number(6, 8) + b"\xc8" + half), said["grant"])
    same("a refusal", standing(4, 0, edges[:1], number(6, 8)), said["refusal"])
    wish = number(6, 8) + b"\xc8" + taken
    same("standing of a child", standing(3, 3, edges, wish), said["child"])
    pulse = read("pulse.txt")
    same("pulse", TREE + CLAIMED, pulse["message"])
    own = BOB.name + number(5, 8) + sign(BOB.seed, both) + ALICE.name + b"\x04"
    same("a word of a child", TREE + own, pulse["own"])
    near = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 7]) + number(7001, 2)
    far = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01" + number(443, 2)
    others = TREE + b"\x02" + BOB.name + near + CAROL.name + far
    same("a referral", others, read("referral.txt")["message"])

    def moved(letters, above):
        tag = sha256(b"MUSeS tree tag v1", TREE, ALICE.name)[:4]
        text = b"MUSeS tree move v1" + TREE + number(6, 8) + number(7, 8) + tag + letters
        head = b"\x05" + TREE + number(7, 8) + tag + bytes([len(letters)]) + letters
        rest = bytes([len(above) + 1]) + b"".join(above) + edges[1]
        return text, head + sign(CAROL.seed, text) + rest

    found = read("moved.txt")
    text, message = moved(bytes([4, 9]), edges[:1])
    same("text of a move", text, found["text"])
    same("a move", message, found["message"])
    same("a move to the root", moved(b"", [])[1], found["shortest"])


def check_order():
    order = read("tree-order.txt")

    def rank(tree, fill, listed):
        at = (listed.index(fill) - tree) % len(listed) if fill in listed else len(listed)
        return at, sha256(b"MUSeS tree rank v1", bytes([tree]), bytes([fill]) * 32)[:8]

    for field, found in order.items():
        if field != "tags":
            tree = int(field[-1])
            listed = [5, 3, 11] if field.startswith("listed") else []
            fills = sorted(range(16), key=lambda fill: rank(tree, fill, listed))
            same(f"ranks, {field}", bytes(fills), found)
    tags = [sha256(b"MUSeS tree tag v1", bytes([tree]), ALICE.name)[:4] for tree in range(4)]
    same("tags", b"".join(tags), order["tags"])

    areas = read("places.txt")
    deep = [n % 7 for n in range(58)]
    same("no places", places(), areas["none"])
    three = ((7, (1, 2, 1)), (0x80000000, ()), (9, (250,)))
    same("three places", places(*three), areas["three"])
    same("a deep place", places((1, deep)), areas["deepest-alone"])
    same("two of three places", places((2, deep[:2]), (3, deep[:20])), areas["deepest-left-out"])


def record(serial, ttl, home, alias=b"", at=()):
    text = b"\x01" + ALICE.name + number(serial, 8) + number(ttl, 2) + home
    text += bytes([len(alias)]) + alias + bytes([len(at)])
    for tag, letters in at:
        text += number(tag, 4) + bytes([len(letters)]) + bytes(letters)
    return text + sign(ALICE.seed, b"MUSeS record v1" + text)


def check_records():
    found = read("record.txt")
    serial = 0x010203040506
    plain = record(serial, 540, BOB.name)
    at = ((7, (1, 2, 1)), (0x80000000, ()))
    called = record(serial, 540, BOB.name, b"alice", at)
    same("record", plain, found["plain"])
    same("record with an alias", called, found["called"])
    same("the end of a Name", record(2**64 - 1, 3600, ALICE.name), found["end"])

    errands = read("errand.txt")
    nonce = bytes.fromhex("1122334455667788")
    same("Store", b"\x01" + called, errands["store"])
    same("Find by Name", b"\x02" + nonce + b"\x01" + ALICE.name, errands["find-name"])
    same("Find by alias", b"\x02" + nonce + b"\x02alice", errands["find-alias"])
    both = number(len(plain), 2) + plain + number(len(called), 2) + called
    same("Found", b"\x03" + nonce + b"\x02" + both, errands["found"])
    same("Found nothing", b"\x03" + nonce + b"\0", errands["found-nothing"])
    same("Push", b"\x04" + plain, errands["push"])

    keys = read("key.txt")
    for field, form, what in (("name", 1, ALICE.name), ("alias", 2, b"bob")):
        common = sha256(b"MUSeS key v2", bytes([form]), what)[:31]
        made = [common + bytes([replica]) for replica in range(8)]
        same("keys of a " + field, b"".join(made), keys[field])


GOLDEN, ALL = 0x9E3779B97F4A7C15, 2**64 - 1


def mix(value):
    x = value + GOLDEN & ALL
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & ALL
    x = (x ^ x >> 27) * 0x94D049BB133111EB & ALL
    return x ^ x >> 31


def log2(value):
    """In units of 2^-40, cut off."""
    whole = value.bit_length() - 1
    mantissa, log = value << 63 - whole, whole
    for _ in range(40):
        mantissa *= mantissa
        bit = mantissa >> 127
        log = log << 1 | bit
        mantissa >>= 63 + bit
    return log


def ranked(key, at, weights):
    """Slots, the best one first."""
    seed = len(at)
    for part in (key, bytes(at)):
        for begin in range(0, len(part), 8):
            seed = mix(seed ^ int.from_bytes(part[begin : begin + 8].ljust(8, b"\0"), "big"))

    def order(bid):
        slot, weight = bid
        cost = (64 << 40) - log2(mix(seed + slot * GOLDEN & ALL) | 1)
        return Fraction(-weight, cost), slot

    return [slot for slot, _ in sorted(weights.items(), key=order)]


def choose(key, at, children, trees=3):
    """Nothing where the key stays, else the letter it goes on by. A child is a letter, a size and
    perhaps the number of its source."""
    weights = {0: 1}
    slots = {}
    for letter, size, *source in children:
        slots[letter] = 1 << 62 | source[0] if source else letter + 1
        weights[slots[letter]] = weights.get(slots[letter], 0) + min(size, 1 << 20)
    rank, common = 0, key
    if not at:
        copy, tree = divmod(key[31], trees)
        copies = -(-max(8 - tree, 0) // trees)
        rank, common = (copy + tree) % max(min(copies, len(weights)), 1), key[:31] + b"\xff"
    chosen = ranked(common, at, weights)[rank]
    if not chosen:
        return b"\0\0"
    family = {letter + 1: min(size, 1 << 20) for letter, size, *_ in children if slots[letter] == chosen}
    return bytes([1, ranked(key, at, family)[0] - 1])


def rounded(size):
    eighths = 8 * log2(size) + 2**39 >> 40
    root = round(2 ** (eighths % 8 / 8) * 2**32)
    return min((root << eighths // 8) + 2**31 >> 32, 2**32 - 1)


def check_placement():
    found = read("placement.txt")
    key = lambda fill: bytes([fill]) * 32
    sizes, deep = [(3, 4), (9, 16), (200, 1)], range(1, 12)
    keys = [choose(key(fill), [1, 2], sizes) for fill in range(32)]
    same("where keys go", b"".join(keys), found["keys"])
    at = [choose(key(1), [at], [(7, 1)]) for at in range(32)]
    same("where a key goes", b"".join(at), found["places"])
    keys = [choose(key(fill), deep, [(0, 2), (254, 2)]) for fill in range(32)]
    same("where keys go far down", b"".join(keys), found["deep"])
    copies = [bytes(31) + bytes([replica]) for replica in range(8)]
    sizes = [(3, 4), (9, 2**32 - 1), (200, 1), (7, 9, 5), (8, 9, 5)]
    for trees in (1, 2, 3, 4):
        at = [choose(key, [], sizes, trees) for key in copies]
        same("where copies go at a root", b"".join(at), found[f"root-of-{trees}"])
    keys = [choose(key(fill), [1, 2], sizes) for fill in range(32)]
    same("where keys go among sources", b"".join(keys), found["sources"])
    numbers = list(range(1, 41)) + [100, 1000, 10**6, 2**31, 2**32 - 1]
    same("sizes", b"".join(number(rounded(size), 4) for size in numbers), found["sizes"])


def main():
    check_messages()
    check_trees()
    check_order()
    check_records()
    check_placement()
    check_numbers()
    check_sealed()
    check_conversation()
    print(f"{CHECKED} checks agree")


if __name__ == "__main__":
    main()
