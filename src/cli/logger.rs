//! The log: one short line an event, on stderr.
//!
//! `info` is what a person may want to know of a daemon that is well, `debug` adds transitions,
//! `trace` packets. `MUSES_LOG` has env_logger's filters and wins over `-v`.

use std::io::Write;

use env_logger::{Builder, Env, WriteStyle};
use log::LevelFilter;

use super::failure::one_line;

/// Starts the log of a program.
pub fn start(verbose: usize) {
    let level = match verbose {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let mut builder = Builder::new();
    builder.filter_level(level).write_style(WriteStyle::Auto);
    builder.parse_env(Env::new().filter("MUSES_LOG"));
    builder.format(|into, record| {
        let stamp = into.timestamp_millis().to_string();
        let level = into.default_level_style(record.level());
        let text = one_line(&record.args().to_string());
        writeln!(into, "{} {level}{:<5}{level:#} {text}", clock(&stamp), record.level())
    });
    // A second logger in one process (tests) is no reason to stop.
    let _ = builder.try_init();
}

/// `HH:MM:SS.mmm` of `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn clock(stamp: &str) -> &str {
    stamp.get(11..23).unwrap_or(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_cut_from_the_stamp() {
        assert_eq!(clock("2025-03-09T07:30:01.250Z"), "07:30:01.250");
        assert_eq!(clock("odd"), "odd");
    }
}
