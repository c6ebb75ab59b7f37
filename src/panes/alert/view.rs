//! How an alert's page is drawn: its facts, then its rule's expression over time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::AlertPage;
use crate::domain::alert::Alert;
use crate::domain::signal::SignalSeries;
use crate::domain::time::{age, span as duration};
use crate::panes::history::line::stamp;
use crate::panes::{Cx, signal};
use crate::ui::chart::{Chart, Marker, Series, XAxis};
use crate::ui::frame::{empty, rule};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, span};
use crate::ui::series::Sample;
use crate::ui::text;
use crate::ui::theme::Role;

/// What is known of an alert: label and value.
pub(super) fn facts(alert: &Alert, cx: &Cx<'_>) -> Vec<(&'static str, String)> {
    let now = cx.now.wall;
    let mut out = vec![
        ("summary", alert.summary.to_string()),
        (
            "since",
            format!(
                "{}Z, {} ago",
                stamp(alert.since, cx.now),
                age(now.since(alert.since))
            ),
        ),
        ("severity", alert.severity.to_string()),
    ];
    if let Some(model) = &alert.model {
        let version = alert.version.as_ref().map_or_else(String::new, |v| {
            format!(" {}", crate::domain::wiring::version_text(v))
        });
        out.push(("model", format!("{}{version}", model.clean())));
    }
    if let Some(value) = alert.value {
        let line = alert.rule.as_ref().and_then(|rule| rule.threshold);
        let line = line.map_or_else(String::new, |line| {
            format!("   compared with {}", text::number(line))
        });
        out.push(("value", format!("{}{line}", text::number(value))));
    }
    if let Some(rule) = alert.rule.as_ref().filter(|rule| rule.for_seconds > 0) {
        let long = std::time::Duration::from_secs(rule.for_seconds);
        out.push(("must hold", duration(long)));
    }
    for silence in alert.silences.iter() {
        let text = format!(
            "by {}, until {}Z: {}",
            silence.author,
            stamp(silence.until, cx.now),
            silence.comment
        );
        out.push(("silenced", text));
    }
    let links = [("runbook", &alert.runbook), ("dashboard", &alert.dashboard)];
    out.extend(
        links
            .into_iter()
            .filter_map(|(k, v)| Some((k, v.as_ref()?.to_string()))),
    );
    // It may be long, and what to do comes first.
    if let Some(rule) = &alert.rule {
        out.push(("rule", rule.query.clean().to_string()));
    }
    if !alert.group.is_empty() {
        out.push(("group", alert.group.to_string()));
    }
    if !alert.labels.is_empty() {
        let all: Vec<String> = alert
            .labels
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        out.push(("labels", all.join(" ")));
    }
    out.retain(|(_, value)| !value.is_empty());
    out
}

pub(super) fn draw(
    page: &AlertPage,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let Some(held) = page.alert(cx) else {
        let how = "It has ended, or its source was left · esc goes back";
        empty(buf, look, area, "This alert is no longer there.", &[how]);
        return Hits::default();
    };
    let alert = &held.fact;
    let (state, role) = if page.is_over(cx) {
        ("ended".to_owned(), Role::Dim)
    } else {
        signal::alert_state(alert, cx, look)
    };
    let inner = paint::inner_columns(area, 1, 1);
    let title = [
        span(role, format!("{state}  ")),
        span(Role::Title, alert.name.to_string()),
        span(Role::Dim, format!("   {}", alert.key.source)),
    ];
    paint::put_spans(buf, look, inner, inner.x, inner.y, &title);
    // Facts leave the chart ten rows where there are any to leave.
    let room = inner.height.saturating_sub(1 + 11).max(3).min(inner.height);
    let mut y = 1;
    for (label, value) in facts(alert, cx) {
        let label = span(Role::Label, text::pad(label, 11));
        let width = usize::from(inner.width);
        let most = if alert.rule.is_some() { 3 } else { 6 };
        let lines = paint::wrapped(label, Role::Text, &value, span(Role::Text, ""), width);
        let shown = lines
            .len()
            .min(most)
            .min(usize::from((room + 1).saturating_sub(y)));
        for (index, line) in lines.iter().take(shown).enumerate() {
            let row = paint::row(inner, y);
            paint::put_spans(buf, look, row, row.x, row.y, line);
            if index + 1 == shown && shown < lines.len() {
                let last = row.right().saturating_sub(1);
                let more = [span(Role::Dim, look.symbols.ellipsis)];
                paint::put_spans(buf, look, row, last, row.y, &more);
            }
            y += 1;
        }
        if y > room {
            break;
        }
    }
    let chart = paint::inner_rows(area, y, 0);
    rule_chart(page, alert, cx, look, chart, buf)
}

