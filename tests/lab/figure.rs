//! The paper's Figure 7: throughput between the two applications against time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::outcome::Split;
use super::stream::Arrival;

/// A bar of the drawing.
const BIN: Duration = Duration::from_millis(250);
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
/// Left of and below the axes.
const MARGIN: f64 = 56.0;

/// What the figure shows; times in seconds from the stream's first byte.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// Seconds of each entry of `mbits`.
    bin: f64,
    /// Mbit/s at the receiving application.
    mbits: Vec<f64>,
    /// The wire is pulled out.
    cut: f64,
    /// Only the address is missing.
    network: f64,
    /// The first byte after it.
    data: f64,
    split: Option<Split>,
}

impl Figure {
    pub(crate) fn new(
        arrivals: &[Arrival],
        cut: Instant,
        back: Instant,
        first: Duration,
        split: Option<Split>,
    ) -> Self {
        let start = arrivals.first().map_or(cut, |arrival| arrival.at);
        let from_start = |at: Instant| at.saturating_duration_since(start);
        let end = arrivals.last().map_or(back, |arrival| arrival.at);
        // The last bin is not full and would show a fall that was none.
        let mut mbits = vec![0.0; (from_start(end).as_nanos() / BIN.as_nanos()) as usize];
        for arrival in arrivals {
            let at = (from_start(arrival.at).as_nanos() / BIN.as_nanos()) as usize;
            if let Some(bin) = mbits.get_mut(at) {
                *bin += arrival.bytes as f64 * 8e-6 / BIN.as_secs_f64();
            }
        }
        let [cut, network] = [cut, back].map(|at| from_start(at).as_secs_f64());
        let data = network + first.as_secs_f64();
        Self { bin: BIN.as_secs_f64(), mbits, cut, network, data, split }
    }

    /// The drawing.
    pub(crate) fn svg(&self) -> String {
        let span = self.mbits.len() as f64 * self.bin;
        let most = self.mbits.iter().copied().fold(1.0, f64::max) * 1.1;
        let x = |at: f64| MARGIN + at / span * (WIDTH - 2.0 * MARGIN);
        let y = |mbits: f64| HEIGHT - MARGIN - mbits / most * (HEIGHT - 2.0 * MARGIN);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        let (left, right, bottom) = (x(0.0), x(span), y(0.0));
        let _ = writeln!(
            out,
            "<path d=\"M{left:.1} {MARGIN} V{bottom:.1} H{right:.1}\" fill=\"none\" stroke=\"black\"/>"
        );
        for (number, at) in ticks(span) {
            let at = x(at);
            let _ = writeln!(
                out,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{number}</text>",
                bottom + 16.0
            );
        }
        for (number, at) in ticks(most) {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{number}</text>",
                left - 6.0,
                y(at) + 4.0
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">time (s)</text>\n\
             <text x=\"{left:.1}\" y=\"20\">throughput (Mbit/s)</text>",
            (left + right) / 2.0,
            bottom + 36.0
        );
        let points = (0..).zip(&self.mbits).map(|(at, mbits)| {
            format!("{:.1},{:.1}", x((f64::from(at) + 0.5) * self.bin), y(*mbits))
        });
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            out,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1.5\"/>"
        );
        for (at, text, height, anchor) in self.marks() {
            let at = x(at);
            // Marks stand close together: their words keep off the lines.
            let aside = match anchor {
                "end" => -5.0,
                "start" => 5.0,
                _ => 0.0,
            };
            let _ = writeln!(
                out,
                "<path d=\"M{at:.1} {height} V{bottom:.1}\" stroke=\"#b03020\" \
                 stroke-dasharray=\"4 3\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"{anchor}\" fill=\"#b03020\">{text}</text>",
                at + aside,
                height - 4.0
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// What is marked: when, with which words, how high, and on which side of the line.
    fn marks(&self) -> Vec<(f64, String, f64, &'static str)> {
        let mut marks = vec![(self.cut, format!("cut, {:.2} s", self.cut), 50.0, "middle")];
        let overlay = self.split.map(|split| self.network + split.link + split.overlay);
        let network = format!("network back, {:.3} s", self.network);
        marks.push((self.network, network, 50.0, "end"));
        if let Some(overlay) = overlay {
            marks.push((overlay, format!("overlay back, {overlay:.3} s"), 50.0, "start"));
        }
        marks.push((self.data, format!("data again, {:.3} s", self.data), 34.0, "start"));
        marks
    }
}

/// Round numbers along an axis.
fn ticks(most: f64) -> Vec<(String, f64)> {
    let rough = most / 6.0;
    let scale = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * scale);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(scale);
    let count = (most / step) as usize;
    (0..=count).map(|at| (format!("{}", at as f64 * step), at as f64 * step)).collect()
}
