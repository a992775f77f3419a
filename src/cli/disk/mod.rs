//! A picture of an overlay: a tree in the Poincare disk.
//!
//! Edges of the tree are drawn as the geodesics that they are, arcs that meet the rim at right
//! angles (`arc`); other links are dashed. Where dots are is the caller's to say: [`rim`] puts
//! them so that all can be seen. Names stand beside them as far as there is room (`labels`).

mod arc;
mod labels;
pub mod rim;

use std::fmt::Write as _;

use arc::Arc;
use labels::{Area, Named};

/// Pixels of the disk's radius, and around it.
const RADIUS: f64 = 480.0;
const MARGIN: f64 = 20.0;
/// Pixels of a line of text above and below the disk.
const LINE: f64 = 20.0;

/// So many links besides the tree's edges are drawn faint.
const FAINT_ABOVE: usize = 40;

const STYLE: &str = "path{fill:none}.e{stroke:#246;stroke-width:1.2}\
    .l{stroke:#b80;stroke-width:.8;stroke-dasharray:4 3}.n{fill:#246}.r{fill:#c22}.a{fill:#aaa}\
    .p{fill:#fff;stroke:#246}.u{fill:#fff;stroke:#aaa}.o{fill:none;stroke:#282;stroke-width:2.5}\
    text{font:12px monospace;fill:#111;stroke:#fff;stroke-width:3;paint-order:stroke;\
    stroke-linejoin:round}";

/// A point of the disk, whose radius is 1; of the picture, in pixels from its middle.
pub type Point = (f64, f64);

/// What a dot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The root of the tree.
    Root,
    /// A node.
    Node,
    /// A node that only its own record knows of.
    Recorded,
    /// A place in the tree whose node is not known.
    Unknown,
    /// A node that is dead or away.
    Away,
}

impl Kind {
    /// Its class in the picture, and what the legend calls it.
    fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Root => ("r", "root"),
            Self::Node => ("n", "node"),
            Self::Recorded => ("p", "by a record only"),
            Self::Unknown => ("u", "place of a Name unknown here"),
            Self::Away => ("a", "dead"),
        }
    }
}

/// A node to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// Where.
    pub at: Point,
    /// Its name, in a few letters.
    pub label: String,
    /// All there is to say of it, for whoever points at it.
    pub about: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it is the node whose picture it is.
    pub is_own: bool,
}

impl Dot {
    fn pixels(&self) -> Point {
        (RADIUS * self.at.0, RADIUS * self.at.1)
    }

    fn radius(&self) -> f64 {
        match self.kind {
            Kind::Root => 5.0,
            Kind::Away => 2.0,
            // What is far from the middle is small in this disk.
            Kind::Node | Kind::Recorded | Kind::Unknown => {
                1.5 + 3.0 * (1.0 - self.at.0.hypot(self.at.1))
            }
        }
    }
}

/// The picture as SVG: edges of the tree, other links, both as pairs of dots; `title` is written
/// above it.
#[must_use]
pub fn draw(
    dots: &[Dot],
    edges: &[(usize, usize)],
    links: &[(usize, usize)],
    title: &str,
) -> String {
    let half = RADIUS + MARGIN;
    let (top, high) = (-half - LINE, 2.0 * (half + LINE));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{} {top} {} {high}\">\n\
         <style>{STYLE}</style>\n",
        -half,
        2.0 * half,
    );
    let _ = writeln!(svg, "<text x=\"-{RADIUS}\" y=\"{}\">{}</text>", -half, escaped(title));
    let _ = writeln!(svg, "<circle r=\"{RADIUS}\" style=\"fill:#fafafa;stroke:#888\"/>");
    let ends = |(a, b): &(usize, usize)| Some((dots.get(*a)?.at, dots.get(*b)?.at));
    let links: Vec<Arc> = links.iter().filter_map(ends).map(|(a, b)| Arc::link(a, b)).collect();
    let edges: Vec<Arc> = edges.iter().filter_map(ends).map(|(a, b)| Arc::geodesic(a, b)).collect();
    for (class, arcs) in [("l", &links), ("e", &edges)].iter().filter(|(_, arcs)| !arcs.is_empty())
    {
        let paths: String = arcs.iter().map(Arc::path).collect();
        let ink = if *class == "l" && arcs.len() > FAINT_ABOVE { ".3" } else { "1" };
        let _ = writeln!(svg, "<path class=\"{class}\" stroke-opacity=\"{ink}\" d=\"{paths}\"/>");
    }
    dots.iter().for_each(|dot| circle(&mut svg, dot));
    let lines: Vec<Point> = links.iter().chain(&edges).flat_map(Arc::points).collect();
    names(&mut svg, dots, &lines);
    legend(&mut svg, dots, !links.is_empty());
    svg.push_str("</svg>\n");
    svg
}

