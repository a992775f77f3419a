//! Every bound of the program, in one place.
//!
//! *Specification* bounds are part of the protocol (both ends must agree; `docs/protocol/`);
//! *implementation* bounds are ours and may change from version to version.

use std::time::Duration;

// ---- Specification --------------------------------------------------------------------------

/// Application bytes in one packet, at most.
pub const PAYLOAD_MAX: usize = 16 * 1024;
/// Bytes of a link frame's own header: length and kind.
pub const FRAME_HEADER: usize = 5;
/// Bytes of a Routing Header.
pub const ROUTE_LEN: usize = 204;
/// Bytes a Routing Header has for the places of one Name, its count included.
pub const PLACES_LEN: usize = 64;
/// Trees of the overlay a node may be in.
pub const TREES_MAX: usize = 4;
/// Trees of the overlay where nothing else is said.
pub const TREES_DEFAULT: u8 = 3;
/// Letters of the deepest place: one tree's place fills [`PLACES_LEN`] then.
pub const DEPTH_MAX: usize = PLACES_LEN - 1 - 5;
/// Edges by which a node that moved shows its old place: so many nodes on the way there may be
/// gone, less one.
pub const REDIRECT_DEPTH: usize = 4;
/// Times one packet's destination may be redirected to where it moved: each begins two phases of
/// greedy routing anew, within [`HOPS_MAX`].
pub const REDIRECTS_MAX: u8 = 4;
/// Bytes of a packet's persistent header.
pub const PERSISTENT_LEN: usize = 32;
/// Bytes before a packet's payload.
pub const HEAD_ROOM: usize = FRAME_HEADER + ROUTE_LEN + PERSISTENT_LEN;
/// Bytes of the longest Integrity Check Value of any suite.
pub const ICV_MAX: usize = 20;
/// Bytes of a whole link frame, at most.
pub const FRAME_MAX: usize = HEAD_ROOM + PAYLOAD_MAX + ICV_MAX;
/// Hops a packet may take.
pub const HOPS_MAX: u8 = 32;
/// What a packet costs of a session's credit besides its payload, in bytes: many tiny packets
/// must not hold more memory than the credit says.
pub const PACKET_COST: u64 = 512;
/// Credit of each direction of a new session before the first grant, in bytes.
pub const CREDIT_INITIAL: u64 = 128 * 1024;
/// Packets a receiver keeps beyond the first gap; what lies further is dropped and sent again.
pub const REORDER_MAX: u64 = 4096;
/// Ranges of one session in one acknowledgement.
pub const RANGES_MAX: usize = 16;
/// Sessions of one tunnel that are open at once.
pub const SESSIONS_PER_TUNNEL_MAX: usize = 4096;
/// Session serials remembered below the newest: the window in which an opening may arrive late.
pub const SERIAL_WINDOW: u64 = 8192;
/// Bytes one epoch's keys of one direction may seal before the epoch is stepped (32 GiB:
/// half of RFC 4344's 2^32 AES blocks).
pub const EPOCH_BYTES_SOFT: u64 = 1 << 35;
/// Packets one epoch's keys of one direction may seal before the epoch is stepped (2^23, the
/// bound of RFC 9001 section 6.6 for AES-GCM).
pub const EPOCH_PACKETS_SOFT: u64 = 1 << 23;
/// Age at which an epoch in use is stepped.
pub const EPOCH_AGE_SOFT: Duration = Duration::from_secs(24 * 3600);
/// Twice the soft bounds: past these nothing is sealed under the epoch any more.
pub const EPOCH_BYTES_HARD: u64 = 2 * EPOCH_BYTES_SOFT;
/// See [`EPOCH_BYTES_HARD`].
pub const EPOCH_PACKETS_HARD: u64 = 2 * EPOCH_PACKETS_SOFT;
/// Bytes of a DHT record, its signature included (BEP 44 allows 1,000).
pub const RECORD_MAX: usize = 1024;
/// Places in one record: one for each tree.
pub const RECORD_PLACES_MAX: usize = 4;
/// Records in one answer of the DHT, and Names that may claim one alias at one of its nodes. A
/// source that has two more claims there than another one gives way to it; else the next claim is
/// refused.
pub const FOUND_MAX: usize = 4;
/// Letters of an alias.
pub const ALIAS_MAX: usize = 32;
/// Keys under which a record is kept at once, each in another part of the overlay.
pub const REPLICAS: u8 = 8;
/// Nodes that a child may claim to have below it, itself included; a greater claim counts as this.
/// It is more than any overlay is meant for, so it binds liars only, and it is small enough that a
/// node's children together stay far from the end of a `u32`. Not a claim of any size draws more
/// than one copy of a key in a tree: a root gives the copies to different branches.
pub const SUBTREE_MAX: u32 = 1 << 20;
/// A record is believed no longer than this after its arrival, whatever it says.
pub const RECORD_TTL_MAX: Duration = Duration::from_secs(3600);

