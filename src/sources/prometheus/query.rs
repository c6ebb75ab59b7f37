//! Queries from templates, and the grid of times that ranges are asked over.

use crate::domain::fault::{Fault, FaultKind};
use crate::domain::signal::{Direction, SignalSpec};
use crate::domain::time::Millis;

/// The steps that ranges are asked with, in seconds: aligned steps keep charts from shimmering and
/// hit a server's cache.
const LADDER: [u64; 10] = [15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600];
/// The most points of a series that Prometheus answers with.
const MOST_POINTS: u64 = 11_000;

/// The times that a range is asked for: `points` of them, `step` seconds apart, the first at `start`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Grid {
    pub(super) start: i64,
    pub(super) step: u64,
    pub(super) points: u64,
}

impl Grid {
    /// A grid of `seconds` up to `until`, with a step of the ladder that gives no more points than
    /// asked for; longer steps than the ladder has are whole multiples of its last.
    pub(super) fn over(seconds: u64, until: Millis, most: u64) -> Self {
        let least = seconds.div_ceil(most.max(1)).max(1);
        let widest = LADDER[LADDER.len() - 1];
        let step = LADDER.into_iter().find(|step| *step >= least);
        Self::stepped(
            seconds,
            until,
            step.unwrap_or_else(|| least.div_ceil(widest) * widest),
        )
    }

    /// A grid of `seconds` up to the last whole step before `until`.
    pub(super) fn stepped(seconds: u64, until: Millis, step: u64) -> Self {
        let wide = i64::try_from(step).unwrap_or(i64::MAX);
        let end = until.0.div_euclid(1_000).div_euclid(wide) * wide;
        let steps = seconds / step;
        Self {
            start: end - i64::try_from(steps).unwrap_or(0) * wide,
            step,
            points: steps + 1,
        }
    }

    /// The same times in parts of so many points at most, one after another.
    pub(super) fn parts(self, most: u64) -> impl Iterator<Item = Self> + Send {
        let most = most.max(1);
        (0..self.points.div_ceil(most)).map(move |part| {
            let before = part * most;
            Self {
                start: self.start + i64::try_from(before * self.step).unwrap_or(0),
                step: self.step,
                points: most.min(self.points - before),
            }
        })
    }

    /// The last time.
    pub(super) fn end(&self) -> i64 {
        self.start + i64::try_from((self.points - 1) * self.step).unwrap_or(0)
    }

    /// The place of a time, if it is on the grid. Servers that align by themselves may be off by
    /// less than half a step.
    pub(super) fn index(&self, at: f64) -> Option<usize> {
        let place = ((at - self.start as f64) / self.step as f64).round();
        (place >= 0.0 && place < self.points as f64).then_some(place as usize)
    }

    /// Refuses what the server would refuse.
    pub(super) fn check(&self, place: &str) -> Result<(), Fault> {
        if self.points <= MOST_POINTS {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::Refused,
            place,
            &format!(
                "{} points a series are more than the {MOST_POINTS} that a server answers with",
                self.points
            ),
        ))
    }
}

/// What is put into a template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill<'a> {
    /// Matchers, empty for none.
    pub(super) selector: &'a str,
    /// What rates are taken over, in seconds.
    pub(super) window: u64,
    /// Over how many seconds which sample of a gauge is taken, where one a step would lose it.
    pub(super) over: Option<(u64, Taken)>,
}

/// Which of a gauge's samples of a stretch of time is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// The worst one, as a direction has it.
    Worst(Direction),
    /// The last one: what a job writes stands until its next run.
    Last,
}

/// The query of a template.
pub(super) fn fill(template: &str, with: Fill<'_>) -> String {
    let template = match with.over {
        Some((seconds, taken)) => over_time(template, seconds, taken),
        None => template.to_owned(),
    };
    let template = template.replace("$win", &format!("{}s", with.window));
    if with.selector.is_empty() {
        return template
            .replace("{$sel}", "")
            .replace(",$sel", "")
            .replace("$sel,", "")
            .replace("$sel", "");
    }
    template.replace("$sel", with.selector)
}

