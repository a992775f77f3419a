//! What stands at the start of a tape: enough to build the machine it was made with.

use std::io::{self, Read};

use super::intake::Intake;

const MAGIC: &[u8; 8] = b"MUSETAPE";
/// Raised with every change of the format.
pub(super) const FORMAT: u16 = 1;
/// An origin is a seed and a configuration; more than this is not one.
const ORIGIN_MAX: u64 = 16 << 20;

/// What the caller says of a tape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Which kind of machine; the caller's own numbers.
    pub kind: u8,
    /// Wall clock at the start, in seconds since 1970: for people only.
    pub started: u64,
    /// All that the machine was built from (seed and configuration), in a form of the caller's.
    pub origin: Vec<u8>,
}

/// Why the start of a file is not that of a tape this version can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    NotATape,
    Format(u16),
}

impl Header {
    pub(super) fn emit(&self) -> Vec<u8> {
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_be_bytes());
        bytes.push(self.kind);
        bytes.extend(self.started.to_be_bytes());
        for part in [version, &self.origin] {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }

    /// The header and the version of the program that wrote it.
    pub(super) fn parse<R: Read>(
        tape: &mut Intake<R>,
    ) -> io::Result<Result<(Self, String), HeaderError>> {
        if tape.array()? != Some(*MAGIC) {
            return Ok(Err(HeaderError::NotATape));
        }
        match tape.array()?.map(u16::from_be_bytes) {
            Some(FORMAT) => {}
            Some(other) => return Ok(Err(HeaderError::Format(other))),
            None => return Ok(Err(HeaderError::NotATape)),
        }
        let rest = Self::rest(tape)?;
        Ok(rest.ok_or(HeaderError::NotATape))
    }

    fn rest<R: Read>(tape: &mut Intake<R>) -> io::Result<Option<(Self, String)>> {
        let (Some([kind]), Some(started)) = (tape.array()?, tape.array()?) else {
            return Ok(None);
        };
        let Some(version) = part(tape)? else { return Ok(None) };
        let Some(origin) = part(tape)? else { return Ok(None) };
        let version = String::from_utf8_lossy(&version).into_owned();
        Ok(Some((Self { kind, started: u64::from_be_bytes(started), origin }, version)))
    }
}

fn part<R: Read>(tape: &mut Intake<R>) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = tape.array()?.map(u32::from_be_bytes).map(u64::from) else {
        return Ok(None);
    };
    if length > ORIGIN_MAX { Ok(None) } else { tape.bytes(length) }
}
