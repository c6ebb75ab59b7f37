//! How charts of a page are looked at: the part shown, the cursor, and the commands that move both.

use crate::intent::command::Command;
use crate::ui::series::Sample;

/// A window and a cursor on the horizontal axis, shared by the charts of a page.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Lens {
    /// The part shown; everything if none.
    pub(super) window: Option<(f64, f64)>,
    /// Where values are read.
    pub(super) cursor: Option<f64>,
    /// Whether the value axis is logarithmic.
    pub(super) log: bool,
}

/// What the lens of a page looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen<'a> {
    /// All there is on the horizontal axis; none before anything was read.
    pub(super) full: Option<(f64, f64)>,
    /// The samples that the cursor steps along.
    pub(super) points: &'a [Sample],
    /// The marks that it jumps along, by place.
    pub(super) markers: &'a [(f64, String)],
}

impl Lens {
    /// Carries out what every chart does alike: zoom, scale, and its cursor. Whether it was such a command.
    pub(super) fn command(&mut self, command: Command, seen: Seen<'_>) -> bool {
        match command {
            Command::ZoomIn => self.zoom(seen.full, true),
            Command::ZoomOut => self.zoom(seen.full, false),
            Command::ZoomReset => self.window = None,
            Command::LogScale => self.log = !self.log,
            Command::Cursor => self.toggle(seen.points),
            Command::NextMarker => self.jump(seen.markers, true),
            Command::PrevMarker => self.jump(seen.markers, false),
            Command::Left if self.cursor.is_some() => self.step(seen.points, false),
            Command::Right if self.cursor.is_some() => self.step(seen.points, true),
            Command::Back if self.cursor.is_some() => self.cursor = None,
            _ => return false,
        }
        true
    }

    /// What charts do besides where left and right have nothing better to do: they move the part that is
    /// zoomed into, and going back shows the whole. Whether it was such a command.
    pub(super) fn shift(&mut self, command: Command, full: Option<(f64, f64)>) -> bool {
        if self.window.is_none() {
            return false;
        }
        match command {
            Command::Left => self.pan(full, false),
            Command::Right => self.pan(full, true),
            Command::Back => self.window = None,
            _ => return false,
        }
        true
    }

    /// Whether neither a cursor nor a zoom gives left and right a meaning.
    pub(super) fn is_idle(&self) -> bool {
        self.cursor.is_none() && self.window.is_none()
    }

    /// Puts the cursor under a press on a plot that is so many columns wide.
    pub(super) fn press(&mut self, column: u16, width: u16, full: (f64, f64)) {
        let (from, to) = self.window.unwrap_or(full);
        let last = f64::from(width.max(2) - 1);
        let share = (f64::from(column) / last).clamp(0.0, 1.0);
        self.cursor = Some(from + (to - from) * share);
    }

    /// Forgets places: those of one axis mean nothing on another.
    pub(super) fn forget(&mut self) {
        (self.window, self.cursor) = (None, None);
    }

    /// Halves or doubles what is shown, around the cursor or the middle, within `full`.
    fn zoom(&mut self, full: Option<(f64, f64)>, inwards: bool) {
        let Some((from, to)) = full.filter(|(a, b)| b > a) else {
            return;
        };
        let (a, b) = self.window.unwrap_or((from, to));
        let centre = self.cursor.unwrap_or(f64::midpoint(a, b));
        let width = (b - a) * if inwards { 0.5 } else { 2.0 };
        if width >= to - from {
            self.window = None;
            return;
        }
        // Less than a thousandth of the whole shows nothing but the space between points.
        let width = width.max((to - from) / 1_000.0);
        let start = (centre - width / 2.0).clamp(from, to - width);
        self.window = Some((start, start + width));
    }

    /// Moves what is shown a quarter of its width on or back, within `full`; everything has nowhere to go.
    fn pan(&mut self, full: Option<(f64, f64)>, on: bool) {
        let (Some((from, to)), Some((a, b))) = (full, self.window) else {
            return;
        };
        let step = (b - a) / 4.0 * if on { 1.0 } else { -1.0 };
        let start = (a + step).clamp(from, (to - (b - a)).max(from));
        self.window = Some((start, start + (b - a)));
    }

    /// Puts the cursor at the last sample, or takes it away.
    fn toggle(&mut self, points: &[Sample]) {
        self.cursor = match self.cursor {
            Some(_) => None,
            None => points
                .iter()
                .rev()
                .find(|p| self.window.is_none_or(|(a, b)| p.x >= a && p.x <= b))
                .or(points.last())
                .map(|p| p.x),
        };
    }

