//! Arrows point down only, and only the shell touches the outside.

use crate::source::{code_proper, is_test, line_of, word_at, words};
use crate::{holds, is_quiet, rings};

/// Each layer and those it may name besides itself. `tape` and `reactor` drive any machine and
/// know none; siblings (`session` and `overlay`, `node` and `cloak`) are blind to each other.
const LAYERS: [(&str, &[&str]); 16] = [
    ("base", &[]),
    ("wire", &["base"]),
    ("crypto", &["base"]),
    ("link", &["base", "wire", "crypto"]),
    ("control", &["base", "wire"]),
    ("session", &["base", "wire", "crypto", "control"]),
    ("overlay", &["base", "wire", "crypto"]),
    ("node", &["base", "wire", "crypto", "link", "control", "session", "overlay"]),
    ("cloak", &["base", "wire", "crypto", "link", "control", "overlay"]),
    ("sim", &["base", "wire", "crypto", "link", "overlay", "node", "cloak"]),
    ("device", &["base", "control", "node", "cloak"]),
    ("tape", &["base"]),
    ("reactor", &["base"]),
    ("api", &["base", "wire", "control"]),
    ("cli", SHELL),
    ("fuzzing", FUZZING),
];

/// What the programs may name.
const SHELL: &[&str] = &[
    "base", "wire", "crypto", "link", "control", "session", "overlay", "node", "cloak", "device",
    "tape", "reactor", "api", "sim",
];

/// What the fuzz targets may name; nobody names them.
const FUZZING: &[&str] = &[
    "base", "wire", "crypto", "link", "control", "session", "overlay", "node", "cloak", "device",
    "tape", "cli",
];

/// Where sockets, files, clocks, threads and the environment may be seen.
const OUTSIDE: [&str; 5] =
    ["src/reactor/", "src/cli/", "src/api/", "src/tape/sink.rs", "src/fuzzing/"];

/// Words of the outside. Addresses (`SocketAddr` and its like) are data and not among them.
const FORBIDDEN: [&str; 19] = [
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "Instant",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "ToSocketAddrs",
    "stdin",
    "mio",
    "rustix",
    "socket2",
    "signal_hook",
    "rand_bytes",
];

/// The layer of a file, and how many modules deep the file is.
fn layer(path: &str) -> Option<(&str, usize)> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    let layer = inner.split('/').next()?;
    (layer != "lib").then(|| (layer, inner.split('/').count()))
}

/// The modules of the crate that code names, each with its place.
fn named(code: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for at in words(code, "crate") {
        let Some(rest) = code[at..].strip_prefix("crate::") else { continue };
        let Some(group) = rest.strip_prefix('{') else {
            named.push((at, word_at(rest).to_owned()));
            continue;
        };
        // The first word of each part of a group.
        let (mut depth, mut is_first) = (0, true);
        for (offset, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_first = true,
                c if is_first && !c.is_whitespace() => {
                    named.push((at, word_at(&group[offset..]).to_owned()));
                    is_first = false;
                }
                _ => {}
            }
        }
    }
    named
}

fn layers(path: &str, text: &str) -> Vec<String> {
    let Some((own, depth)) = layer(path) else { return Vec::new() };
    let code = code_proper(path, text);
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == own) else {
        return vec![format!("{path}: '{own}' is no layer; give it a place in tests/tidy")];
    };
    let wrong = named(&code).into_iter().filter(|(_, to)| to != own && !allowed.contains(&&**to));
    let mut faults: Vec<String> = wrong
        .map(|(at, to)| format!("{path}:{}: {own} may not name {to}", line_of(&code, at)))
        .collect();
    let escape = "super::".repeat(depth);
    faults.extend(code.find(&escape).map(|at| {
        format!("{path}:{}: '{escape}' leaves the layer by the back door", line_of(&code, at))
    }));
    faults
}

fn outside(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/") || OUTSIDE.iter().any(|allowed| path.starts_with(allowed)) {
        return Vec::new();
    }
    // Whether a panic is under way is no thread's doing.
    let code = code_proper(path, text).replace("std::thread::panicking", "");
    let found = FORBIDDEN.iter().flat_map(|word| words(&code, word).map(move |at| (word, at)));
    found
        .map(|(word, at)| format!("{path}:{}: {word} below the reactor", line_of(&code, at)))
        .collect()
}

