//! What the kernel's errors mean to a core and to a person.

use std::io;

use rustix::io::Errno;

use crate::base::machine::Cause;

/// The cause a core is told.
pub(super) fn cause_of(error: &io::Error) -> Cause {
    let Some(errno) = Errno::from_io_error(error) else {
        // Not the kernel's: a Unix path that is too long or holds a zero byte.
        return Cause::Unreachable;
    };
    match errno {
        // A missing socket file is what a closed port is in TCP.
        Errno::CONNREFUSED | Errno::NOENT => Cause::Refused,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN | Errno::HOSTDOWN => {
            Cause::Unreachable
        }
        Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::INVAL | Errno::NOTDIR => {
            Cause::Unreachable
        }
        Errno::TIMEDOUT => Cause::TimedOut,
        Errno::ACCESS | Errno::PERM => Cause::Denied,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC => Cause::Denied,
        _ => Cause::Reset,
    }
}

/// The error as a clause for people: no number, no capital.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_causes_and_clauses() {
        let error = io::Error::from(Errno::ADDRINUSE);
        assert_eq!(words(&error), "address already in use");
        let cause = |errno: Errno| cause_of(&io::Error::from(errno));
        assert_eq!(cause(Errno::CONNREFUSED), Cause::Refused);
        assert_eq!(cause(Errno::NETUNREACH), Cause::Unreachable);
        assert_eq!(cause(Errno::TIMEDOUT), Cause::TimedOut);
        assert_eq!(cause(Errno::MFILE), Cause::Denied);
        assert_eq!(cause(Errno::PIPE), Cause::Reset);
        assert_eq!(cause(Errno::CONNRESET), Cause::Reset);
    }
}
