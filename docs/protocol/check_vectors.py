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
FRAME, ROUTE, PERSISTENT = 5, 70, 32
HEAD = FRAME + ROUTE + PERSISTENT


def routing_header(source, destination, hops=32, mark=0):
    return bytes([1, hops, mark, 0, 0, ROUTE]) + destination + source


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
    same("link Hello", b"\x01\x01" + ALICE.name + bytes(range(0x40, 0x60)), hello)

    proof = read("link-proof.txt")
    text = b"MUSeS link proof v1"
    text += b"\x02" + ALICE.name + b"\x0a" * 32 + b"\x01" + BOB.name + b"\x0b" * 32
    same("text of a link proof", text, proof["text"])
    true("a link proof", signed(ALICE.name, text, proof["message"]))

    names = read("link-names.txt")
    both = sorted([ALICE.name, BOB.name])
    same("Names", b"\0\x02" + b"".join(both), names["message"])
    same("no Names", b"\0\0", names["none"])

    lengths = {"hello": (66, 1), "proof": (64, 2), "names": (2, 3), "ping": (0, 5), "pong": (0, 6)}
    lengths["packet"] = (ROUTE + PERSISTENT + 16384 + 20, 4)
    for field, header in read("frame-header.txt").items():
        body, kind = lengths.pop(field)
        same("frame " + field, (body + 1).to_bytes(4, "big") + bytes([kind]), header)
    true("all kinds of frames", not lengths)

    route = read("routing-header.txt")
    same("Routing Header", routing_header(ALICE.name, BOB.name), route["fresh"])
    same("the same, relayed", routing_header(ALICE.name, BOB.name, 31, 1), route["relayed"])

    offer = read("handshake.txt")
    same("flags", offer["flags-none"] + offer["flags-psk"] + offer["flags-notice"], b"\0\x01\x02")
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
    same("Re-Hello", bytes(range(0x80, 0xA0)) + b"\x01", read("re-hello.txt")["message"])


def check_numbers():
    kinds = "Hello HelloBack Finished FinishedBack ReHello ReHelloBack Ack Probe Goodbye".split()
    expected = {kind: 1 + at for at, kind in enumerate(kinds)}
    kinds = "Open Accept Refuse Data Fin Reset".split()
    expected.update({kind: 16 + at for at, kind in enumerate(kinds)})
    expected.update({"Unreachable": 32, "Refused": 33})
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

    # The step into epoch 1.
    number = lambda value, size: value.to_bytes(size, "big")
    key = derive(resume, "re-hello", a.name)
    body = opened(said["re-hello"], a, b, key, 5, 0, 0, tunnel)
    nonce_a = body[:32]
    head = b"\0" + b"\x01" + bytes(8)
    entry = session[:8] + b"\0" + bytes(8) + number(128 << 10, 8) + number(10_000, 4)
    same("outage, head, session", body[32:], head + entry)
    key = derive(resume, "re-hello", b.name)
    body = opened(said["re-hello-back"], b, a, key, 6, 0, 0, tunnel)
    nonce_b = body[:32]
    low, high = (nonce_a, nonce_b) if a.name < b.name else (nonce_b, nonce_a)
    step = derive(resume, "step", number(1, 4), low, high)
    traffic = derive(step, "traffic")

    key = derive(traffic, "tunnel", a.name)
    body = opened(said["ack"], a, b, key, 7, 1, 0, tunnel)
    same("not settled: the Open is not acknowledged", body[:1], b"\0")
    key = derive(derive(traffic, "sessions"), "session", session, a.name)
    same("Reset", opened(said["reset"], a, b, key, 21, 1, 1, session), b"\x11")


def main():
    check_messages()
    check_numbers()
    check_sealed()
    check_conversation()
    print(f"{CHECKED} checks agree")


if __name__ == "__main__":
    main()