fn rule_chart(
    page: &AlertPage,
    alert: &Alert,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    if area.height < 3 {
        return Hits::default();
    }
    rule(
        buf,
        look,
        area,
        &[span(Role::Title, "its rule over time")],
        &[],
    );
    let body = paint::inner_rows(area, 1, 0);
    let words = match (&alert.rule, page.evaluator(cx), &page.series) {
        (None, _, _) => Some(
            "its source does not tell the rule: a Prometheus source of this context would"
                .to_owned(),
        ),
        (_, None, _) => {
            Some("no source of this context evaluates rules: add one of kind prometheus".to_owned())
        }
        (_, _, None) => Some("the rule's expression is being evaluated".to_owned()),
        (_, _, Some(Err(fault))) => Some(format!("{fault} · r asks again")),
        (_, _, Some(Ok(all))) if all.is_empty() => Some(format!(
            "the expression gave no sample in the {} · > looks further back",
            cx.window
        )),
        (_, _, Some(Ok(all))) if page.own(cx).is_empty() => Some(format!(
            "none of the {} of the expression has the alert's labels",
            text::counted(all.len(), "course", "courses")
        )),
        _ => None,
    };
    if let Some(words) = words {
        let row = paint::inner_columns(paint::row(body, 0), 1, 1);
        let words = look.symbols.plain(&words);
        paint::put(buf, row, row.x, row.y, &words, look.style(Role::Dim));
        return Hits::default();
    }
    let own = page.own(cx);
    let lines: Vec<(String, Vec<Sample>)> = own
        .iter()
        .take(8)
        .map(|s| (series_name(alert, s), signal::samples(s)))
        .collect();
    let series: Vec<Series<'_>> = lines
        .iter()
        .map(|(name, points)| Series { name, points })
        .collect();
    let marks = page.markers(cx);
    let markers: Vec<Marker<'_>> = marks
        .iter()
        .map(|(x, label)| Marker { x: *x, label })
        .collect();
    let plotted = alert.rule.as_ref().map(|r| r.plotted.clean());
    let plotted = plotted.unwrap_or_default();
    let title = text::cut(
        plotted.as_str(),
        usize::from(body.width / 2),
        look.symbols.ellipsis,
    );
    let chart = Chart {
        title: &title,
        series: &series,
        x: XAxis::Wall,
        log: page.lens.log,
        window: Some(page.lens.window.unwrap_or_else(|| AlertPage::whole(cx))),
        threshold: page.line(cx),
        markers: &markers,
        cursor: page.lens.cursor,
        ..Chart::default()
    };
    chart.draw(buf, look, body).hits
}

/// What tells one course of an expression from the others that are the alert's: its version, else the labels
/// that the alert does not have, else the model.
fn series_name(alert: &Alert, series: &SignalSeries) -> String {
    let key = &series.key;
    let mut labels = format!(" {} ", key.part.clean());
    for (name, value) in alert.labels.iter() {
        labels = labels.replace(&format!(" {name}={value} "), " ");
    }
    let version = key.version.clean().to_string();
    let parts = [
        version,
        labels,
        key.method.clean().to_string(),
        key.model.clean().to_string(),
    ];
    let mut named = parts.iter().map(|part| part.trim());
    let first = named.find(|part| !part.is_empty());
    first.unwrap_or("value").to_owned()
}