// ---- Implementation: time -------------------------------------------------------------------

/// A client's word that it is attached holds so long from its arrival, whatever it says; a client
/// gives it again at half of it.
pub const ATTACHMENT_TTL: Duration = Duration::from_secs(600);
/// The number of an attachment that is over is remembered this long, so that it is not begun anew.
pub const ATTACHMENT_REMEMBERED: Duration = Duration::from_secs(3600);
/// Lists of attached Names that changed go to the neighbours this often at most ...
pub const NAMES_EVERY: Duration = Duration::from_millis(100);
/// ... and those in which only lifetimes changed this long after the change.
pub const NAMES_RENEW: Duration = Duration::from_secs(60);
/// ... and one more each time ([`ATTACHMENT_BURST`]).
pub const ATTACHMENT_EVERY: Duration = Duration::from_millis(100);
/// Log lines about far ends of another version: a few at once, then one each time.
pub const VERSION_LINE_EVERY: Duration = Duration::from_secs(60);
/// See [`VERSION_LINE_EVERY`]; further ones are counted and not logged.
pub const VERSION_LINES: u32 = 4;
/// A client's attachments are checked once in this time ...
pub const ATTACH_EVERY: Duration = Duration::from_secs(10);
/// ... and a few at once.
pub const ATTACH_BURST: u32 = 10;
/// An acknowledgement waits no longer than this for company.
pub const ACK_DELAY: Duration = Duration::from_millis(5);
/// Data packets after which an acknowledgement goes out at once (Algorithm 1's `Max_i`).
pub const ACK_EVERY: u32 = 8;
/// A lost tail is probed no sooner than this.
pub const PROBE_MIN: Duration = Duration::from_millis(60);
/// A probe is repeated after twice as long each time, up to this or to the first wait.
pub const PROBE_MAX: Duration = Duration::from_secs(4);
/// A tunnel in which nothing is answered suspends no sooner than this …
pub const OUTAGE_MIN: Duration = Duration::from_millis(400);
/// … and no later than this, or twice the time that an answer may take.
pub const OUTAGE_MAX: Duration = Duration::from_secs(3);
/// A round trip that only a handshake has measured counts as no longer than this.
pub const HANDSHAKE_RTT_MAX: Duration = Duration::from_secs(3);
/// A repeated report of the same outage restarts the path again after this long, then after twice
/// that, and so on.
pub const RESTART_AGAIN: Duration = Duration::from_secs(1);
/// Re-Hello and Hello interval while something waits …
pub const REHELLO_EVERY: Duration = Duration::from_millis(250);
/// … for this long; each of them costs a third of a millisecond.
pub const REHELLO_QUICK: Duration = Duration::from_secs(60);
/// The interval after that …
pub const REHELLO_LATER: Duration = Duration::from_millis(500);
/// … until the outage is this old …
pub const REHELLO_PATIENCE: Duration = Duration::from_secs(15 * 60);
/// … and the interval from then on.
pub const REHELLO_SLOW: Duration = Duration::from_secs(1);
/// A sender held up by credit asks for news this often at most; the wait doubles to ten times it.
pub const CREDIT_PROBE: Duration = Duration::from_secs(1);
/// An unauthenticated hint (unreachable, restarted) is heeded once in this time.
pub const HINT_EVERY: Duration = Duration::from_secs(1);
/// The same obstacle to a handshake is told this often at most.
pub const TROUBLE_EVERY: Duration = Duration::from_secs(60);
/// A stopping daemon waits this long for its goodbyes to leave.
pub const GOODBYE_MAX: Duration = Duration::from_secs(1);
/// A neighbour that owes an answer is asked after this long …
pub const LINK_ASK: Duration = Duration::from_millis(200);
/// … is doubtful, and redialled in parallel, after this long …
pub const LINK_DOUBT: Duration = Duration::from_millis(400);
/// … and its link is dead after this long.
pub const LINK_DEAD: Duration = Duration::from_secs(3);
/// Who dialled a link that carried packets lately asks after a silence of this length ...
pub const KEEPALIVE: Duration = Duration::from_secs(2);
/// ... for this long after the last packet, or twice the longest pause between packets lately ...
pub const KEEPALIVE_LEAST: Duration = Duration::from_secs(10);
/// ... but no longer than this.
pub const KEEPALIVE_MOST: Duration = Duration::from_secs(120);
/// A root's pulse is asked for when it is so late.
pub const PULSE_LATE: Duration = Duration::from_secs(3);
/// Interfaces over which an address is tried besides the one that the routes choose.
pub const ALTERNATES_MAX: usize = 4;
/// An attempt that is unanswered for this long goes on over those interfaces as well.
pub const ALTERNATES_AFTER: Duration = Duration::from_millis(100);
/// Interval of dialling while something waits.
pub const DIAL_EVERY: Duration = Duration::from_millis(100);
/// Interval of dialling while nothing waits.
pub const DIAL_IDLE: Duration = Duration::from_secs(1);
/// Interval of dialling while this machine has no way out, should nobody say that it has one.
pub const DIAL_OFFLINE: Duration = Duration::from_secs(1);
/// Interval between an attempt at dialling and one for which a changed path is the reason.
pub const DIAL_AGAIN: Duration = Duration::from_millis(25);
/// An attempt at dialling is given up after this long, unless the one before it is twice as old ...
pub const DIAL_MAX: Duration = Duration::from_secs(1);
/// ... and the oldest one after this long: two round trips of half a minute.
pub const DIAL_LONGEST: Duration = Duration::from_secs(75);
/// A neighbour counts as waited for this long after the last packet for it: as long as the quick
/// Re-Hellos last, because who only *receives* has nothing to send that would say so.
pub const WANTED_FOR: Duration = REHELLO_PATIENCE;
/// Dialling found this node itself: tried again this seldom, should the address move.
pub const DIAL_SELF: Duration = Duration::from_secs(30);
/// Two links that both ends proved within this time of each other, or within four round trips, may
/// have crossed: longer than two attempts take that began at the same time.
pub const CROSSING: Duration = Duration::from_secs(10);
/// The link that lost a crossing is closed by the end that dialled it after this long.
pub const SPARE_KEPT: Duration = Duration::from_secs(1);
/// A link between neighbours whose queue does not move for this long is dead, whatever its far end
/// says: an end that answers and never reads keeps memory for nothing.
pub const LINK_STALLED: Duration = Duration::from_secs(30);
/// One source may open a link this often at a public listener ...
pub const SOURCE_LINK_EVERY: Duration = Duration::from_millis(50);
/// ... after a burst of this many: an honest end dials every [`DIAL_EVERY`]. What is over the rate
/// is closed unheard.
pub const SOURCE_LINK_BURST: u32 = 64;
/// All sources together may open a link this often, which bounds the public-key work of proofs ...
pub const STRANGER_EVERY: Duration = Duration::from_millis(5);
/// ... after a burst of this many.
pub const STRANGER_BURST: u32 = 400;
/// A stranger's link that carried a packet within this time is not closed for another stranger's.
pub const STRANGER_IDLE: Duration = Duration::from_secs(10);
/// A new connection proves its Name in this time or is closed: a round trip of half a minute.
pub const PROOF_MAX: Duration = Duration::from_secs(40);
/// Packets for a neighbour that is away are kept this long.
pub const AWAY_KEPT: Duration = Duration::from_millis(600);
/// What a neighbour that is away served is remembered this long.
pub const AWAY_KNOWN: Duration = Duration::from_secs(60);
/// An unreachable destination is reported this often at most.
pub const UNREACHABLE_EVERY: Duration = Duration::from_millis(100);
/// Hellos of known Names that show a cookie are answered this often.
pub const HELLOS_EVERY: Duration = Duration::from_millis(10);
/// A cookie is good for this long, and up to twice as long.
pub const COOKIE_LIFE: Duration = Duration::from_secs(60);
/// A handshake that the peer has not confirmed is begun again after this long, beside the first.
pub const BEGIN_AGAIN: Duration = Duration::from_secs(1);
/// An unconfirmed tunnel is replaced by another handshake of its peer only this long after its own
/// Finished last arrived: longer than [`REHELLO_SLOW`].
pub const FINISHED_KEPT: Duration = Duration::from_secs(3);
/// Who is asked because of a hint has a round trip to answer, and at least so much longer.
pub const HINT_WAIT_MIN: Duration = Duration::from_millis(10);
/// A handshake that hears nothing is forgotten after this long by the side that answered.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A root of a tree says that it lives this often …
pub const ROOT_PULSE: Duration = Duration::from_secs(30);
/// … and is given up when it has not for this long.
pub const ROOT_EXPIRY: Duration = Duration::from_secs(75);
/// A root that is gone sooner than this after a tree began to follow it has the next ones wait ...
pub const ROOT_FLAP: Duration = Duration::from_secs(10);
/// ... for this long, twice that for each in a row, 32 times at most: those that have been heard of
/// for less than that are not followed ...
pub const ROOT_DAMPING: Duration = Duration::from_secs(1);
/// ... until none was gone so soon for this long.
pub const ROOT_DAMPING_RESET: Duration = Duration::from_secs(60);
/// Who loses the root itself asks for another way to it only after this long: the root's other
/// neighbours lose it in the same moment.
pub const ROOT_HOLD: Duration = Duration::from_millis(300);
/// News of a tree that nobody waits for goes to each neighbour this often at most.
pub const STANDING_EVERY: Duration = Duration::from_millis(10);
/// A neighbour that was asked to be the parent answers within this time, or within two of its
/// link's round trips, or another is asked.
pub const WISH_MAX: Duration = Duration::from_secs(1);
/// A parent that refused is not asked again for this long.
pub const REFUSED_FOR: Duration = Duration::from_secs(10);
/// A better parent under the same root is taken this often at most, after the first few.
pub const REPARENT_EVERY: Duration = Duration::from_secs(15);
/// Nodes that a full parent named are dialled this often at most, after the first few.
pub const REFERRED_EVERY: Duration = Duration::from_secs(8);
/// Such a node must be of use in some tree in this time, and whenever as much has passed.
pub const REFERRED_KEPT: Duration = Duration::from_secs(5);
/// A child that left finds its letter again for this long.
pub const LETTER_LEASE: Duration = Duration::from_secs(300);
/// Who moved in a tree is looked for where it was for this long.
pub const REDIRECT_KEPT: Duration = Duration::from_secs(60);
/// A place under a former root is known for this long.
pub const FORMER_ROOT_KEPT: Duration = Duration::from_secs(60);
/// A node that moved says so where it was this long after it came to rest.
pub const REDIRECT_SOON: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];
/// A neighbour that has not said in this time how it stands in a tree is routed statically.
pub const STANDING_GRACE: Duration = Duration::from_millis(500);
/// Who was talked to in this time hears at once when a client moves.
pub const INTRODUCED_FOR: Duration = Duration::from_secs(3600);
/// Who asks a peer in vain for this long asks on another course: twice and a bit.
pub const DETOUR_AFTER: Duration = Duration::from_millis(600);
/// A course that was answered where the usual one was not is kept for this long …
pub const DETOUR_KEPT: Duration = Duration::from_secs(60);
/// … and twice as long each further time, up to this.
pub const DETOUR_KEPT_MAX: Duration = Duration::from_secs(3600);
/// A local application has this long to say what it wants (SOCKS5, control).
pub const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Life of the records of this node's clients: three times [`PUBLISH_EVERY`].
pub const RECORD_TTL: Duration = Duration::from_secs(540);
/// A record is stored again this often, give or take a fifth.
pub const PUBLISH_EVERY: Duration = Duration::from_secs(180);
/// A changed record is stored again this long after the change, besides.
pub const PUBLISH_SOON: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
/// A lookup asks so many replicas more at each of these times after its start.
pub const LOOKUP_WAVES: [(Duration, u8); 5] = [
    (Duration::ZERO, 3),
    (Duration::from_millis(500), 2),
    (Duration::from_secs(1), 1),
    (Duration::from_secs(2), 1),
    (Duration::from_secs(4), 1),
];
/// A lookup without any answer ends after this long, and four round trips of the quickest link.
pub const LOOKUP_MAX: Duration = Duration::from_secs(6);
/// After the first answer a lookup waits this long for a second one.
pub const LOOKUP_SECOND: Duration = Duration::from_millis(100);
/// Where one replica has answered in vain, those asked with it are waited for this long, and two
/// round trips of the quickest link.
pub const LOOKUP_REST: Duration = Duration::from_millis(300);
/// Links that a flooded lookup goes over at most.
pub const FLOOD_HOPS: u8 = 4;
/// Neighbours that a node floods a lookup to: half of them those that it dialled, that can be
/// dialled and that are the oldest, the others as the lookup's nonce chooses.
pub const FLOOD_FANOUT: usize = 8;
/// Flooded lookups of one source that are accepted at once, and one more each time ...
pub const FLOOD_OWN_BURST: u32 = 4;
/// ... of this long; what is more is taken from what all sources share ...
pub const FLOOD_OWN_EVERY: Duration = Duration::from_secs(1);
/// ... which is so many at once, and one more each time ...
pub const FLOOD_BURST: u32 = 40;
/// ... of this long, or else dropped.
pub const FLOOD_EVERY: Duration = Duration::from_millis(50);
/// A CLOAK node forwards so many Hellos of one source at once, and one more each time ...
pub const HELLO_BURST: u32 = 2000;
/// ... of this long. What is more is dropped, for this source alone: each may be answered.
pub const HELLO_EVERY: Duration = Duration::from_millis(1);
/// What was not found is not asked for again for this long.
pub const ABSENT_FOR: Duration = Duration::from_secs(2);
/// An application waits no longer than this for the Name of an alias.
pub const SEEK_MAX: Duration = Duration::from_secs(25);
/// What an overlay node learns is kept on the disk this long after it changed ...
pub const REMEMBER_AFTER: Duration = Duration::from_secs(1);
/// ... and this often at most.
pub const REMEMBER_EVERY: Duration = Duration::from_secs(60);
/// The number that is kept as above all own ones in the trees is so far above: numbers are
/// milliseconds, so it is kept anew hardly once an hour.
pub const NUMBERS_AHEAD: u64 = 1 << 22;
/// A record that proved wrong is asked for again this often at most; where asking brings nothing
/// newer the wait doubles ...
pub const DOUBT_EVERY: Duration = Duration::from_millis(500);
/// ... up to this.
pub const DOUBT_MAX: Duration = Duration::from_secs(8);
/// A record past its life is still used for this long where no newer one can be had.
pub const STALE_KEPT: Duration = Duration::from_secs(3600);
/// One neighbour may bring a burst of errands, and one more each time ...
pub const ERRAND_EVERY: Duration = Duration::from_millis(5);
/// ... of this many. Neighbours are counted one by one; what is more is dropped. Of more than
/// [`NEIGHBOURS_MAX`] the one that brought least lately is forgotten.
pub const ERRAND_BURST: u32 = 1000;
/// What one source causes to be logged is said once more after this long, with its number ...
pub const LOG_EVERY: Duration = Duration::from_secs(1);
/// ... and after up to this long while the source goes on.
pub const LOG_EVERY_MAX: Duration = Duration::from_secs(60);
/// One source may cause a verification (a tenth of a millisecond) in this time on the average ...
pub const VERIFY_EVERY: Duration = Duration::from_micros(2500);
/// ... and so many at once: what waits is the newest of each neighbour and tree, the rest is lost.
pub const VERIFY_BURST: u32 = 2000;
/// The same of all sources together whose last word held ...
pub const PROVEN_EVERY: Duration = Duration::from_millis(1);
/// ... at once: two forests of the widest node that all change.
pub const PROVEN_BURST: u32 = 6000;
/// The same of all other sources together ...
pub const UNPROVEN_EVERY: Duration = Duration::from_micros(2500);
/// ... at once.
pub const UNPROVEN_BURST: u32 = 2000;
/// Next hops that a node caches; where there are more, all of them are decided anew. A source that
/// asks for ever new ones has each packet decided as if none were cached.
pub const NEXT_HOPS_CACHED: usize = 1024;
/// Verifications of one turn: 10 ms at most, in which no packet passes ...
pub const VERIFY_BATCH: u32 = 50;
/// ... before all links have a turn again.
pub const VERIFY_PAUSE: Duration = Duration::from_millis(1);
/// Words with a false signature after which a link ends: an honest node passes on none, because it
/// verified all that it says.
pub const VIOLATIONS_MAX: u32 = 8;
/// A node looks this often at most for records that another keeps now: a child that changes its
/// size without end must not have all of them looked at each time.
pub const HAND_OVER_LOOK: Duration = Duration::from_secs(1);
/// Records that have to leave go in groups of [`HAND_OVER_GROUP`], one group each time.
pub const HAND_OVER_EVERY: Duration = Duration::from_millis(50);

