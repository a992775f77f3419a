//! A program's options as one table.
//!
//! The parser, `--help`, the keys of the configuration file and the man page all come from it,
//! so none of them can know an option that the others do not.

/// How often an option may be given, and whether it has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// No value; counts.
    Nothing,
    /// One value, once.
    One,
    /// One value, any number of times.
    Many,
    /// `WORD=VALUE`, any number of times; in the configuration file a table will do as well.
    Pairs,
}

/// Where an option may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On the command line and in the configuration file.
    Both,
    /// On the command line only.
    Line,
    /// On the command line, and no text for people speaks of it.
    Hidden,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// One letter, or nothing.
    pub short: &'static str,
    /// The word, on the command line behind `--`, in the file as it is.
    pub long: &'static str,
    /// What stands for its value in texts.
    pub value: &'static str,
    /// How it is given.
    pub takes: Takes,
    /// Where it is given.
    pub place: Where,
    /// One line.
    pub about: &'static str,
    /// More, for the man page.
    pub more: &'static str,
}

impl Flag {
    /// An option of both places with one value.
    pub(super) const fn one(long: &'static str, value: &'static str, about: &'static str) -> Self {
        let (takes, place) = (Takes::One, Where::Both);
        Self { short: "", long, value, takes, place, about, more: "" }
    }

    /// The same, any number of times.
    pub(super) const fn many(long: &'static str, value: &'static str, about: &'static str) -> Self {
        Self { takes: Takes::Many, ..Self::one(long, value, about) }
    }

    /// An option of the command line without a value.
    pub(super) const fn bare(long: &'static str, about: &'static str) -> Self {
        let (takes, place) = (Takes::Nothing, Where::Line);
        Self { short: "", long, value: "", takes, place, about, more: "" }
    }

    const fn short(self, short: &'static str) -> Self {
        Self { short, ..self }
    }

    const fn pairs(self) -> Self {
        Self { takes: Takes::Pairs, ..self }
    }

    pub(super) const fn line(self) -> Self {
        Self { place: Where::Line, ..self }
    }

    const fn more(self, more: &'static str) -> Self {
        Self { more, ..self }
    }
}

/// A program, or a command of one.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// As it is called.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// What may stand behind the name, one line each.
    pub usage: &'static [&'static str],
    /// Options, in the order of the help.
    pub flags: &'static [Flag],
    /// Its commands: name and one line.
    pub commands: &'static [(&'static str, &'static str)],
    /// What the options do not say.
    pub notes: &'static str,
    /// What it is for, and the line that does it.
    pub examples: &'static [(&'static str, &'static str)],
}

impl Program {
    /// The option with this word.
    #[must_use]
    pub fn flag(&self, long: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.long == long)
    }

    /// The words that people may write, for the nearest to a wrong one.
    pub fn words(&self, place: Where) -> impl Iterator<Item = &'static str> {
        let wanted = move |flag: &&Flag| match place {
            Where::Both => flag.place == Where::Both,
            Where::Line | Where::Hidden => flag.place != Where::Hidden,
        };
        self.flags.iter().filter(wanted).map(|flag| flag.long)
    }
}

pub(super) const HELP: Flag = Flag::bare("help", "Print this help").short("h");
pub(super) const VERSION: Flag = Flag::bare("version", "Print the version").short("V");
pub(super) const MAN: Flag =
    Flag { place: Where::Hidden, ..Flag::bare("man", "Print the man page") };
const VERBOSE: Flag =
    Flag::bare("verbose", "Log more: -v transitions, -vv packets (or MUSES_LOG=debug)").short("v");
const CONFIG: Flag =
    Flag::one("config", "FILE", "Read options from a TOML file first").line().more(
        "Its keys are the words of this page without the dashes; what may be given several \
           times is a list, and WORD=VALUE pairs may be a table. The command line replaces single \
           values and adds to lists. Relative paths start at the file's directory.",
    );
const RECORD: Flag =
    Flag::one("record", "FILE", "Write a tape for 'muses replay'; it holds keys and plaintext")
        .more(
            "The file is made with mode 0600. Give it to nobody who may not read what went \
               through the daemon.",
        );
const LISTEN: Flag =
    Flag::one("listen", "ADDR", "Accept overlay neighbours here [default: nowhere]");
const PEER: Flag = Flag::many("peer", "ADDR", "Keep a link to the overlay neighbour there");

const NO_SANDBOX: Flag = Flag {
    place: Where::Both,
    ..Flag::bare("no-sandbox", "Leave files, system calls and memory of the daemon unconfined")
}
.more(
    "Without it the daemon can open no file outside its state directory but those that looking up \
       host names needs, can start no program, and can neither be debugged nor dump its memory.",
);

const TREES: Flag =
    Flag::one("trees", "N", "Be in this many trees of the overlay, 1 to 4 [default: 3]").more(
        "More trees give shorter ways and outlive more dead nodes, for more upkeep. Nodes of one \
           overlay should agree.",
    );
const CHILDREN: Flag =
    Flag::one("children", "N", "Take this many children in each tree, 1 to 254 [default: 254]")
        .more("Who comes later is told of those children, and dials them.");
const ROOT: Flag =
    Flag::many("root", "NAME", "Prefer this node as a root of the trees [default: by Name]")
        .more("For private overlays: nodes that are always there, the same list on every node.");

const ADDR: &str = "ADDR is HOST:PORT, [IPV6]:PORT, unix:PATH, or a PORT alone, which means \
    127.0.0.1. NAME is a Name of 52 letters or an alias, with or without '.muses'. BYTES takes \
    K, M or G; DURATION takes s, m, h or d.";

