//! Quantities for people.

use std::time::Duration;

/// Bytes in at most four digits: `1.5M`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let mut shown = count as f64;
    let mut unit = "";
    for next in ["K", "M", "G", "T"] {
        if shown < 1000.0 {
            break;
        }
        shown /= 1024.0;
        unit = next;
    }
    if unit.is_empty() || shown >= 99.95 {
        format!("{shown:.0}{unit}")
    } else {
        format!("{shown:.1}{unit}")
    }
}

/// A span in its largest unit and the one below.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..10 => format!("{:.1} s", span.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// The same of milliseconds.
#[must_use]
pub fn millis(count: u64) -> String {
    span(Duration::from_millis(count))
}

/// A round trip; `-` before the first.
#[must_use]
pub fn round_trip(micros: u64) -> String {
    match micros {
        0 => "-".to_owned(),
        1..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => span(Duration::from_micros(micros)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        let shown: Vec<String> =
            [0, 999, 1000, 1536, 150 << 20, 5 << 30].into_iter().map(bytes).collect();
        assert_eq!(shown, ["0", "999", "1.0K", "1.5K", "150M", "5.0G"]);
        let shown: Vec<String> =
            [7, 1500, 12_000, 90_000, 7_260_000, 90_000_000].into_iter().map(millis).collect();
        assert_eq!(shown, ["7 ms", "1.5 s", "12 s", "1 min 30 s", "2 h 1 min", "1 d 1 h"]);
        assert_eq!((round_trip(0), round_trip(1250)), ("-".into(), "1.2 ms".into()));
        assert_eq!(round_trip(25_000), "25 ms");
    }
}