// ---- Implementation: memory -----------------------------------------------------------------

/// Default budget of a daemon's packet memory, in bytes.
pub const MEMORY_DEFAULT: usize = 256 << 20;
/// Least budget a daemon accepts.
pub const MEMORY_MIN: usize = 16 << 20;
/// Bytes of unused buffers that a daemon keeps for the next packets: enough for the windows of some
/// busy sessions, so that steady state allocates nothing. What is beyond goes back to the system.
pub const IDLE_MAX: usize = 4 << 20;
/// Default bound of one session's log and of its credit, in bytes.
pub const WINDOW_DEFAULT: usize = 4 << 20;
/// Least bound of a session.
pub const WINDOW_MIN: usize = 256 << 10;
/// Bytes a link may read beyond the frame it is waiting for.
pub const READ_AHEAD: usize = 1024;
/// Frames up to this are copied out of what was read: the smallest buffer holds one, where its
/// read would pin a larger one.
pub const FRAME_COPY_MAX: usize = 512;
/// Bytes of a frame that an unproved end may send: a Hello or a proof, and nothing longer.
pub const UNPROVED_FRAME_MAX: usize = 128;
/// Bytes queued for one link before its sources are held back.
pub const LINK_QUEUE: usize = 512 << 10;
/// Bytes queued for one link above which packets are dropped.
pub const LINK_QUEUE_MAX: usize = 4 << 20;
/// A packet that leaves more than this behind it in a relay's queue is marked as congested.
pub const LINK_MARK: usize = 256 << 10;
/// Links at a public listener, where the system has descriptors for more; the source with most of
/// them gives up its idlest one for a new one.
pub const STRANGERS_MAX: usize = NEIGHBOURS_MAX / 4 * 3;
/// Of those, the links of one source; its idlest one goes for a new one.
pub const SOURCE_LINKS_MAX: usize = 128;
/// Links at a public listener whose far end has not proved its Name; the source with most of them
/// gives up its oldest one for a new one.
pub const UNPROVED_MAX: usize = 128;
/// Of those, the links of one source; its oldest one goes for a new one.
pub const SOURCE_UNPROVED_MAX: usize = 16;
/// Sources whose rate of new links is remembered: those that are within their rate are forgotten
/// first, and where none is, a further source has the common rate alone.
pub const SOURCES_MAX: usize = 1024;
/// Bytes kept for one neighbour or client that is away; the oldest packet goes first. Where the
/// memory for all of them is full, it goes of the one for whom most is kept.
pub const AWAY_BYTES: usize = 1 << 20;
/// Attempts at dialling one peer that are under way at once: enough that a black hole, which keeps
/// each for [`DIAL_MAX`] and one of each age and twice that age up to [`DIAL_LONGEST`], never keeps
/// the next from starting after [`DIAL_EVERY`].
pub const DIAL_TRIES: usize = 20;
/// Unreachable destinations whose reports are spaced. Where there are more at once, the neighbour
/// with most of them gets no more reports, and one of its goes for each of another's.
pub const UNREACHABLE_MAX: usize = 256;
/// Roots of one tree whose last number is remembered. The one that advanced longest ago goes first,
/// never one that a neighbour stands under: one source holds as many as it makes up.
pub const ROOTS_KNOWN: usize = 64;
/// Signatures of trees remembered as verified; the oldest goes first. Who makes up others has this
/// node verify again, and pays for it out of its budget.
pub const VERIFIED_KNOWN: usize = 4096;
/// Names whose latest edge in one tree is remembered. When they are more, those go that no
/// neighbour speaks of now; what neighbours speak of is bounded by their number.
pub const EDGES_KNOWN: usize = 4096;
/// Former places below one node of a tree that packets are redirected from. The oldest goes below
/// the child with most of them ...
pub const REDIRECTS_KNOWN: usize = 256;
/// ... and those below one of its children.
pub const REDIRECTS_PER_CHILD: usize = 8;
/// Former roots under which the places of one node are known, in all trees together; the oldest
/// goes first, so places under it are unknown as they would be without this memory.
pub const FORMER_ROOTS: usize = 8;
/// Former places of its own that a node in a tree tells where it is.
pub const FORMER_PLACES: usize = 4;
/// Pairs of a client and a peer that are told where the client has moved; the one that talked
/// longest ago goes first. Only this node's own clients make any.
pub const INTRODUCTIONS_MAX: usize = 1024;
/// Pairs of a client and a peer that ask in vain or go another way than the usual one. Those that
/// only the peer has asked for go first, so a stranger pushes out strangers only; then the oldest.
pub const DETOURS_MAX: usize = 1024;
/// Peers that were dialled with success and are dialled again where none is configured.
pub const PEERS_REMEMBERED: usize = 8;
/// Aliases whose Names clients wait for; more are refused. Only this node's own clients make any.
pub const SEEKERS_MAX: usize = 64;
/// Lines of one kind that one source has logged at once; more are counted and said as one.
pub const LOG_BURST: u32 = 4;
/// A source that was quiet for so long, and for the interval of its last lines, begins anew.
pub const LOG_QUIET: Duration = Duration::from_secs(10);
/// Sources of one kind of line that are told apart. Nothing is evicted: later ones share one count
/// until an interval is over.
pub const LOG_SOURCES: usize = 8;
/// Descriptors that a process is taken to have where nothing is said: the usual soft limit.
pub const DESCRIPTORS_DEFAULT: usize = 1024;
/// Control connections of one CLOAK node.
pub const CONTROLS_MAX: usize = 16;
/// One tunnel's unread data takes one part in so many of the packet memory at most while more than
/// half of that is in use; more is dropped, not acknowledged, and comes again.
pub const TUNNEL_SHARE: usize = 8;
/// Re-Hellos of a tunnel whose send time is known. The oldest is evicted: an answer to it is no
/// round trip sample.
pub const REHELLO_TIMES_MAX: usize = 128;
/// Tunnels of one node.
pub const TUNNELS_MAX: usize = 1024;
/// Peers that are told at the start that a former run's tunnels are lost.
pub const NOTIFIED_MAX: usize = 64;
/// Handshakes that strangers may keep half open; the oldest is forgotten first.
pub const HANDSHAKES_MAX: usize = 64;
/// Handshakes that known Names, or what says it is one, may keep half open; the oldest is
/// forgotten first, and one Name holds [`HALF_OPEN_PER_NAME`] of them at most.
pub const HALF_OPEN_MAX: usize = 1024;
/// Half-open handshakes of one Name; its oldest is forgotten first.
pub const HALF_OPEN_PER_NAME: usize = 128;
/// Hellos with a cookie that are answered to one known Name at once; in the long run it gets one
/// in so many of all such answers.
pub const HELLOS_PER_NAME: u32 = 10;
/// Links (local applications, control) of one node.
pub const LINKS_MAX: usize = 16 * 1024;
/// Neighbours and local clients of one CLOAK node.
pub const NEIGHBOURS_MAX: usize = 1024;
/// Names one CLOAK node may have attached: so many entries of a Names message fill one frame. The
/// next client is refused; each Name holds one place, and one that has left holds it for
/// [`AWAY_KEPT`]. So many records are stored for them; the one that changed longest ago goes first.
pub const NAMES_MAX: usize = 150;
/// Names that one neighbour brought, those of before included whose number is remembered. The one
/// that ends first goes; a neighbour's share is its own.
pub const ATTACHED_PER_NEIGHBOUR: usize = 2 * NAMES_MAX;
/// The same from all neighbours together. The neighbour that brought most gives one up, so many
/// neighbours with few keep theirs.
pub const ATTACHED_MAX: usize = 16 * 1024;
/// Signatures of attachments that one neighbour may have checked at once: two whole lists ...
pub const ATTACHMENT_BURST: u32 = 2 * NAMES_MAX as u32;
/// Lists with a false signature that end a neighbour's link.
pub const ATTACHMENT_FAULTS: u32 = 3;
/// Children of one node in each tree, unless fewer are wanted: there are 256 letters; one is kept
/// back and one is the node's own. When they are taken, the source with most of them gives one up
/// to a source that has two less.
pub const CHILDREN_MAX: u8 = 254;
/// Children that a full parent names instead of itself.
pub const REFERRED_MAX: usize = 8;
/// Nodes so named that are dialled at once.
pub const REFERRED_TRIES: usize = 3;
/// Links that one node keeps to nodes so named; while all are of use no more are dialled.
pub const REFERRED_LINKS: usize = 8;
/// Places of a tree in one answer: more of them nobody can tell apart in a picture.
pub const MAP_PLACES_MAX: usize = 4096;
/// Bytes of one control request.
pub const REQUEST_BYTES_MAX: usize = 4096;
/// Records handed to their new nodes at once.
pub const HAND_OVER_GROUP: usize = 16;
/// What a record that is kept costs besides its bytes.
pub const RECORD_COST: usize = 256;
/// Bytes of records kept for others. When they are full a record goes of the source that brought
/// most, there of the signer with most, the oldest; a source may hold all of it as long as no other
/// one wants its fair share, which it gets at once.
pub const STORE_BYTES_MAX: usize = 4 << 20;
/// Keys under which one Name may have records at one node: all of its Name's and its alias's. What
/// is more is refused, to that Name alone.
pub const STORE_KEYS_PER_NAME: usize = 2 * REPLICAS as usize;
/// Records learnt for the node's own use. Those that this node did not ask for go first, so a
/// stranger pushes out strangers only; then the one used longest ago.
pub const CACHE_MAX: usize = 1024;
/// Names whose highest number is remembered; as [`CACHE_MAX`].
pub const NUMBERS_MAX: usize = 4096;
/// Names and aliases remembered as not found; the one that would be forgotten first goes.
pub const ABSENT_MAX: usize = 256;
/// Aliases whose Name is pinned; more are not. Only this device's person makes any.
pub const PINS_MAX: usize = 4096;
/// Lookups under way at once. The oldest refresh of what is known ends first, then the oldest of
/// all. Only packets of this node's own clients begin any.
pub const LOOKUPS_MAX: usize = 256;
/// Flooded lookups that are remembered, so that none is flooded twice. The oldest is evicted: a
/// later copy of it ends with its hops.
pub const FLOODS_KNOWN: usize = 1024;
/// Names that one lookup of an alias may find: all that its replicas can answer.
pub const CLAIMS_MAX: usize = REPLICAS as usize * FOUND_MAX;

