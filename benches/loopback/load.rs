//! What goes through a path.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use super::path::Path;

const BLOCK: usize = 64 << 10;
const PING: usize = 64;
const CONNECTIONS: usize = 50;

/// How much of it.
pub(crate) struct Load {
    /// Moved in a transfer, in 10^9 bytes.
    pub(crate) gigabytes: f64,
    pings: usize,
}

/// The application's end and the service's.
fn connect(path: &Path) -> Result<(TcpStream, TcpStream)> {
    let near = TcpStream::connect(path.entry)?;
    let (far, _) = path.exit.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

impl Load {
    pub(crate) fn new(gigabytes: f64, pings: usize) -> Self {
        Self { gigabytes, pings }
    }

    /// Moves bytes to a reader that throws them away; Gbit/s, of the application's bytes.
    pub(crate) fn transfer(&self, path: &Path) -> Result<f64> {
        let (mut near, mut far) = connect(path)?;
        let total = (self.gigabytes * 1e9) as usize;
        let since = Instant::now();
        let writer = thread::spawn(move || {
            let block = vec![7; BLOCK];
            let mut left = total;
            while left > 0 {
                let count = left.min(BLOCK);
                near.write_all(&block[..count])?;
                left -= count;
            }
            Ok::<TcpStream, Error>(near)
        });
        let (mut waste, mut left) = (vec![0; 4 * BLOCK], total);
        while left > 0 {
            match far.read(&mut waste)? {
                0 => return Err(Error::other("the stream ended early")),
                count => left -= count,
            }
        }
        let rate = total as f64 * 8.0 / since.elapsed().as_secs_f64() / 1e9;
        writer.join().map_err(|_| Error::other("the writer failed"))??;
        Ok(rate)
    }

    /// Seconds from a small message to its echo, one at a time.
    pub(crate) fn pings(&self, path: &Path) -> Result<Vec<f64>> {
        let (mut near, mut far) = connect(path)?;
        let echo = thread::spawn(move || {
            let mut message = [0; PING];
            while far.read_exact(&mut message).is_ok() && far.write_all(&message).is_ok() {}
        });
        let mut message = [7; PING];
        let mut times = Vec::with_capacity(self.pings);
        for _ in 0..self.pings {
            let since = Instant::now();
            near.write_all(&message)?;
            near.read_exact(&mut message)?;
            times.push(since.elapsed().as_secs_f64());
        }
        drop(near);
        echo.join().map_err(|_| Error::other("the echo failed")).map(|()| times)
    }

    /// Seconds from the start of a connection to the first byte of a service that speaks first.
    pub(crate) fn first_bytes(&self, path: &Path) -> Result<Vec<f64>> {
        let listener = path.exit.try_clone()?;
        let service = thread::spawn(move || {
            for _ in 0..CONNECTIONS {
                let (mut far, _) = listener.accept()?;
                far.write_all(b"!")?;
            }
            Ok::<(), Error>(())
        });
        let mut times = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let since = Instant::now();
            let mut near = TcpStream::connect(path.entry)?;
            near.read_exact(&mut [0])?;
            times.push(since.elapsed().as_secs_f64());
        }
        service.join().map_err(|_| Error::other("the service failed"))??;
        Ok(times)
    }
}
