//! The first line of a chart: what it shows, what each line reads, and what its marks mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Chart, plot};
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span, spans_width};
use crate::ui::series::{last_sample, value_at};
use crate::ui::text;
use crate::ui::theme::Role;

/// What stands between two things of a line.
const APART: usize = 2;

/// `val_auc  0.914  line 0.8`, or a legend with a value for each series. With a cursor, the values there
/// and its place.
pub(super) struct Title<'a> {
    head: Vec<Span<'a>>,
    /// One entry a line of the chart; a lone line needs no name.
    legend: Vec<Vec<Span<'a>>>,
    /// What stands at the right end, what matters most first.
    right: Vec<Vec<Span<'a>>>,
}

impl<'a> Title<'a> {
    pub(super) fn of(chart: &Chart<'a>, look: &Look) -> Self {
        let mut head = vec![span(Role::Title, chart.title)];
        if !chart.unit.is_empty() {
            head.push(span(Role::Dim, format!(" {}", chart.unit)));
        }
        let lone = chart.series.len() == 1;
        let legend = chart.series.iter().enumerate().map(|(n, series)| {
            let value = value(chart, n);
            if lone {
                let role = match value.role {
                    Role::Text => Role::chart(n),
                    other => other,
                };
                return vec![span(role, format!("  {}", value.text))];
            }
            vec![
                span(Role::chart(n), look.symbols.series[n % 8]),
                span(Role::Dim, format!(" {}", series.name)),
                span(value.role, format!(" {}", value.text)),
            ]
        });
        Self {
            legend: legend.collect(),
            right: right(chart, look),
            head,
        }
    }

    /// How wide everything is in one line.
    pub(super) fn width(&self) -> usize {
        let right = match self.right_width() {
            0 => 0,
            width => width + APART,
        };
        spans_width(&self.head) + self.legend_width() + right
    }

    fn legend_width(&self) -> usize {
        let between = if self.legend.len() > 1 { 3 } else { 0 };
        self.legend.iter().map(|e| between + spans_width(e)).sum()
    }

    fn right_width(&self) -> usize {
        let all = self.right.iter().map(|group| APART + spans_width(group));
        all.sum::<usize>().saturating_sub(APART)
    }

    /// Draws it, the legend in a row of its own if it must.
    pub(super) fn draw(mut self, buf: &mut Buffer, look: &Look, whole: Rect, own_row: bool) {
        let area = paint::row(whole, 0);
        // What a lone line reads comes before what its marks mean.
        let beside = match self.legend.as_slice() {
            [one] if !own_row => spans_width(one),
            _ => 0,
        };
        let left = spans_width(&self.head) + beside + APART;
        while self.right.len() > 1 && left + self.right_width() > usize::from(area.width) {
            self.right.pop();
        }
        let mut right: Vec<Span<'_>> = Vec::new();
        for group in self.right {
            if !right.is_empty() {
                right.push(span(Role::Text, "  "));
            }
            right.extend(group);
        }
        let end = if right.is_empty() || usize::from(area.width) < 30 {
            area.right()
        } else {
            paint::put_right(buf, look, area, area.y, &right).saturating_sub(APART as u16)
        };
        let mut room = Rect {
            width: end.saturating_sub(area.x),
            ..area
        };
        let mut left = self.head;
        if own_row {
            paint::put_spans(buf, look, room, room.x, room.y, &left);
            left.clear();
            room = paint::row(whole, 1);
        }
        let many = self.legend.len();
        for (n, entry) in self.legend.into_iter().enumerate() {
            let between = if left.is_empty() || many == 1 {
                ""
            } else {
                "   "
            };
            // An entry is shown whole or counted, with room kept to say so.
            let rest = many - n;
            let kept = if rest > 1 { 5 } else { 0 };
            let needed = spans_width(&left) + between.len() + spans_width(&entry) + kept;
            if needed > usize::from(room.width) && n > 0 {
                left.push(span(Role::Dim, format!("   +{rest}")));
                break;
            }
            left.push(span(Role::Text, between));
            left.extend(entry);
        }
        paint::put_spans(buf, look, room, room.x, room.y, &left);
    }
}

/// What the mark of what is stale means.
fn faded<'a>(chart: &Chart<'a>) -> &'a str {
    if chart.stale_words.is_empty() {
        "stale"
    } else {
        chart.stale_words
    }
}

/// What a line reads: at the cursor, else now.
fn value<'a>(chart: &Chart<'a>, n: usize) -> Span<'a> {
    let points = chart.series[n].points;
    if let Some(x) = chart.cursor {
        let read = |points| value_at(points, x).filter(|y| chart.writes_nan || !y.is_nan());
        let stale = chart.stale.get(n).and_then(|points| read(points));
        let text = match (read(points), stale) {
            (Some(value), _) => text::number(value),
            (None, Some(value)) => format!("{} {}", text::number(value), faded(chart)),
            (None, None) => "no data".to_owned(),
        };
        return span(Role::Text, text);
    }
    let last = || text::number_or_none(last_sample(points).map(|p| p.y));
    let now = chart.now.get(n).cloned();
    now.unwrap_or_else(|| span(Role::Text, last()))
}

/// What stands at the right end: the place of the cursor, then what the marks of the plot mean. A line that
/// the vertical axis does not reach says where it is.
fn right<'a>(chart: &Chart<'a>, look: &Look) -> Vec<Vec<Span<'a>>> {
    let window = chart.window();
    let beyond = |value: f64| {
        let at = window.and_then(|window| plot::beyond(chart, window, value));
        at.map_or_else(String::new, |word| format!(" {word}"))
    };
    let mut out = Vec::new();
    if let (Some(x), Some((from, to))) = (chart.cursor, window) {
        let text = format!("at {}", chart.x.label(x, to - from));
        out.push(vec![span(Role::Strong, text)]);
    }
    if let Some(line) = chart.threshold {
        out.push(vec![
            span(Role::Threshold, format!("{} ", look.symbols.threshold)),
            span(
                Role::Dim,
                format!("line {}{}", text::brief(line), beyond(line)),
            ),
        ]);
    }
    let is_stale = chart.stale.iter().any(|points| {
        let mut finite = points.iter().filter(|p| p.y.is_finite());
        finite.any(|p| window.is_none_or(|(from, to)| p.x >= from && p.x <= to))
    });
    if is_stale {
        out.push(vec![
            span(Role::Stale, look.symbols.stale),
            span(Role::Dim, format!(" {}", faded(chart))),
        ]);
    }
    if let Some(floor) = chart.floor {
        out.push(vec![
            span(Role::Axis, format!("{} ", look.symbols.dot)),
            span(
                Role::Dim,
                format!("noise {}{}", text::brief(floor), beyond(floor)),
            ),
        ]);
    }
    if chart.log {
        out.push(vec![span(Role::Dim, "log")]);
    }
    out
}