fn hashes(path: &str, text: &str) -> Vec<String> {
    let code = crate::source::code(text);
    let found = ["HashMap", "HashSet"]
        .into_iter()
        .flat_map(|word| words(&code, word).map(move |at| (word, at)))
        .map(|(word, at)| format!("{path}:{}: {word} has no order", line_of(&code, at)));
    if is_test(path) { Vec::new() } else { found.collect() }
}

/// FA-14: what is half changed is not gone on with.
fn panics_caught(path: &str, text: &str) -> Vec<String> {
    let code = code_proper(path, text);
    let found = words(&code, "catch_unwind").filter(|_| path.starts_with("src/"));
    found.map(|at| format!("{path}:{}: a panic is caught", line_of(&code, at))).collect()
}

/// FR-07, CR-11: one place, and no other, lets a fuzzer past the MAC.
fn fuzzer_in_crypto(path: &str, text: &str) -> Vec<String> {
    let count = words(text, "fuzzing").count();
    let most = usize::from(path == "src/crypto/seal.rs");
    if !path.starts_with("src/crypto/") || count == most {
        return Vec::new();
    }
    vec![format!("{path}: 'fuzzing' {count} times and not {most}")]
}

/// FR-07: a build that may leave this house has real MACs.
fn release_refuses_the_fuzzer(path: &str, text: &str) -> Vec<String> {
    let guard = "#[cfg(all(fuzzing, not(all(feature = \"fuzzing\", debug_assertions))))]\n\
                 compile_error!(";
    let is_fine = path != "src/lib.rs" || text.contains(guard);
    if is_fine { Vec::new() } else { vec![format!("{path}: nothing keeps cfg(fuzzing) out")] }
}

#[test]
fn arrows_point_down_only() {
    holds(layers);
    is_quiet(layers, "src/wire/a.rs", "use crate::base::ids::Name;\n// crate::node\n");
    rings(
        layers,
        "src/wire/a.rs",
        "use crate::{base, crypto::hmac};",
        ":1: wire may not name crypto",
    );
    rings(
        layers,
        "src/session/a.rs",
        "\nlet a = crate::overlay::Hop;",
        ":2: session may not name overlay",
    );
    rings(layers, "src/node/mod.rs", "use crate::cloak::Cloak;", "node may not name cloak");
    rings(layers, "src/tape/a.rs", "use crate::device::Device;", "tape may not name device");
    rings(layers, "src/node/mod.rs", "use super::cloak::Cloak;", "back door");
    rings(layers, "src/node/a.rs", "use super::super::cloak::Cloak;", "back door");
    rings(layers, "src/helpers.rs", "", "no layer");
    let test = "#[cfg(test)]\nmod tests {\n    use crate::cli::run;\n}";
    is_quiet(layers, "src/wire/a.rs", test);
}

#[test]
fn only_the_shell_touches_the_outside() {
    holds(outside);
    for word in ["use std::fs::File;", "use std::time::{Duration, Instant};", "mio::Poll::new()"] {
        rings(outside, "src/node/a.rs", word, "below the reactor");
        is_quiet(outside, "src/cli/a.rs", word);
    }
    rings(outside, "src/tape/a.rs", "std::thread::spawn(run)", "std::thread");
    is_quiet(outside, "src/wire/a.rs", "use std::net::{IpAddr, SocketAddr}; // no std::fs");
}

#[test]
fn nothing_is_kept_by_hash() {
    holds(hashes);
    rings(hashes, "src/cli/a.rs", "use std::collections::{BTreeMap, HashMap};", "no order");
}

#[test]
fn no_panic_is_caught() {
    holds(panics_caught);
    rings(panics_caught, "src/cli/a.rs", "std::panic::catch_unwind(run)", "is caught");
    is_quiet(panics_caught, "tests/sim/a.rs", "std::panic::catch_unwind(run)");
}

#[test]
fn the_fuzzer_passes_the_mac_in_one_place_and_in_no_release() {
    holds(fuzzer_in_crypto);
    rings(fuzzer_in_crypto, "src/crypto/hmac.rs", "cfg!(fuzzing)", "1 times and not 0");
    rings(fuzzer_in_crypto, "src/crypto/seal.rs", "fuzzing fuzzing", "2 times and not 1");
    rings(fuzzer_in_crypto, "src/crypto/seal.rs", "", "0 times and not 1");
    holds(release_refuses_the_fuzzer);
    rings(release_refuses_the_fuzzer, "src/lib.rs", "pub mod api;", "nothing keeps");
}
