//! Acknowledgements, and the Re-Hello that carries them over an outage.
//!
//! One [`Ack`] speaks for many sessions of a tunnel. `docs/protocol/reliability.md`.

use super::WireError;
use super::cursor::{Reader, Writer};
use super::packet::PSessId;
use crate::base::limits::RANGES_MAX;

/// Packets received beyond the first gap: `[start, end)` in SeqNBR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First SeqNBR received.
    pub start: u64,
    /// First SeqNBR after it that was not.
    pub end: u64,
}

/// The spans of one acknowledgement, lowest first; a fixed place, so that acknowledging
/// allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    spans: [Span; RANGES_MAX],
    count: usize,
}

impl Spans {
    /// Adds a span above the last one; false once there is no place.
    pub fn push(&mut self, span: Span) -> bool {
        let Some(place) = self.spans.get_mut(self.count) else { return false };
        *place = span;
        self.count = self.count.saturating_add(1);
        true
    }

    /// The spans.
    #[must_use]
    pub fn as_slice(&self) -> &[Span] {
        self.spans.get(..self.count).unwrap_or_default()
    }
}

/// What one session's receiver says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The opener's half of the SessID, which is unique in the tunnel.
    pub session: PSessId,
    /// The session does not exist here (any more); the other values are zero.
    pub gone: bool,
    /// Every SeqNBR below this was received (the last correctly received, plus one).
    pub cumulative: u64,
    /// Bytes the sender may have sent since the start, by the rule of `PACKET_COST`.
    pub credit: u64,
    /// Microseconds since the highest SeqNBR arrived.
    pub delay_us: u32,
    /// What was received beyond the first gap.
    pub spans: Spans,
}

impl Entry {
    /// Bytes of an entry without spans.
    const LEN: usize = 8 + 1 + 8 + 8 + 4;
    const SPAN_LEN: usize = 8;

    /// Bytes of this entry.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        Self::LEN.saturating_add(self.spans.count.saturating_mul(Self::SPAN_LEN))
    }

    /// Reads one entry.
    fn parse(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let session = PSessId::from_u64(reader.u64()?);
        let form = reader.u8()?;
        let (gone, count) = (form & 0x80 != 0, usize::from(form & 0x7f));
        if count > RANGES_MAX {
            return Err(WireError::Bound);
        }
        let mut entry = Self {
            session,
            gone,
            cumulative: reader.u64()?,
            credit: reader.u64()?,
            delay_us: reader.u32()?,
            spans: Spans::default(),
        };
        let mut end = entry.cumulative;
        for _ in 0..count {
            // A gap of at least one packet, then at least one packet: nothing else is canonical.
            let (gap, len) = (u64::from(reader.u32()?), u64::from(reader.u32()?));
            if gap == 0 || len == 0 {
                return Err(WireError::Unknown);
            }
            let start = end.checked_add(gap).ok_or(WireError::Bound)?;
            end = start.checked_add(len).ok_or(WireError::Bound)?;
            entry.spans.push(Span { start, end });
        }
        Ok(entry)
    }

    fn emit(&self, into: &mut Writer<'_>) {
        let form = u8::from(self.gone) << 7 | self.spans.count as u8;
        into.u64(self.session.to_u64()).u8(form);
        into.u64(self.cumulative).u64(self.credit).u32(self.delay_us);
        let mut end = self.cumulative;
        for span in self.spans.as_slice() {
            let [gap, len] = [span.start.saturating_sub(end), span.end.saturating_sub(span.start)];
            into.u32(gap as u32).u32(len as u32);
            end = span.end;
        }
    }
}

/// Head of an acknowledgement: what the path did to the tunnel's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// All packets this side sealed in earlier epochs are acknowledged: their keys may go.
    pub settled: bool,
    /// Sealed session packets received on this tunnel so far, modulo 2^32.
    pub received: u32,
    /// How many of them carried a congestion mark, modulo 2^32.
    pub marked: u32,
}

impl Ack {
    /// Bytes of the head.
    pub const LEN: usize = 9;

    /// Reads the head; the entries follow.
    pub fn parse(body: &[u8]) -> Result<(Self, Entries<'_>), WireError> {
        let mut reader = Reader::new(body);
        let settled = flag(&mut reader)?;
        let head = Self { settled, received: reader.u32()?, marked: reader.u32()? };
        Ok((head, Entries(reader)))
    }

