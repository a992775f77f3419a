//! The tables of the person's tool and of its commands.

use super::flags::{Flag, HELP, MAN, Program, VERSION};

const STATE: Flag =
    Flag::one("state", "DIR", "The daemon's state directory [default: ~/.local/state/muses]")
        .line();
const JSON: Flag = Flag::bare("json", "Print JSON");
const PORT: Flag =
    Flag::one("port", "PORT", "The port on the receiver's device [default: 6873]").line();

/// The person's tool.
pub const TOOL: Program = Program {
    name: "muses",
    about: "use and look after the muses-node of this device",
    usage: &["[--state DIR] COMMAND [ARGUMENT]...", "COMMAND --help"],
    commands: &[
        ("connect", "Join stdin and stdout to a service of another device"),
        ("send", "Send a file"),
        ("recv", "Receive files"),
        ("status", "How is everything: device, neighbours, tunnels, sessions"),
        ("sessions", "List the sessions"),
        ("overlay", "Where this node is in the overlay, and who is what to it"),
        ("map", "Draw the part of the overlay that this node knows, as SVG"),
        ("kill", "End a session on both sides"),
        ("reconnect", "Try everything again now"),
        ("key", "Print this device's Name, making its identity if there is none"),
        ("replay", "Run a tape through the core that it was recorded from"),
        ("demo", "Cut a transfer twice and draw what happens"),
        ("sim", "Measure overlays that stand in no network"),
    ],
    flags: &[STATE, HELP, VERSION, MAN],
    notes: "",
    examples: &[
        ("Through ssh", "ssh -o 'ProxyCommand muses connect %h %p' bob.muses"),
        ("A file", "muses send photo.jpg alice      (there: muses recv --allow bob)"),
        ("Why is it stuck?", "muses status"),
    ],
};

const SIM: &[Flag] = &[
    Flag::one("graph", "KIND", "ba, as, joiners or grid [default: ba]").line(),
    Flag::one("nodes", "N", "How many nodes [default: 10000; full: 300]").line(),
    Flag::one("links", "M", "Links that each node opens, in ba and joiners [default: 2; full: 3]")
        .line(),
    Flag::one("degree", "Q", "Tree edges of a node at most, 3 to 256 [default: 256]").line(),
    Flag::one("trees", "K", "How many trees, 1 to 8 (full: to 4) [default: 3]").line(),
    Flag::one("metric", "METRIC", "tree or hyperbolic [default: tree]").line(),
    Flag::one("roots", "ORDER", "Roots by hash, or those with most links: best [default: hash]")
        .line(),
    Flag::one("dead", "PERCENT", "Nodes that die before any repair [default: 0]").line(),
    Flag::bare("spare-roots", "Let no root die"),
    Flag::one("pairs", "P", "Pairs of nodes to send between [default: 4000]").line(),
    Flag::one("loss", "PERCENT", "TCP segments that are lost and sent again [default: 0]").line(),
    Flag::one("sessions", "LAW", "Nodes come and go: exponential or heavy-tailed").line(),
    Flag::one("median", "SECONDS", "Half of the sessions are longer [default: 300]").line(),
    Flag::bare("silent", "Who goes tells nobody"),
    Flag::one("minutes", "M", "How long it is watched [default: 5]").line(),
    Flag::one("map", "FILE", "Draw the first tree in the Poincare disk, as SVG").line(),
    Flag::many("table", "NAME", "This of the tables only").line(),
    Flag::bare("quick", "Tables of smaller overlays, to see that they work"),
    Flag::one("seed", "S", "Where all that is random comes from [default: 7]").line(),
    HELP,
];

