//! Gives back what it gets: `cargo run --example echo_server -- [STATE_DIR] [ALLOWED_NAME]...`
//!
//! Needs a running `muses-node`; the other side is `echo_client`.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread::Builder;

use muses::api;

const PORT: u16 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let state = words.next().map(PathBuf::from);
    let allow: Vec<String> = words.collect();
    let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
    let mut listener = api::listen(state.as_deref(), PORT, &allow)?;
    loop {
        let (stream, peer) = listener.accept()?;
        writeln!(io::stdout(), "session {} from {}", peer.session, peer.name)?;
        Builder::new().spawn(move || {
            // Ends with the peer's end of stream; dropping the stream then ends ours.
            io::copy(&mut &stream, &mut &stream)
        })?;
    }
}