const _: () = assert!(PERSISTENT_LEN.is_multiple_of(16) && WINDOW_MIN as u64 >= CREDIT_INITIAL);
const _: () = assert!(MEMORY_MIN > 2 * (LINK_QUEUE_MAX / 2) && LINK_MARK < LINK_QUEUE);
const _: () = assert!(DIAL_LONGEST.as_millis() > PROOF_MAX.as_millis());
const _: () = assert!(WANTED_FOR.as_millis() > REHELLO_SLOW.as_millis());
const _: () = assert!(FINISHED_KEPT.as_millis() > 2 * REHELLO_SLOW.as_millis());
const _: () = assert!(RECORD_TTL.as_secs() == 3 * PUBLISH_EVERY.as_secs());
const _: () = assert!(RECORD_TTL.as_secs() <= RECORD_TTL_MAX.as_secs());
const _: () = assert!(NAMES_RENEW.as_secs() < ATTACHMENT_TTL.as_secs() / 2);
const _: () = assert!(SEEK_MAX.as_secs() > LOOKUP_MAX.as_secs());
// What is answered in a round trip of three seconds, after a burst, pushes nothing out.
const _: () = assert!(HALF_OPEN_PER_NAME > 20 + 10 + 3 * (10 + 10));
const _: () = assert!(HALF_OPEN_MAX > 20 + 100 + 3 * (10 + 100));
const _: () = assert!(SERIAL_WINDOW >= 2 * SESSIONS_PER_TUNNEL_MAX as u64);
