//! An input read as a sequence of choices: what is missing reads as zero.

/// First byte of every structured input.
pub const VERSION: u8 = 1;

/// The choices of one input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// The choices behind the version byte; `None` for another version's input.
    pub(super) fn new(input: &'a [u8]) -> Option<Self> {
        Self::of_version(input, VERSION)
    }

    /// The choices of an input that has no version: each is read.
    pub(super) fn whole(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// The same of a target's later reading of its inputs.
    pub(super) fn of_version(input: &'a [u8], wanted: u8) -> Option<Self> {
        let (version, choices) = input.split_first()?;
        (*version == wanted).then_some(Self(choices))
    }

    /// Whether nothing is left to choose.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number up to 65535.
    pub(super) fn short(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// A number below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let drawn = if bound <= 256 { usize::from(self.byte()) } else { self.short() };
        drawn % bound
    }

    /// One of `all`, or nothing where there is none.
    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.below(all.len())]) }
    }

    /// The next `count` bytes, or as many as there are.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A piece of up to 255 bytes, its length first.
    pub(super) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.take(length)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}
