//! The texts of single values: sizes, durations, addresses, forwards, services.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::base::ids::{Endpoint, EndpointError, Name};
use crate::base::limits::{CHILDREN_MAX, TREES_MAX};
use crate::overlay::dht::alias::Alias;

use super::failure::Wrong;

/// A number of bytes: `64M`.
pub fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = || {
        let what = format!("'{text}' is not a number of bytes");
        Wrong::new(what, "write a number, with K, M or G behind it if you like: 64M")
    };
    let (digits, unit) = match text.strip_suffix(|c: char| c.is_ascii_alphabetic()) {
        Some(digits) => (digits, text[digits.len()..].to_ascii_uppercase()),
        None => (text, String::new()),
    };
    let shift = match unit.as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(wrong()),
    };
    number(digits).and_then(|count: u64| count.checked_mul(1 << shift)).ok_or_else(wrong)
}

/// A duration: `90s`, `15m`, `12h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, Wrong> {
    let wrong = || {
        let what = format!("'{text}' is not a duration");
        Wrong::new(what, "write a number and its unit: 90s, 15m, 12h, 7d")
    };
    let digits = text.strip_suffix(['s', 'm', 'h', 'd']).ok_or_else(wrong)?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 86_400,
    };
    let seconds = number(digits).and_then(|count: u64| count.checked_mul(unit));
    seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

/// How long a session outlives its peer: a duration, or `forever`.
pub fn retention(text: &str) -> Result<Option<Duration>, Wrong> {
    if text == "forever" { Ok(None) } else { duration(text).map(Some) }
}

/// Digits and nothing else: `parse` would also take a plus sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A port of a service.
pub fn port(text: &str) -> Result<u16, Wrong> {
    number(text).filter(|port| *port != 0).ok_or_else(|| {
        Wrong::new(format!("'{text}' is not a port"), "write a number from 1 to 65535")
    })
}

const fn loopback(port: u16) -> Endpoint {
    Endpoint::Tcp(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port))
}

/// Where to dial: an endpoint, or a port of this machine.
pub fn target(text: &str) -> Result<Endpoint, Wrong> {
    if let Some(port) = number(text).filter(|port| *port != 0) {
        return Ok(loopback(port));
    }
    text.parse().map_err(|error: EndpointError| {
        Wrong::new(error.to_string(), "give one of these, or a PORT alone for 127.0.0.1")
    })
}

/// Where to listen: loopback unless it says otherwise. Port 0 lets the system choose.
pub fn listen(text: &str) -> Result<Endpoint, Wrong> {
    if let Some(port) = number(text) {
        return Ok(loopback(port));
    }
    match target(text)? {
        Endpoint::Host(host, port) if host == "localhost" => Ok(loopback(port)),
        Endpoint::Host(host, _) => Err(Wrong::new(
            format!("cannot listen at the name '{host}'"),
            "give an address of this machine, such as 127.0.0.1 or 0.0.0.0",
        )),
        at @ (Endpoint::Tcp(_) | Endpoint::Unix(_)) => Ok(at),
    }
}

/// The same, or `none`.
pub fn listen_or_none(text: &str) -> Result<Option<Endpoint>, Wrong> {
    if text == "none" { Ok(None) } else { listen(text).map(Some) }
}

/// A suite's number on the wire.
pub fn suite(text: &str) -> Result<u8, Wrong> {
    match text {
        "aes-ctr-hmac-sha1" => Ok(1),
        "aes-gcm" => Ok(2),
        "chacha20-poly1305" => Ok(3),
        _ => Err(Wrong::new(
            format!("unknown suite '{text}'"),
            "choose aes-ctr-hmac-sha1, aes-gcm or chacha20-poly1305",
        )),
    }
}

/// A number of trees.
pub fn trees(text: &str) -> Result<u8, Wrong> {
    few(text, TREES_MAX as u8, "trees")
}

/// A number of children.
pub fn children(text: &str) -> Result<u8, Wrong> {
    few(text, CHILDREN_MAX, "children")
}

fn few(text: &str, most: u8, what: &str) -> Result<u8, Wrong> {
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    let wrong =
        || Wrong::new(format!("'{text}' is no number of {what}"), format!("give 1 to {most}"));
    count.ok_or_else(wrong)
}

/// An alias to be published.
pub fn registered(text: &str) -> Result<Alias, Wrong> {
    let wrong = |_| Wrong::new(format!("'{text}' is no alias"), "give 1 to 32 of a-z, 0-9 and '-'");
    text.strip_suffix(".muses").unwrap_or(text).parse().map_err(wrong)
}

/// A forward as written: the Name may be an alias still.
#[derive(Debug, PartialEq, Eq)]
pub struct ForwardSpec<'a> {
    /// Where it listens.
    pub listen: Endpoint,
    /// Name or alias of the far device.
    pub name: &'a str,
    /// Port of the far service.
    pub port: u16,
}

/// `[BIND:]PORT:NAME:PORT` or `unix:PATH:NAME:PORT`.
pub fn forward(text: &str) -> Result<ForwardSpec<'_>, Wrong> {
    let wrong = || {
        let what = format!("'{text}' is not a forward");
        Wrong::new(what, "write [BIND:]PORT:NAME:PORT or unix:PATH:NAME:PORT, as in 2222:bob:22")
    };
    // From the right, because only the left part may hold colons of its own.
    let (rest, far) = text.rsplit_once(':').ok_or_else(wrong)?;
    let (near, name) = rest.rsplit_once(':').ok_or_else(wrong)?;
    if name.is_empty() || near == "unix" {
        return Err(wrong());
    }
    let listen = listen(near).map_err(|_| wrong())?;
    Ok(ForwardSpec { listen, name, port: port(far).map_err(|_| wrong())? })
}

