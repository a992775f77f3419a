//! A hostile relay: it sits on the path of a link, which is bare once it is proved, and may delay,
//! drop and make up frames of both directions.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Chunks under way in one direction; with the delay they bound what the path carries.
const UNDER_WAY: usize = 16 << 10;

/// What becomes of a frame.
#[derive(Default)]
pub(crate) struct Verdict {
    /// It does not arrive.
    pub(crate) is_dropped: bool,
    /// Frames that go back to who sent it.
    pub(crate) back: Vec<Vec<u8>>,
    /// Frames that go ahead of it.
    pub(crate) ahead: Vec<Vec<u8>>,
}

/// Looks at a frame: whether it comes from the caller, its kind, its body.
pub(crate) type Look = dyn Fn(bool, u8, &[u8]) -> Verdict + Send + Sync;

type Chunk = (Instant, Vec<u8>);

/// Carries links to `target` with a delay each way; gives the address to dial. Ends with the
/// process.
pub(crate) fn relay(
    target: SocketAddr,
    delay: Duration,
    look: impl Fn(bool, u8, &[u8]) -> Verdict + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let at = listener.local_addr().expect("bound");
    let look: Arc<Look> = Arc::new(look);
    thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let look = Arc::clone(&look);
            if let Ok(called) = TcpStream::connect(target) {
                carry(caller, called, delay, look);
            }
        }
    });
    at
}

/// The same without looking at anything.
pub(crate) fn delay(target: SocketAddr, delay: Duration) -> SocketAddr {
    relay(target, delay, |_, _, _| Verdict::default())
}

fn carry(caller: TcpStream, called: TcpStream, delay: Duration, look: Arc<Look>) {
    let [(to_called, called_reads), (to_caller, caller_reads)] =
        [sync_channel(UNDER_WAY), sync_channel(UNDER_WAY)];
    let pairs = [(&caller, caller_reads), (&called, called_reads)];
    for (stream, chunks) in pairs {
        let _ = stream.set_nodelay(true);
        let stream = stream.try_clone().expect("a socket");
        thread::spawn(move || write(&stream, &chunks));
    }
    let ways = [(true, caller, to_called.clone(), to_caller.clone())];
    let ways = ways.into_iter().chain([(false, called, to_caller, to_called)]);
    for (is_caller, stream, ahead, back) in ways {
        let look = Arc::clone(&look);
        thread::spawn(move || {
            let _ = read(is_caller, &stream, (&ahead, &back), delay, &*look);
            let _ = ahead.send((Instant::now(), Vec::new()));
        });
    }
}

fn write(mut stream: &TcpStream, chunks: &Receiver<Chunk>) {
    for (due, bytes) in chunks {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if bytes.is_empty() || stream.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(
    is_caller: bool,
    mut stream: &TcpStream,
    (ahead, back): (&SyncSender<Chunk>, &SyncSender<Chunk>),
    delay: Duration,
    look: &Look,
) -> io::Result<()> {
    let (mut unread, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        unread.extend_from_slice(&chunk[..count]);
        let (mut passed, mut at) = (Vec::new(), 0);
        while let Some(length) = frame_length(&unread[at..]) {
            let frame = &unread[at..at + length];
            at += length;
            let verdict = look(is_caller, frame[4], &frame[5..]);
            passed.extend(verdict.ahead.concat());
            if !verdict.is_dropped {
                passed.extend_from_slice(frame);
            }
            if !verdict.back.is_empty() {
                let _ = back.try_send((Instant::now() + delay, verdict.back.concat()));
            }
        }
        unread.drain(..at);
        if !passed.is_empty() && ahead.send((Instant::now() + delay, passed)).is_err() {
            return Ok(());
        }
    }
}

/// The length of a whole frame at the beginning of these bytes.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let length = usize::try_from(length).ok()? + 4;
    (length > 4 && bytes.len() >= length).then_some(length)
}
