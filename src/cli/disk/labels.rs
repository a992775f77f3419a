//! Where names stand beside their dots: never on each other or on a dot, and on no line where
//! there is another place.

use super::Point;

/// Pixels of a letter of the labels' font, which has one width, and of a line.
pub(super) const LETTER: f64 = 7.3;
const LINE: f64 = 12.0;
/// Pixels between a dot and its label; where that has no room, the second.
const GAPS: [f64; 2] = [3.0, 9.0];
/// Names in a picture: nobody reads more of them.
const LABELS_MAX: usize = 200;

/// A rectangle: the least and the greatest corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) least: Point,
    pub(super) greatest: Point,
}

impl Area {
    fn around(middle: Point, wide: f64, high: f64) -> Self {
        let (x, y) = (wide / 2.0, high / 2.0);
        let least = (middle.0 - x, middle.1 - y);
        Self { least, greatest: (middle.0 + x, middle.1 + y) }
    }

    fn meets(&self, other: &Self) -> bool {
        let is_apart = |least: f64, greatest: f64| least >= greatest;
        !(is_apart(self.least.0, other.greatest.0)
            || is_apart(other.least.0, self.greatest.0)
            || is_apart(self.least.1, other.greatest.1)
            || is_apart(other.least.1, self.greatest.1))
    }

    fn is_on(&self, point: &Point) -> bool {
        (self.least.0..self.greatest.0).contains(&point.0)
            && (self.least.1..self.greatest.1).contains(&point.1)
    }

    fn holds(&self, other: &Self) -> bool {
        self.least.0 <= other.least.0
            && self.least.1 <= other.least.1
            && self.greatest.0 >= other.greatest.0
            && self.greatest.1 >= other.greatest.1
    }
}

/// A dot that would have a name beside it.
#[derive(Clone, Debug)]
pub(super) struct Named<'a> {
    /// Its middle, in pixels.
    pub(super) at: Point,
    /// Pixels of its radius.
    pub(super) radius: f64,
    /// Its name; may be empty.
    pub(super) label: &'a str,
    /// The least goes first where there is no room for all.
    pub(super) turn: usize,
}

/// The areas of the labels inside `page`, for each dot in its order; none where there is no room.
/// `lines` are points of all lines.
pub(super) fn place(dots: &[Named<'_>], lines: &[Point], page: &Area) -> Vec<Option<Area>> {
    let circles: Vec<Area> =
        dots.iter().map(|dot| Area::around(dot.at, 2.0 * dot.radius, 2.0 * dot.radius)).collect();
    let mut placed: Vec<Option<Area>> = vec![None; dots.len()];
    let mut order: Vec<usize> = (0..dots.len()).filter(|at| !dots[*at].label.is_empty()).collect();
    order.sort_by_key(|at| dots[*at].turn);
    for at in order.into_iter().take(LABELS_MAX) {
        let is_free = |area: &Area| {
            page.holds(area)
                && !circles.iter().any(|circle| circle.meets(area))
                && !placed.iter().flatten().any(|other| other.meets(area))
        };
        let ways = GAPS.iter().flat_map(|gap| beside(&dots[at], *gap));
        let free: Vec<Area> = ways.filter(is_free).collect();
        let clear = free.iter().find(|area| !lines.iter().any(|point| area.is_on(point)));
        placed[at] = clear.or(free.first()).copied();
    }
    placed
}

/// The eight places beside a dot, the best one first: away from the middle of the picture.
fn beside(dot: &Named<'_>, gap: f64) -> [Area; 8] {
    let wide = LETTER * dot.label.chars().count() as f64;
    let (x, y) = (dot.radius + gap + wide / 2.0, dot.radius + gap + LINE / 2.0);
    let out = if dot.at.0 < 0.0 { -1.0 } else { 1.0 };
    let below = if dot.at.1 < 0.0 { -1.0 } else { 1.0 };
    // In a corner the label may come as near as its dot is wide.
    let corner = (x - dot.radius, y - dot.radius / 2.0);
    let ways = [
        (out * x, 0.0),
        (0.0, below * y),
        (out * corner.0, below * corner.1),
        (0.0, -below * y),
        (-out * x, 0.0),
        (out * corner.0, -below * corner.1),
        (-out * corner.0, below * corner.1),
        (-out * corner.0, -below * corner.1),
    ];
    ways.map(|(dx, dy)| Area::around((dot.at.0 + dx, dot.at.1 + dy), wide, LINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Area = Area { least: (-100.0, -100.0), greatest: (100.0, 100.0) };

    fn dot(x: f64, y: f64, label: &str, turn: usize) -> Named<'_> {
        Named { at: (x, y), radius: 4.0, label, turn }
    }

    #[test]
    fn no_label_lies_on_another_or_on_a_dot() {
        let at = |at: i32| (f64::from(at % 10 * 18 - 90), f64::from(at / 10 * 30 - 90));
        let dots: Vec<Named<'_>> = (0..70).map(at).map(|(x, y)| dot(x, y, "name", 0)).collect();
        let placed = place(&dots, &[], &PAGE);
        let areas: Vec<&Area> = placed.iter().flatten().collect();
        assert!(areas.len() > 10 && areas.len() < 70, "{} have room", areas.len());
        for (at, area) in areas.iter().enumerate() {
            assert!(PAGE.holds(area) && areas[..at].iter().all(|other| !other.meets(area)));
            let on_dot = dots.iter().map(|dot| Area::around(dot.at, 8.0, 8.0));
            assert!(on_dot.into_iter().all(|circle| !circle.meets(area)));
        }
    }

    #[test]
    fn whose_turn_is_first_has_its_name_whatever_the_others() {
        let mut dots: Vec<Named<'_>> =
            (0..30).map(|at: i32| dot(f64::from(at) * 2.0 - 30.0, 0.0, "a-long-name", 9)).collect();
        dots[29].turn = 0;
        let placed = place(&dots, &[], &PAGE);
        assert!(placed[29].is_some() && placed.iter().any(Option::is_none));
        assert!(place(&[dot(0.0, 0.0, "", 0)], &[], &PAGE)[0].is_none(), "no name, no label");
    }

    #[test]
    fn a_name_gives_way_to_a_line_where_it_can() {
        let line: Vec<Point> = (0..20).map(|at| (f64::from(at) * 5.0, 0.0)).collect();
        let alone = place(&[dot(0.0, 0.0, "name", 0)], &[], &PAGE)[0].expect("room");
        assert!(line.iter().any(|point| alone.is_on(point)));
        let beside = place(&[dot(0.0, 0.0, "name", 0)], &line, &PAGE)[0].expect("room");
        assert!(!line.iter().any(|point| beside.is_on(point)));
    }
}