    /// Writes the head.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.u8(u8::from(self.settled)).u32(self.received).u32(self.marked);
    }
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, WireError> {
    match reader.u8()? {
        flag @ (0 | 1) => Ok(flag == 1),
        _ => Err(WireError::Unknown),
    }
}

/// Writes `entry` if it fits.
pub fn emit_entry(entry: &Entry, into: &mut Writer<'_>) -> bool {
    let fits = into.room() >= entry.wire_len();
    if fits {
        entry.emit(into);
    }
    fits
}

/// The entries of an acknowledgement, read one by one.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a>(Reader<'a>);

impl Iterator for Entries<'_> {
    type Item = Result<Entry, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.rest().is_empty() {
            return None;
        }
        let entry = Entry::parse(&mut self.0);
        if entry.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(entry)
    }
}

/// Head of a Re-Hello; an [`Ack`] for the live sessions follows.
///
/// Its SeqNBR counts the attempts, its epoch is the one to be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReHello {
    /// This side's fresh number for the step, the same in every attempt at it.
    pub nonce: [u8; 32],
    /// The sender was suspended: what is under way to it counts as lost.
    pub outage: bool,
    /// The sender takes no step: too many epochs before the present one are unsettled.
    pub keep: bool,
    /// The receiver's newest attempt at the same step that the sender has heard, plus one; zero if
    /// none.
    pub heard: u64,
}

impl ReHello {
    /// Bytes of the head.
    pub const LEN: usize = 41;

    /// Splits the head from the acknowledgement behind it.
    pub fn parse(body: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let mut reader = Reader::new(body);
        let (nonce, flags, heard) = (reader.array()?, reader.u8()?, reader.u64()?);
        if flags > 3 {
            return Err(WireError::Unknown);
        }
        let hello = Self { nonce, outage: flags & 1 != 0, keep: flags & 2 != 0, heard };
        Ok((hello, reader.rest()))
    }

    /// Writes the head.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.bytes(&self.nonce).u8(u8::from(self.outage) | u8::from(self.keep) << 1);
        into.u64(self.heard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    fn entry(cumulative: u64, gaps: &[(u16, u16)]) -> Entry {
        let mut entry = Entry { cumulative, credit: 7, delay_us: 9, ..Entry::default() };
        let mut end = cumulative;
        for (gap, len) in gaps.iter().take(RANGES_MAX) {
            let start = end + u64::from(*gap) + 1;
            end = start + u64::from(*len) + 1;
            entry.spans.push(Span { start, end });
        }
        entry
    }

    quickcheck! {
        fn acknowledgements_survive_their_bytes(cumulative: u32, gaps: Vec<(u16, u16)>) -> bool {
            let head = Ack { settled: true, received: 1, marked: 2 };
            let first = entry(u64::from(cumulative), &gaps);
            let second = Entry { gone: true, ..Entry::default() };
            let mut bytes = [0xa5; 1024];
            let mut writer = Writer::new(&mut bytes);
            head.emit(&mut writer);
            let fitted = emit_entry(&first, &mut writer) && emit_entry(&second, &mut writer);
            let len = writer.len();
            let (read, entries) = Ack::parse(&bytes[..len]).expect("what emit wrote");
            fitted && read == head && entries.eq([Ok(first), Ok(second)])
        }

        fn any_bytes_end_in_entries_or_one_error(bytes: Vec<u8>) -> bool {
            let Ok((_, entries)) = Ack::parse(&bytes) else { return true };
            let results: Vec<_> = entries.collect();
            results.iter().rev().skip(1).all(Result::is_ok)
        }
    }

    #[test]
    fn spans_that_touch_or_are_empty_are_not_canonical() {
        let mut bytes = [0; 128];
        let mut writer = Writer::new(&mut bytes);
        Ack::default().emit(&mut writer);
        assert!(emit_entry(&entry(5, &[(0, 0)]), &mut writer));
        let len = writer.len();
        for at in [len - 5, len - 1] {
            let mut bad = bytes;
            bad[at] = 0;
            let (_, mut entries) = Ack::parse(&bad[..len]).expect("the head is whole");
            assert_eq!(entries.next(), Some(Err(WireError::Unknown)));
            assert_eq!(entries.next(), None);
        }
    }
}