/// The commands of [`TOOL`], in its order.
pub const COMMANDS: &[Program] = &[
    command(
        "muses connect",
        "join stdin and stdout to a service of another device",
        &["[--state DIR] NAME PORT"],
        &[STATE, HELP],
        "End of file on stdin ends our direction only; end of file from there is passed on to \
         stdout at once. Made for ssh's ProxyCommand.",
        &[("Through ssh", "ssh -o 'ProxyCommand muses connect %h %p' bob.muses")],
    ),
    command(
        "muses send",
        "send a file, whole or not at all, through any outage",
        &["[--state DIR] [--port PORT] FILE NAME"],
        &[STATE, PORT, HELP],
        "Succeeds only after the receiver has the whole file on its disk and both ends have \
         computed the same SHA-256 of it.",
        &[("A file", "muses send photo.jpg alice"), ("There", "muses recv --allow bob")],
    ),
    command(
        "muses recv",
        "receive files, each whole or not at all",
        &["[--state DIR] [--dir DIR] [--port PORT] [--allow NAME]... [--once]"],
        &[
            STATE,
            Flag::one("dir", "DIR", "Put the files there [default: here]").line(),
            PORT,
            Flag::many("allow", "NAME", "Take files from this device too [default: as muses-node]")
                .line(),
            Flag::bare("once", "End after the first whole file"),
            HELP,
        ],
        "No file is ever written over: a second photo.jpg becomes 'photo (1).jpg'. Directories \
         in a sender's file name are dropped, and a leading dot becomes '_'.",
        &[("From Bob, until stopped", "muses recv --dir ~/inbox --allow bob")],
    ),
    command(
        "muses status",
        "how is everything: device, neighbours, tunnels, sessions",
        &["[--state DIR] [--json]"],
        &[STATE, JSON, HELP],
        "Each wait says its state, since when, why, and what will end it. Works on the state \
         directory of a cloak-node as well.",
        &[("Every second", "watch -n1 muses status")],
    ),
    command(
        "muses sessions",
        "list the sessions",
        &["[--state DIR] [--json]"],
        &[STATE, JSON, HELP],
        "",
        &[("The one that is stuck", "muses sessions")],
    ),
    command(
        "muses overlay",
        "where this node is in the overlay, and who is what to it",
        &["[--state DIR] [--json]"],
        &[STATE, JSON, HELP],
        "Its address, root and subtree in each tree; each neighbour's link and what the neighbour \
         is in each tree; what is held of the table of records. Works on the state directory of a \
         cloak-node as well.",
        &[("That of a cloak-node", "muses --state ~/.local/state/cloak overlay")],
    ),
    command(
        "muses map",
        "draw the part of the overlay that this node knows, as SVG",
        &["[--state DIR] [--tree N] [FILE]"],
        &[
            STATE,
            Flag::one("tree", "N", "The tree to draw, counted from 0 [default: 0]").line(),
            HELP,
        ],
        "Writes to stdout, or FILE whole or not at all. The tree is drawn in the Poincare disk \
         with its root in the middle; a node knows the ways of its neighbours to the root and the \
         places in the records that it holds. Each dot shows its Name and address when pointed at.",
        &[("Look at it", "muses map overlay.svg && xdg-open overlay.svg")],
    ),
    command(
        "muses kill",
        "end a session on both sides",
        &["[--state DIR] SESSION"],
        &[STATE, HELP],
        "SESSION is the number that 'muses sessions' shows.",
        &[("End the third", "muses kill 3")],
    ),
    command(
        "muses reconnect",
        "try everything again now",
        &["[--state DIR]"],
        &[STATE, HELP],
        "Dials every neighbour afresh and asks every suspended tunnel's peer at once.",
        &[("After the train's tunnel", "muses reconnect")],
    ),
    command(
        "muses key",
        "print this device's Name, making its identity if there is none",
        &["[--state DIR]"],
        &[STATE, HELP],
        "The Name is the public key; it may be told to anybody. The private key stays in \
         DIR/identity, and nothing ever replaces it.",
        &[("Wire up two sides by script", "bob=$(muses --state /srv/bob key)")],
    ),
    command(
        "muses replay",
        "run a tape through the core that it was recorded from",
        &["FILE"],
        &[HELP],
        "Tapes are written by --record of both daemons. Says whether the core does again what \
         it did, or where it first differs.",
        &[("Reproduce", "muses replay bug.tape")],
    ),
    command(
        "muses demo",
        "cut a transfer twice and draw what happens",
        &["[--size BYTES] [--rate BYTES|none] [--keep]"],
        &[
            Flag::one("size", "BYTES", "Size of the file [default: 256M]").line(),
            Flag::one(
                "rate",
                "BYTES|none",
                "Bytes a second the sender reads at most [default: 100M]",
            )
            .line(),
            Flag::bare("keep", "Leave files and logs behind"),
            HELP,
        ],
        "Runs two muses-nodes and two relays on loopback. One relay is killed and started again, \
         the other stopped and continued, while a file goes through. Succeeds only if the file \
         arrived whole and both returns were quick.",
        &[("A bigger one", "muses demo --size 2G --rate none")],
    ),
    command(
        "muses sim",
        "measure overlays that stand in no network",
        &[
            "light [--graph KIND] [--nodes N] [--links M] [--degree Q] [--trees K] [OPTION]...",
            "full [--graph KIND] [--nodes N] [--sessions LAW] [--minutes M] [OPTION]...",
            "tables [--table NAME]... [--seed S] [--quick]",
        ],
        SIM,
        "'light' builds the graph and the trees of one overlay and prints a row for each measure; \
         'full' lets real nodes with their links, messages and timers live in virtual time; \
         'tables' prints those of docs/OVERLAY.md, each below the command that prints it alone. \
         Equal seeds give equal figures, but for the seconds that it took.",
        &[
            ("A twentieth of ten thousand nodes dies", "muses sim light --nodes 10000 --dead 5"),
            ("A million nodes", "muses sim light --graph ba --nodes 1000000 --trees 4"),
            ("A picture", "muses sim light --nodes 300 --trees 1 --map disk.svg"),
            (
                "A thousand real nodes, five minutes each",
                "muses sim full --nodes 1000 --median 300",
            ),
            ("Every table", "muses sim tables --seed 7"),
        ],
    ),
];

const fn command(
    name: &'static str,
    about: &'static str,
    usage: &'static [&'static str],
    flags: &'static [Flag],
    notes: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Program {
    Program { name, about, usage, flags, commands: &[], notes, examples }
}