/// Wraps each gauge's selector into the last sample of a stretch of time, or into its extreme. A gauge's
/// selector is one that ends in `$sel}` and has no range; what its aggregation takes decides which
/// extreme, else the direction. Where neither is bad, the sample stays.
fn over_time(template: &str, seconds: u64, taken: Taken) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(found) = rest.find("$sel}") {
        let end = found + "$sel}".len();
        let (head, tail) = rest.split_at(end);
        rest = tail;
        let open = opening(head);
        let name = head[..open]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
            .map_or(0, |at| at + 1);
        let before = format!("{out}{}", &head[..name]);
        let function = match (taken, innermost(&before)) {
            (Taken::Last, _) => Some("last_over_time"),
            (Taken::Worst(direction), aggregation) => match (aggregation, direction) {
                (Some("min"), _) => Some("min_over_time"),
                (Some("max"), _) | (_, Direction::HighIsBad) => Some("max_over_time"),
                (_, Direction::LowIsBad) => Some("min_over_time"),
                (_, Direction::Neither) => None,
            },
        };
        match function.filter(|_| !tail.trim_start().starts_with('[') && open < head.len()) {
            Some(function) => {
                out = before;
                let selector = &head[name..];
                out = format!("{out}{function}({selector}[{seconds}s])");
            }
            None => out.push_str(head),
        }
    }
    out.push_str(rest);
    out
}

/// Where the braces open that the end of `text` closes; its length if they do not.
fn opening(text: &str) -> usize {
    let mut open = text.len();
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => open = at,
            _ => {}
        }
    }
    open
}

/// The aggregation or function whose parentheses the end of `text` is directly in.
fn innermost(text: &str) -> Option<&str> {
    let body = text.trim_end().strip_suffix('(')?.trim_end();
    let body = match body.strip_suffix(')') {
        // `max by (model) (`: the clause between is passed over.
        Some(clause) => {
            let head = clause[..clause.rfind('(')?].trim_end();
            head.strip_suffix("by")
                .or_else(|| head.strip_suffix("without"))?
                .trim_end()
        }
        None => body,
    };
    let name = body.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    name.into_iter().next()
}

/// The query of a signal over a grid: rates over no less than a step, and a gauge's worst of each
/// step where steps are wider than the window that holds several scrapes.
pub(super) fn over_grid(
    spec: &SignalSpec,
    template: &str,
    selector: &str,
    window: u64,
    step: u64,
) -> String {
    let direction = spec.direction.unwrap_or(spec.measure.direction());
    let gauge = !template.contains("$win");
    fill(
        template,
        Fill {
            selector,
            window: window.max(step),
            over: (gauge && step >= window).then_some((step, Taken::Worst(direction))),
        },
    )
}

/// A query of what a job writes over a grid: at each step what it wrote last.
pub(super) fn last_over_grid(template: &str, selector: &str, window: u64, step: u64) -> String {
    fill(
        template,
        Fill {
            selector,
            window: window.max(step),
            over: Some((step.max(window), Taken::Last)),
        },
    )
}

/// Two lists of matchers as one.
pub(super) fn and(one: &str, other: &str) -> String {
    match (one.is_empty(), other.is_empty()) {
        (true, _) => other.to_owned(),
        (_, true) => one.to_owned(),
        _ => format!("{one},{other}"),
    }
}

/// A matcher for any of some values of a label.
pub(super) fn matcher<'a>(label: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<&str> = values.into_iter().collect();
    match values[..] {
        [one] => format!("{label}=\"{}\"", escaped(one)),
        _ => {
            let all: Vec<String> = values.iter().map(|v| escaped(&literal(v))).collect();
            format!("{label}=~\"{}\"", all.join("|"))
        }
    }
}

