//! Lines of the picture, in pixels from its middle: geodesics of the disk, and links beside them.

use std::f64::consts::{PI, TAU};

use super::{Point, RADIUS};

/// Pixels between the points that stand for a line where something must not lie on it.
const STEP: f64 = 6.0;
/// A line that passes the middle so near, in parts of the radius, seems to go through the root.
const NEAR: f64 = 0.02;

/// A straight line, or an arc of less than half a circle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arc {
    from: Point,
    to: Point,
    /// Middle and radius of its circle.
    circle: Option<(Point, f64)>,
}

impl Arc {
    /// The shortest way between two points of the disk: an arc of the circle through them that
    /// meets the rim at right angles, or a straight line through the middle.
    pub(super) fn geodesic(a: Point, b: Point) -> Self {
        let cross = a.0 * b.1 - a.1 * b.0;
        // The circle's middle c: c.a = (1 + |a|^2) / 2, and so for b.
        let (ka, kb) = ((1.0 + a.0 * a.0 + a.1 * a.1) / 2.0, (1.0 + b.0 * b.0 + b.1 * b.1) / 2.0);
        let c = ((ka * b.1 - kb * a.1) / cross, (kb * a.0 - ka * b.0) / cross);
        let radius = (c.0 * c.0 + c.1 * c.1 - 1.0).max(0.0).sqrt();
        let is_straight = cross.abs() < 1e-9 || radius > 100.0;
        let circle = (!is_straight).then(|| (pixels(c), RADIUS * radius));
        Self { from: pixels(a), to: pixels(b), circle }
    }

    /// The same, but led around the middle of the disk, where a link would seem to be two edges of
    /// the tree.
    pub(super) fn link(a: Point, b: Point) -> Self {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy);
        let passes = (a.0 * b.1 - a.1 * b.0).abs() < NEAR * length;
        if !passes || a.0 * b.0 + a.1 * b.1 >= -NEAR * NEAR {
            return Self::geodesic(a, b);
        }
        // A sixth of a circle.
        let aside = 3.0_f64.sqrt() / 2.0;
        let middle = ((a.0 + b.0) / 2.0 - aside * dy, (a.1 + b.1) / 2.0 + aside * dx);
        Self { from: pixels(a), to: pixels(b), circle: Some((pixels(middle), RADIUS * length)) }
    }

    /// Where the arc begins on its circle, and how far it goes; with the clock is positive.
    fn angles(&self, middle: Point) -> (f64, f64) {
        let angle = |point: Point| (point.1 - middle.1).atan2(point.0 - middle.0);
        let (start, end) = (angle(self.from), angle(self.to));
        (start, (end - start + 3.0 * PI).rem_euclid(TAU) - PI)
    }

    /// The SVG path.
    pub(super) fn path(&self) -> String {
        let start = format!("M{:.1} {:.1}", self.from.0, self.from.1);
        let Some((middle, r)) = self.circle else {
            return format!("{start}L{:.1} {:.1}", self.to.0, self.to.1);
        };
        let sweep = u8::from(self.angles(middle).1 > 0.0);
        format!("{start}A{r:.1} {r:.1} 0 0 {sweep} {:.1} {:.1}", self.to.0, self.to.1)
    }

    /// Points of it, near to each other.
    pub(super) fn points(&self) -> Vec<Point> {
        let (dx, dy) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let arc = self.circle.map(|(middle, radius)| (middle, radius, self.angles(middle)));
        let length = arc.map_or(dx.hypot(dy), |(_, radius, (_, turn))| radius * turn.abs());
        let count = (length / STEP).ceil().max(1.0);
        let at = |part: f64| match arc {
            None => (self.from.0 + part * dx, self.from.1 + part * dy),
            Some((middle, radius, (start, turn))) => {
                let (sin, cos) = (start + part * turn).sin_cos();
                (middle.0 + radius * cos, middle.1 + radius * sin)
            }
        };
        (0..=count as u32).map(|step| at(f64::from(step) / count)).collect()
    }
}

fn pixels(point: Point) -> Point {
    (RADIUS * point.0, RADIUS * point.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_stays_inside_the_disk_on_the_side_of_the_middle() {
        // Both points to the right: the arc's circle has its centre further right, so seen from
        // there the way bends towards the middle. SVG's sweep 0 is against the clock on the screen.
        let upper = Arc::geodesic((0.6, -0.5), (0.6, 0.5));
        let lower = Arc::geodesic((0.6, 0.5), (0.6, -0.5));
        let paths = (upper.path(), lower.path());
        assert!(paths.0.contains(" 0 0 0 ") && paths.1.contains(" 0 0 1 "), "{paths:?}");
        for point in upper.points() {
            assert!(point.0 > 0.0 && point.0 <= 0.6 * RADIUS + 1e-6, "{point:?}");
        }
    }

    #[test]
    fn points_lead_from_end_to_end() {
        let ends = [((0.1, 0.2), (0.8, -0.3)), ((0.5, 0.0), (-0.5, 0.0)), ((0.0, 0.0), (0.3, 0.4))];
        for (a, b) in ends {
            for arc in [Arc::geodesic(a, b), Arc::link(a, b)] {
                let points = arc.points();
                let near = |p: Point, q: Point| (p.0 - q.0).hypot(p.1 - q.1) < STEP + 1e-6;
                assert!(near(points[0], pixels(a)) && near(points[points.len() - 1], pixels(b)));
                assert!(points.windows(2).all(|pair| near(pair[0], pair[1])), "{arc:?}");
            }
        }
    }

    #[test]
    fn a_link_between_opposite_sides_does_not_seem_to_go_through_the_root() {
        let nearest =
            |arc: Arc| arc.points().iter().map(|p| p.0.hypot(p.1)).fold(f64::INFINITY, f64::min);
        let (a, b) = ((0.5, 0.1), (-0.5, -0.1));
        assert!(nearest(Arc::geodesic(a, b)) < STEP && nearest(Arc::link(a, b)) > 50.0);
        let beside = ((0.5, 0.1), (0.2, 0.6));
        assert_eq!(Arc::link(beside.0, beside.1), Arc::geodesic(beside.0, beside.1));
        let from_root = ((0.0, 0.0), (0.2, 0.6));
        assert_eq!(Arc::link(from_root.0, from_root.1), Arc::geodesic(from_root.0, from_root.1));
    }
}
