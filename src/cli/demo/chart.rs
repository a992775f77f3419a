//! Throughput against time in a terminal: the paper's Figure 7.

use std::fmt::Write as _;
use std::time::Duration;

use super::cuts::Cut;
use super::meter::Arrival;

/// Columns of the picture without its axis.
const WIDTH: u64 = 68;
const HEIGHT: usize = 10;
/// Time of one bin; a column is as many bins as the width asks for.
const BIN_MS: u64 = 50;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Columns before the picture.
const MARGIN: usize = 12;
const MEGA: f64 = 1e6;

/// A picture.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    /// Bytes a second, by column.
    rates: Vec<f64>,
    column_ms: u64,
    cuts: &'a [Cut],
}

impl<'a> Chart<'a> {
    /// Of these arrivals, from the clock's start.
    pub(super) fn new(arrivals: &[Arrival], cuts: &'a [Cut]) -> Self {
        let end = arrivals.last().map_or(0, |(at, _)| millis(*at)) + 1;
        let bins = end.div_ceil(BIN_MS).max(1);
        let column_ms = bins.div_ceil(WIDTH) * BIN_MS;
        let mut bytes = vec![0_u64; usize::try_from(end.div_ceil(column_ms)).unwrap_or(1)];
        for (at, count) in arrivals {
            let column = usize::try_from(millis(*at) / column_ms).unwrap_or(usize::MAX);
            if let Some(slot) = bytes.get_mut(column) {
                *slot += *count as u64;
            }
        }
        let rate = |bytes: &u64| *bytes as f64 * 1000.0 / column_ms as f64;
        Self { rates: bytes.iter().map(rate).collect(), column_ms, cuts }
    }

    /// The whole of it.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{:>MARGIN$}\n", "MB/s |");
        let top = nice(self.rates.iter().copied().fold(1.0, f64::max));
        for row in (0..HEIGHT).rev() {
            let label = match row {
                row if row == HEIGHT - 1 => format!("{:.0}", top / MEGA),
                row if row == HEIGHT / 2 - 1 => format!("{:.0}", top / 2.0 / MEGA),
                _ => String::new(),
            };
            let mut line = format!("{label:>width$} |", width = MARGIN - 2);
            for rate in &self.rates {
                let eighths = (rate / top * (HEIGHT * 8) as f64).round() as usize;
                line.push(BLOCKS[eighths.saturating_sub(row * 8).min(8)]);
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        self.axis(&mut text);
        self.marks(&mut text, "cut", 'x', |cut| cut.at);
        self.marks(&mut text, "return", '^', |cut| cut.back);
        self.marks(&mut text, "first byte", '^', |cut| cut.first);
        let each = self.column_ms;
        let _ = write!(text, "{:MARGIN$}one column is {each} ms, measured at the receiver", "");
        text
    }

    fn axis(&self, text: &mut String) {
        // Whole seconds, at least eight columns apart.
        let step = (8 * self.column_ms).div_ceil(1000).max(1);
        let (mut line, mut labels) = (String::new(), String::new());
        for column in 0..self.rates.len() as u64 {
            let (from, to) = (column * self.column_ms, (column + 1) * self.column_ms);
            let second = from.div_ceil(1000 * step) * step;
            if second * 1000 < to {
                line.push('+');
                let gap = (column as usize).saturating_sub(labels.chars().count());
                let _ = write!(labels, "{:gap$}{second} s", "");
            } else {
                line.push('-');
            }
        }
        let _ = writeln!(text, "{:>MARGIN$}{line}", "0 |");
        let _ = writeln!(text, "{:MARGIN$}{labels}", "");
    }

    fn marks(&self, text: &mut String, what: &str, sign: char, at: impl Fn(&Cut) -> Duration) {
        let mut line = vec![' '; self.rates.len()];
        for cut in self.cuts {
            let column = usize::try_from(millis(at(cut)) / self.column_ms).unwrap_or(usize::MAX);
            let last = line.len() - 1;
            line[column.min(last)] = sign;
        }
        let line: String = line.into_iter().collect();
        let _ = writeln!(text, "{what:>width$}  {}", line.trim_end(), width = MARGIN - 2);
    }
}

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

/// The next larger of some round factors times a power of ten.
fn nice(value: f64) -> f64 {
    let mut power = 1.0;
    while power * 10.0 < value {
        power *= 10.0;
    }
    let factors = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    factors.into_iter().find(|factor| factor * power >= value).unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_flow_gap_and_marks_in_their_columns() {
        let ms = Duration::from_millis;
        // 100 MB/s for a second, nothing for two, and again.
        let flow = |from: u64| (0..100).map(move |n| (ms(from + n * 10), 1_000_000));
        let arrivals: Vec<Arrival> = flow(0).chain(flow(3000)).collect();
        let cut = Cut { what: "", at: ms(1000), undone: ms(2900), back: ms(2900), first: ms(3000) };
        let text = Chart::new(&arrivals, std::slice::from_ref(&cut)).text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].trim_start(), "100 |██████████                    ██████████");
        assert_eq!(lines[HEIGHT], format!("           |{0}{1:20}{0}", "█".repeat(10), ""));
        assert!(lines[HEIGHT + 1].ends_with("0 |+---------+---------+---------+---------"));
        assert_eq!(lines[HEIGHT + 2].trim_start(), "0 s       1 s       2 s       3 s");
        let column = |line: &str, sign| line.find(sign).map(|at| at - MARGIN);
        assert_eq!(column(lines[HEIGHT + 3], 'x'), Some(10));
        assert_eq!(column(lines[HEIGHT + 4], '^'), Some(29));
        assert_eq!(column(lines[HEIGHT + 5], '^'), Some(30));
    }

    #[test]
    fn no_arrivals_make_an_empty_picture_and_long_runs_fit() {
        assert!(Chart::new(&[], &[]).text().contains("MB/s"));
        let arrivals: Vec<Arrival> = (0..600).map(|s| (Duration::from_secs(s), 1)).collect();
        let chart = Chart::new(&arrivals, &[]);
        assert!(chart.rates.len() <= WIDTH as usize);
        assert!(chart.text().lines().all(|line| line.chars().count() <= 84));
        assert_eq!((nice(100e6), nice(101e6), nice(5.0)), (100e6, 120e6, 6.0));
    }
}