/// The daemon of a device.
pub const NODE: Program = Program {
    name: "muses-node",
    about: "the daemon of a device: carries TCP connections that outlive the network",
    usage: &["[OPTION]..."],
    commands: &[],
    flags: &[
        Flag::one("cloak", "ADDR", "Use the cloak-node there instead of the embedded one"),
        LISTEN,
        PEER,
        TREES,
        CHILDREN,
        ROOT,
        Flag::one("register", "WORD", "Offer others this alias of the device in the overlay").more(
            "Others reach it as WORD.muses and pin the Name they found first. Everybody may claim \
             any word: where a Name matters, give it with --alias.",
        ),
        Flag::one("socks", "ADDR|none", "Serve SOCKS5 here [default: 127.0.0.1:1080]"),
        Flag::many("forward", "SPEC", "Forward a local port: [BIND:]PORT:NAME:PORT")
            .short("L")
            .more("BIND is an address, [::1] for instance, and 127.0.0.1 if left out; \
                   unix:PATH:NAME:PORT listens on a Unix socket."),
        Flag::many("serve", "PORT=TARGET", "Serve a port to others; ,allow=NAME... limits to whom")
            .more("TARGET is HOST:PORT, unix:PATH, or a PORT alone, which means 127.0.0.1. \
                   Names behind ',allow=' may use this service besides those of --allow."),
        Flag::many("allow", "NAME", "Let this device use every service [default: nobody]"),
        Flag::many("alias", "WORD=NAME", "An own word for a Name: a-z, 0-9 and '-'").pairs(),
        Flag::many("psk", "NAME=FILE", "Also demand a secret shared with this device").pairs().more(
            "The file must not be readable by others and hold at least 16 bytes; white space at \
             both ends does not count. Both devices need the same secret.",
        ),
        Flag::one("suite", "SUITE", "aes-ctr-hmac-sha1 [default], aes-gcm or chacha20-poly1305"),
        Flag::one("retain", "DURATION", "End a session whose peer is away this long [default: forever]"),
        Flag::one("memory", "BYTES", "Bound of all packet memory [default: 256M]"),
        Flag::one("window", "BYTES", "Bound of one session's unacknowledged bytes [default: 4M]"),
        Flag::one("state", "DIR", "Identity and control socket [default: ~/.local/state/muses]")
            .more("$XDG_STATE_HOME is heeded. One daemon at a time uses a directory."),
        CONFIG,
        RECORD,
        NO_SANDBOX,
        VERBOSE,
        HELP,
        VERSION,
        MAN,
    ],
    notes: ADDR,
    examples: &[
        ("This device's Name, to give to others", "muses key"),
        ("Let Bob in to ssh, over a relay", "muses-node --peer relay.example:7001 --serve 22=22,allow=BOBSNAME"),
        ("Reach him", "muses-node --peer relay.example:7001 --alias bob=BOBSNAME -L 2222:bob:22"),
        ("The same for curl", "curl --socks5-hostname 127.0.0.1:1080 http://bob.muses:8080/"),
        ("The same for ssh", "ssh -o 'ProxyCommand muses connect %h %p' bob.muses"),
    ],
};

/// The overlay daemon.
pub const CLOAK: Program = Program {
    name: "cloak-node",
    about: "the overlay daemon: relays packets between neighbours and serves local muses-nodes",
    usage: &["[OPTION]..."],
    commands: &[],
    flags: &[
        LISTEN,
        Flag::one("local", "ADDR|none", "Serve local muses-nodes here [default: 127.0.0.1:7000]"),
        PEER,
        TREES,
        CHILDREN,
        ROOT,
        Flag::one("routes", "FILE", "Route statically, a line each: DESTINATION via NEXT").more(
            "DESTINATION is a Name. NEXT is a neighbour's Name, or its address as given to \
             --peer. Neighbours and the Names attached to them need no route.",
        ),
        Flag::one("state", "DIR", "Identity and control socket [default: ~/.local/state/cloak]")
            .more("$XDG_STATE_HOME is heeded. One daemon at a time uses a directory."),
        CONFIG,
        RECORD,
        NO_SANDBOX,
        VERBOSE,
        HELP,
        VERSION,
        MAN,
    ],
    notes: "ADDR is HOST:PORT, [IPV6]:PORT, unix:PATH, or a PORT alone, which means 127.0.0.1.",
    examples: &[
        ("A relay that others dial", "cloak-node --listen 0.0.0.0:7001 --local none"),
        ("The next one in a chain", "cloak-node --listen 0.0.0.0:7001 --peer relay.example:7001"),
        (
            "A device's own",
            "cloak-node --peer relay.example:7001 & muses-node --cloak 127.0.0.1:7000",
        ),
        ("How it is", "muses --state ~/.local/state/cloak status"),
    ],
};

#[cfg(test)]
mod tests {
    use super::super::commands::{COMMANDS, TOOL};
    use super::*;
    use std::collections::BTreeSet;

    fn all() -> impl Iterator<Item = &'static Program> {
        [&NODE, &CLOAK, &TOOL].into_iter().chain(COMMANDS)
    }

    #[test]
    fn no_word_or_letter_is_taken_twice() {
        for program in all() {
            let mut seen = BTreeSet::new();
            for flag in program.flags {
                assert!(seen.insert(flag.long), "{} {}", program.name, flag.long);
                assert!(flag.short.is_empty() || seen.insert(flag.short), "{}", flag.short);
                assert_eq!(flag.value.is_empty(), flag.takes == Takes::Nothing, "{}", flag.long);
            }
        }
    }

    #[test]
    fn every_command_has_its_table_and_every_table_its_command() {
        let named: Vec<String> =
            TOOL.commands.iter().map(|(name, _)| format!("muses {name}")).collect();
        let tables: Vec<&str> = COMMANDS.iter().map(|program| program.name).collect();
        assert_eq!(named, tables);
    }
}