/// A service as written.
#[derive(Debug, PartialEq, Eq)]
pub struct ServeSpec<'a> {
    /// Port that other devices ask for.
    pub port: u16,
    /// Where its connections go.
    pub target: Endpoint,
    /// Names or aliases that may use it.
    pub allow: Vec<&'a str>,
}

/// `PORT=TARGET[,allow=NAME...]`; further names follow as `,NAME` or `,allow=NAME`.
pub fn serve(text: &str) -> Result<ServeSpec<'_>, Wrong> {
    let wrong = |part: &str| {
        let what = format!("'{part}' is not a service");
        Wrong::new(what, "write PORT=TARGET[,allow=NAME...], as in 22=22 or 80=host:8080,allow=bob")
    };
    let (number, rest) = text.split_once('=').ok_or_else(|| wrong(text))?;
    let (at, names) = match rest.split_once(",allow=") {
        Some((at, names)) => (at, Some(names)),
        None => (rest, None),
    };
    let allow: Vec<&str> = names
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(|name| name.strip_prefix("allow=").unwrap_or(name))
        .collect();
    if allow.iter().any(|name| name.is_empty()) {
        return Err(wrong(text));
    }
    let target = target(at).map_err(|_| wrong(text))?;
    Ok(ServeSpec { port: port(number).map_err(|_| wrong(text))?, target, allow })
}

/// `LEFT=RIGHT`.
pub fn pair<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), Wrong> {
    let parts = text.split_once('=').filter(|(left, right)| !left.is_empty() && !right.is_empty());
    parts.ok_or_else(|| Wrong::new(format!("'{text}' is not {form}"), format!("write {form}")))
}

/// Checks an alias's letters.
pub fn alias(word: &str) -> Result<(), Wrong> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if word.is_empty() || word.len() > 63 || !word.bytes().all(plain) || word.starts_with('-') {
        let what = format!("'{word}' cannot be an alias");
        return Err(Wrong::new(what, "use up to 63 letters of a-z, 0-9 and '-', no '-' first"));
    }
    if word.len() == Name::LETTERS {
        let what = format!("the alias '{word}' is as long as a Name");
        return Err(Wrong::new(what, "choose a shorter or longer one"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Endpoint {
        text.parse().expect("an endpoint")
    }

    #[test]
    fn sizes_and_durations_know_their_units_and_their_bounds() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("64M"), Ok(64 << 20));
        assert_eq!(size("3k"), Ok(3072));
        for wrong in ["", "M", "12Q", "1.5G", "+1", "-1", "64MB", "99999999999G", "1 K", "é"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for wrong in ["", "s", "0s", "12", "1.5h", "99999999999999999d", "2w", "5é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(retention("forever"), Ok(None));
    }

    #[test]
    fn listening_is_on_loopback_unless_told_otherwise() {
        assert_eq!(listen("1080"), Ok(at("127.0.0.1:1080")));
        assert_eq!(listen("localhost:0"), Ok(at("127.0.0.1:0")));
        assert_eq!(listen("[::]:7"), Ok(at("[::]:7")));
        assert_eq!(listen("unix:/run/x"), Ok(at("unix:/run/x")));
        assert_eq!(listen_or_none("none"), Ok(None));
        assert!(listen("host.example:7").is_err() && listen("").is_err());
        assert_eq!(target("host.example:7"), Ok(at("host.example:7")));
        assert!(target("0").is_err() && target("70000").is_err());
    }

    #[test]
    fn forwards_are_read_from_the_right() {
        let read = |text| forward(text).map(|spec| (spec.listen, spec.name, spec.port));
        assert_eq!(read("2222:bob:22"), Ok((at("127.0.0.1:2222"), "bob", 22)));
        assert_eq!(read("[::1]:2222:bob.muses:22"), Ok((at("[::1]:2222"), "bob.muses", 22)));
        assert_eq!(read("0.0.0.0:2:bob:22"), Ok((at("0.0.0.0:2"), "bob", 22)));
        assert_eq!(read("unix:/a:b:bob:22"), Ok((at("unix:/a:b"), "bob", 22)));
        for wrong in ["", "22", "bob:22", "x:bob:22", "2222::22", "2222:bob:0", "unix:bob:22"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn services_name_their_target_and_who_may() {
        let read = |text| serve(text).map(|spec| (spec.port, spec.target, spec.allow));
        assert_eq!(read("22=22"), Ok((22, at("127.0.0.1:22"), vec![])));
        assert_eq!(read("80=h.x:8,allow=a,b"), Ok((80, at("h.x:8"), vec!["a", "b"])));
        assert_eq!(read("80=unix:/x,allow=a,allow=b"), Ok((80, at("unix:/x"), vec!["a", "b"])));
        for wrong in ["", "22", "0=22", "22=", "22=x", "22=22,allow=", "22=22,allow=a,", "22=22,a"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_alias_can_never_be_taken_for_a_name() {
        assert_eq!(alias("bob-2"), Ok(()));
        for wrong in ["", "Bob", "b.b", "-b", "b b", &"a".repeat(52), &"a".repeat(64)] {
            assert!(alias(wrong).is_err(), "{wrong}");
        }
        assert!(pair("a=", "WORD=NAME").is_err() && pair("a=b", "WORD=NAME").is_ok());
        assert_eq!(suite("aes-gcm"), Ok(2));
        assert!(suite("null").is_err());
    }
}