/// Text between double quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A regular expression that matches nothing but the text.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_of_the_ladder_and_ends_are_aligned() {
        let until = Millis(1_767_225_677_123);
        for (seconds, columns, step) in [
            (900, 60, 15),
            (3_600, 60, 60),
            (6 * 3_600, 72, 300),
            (14 * 86_400, 100, 21_600),
            (400 * 86_400, 100, 16 * 21_600),
        ] {
            let grid = Grid::over(seconds, until, columns);
            assert_eq!(grid.step, step, "{seconds}");
            assert!(grid.points <= columns + 1, "{grid:?}");
            assert_eq!(grid.end() % i64::try_from(step).expect("small"), 0);
            assert!(grid.end() * 1_000 <= until.0);
            assert!(grid.end() + i64::try_from(step).expect("small") > until.0 / 1_000);
        }
        let grid = Grid::stepped(600, Millis(600_000), 60);
        assert_eq!((grid.start, grid.points), (0, 11));
        assert_eq!(grid.index(61.0), Some(1));
        assert_eq!((grid.index(-40.0), grid.index(660.0)), (None, None));
        for most in [0, 1, 4, 5, 10, 11, 12] {
            let parts: Vec<Grid> = grid.parts(most).collect();
            let times = |grid: &Grid| (0..grid.points as i64).map(move |n| n * 60).collect();
            let whole: Vec<i64> = times(&grid);
            let of = |part: &Grid| -> Vec<i64> {
                let from: Vec<i64> = times(part);
                from.iter().map(|at| part.start + at).collect()
            };
            assert_eq!(parts.iter().flat_map(of).collect::<Vec<_>>(), whole);
            assert!(parts.iter().all(|part| part.points <= most.max(1)));
        }
        let wide = Grid::stepped(11_001 * 15, until, 15);
        assert_eq!(
            wide.check("here").expect_err("too many").kind,
            FaultKind::Refused
        );
        assert!(Grid::stepped(10_999 * 15, until, 15).check("here").is_ok());
    }

    #[test]
    fn templates_are_filled_with_and_without_matchers() {
        let with = |selector| Fill {
            selector,
            window: 300,
            over: None,
        };
        let template = r#"rate(a{$sel}[$win]) / rate(b{c="5..",$sel}[$win])"#;
        assert_eq!(
            fill(template, with("")),
            r#"rate(a[300s]) / rate(b{c="5.."}[300s])"#
        );
        assert_eq!(
            fill(template, with("x=\"y\"")),
            r#"rate(a{x="y"}[300s]) / rate(b{c="5..",x="y"}[300s])"#
        );
    }

    #[test]
    fn the_worst_of_a_step_is_asked_for() {
        let with = |direction| Fill {
            selector: "",
            window: 300,
            over: Some((600, Taken::Worst(direction))),
        };
        for (template, direction, want) in [
            (
                "max by (m) (a{$sel}) or min by (m) (b{x=\"{\",$sel})",
                Direction::HighIsBad,
                "max by (m) (max_over_time(a[600s])) or min by (m) (min_over_time(b{x=\"{\"}[600s]))",
            ),
            (
                "sum by (m) (vllm:waiting{$sel})",
                Direction::HighIsBad,
                "sum by (m) (max_over_time(vllm:waiting[600s]))",
            ),
            (
                "avg(a{$sel})",
                Direction::LowIsBad,
                "avg(min_over_time(a[600s]))",
            ),
            ("avg(a{$sel})", Direction::Neither, "avg(a)"),
            (
                "sum(rate(a{$sel}[5m]))",
                Direction::HighIsBad,
                "sum(rate(a[5m]))",
            ),
        ] {
            assert_eq!(fill(template, with(direction)), want);
        }
    }

    #[test]
    fn what_a_job_wrote_last_is_asked_for() {
        let template = "max by (m) (a{x=\"y\",$sel}) or min by (m) (a{$sel})";
        assert_eq!(
            last_over_grid(template, "", 300, 1_800),
            "max by (m) (last_over_time(a{x=\"y\"}[1800s])) or min by (m) (last_over_time(a[1800s]))"
        );
    }

    #[test]
    fn names_cannot_leave_their_matcher() {
        assert_eq!(matcher("m", ["a\"} or x{\\"]), r#"m="a\"} or x{\\""#);
        assert_eq!(matcher("m", ["a.b", "c|d"]), r#"m=~"a\\.b|c\\|d""#);
        assert_eq!(and("", "a=\"b\""), "a=\"b\"");
        assert_eq!(and("c=\"d\"", "a=\"b\""), "c=\"d\",a=\"b\"");
    }
}