fn circle(svg: &mut String, dot: &Dot) {
    let ((x, y), radius, (class, _)) = (dot.pixels(), dot.radius(), dot.kind.shown());
    if dot.is_own {
        let _ = write!(svg, "<circle class=\"o\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\"/>");
    }
    let _ = write!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\">");
    let _ = writeln!(svg, "<title>{}</title></circle>", escaped(&dot.about));
}

/// The names for which there is room; the own one and the root's go first.
fn names(svg: &mut String, dots: &[Dot], lines: &[Point]) {
    let named = |dot: &Dot| match (dot.is_own, dot.kind) {
        (true, _) => 0,
        (false, Kind::Root) => 1,
        (false, _) => 2,
    };
    let radius = |dot: &Dot| if dot.is_own { 8.0 } else { dot.radius() };
    let wanted: Vec<Named<'_>> = dots
        .iter()
        .map(|dot| Named {
            at: dot.pixels(),
            radius: radius(dot),
            label: &dot.label,
            turn: named(dot),
        })
        .collect();
    let half = RADIUS + MARGIN;
    let page = Area { least: (-half, -half + 2.0), greatest: (half, half) };
    for (dot, area) in dots.iter().zip(labels::place(&wanted, lines, &page)) {
        let Some(area) = area else { continue };
        // The line on which letters stand is a little above the end of their area.
        let (x, y) = (area.least.0, area.greatest.1 - 2.5);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(&dot.label));
    }
}

/// What is what, below the disk.
fn legend(svg: &mut String, dots: &[Dot], has_links: bool) {
    let mut kinds: Vec<Kind> = dots.iter().map(|dot| dot.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut x = -RADIUS;
    let y = RADIUS + MARGIN + LINE / 2.0;
    let mut entry = |sign: &str, text: &str| {
        let _ = write!(svg, "<g transform=\"translate({x:.1} {y:.1})\">{sign}");
        let _ = writeln!(svg, "<text x=\"12\" y=\"4\">{text}</text></g>");
        x += 40.0 + labels::LETTER * text.len() as f64;
    };
    if dots.iter().any(|dot| dot.is_own) {
        entry("<circle class=\"o\" r=\"6\"/>", "this node");
    }
    for (class, text) in kinds.into_iter().map(Kind::shown) {
        entry(&format!("<circle class=\"{class}\" r=\"4\"/>"), text);
    }
    if has_links {
        entry("<path class=\"l\" d=\"M-12 0L8 0\"/>", "other link");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(at: Point, kind: Kind) -> Dot {
        let (label, about) = (format!("<{kind:?}>"), String::from("a & b"));
        Dot { at, label, about, kind, is_own: kind == Kind::Node }
    }

    #[test]
    fn dots_are_where_their_words_are_and_edges_between_them() {
        let points = [(0.0, 0.0), (0.5, 0.0), (0.7, 0.2)];
        let kinds = [Kind::Root, Kind::Node, Kind::Away];
        let dots: Vec<Dot> =
            points.into_iter().zip(kinds).map(|(at, kind)| dot(at, kind)).collect();
        let svg = draw(&dots, &[(0, 1), (1, 2)], &[(0, 2), (0, 9)], "a & b");
        assert!(svg.contains("cx=\"0.0\" cy=\"0.0\""), "the root is in the middle: {svg}");
        assert!(svg.contains("cx=\"240.0\" cy=\"0.0\""), "{svg}");
        assert!(svg.contains("d=\"M0.0 0.0L240.0 0.0M240.0 0.0A"), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;Root&gt;"), "{svg}");
        assert_eq!(svg.matches("<title>").count(), 3, "each dot says what it is");
        let signs = ["this node", "root", "node", "dead", "other link"];
        assert!(signs.iter().all(|sign| svg.contains(&format!(">{sign}</text>"))), "{svg}");
        assert!(
            !draw(&dots[..1], &[], &[], "").contains("other link"),
            "nothing that is not there"
        );
    }
}