    /// Moves the cursor a few samples on or back, such that a chart is crossed in about a hundred.
    fn step(&mut self, points: &[Sample], on: bool) {
        let Some(x) = self.cursor else { return };
        let (a, b) = self.window.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let seen = points.iter().filter(|p| p.x >= a && p.x <= b).count();
        let stride = (seen / 120).max(1);
        let to = if on {
            points
                .iter()
                .filter(|p| p.x > x)
                .nth(stride - 1)
                .or(points.last())
        } else {
            points
                .iter()
                .rev()
                .filter(|p| p.x < x)
                .nth(stride - 1)
                .or(points.first())
        };
        self.place(to.map(|p| p.x));
    }

    /// Moves the cursor to the next of some places, or to the one before.
    fn jump(&mut self, places: &[(f64, String)], on: bool) {
        let to = match (self.cursor, on) {
            (Some(x), true) => places.iter().find(|(p, _)| *p > x),
            (Some(x), false) => places.iter().rev().find(|(p, _)| *p < x),
            (None, _) => places.first(),
        };
        self.place(to.map(|(x, _)| *x));
    }

    /// Puts the cursor somewhere; the window follows it.
    fn place(&mut self, to: Option<f64>) {
        let Some(x) = to else { return };
        self.cursor = Some(x);
        if let Some((a, b)) = self.window {
            let shift = if x < a {
                x - a
            } else if x > b {
                x - b
            } else {
                0.0
            };
            self.window = Some((a + shift, b + shift));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::series::sample;

    #[test]
    fn left_and_right_go_to_the_cursor_then_to_the_zoom_and_else_to_the_page() {
        let samples: Vec<Sample> = (0..=100).map(|i| sample(f64::from(i), 0.0)).collect();
        let seen = Seen {
            full: Some((0.0, 100.0)),
            points: &samples,
            markers: &[(30.0, String::new())],
        };
        let mut lens = Lens::default();
        assert!(lens.is_idle() && !lens.command(Command::Left, seen));
        assert!(lens.command(Command::NextMarker, seen));
        assert!(lens.command(Command::Left, seen));
        assert_eq!(lens.cursor, Some(29.0));
        assert!(lens.command(Command::ZoomIn, seen) && lens.command(Command::Back, seen));
        assert_eq!((lens.cursor, lens.window), (None, Some((4.0, 54.0))));
        assert!(!lens.command(Command::Right, seen) && lens.shift(Command::Right, seen.full));
        assert_eq!(lens.window, Some((16.5, 66.5)));
        assert!(lens.shift(Command::Back, seen.full) && !lens.shift(Command::Back, seen.full));
        assert!(lens.command(Command::LogScale, seen) && lens.log);
        lens.press(0, 50, (0.0, 100.0));
        assert_eq!(lens.cursor, Some(0.0));
        lens.press(99, 50, (0.0, 100.0));
        assert_eq!(lens.cursor, Some(100.0));
        lens.forget();
        assert!(lens.is_idle() && lens.log);
    }

    #[test]
    fn zoom_stays_inside_and_the_window_follows_the_cursor() {
        let samples: Vec<Sample> = (0..100).map(|i| sample(f64::from(i), 0.0)).collect();
        let full = Some((0.0, 99.0));
        let mut lens = Lens::default();
        lens.toggle(&samples);
        assert_eq!(lens.cursor, Some(99.0));
        lens.zoom(full, true);
        assert_eq!(lens.window, Some((49.5, 99.0)));
        lens.jump(&[(10.0, String::new())], false);
        assert_eq!(lens.window.map(|w| w.0), Some(10.0));
        lens.step(&samples, false);
        assert_eq!(lens.cursor, Some(9.0));
        lens.zoom(full, false);
        assert_eq!(lens.window, None);
        lens.pan(full, true);
        assert_eq!(lens.window, None);
        lens.window = Some((0.0, 40.0));
        lens.pan(full, true);
        assert_eq!(lens.window, Some((10.0, 50.0)));
        for _ in 0..20 {
            lens.pan(full, true);
        }
        assert_eq!(lens.window, Some((59.0, 99.0)));
        lens.window = None;
        for _ in 0..40 {
            lens.zoom(full, true);
        }
        let (a, b) = lens.window.unwrap();
        assert!(b - a > 0.09 && a >= 0.0 && b <= 99.0);
    }
}
