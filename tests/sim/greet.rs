//! What a client says before its stream: nothing, SOCKS5, or a line on the control socket.

use muses::base::ids::Name;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Waiting,
    Accepted,
    Refused,
}

#[derive(Debug)]
pub(crate) enum Greeting {
    /// A forward or a service: the stream is all there is.
    None,
    Socks(Talk),
    Control(Talk),
}

/// A dialogue that has to be over before the stream begins.
#[derive(Debug)]
pub(crate) struct Talk {
    words: Vec<u8>,
    heard: Vec<u8>,
    /// Writes its stream before it was accepted.
    eager: bool,
    verdict: Verdict,
    /// SOCKS5's code, or the line that refused.
    pub(crate) answer: String,
}

impl Talk {
    fn new(words: Vec<u8>, eager: bool) -> Self {
        Self {
            words,
            heard: Vec::new(),
            eager,
            verdict: Verdict::Waiting,
            answer: String::new(),
        }
    }
}

const METHODS: &[u8] = &[5, 1, 0];
/// Bytes of both answers, the second with an IPv4 address.
const METHOD_LEN: usize = 2;
const REPLY_LEN: usize = 10;

impl Greeting {
    pub(crate) fn socks(peer: &Name, port: u16, eager: bool) -> Self {
        let host = format!("{peer}.muses");
        let mut words = METHODS.to_vec();
        words.extend([5, 1, 0, 3, host.len() as u8]);
        words.extend(host.as_bytes());
        words.extend(port.to_be_bytes());
        Self::Socks(Talk::new(words, eager))
    }

    pub(crate) fn control(peer: &Name, port: u16, eager: bool) -> Self {
        let line = format!("{{\"do\":\"connect\",\"name\":\"{peer}\",\"port\":{port}}}\n");
        Self::Control(Talk::new(line.into_bytes(), eager))
    }

    fn talk(&self) -> Option<&Talk> {
        match self {
            Self::None => None,
            Self::Socks(talk) | Self::Control(talk) => Some(talk),
        }
    }

    pub(crate) fn words(&self) -> &[u8] {
        self.talk().map_or(&[], |talk| &talk.words)
    }

    pub(crate) fn has_words(&self) -> bool {
        !self.words().is_empty()
    }

    pub(crate) fn said(&mut self, count: usize) {
        if let Self::Socks(talk) | Self::Control(talk) = self {
            talk.words.drain(..count);
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.talk().map_or(Verdict::Accepted, |talk| talk.verdict)
    }

    pub(crate) fn answer(&self) -> &str {
        self.talk().map_or("", |talk| &talk.answer)
    }

    pub(crate) fn may_write(&self) -> bool {
        self.talk().is_none_or(|talk| talk.verdict == Verdict::Accepted || talk.eager)
    }

    /// Takes the answer out of what came; gives back what is of the stream.
    pub(crate) fn feed<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], String> {
        let is_socks = matches!(self, Self::Socks(_));
        let (Self::Socks(talk) | Self::Control(talk)) = self else { return Ok(bytes) };
        let mut at = 0;
        while talk.verdict == Verdict::Waiting && at < bytes.len() {
            talk.heard.push(bytes[at]);
            at += 1;
            if is_socks { talk.hear_socks()? } else { talk.hear_line()? }
        }
        Ok(&bytes[at..])
    }
}

impl Talk {
    fn hear_socks(&mut self) -> Result<(), String> {
        if self.heard.len() == METHOD_LEN && self.heard[..] != [5, 0] {
            return Err(format!("SOCKS5 methods: {:?}", self.heard));
        }
        if self.heard.len() == METHOD_LEN + REPLY_LEN {
            let code = self.heard[METHOD_LEN + 1];
            self.answer = code.to_string();
            self.verdict = if code == 0 { Verdict::Accepted } else { Verdict::Refused };
        }
        Ok(())
    }

    fn hear_line(&mut self) -> Result<(), String> {
        if self.heard.last() != Some(&b'\n') {
            return Ok(());
        }
        let line = String::from_utf8(std::mem::take(&mut self.heard)).map_err(|e| e.to_string())?;
        if line.contains("\"is\":\"ok\"") {
            self.verdict = Verdict::Accepted;
        } else if line.contains("\"is\":\"error\"") {
            (self.answer, self.verdict) = (line, Verdict::Refused);
        } else if !line.contains("\"is\":\"session\"") {
            return Err(format!("an answer nobody knows: {line}"));
        }
        Ok(())
    }
}
