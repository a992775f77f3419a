//! A picture of an overlay: words as points of the Poincare disk.
//!
//! Edges of a tree are drawn as the geodesics that they are, arcs that meet the rim at right
//! angles; other links are faint. The plane has as few edges at a node as the letters allow, so
//! that a tree of few letters is not pressed against the rim (words are the same in all planes).

use std::fmt::Write as _;

use crate::overlay::metric::Plane;
use crate::overlay::word::Letter;

/// Pixels of the disk's radius, and around it.
const RADIUS: f64 = 480.0;
const MARGIN: f64 = 20.0;
/// Dots with a label: more would lie on each other.
const LABELS_MAX: usize = 40;

/// What a dot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The root of the tree.
    Root,
    /// A node.
    Node,
    /// The node whose picture it is.
    Own,
    /// A node that is dead or away.
    Away,
}

/// A node to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dot {
    /// Its place.
    pub word: Vec<Letter>,
    /// Its name, in a few letters.
    pub label: String,
    /// What it is.
    pub kind: Kind,
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
    let letters = dots.iter().flat_map(|dot| &dot.word).copied();
    let plane = Plane::new(letters.max().map_or(3, |most| u16::from(most) + 1));
    let points: Vec<(f64, f64)> = dots.iter().map(|dot| plane.point(&dot.word)).collect();
    let half = RADIUS + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{0} {1} {2} {3}\" \
         font-family=\"sans-serif\">\n<style>path{{fill:none}}.e{{stroke:#246;stroke-width:1.2}}\
         .l{{stroke:#bbb;stroke-width:.4}}circle{{fill:#246}}.r{{fill:#c22}}.o{{fill:#282}}\
         .a{{fill:#aaa}}text{{font-size:10px}}</style>\n",
        -half,
        -half - MARGIN,
        2.0 * half,
        2.0 * half + MARGIN
    );
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{}</text>", -half, -half, escaped(title));
    let _ = writeln!(svg, "<circle r=\"{RADIUS}\" style=\"fill:#fafafa;stroke:#888\"/>");
    for (class, pairs) in [("l", links), ("e", edges)] {
        let ends = pairs.iter().filter_map(|(a, b)| Some((points.get(*a)?, points.get(*b)?)));
        let paths: String = ends.map(|(a, b)| geodesic(*a, *b)).collect();
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{paths}\"/>");
    }
    for (at, (dot, point)) in dots.iter().zip(&points).enumerate() {
        circle(&mut svg, dot, *point, at < LABELS_MAX);
    }
    svg.push_str("</svg>\n");
    svg
}

fn circle(svg: &mut String, dot: &Dot, point: (f64, f64), has_label: bool) {
    let (class, size) = match dot.kind {
        Kind::Root => ("r", 5.0),
        Kind::Own => ("o", 5.0),
        Kind::Away => ("a", 2.0),
        // What is far from the middle is small in this disk.
        Kind::Node => ("n", 1.0 + 2.5 * (1.0 - point.0.hypot(point.1))),
    };
    let (x, y) = (RADIUS * point.0, RADIUS * point.1);
    let _ = write!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size:.1}\"/>");
    if has_label && !dot.label.is_empty() {
        let _ =
            write!(svg, "<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", x + 5.0, escaped(&dot.label));
    }
    svg.push('\n');
}

/// The shortest way between two points: an arc of the circle through them that meets the rim at
/// right angles, or a straight line through the middle.
fn geodesic(a: (f64, f64), b: (f64, f64)) -> String {
    let (from, to) = ((RADIUS * a.0, RADIUS * a.1), (RADIUS * b.0, RADIUS * b.1));
    let cross = a.0 * b.1 - a.1 * b.0;
    let start = format!("M{:.1} {:.1}", from.0, from.1);
    let line = format!("{start}L{:.1} {:.1}", to.0, to.1);
    if cross.abs() < 1e-9 {
        return line;
    }
    // The circle's centre c: c.a = (1 + |a|^2) / 2, and so for b.
    let (ka, kb) = ((1.0 + a.0 * a.0 + a.1 * a.1) / 2.0, (1.0 + b.0 * b.0 + b.1 * b.1) / 2.0);
    let c = ((ka * b.1 - kb * a.1) / cross, (kb * a.0 - ka * b.0) / cross);
    let radius = (c.0 * c.0 + c.1 * c.1 - 1.0).max(0.0).sqrt();
    if radius > 100.0 {
        return line;
    }
    let sweep = u8::from(cross < 0.0);
    let r = RADIUS * radius;
    format!("{start}A{r:.1} {r:.1} 0 0 {sweep} {:.1} {:.1}", to.0, to.1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(word: &[Letter], kind: Kind) -> Dot {
        Dot { word: word.to_vec(), label: format!("<{}>", word.len()), kind }
    }

    #[test]
    fn dots_are_where_their_words_are_and_edges_between_them() {
        let dots = [dot(&[], Kind::Root), dot(&[0], Kind::Node), dot(&[0, 2], Kind::Node)];
        let svg = draw(&dots, &[(0, 1), (1, 2)], &[(0, 2), (0, 9)], "a & b");
        assert!(svg.contains("cx=\"0.0\" cy=\"0.0\""), "the root is in the middle: {svg}");
        // q = 3: the root's child is at cos(pi/3), straight to the right.
        assert!(svg.contains("cx=\"240.0\" cy=\"0.0\""), "{svg}");
        assert!(svg.contains("d=\"M0.0 0.0L240.0 0.0M240.0 0.0A"), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;2&gt;"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 4, "the rim and three dots");
    }

    #[test]
    fn an_arc_stays_inside_the_disk_on_the_side_of_the_middle() {
        // Both points to the right: the arc's circle has its centre further right, so seen from
        // there the way bends towards the middle. SVG's sweep 0 is against the clock on the screen.
        let upper = geodesic((0.6, -0.5), (0.6, 0.5));
        let lower = geodesic((0.6, 0.5), (0.6, -0.5));
        assert!(upper.contains(" 0 0 0 ") && lower.contains(" 0 0 1 "), "{upper} {lower}");
    }
}
