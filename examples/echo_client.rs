//! Sends lines and prints what comes back: `cargo run --example echo_client -- NAME [STATE_DIR]`
//!
//! Cut the network while it runs: the next line takes longer, and nothing else happens.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::path::PathBuf;

use muses::api;

const PORT: u16 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let name = words.next().ok_or("usage: echo_client NAME [STATE_DIR]")?;
    let state = words.next().map(PathBuf::from);
    let stream = api::connect(state.as_deref(), &name, PORT)?;
    let mut answers = BufReader::new(&stream);
    for line in io::stdin().lock().lines() {
        writeln!(&stream, "{}", line?)?;
        let mut answer = String::new();
        if answers.read_line(&mut answer)? == 0 {
            return Err("the server ended the session".into());
        }
        io::stdout().write_all(answer.as_bytes())?;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(())
}
