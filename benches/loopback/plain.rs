//! The least a relay can be: one blocking copy loop for each direction.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// Behind this word stand the address a relay process listens at and the one it dials.
pub(crate) const WORD: &str = "--plain-relay";
const BUFFER: usize = 64 << 10;

/// Relays until it is killed.
pub(crate) fn relay(between: &str) -> Result<()> {
    let (listen, to) = between.split_once(',').unwrap_or((between, ""));
    let listener = TcpListener::bind(listen)?;
    loop {
        let (near, _) = listener.accept()?;
        let Ok(far) = TcpStream::connect(to) else { continue };
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
        thread::spawn(move || copy(near, far));
        thread::spawn(move || copy(far_too, near_too));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
