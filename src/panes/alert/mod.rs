//! The page of one alert: what it says, who has silenced it, and its rule's own expression against its own
//! threshold, so that the chart shows what is alerted on and nothing near it.

mod view;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::lens::{Lens, Seen};
use super::{Ask, Cx, Pane, Place, Thing, Want, signal};
use crate::domain::alert::{Alert, AlertKey};
use crate::domain::fault::Fault;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::query::{COMPARED, Detail, Query};
use crate::domain::settings::SourceKind;
use crate::domain::signal::SignalSeries;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::series::Sample;

/// The page's state: the alert as last seen, its rule's course, and how the chart is looked at.
#[derive(Debug)]
pub struct AlertPage {
    key: AlertKey,
    last: Option<Held<Alert>>,
    series: Option<Result<Vec<SignalSeries>, Clean>>,
    lens: Lens,
}

impl AlertPage {
    /// The page of an alert before its first frame.
    pub fn new(key: AlertKey) -> Self {
        Self {
            key,
            last: None,
            series: None,
            lens: Lens::default(),
        }
    }

    fn alert<'a>(&'a self, cx: &Cx<'a>) -> Option<&'a Held<Alert>> {
        let mut all = cx.fleet.alerts();
        let told = || all.find(|h| h.fact.key == self.key);
        self.last.as_ref().or_else(told)
    }

    /// Whether it is no longer among the alerts.
    fn is_over(&self, cx: &Cx<'_>) -> bool {
        !cx.fleet.alerts().any(|h| h.fact.key == self.key)
    }

    fn model(&self, cx: &Cx<'_>) -> Option<ModelKey> {
        let name = self.alert(cx)?.fact.model.clone()?;
        let mut models = cx.fleet.models();
        models.find(|m| m.key.name == name).map(|m| m.key.clone())
    }

    /// The source that can evaluate its rule: its own, else the first that evaluates rules.
    fn evaluator(&self, cx: &Cx<'_>) -> Option<SourceId> {
        let all = &cx.fleet.settings().sources;
        let evaluates = || all.iter().filter(|s| s.kind == SourceKind::Prometheus);
        let own = evaluates().find(|s| s.name == self.key.source.as_str());
        own.or_else(|| evaluates().next())
            .map(|s| SourceId::new(&s.name))
    }

    fn whole(cx: &Cx<'_>) -> (f64, f64) {
        let to = cx.now.wall;
        (to.minus(cx.window.0).0 as f64, to.0 as f64)
    }

    /// The courses of its rule's expression that are its own: a rule watches many models and features, and
    /// each of its alerts is about one.
    fn own(&self, cx: &Cx<'_>) -> Vec<&SignalSeries> {
        let all = match (&self.series, self.alert(cx)) {
            (Some(Ok(all)), Some(held)) => Some((all, &held.fact)),
            _ => None,
        };
        let own = all.map(|(all, alert)| all.iter().filter(|course| is_of(alert, course)));
        let own = own.into_iter().flatten();
        own.filter(|course| !is_compared(course)).collect()
    }

    /// The line of its rule: the number in its expression, else what its course is compared with now.
    fn line(&self, cx: &Cx<'_>) -> Option<f64> {
        let alert = &self.alert(cx)?.fact;
        let number = alert.rule.as_ref().and_then(|rule| rule.threshold);
        let Some(Ok(all)) = &self.series else {
            return number;
        };
        let mut lines = all.iter().filter(|c| is_compared(c) && is_of(alert, c));
        number.or_else(|| {
            let values = &lines.next()?.values;
            let newest = values.iter().rev().find(|v| v.is_finite());
            newest.map(|v| f64::from(*v))
        })
    }

    fn points(&self, cx: &Cx<'_>) -> Vec<Sample> {
        let own = self.own(cx);
        own.first()
            .map(|one| signal::samples(one))
            .unwrap_or_default()
    }

    fn markers(&self, cx: &Cx<'_>) -> Vec<(f64, String)> {
        let mut all = self
            .model(cx)
            .map(|m| signal::markers(&m, cx))
            .unwrap_or_default();
        if let Some(held) = self.alert(cx) {
            all.push((held.fact.since.0 as f64, "alert".to_owned()));
        }
        let (from, to) = Self::whole(cx);
        all.retain(|(x, _)| *x >= from && *x <= to);
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }
}

/// Whether a course is not the expression's own, but what that is compared with.
fn is_compared(course: &SignalSeries) -> bool {
    course.key.method.raw() == COMPARED
}

/// Whether a course of a rule's expression can be what an alert of it is about: no label of it says
/// otherwise. An alert carries the labels of its course.
fn is_of(alert: &Alert, course: &SignalSeries) -> bool {
    let key = &course.key;
    let agrees = |own: &Option<Key>, of_course: &Key| {
        own.as_ref()
            .is_none_or(|own| of_course.raw().is_empty() || own == of_course)
    };
    let labels = key.part.clean();
    agrees(&alert.model, &key.model)
        && agrees(&alert.version, &key.version)
        && (alert.labels.iter()).all(|(name, value)| {
            label_in(labels.as_str(), name.as_str(), value.as_str()) != Some(false)
        })
}

/// Whether a course whose labels are written `name=value name=value` has a label at this value; `None`
/// where it has no such label.
fn label_in(labels: &str, name: &str, value: &str) -> Option<bool> {
    let padded = format!(" {labels} ");
    padded
        .contains(&format!(" {name}="))
        .then(|| padded.contains(&format!(" {name}={value} ")))
}

impl Pane for AlertPage {
    fn place(&self) -> Place {
        Place::Alert(self.key.clone())
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        let name = self.alert(cx).map(|h| h.fact.name.clone());
        Clean::name(&format!("Alert {}", name.unwrap_or_default()))
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Chart, Scope::List]
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        if let Some(held) = cx.fleet.joined_alert(&self.key) {
            self.last = Some(held);
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let full = Some(Self::whole(cx));
        let seen = Seen {
            full,
            points: &self.points(cx),
            markers: &self.markers(cx),
        };
        if self.lens.command(command, seen) || self.lens.shift(command, full) {
            return Some(Vec::new());
        }
        match command {
            Command::Open => Some(vec![Ask::Open(Place::Model(self.model(cx)?))]),
            _ => None,
        }
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let chart = matches!(
            command,
            Command::ZoomIn
                | Command::ZoomOut
                | Command::Cursor
                | Command::NextMarker
                | Command::PrevMarker
                | Command::LogScale
        );
        let why = match command {
            _ if chart && self.points(cx).is_empty() => "its rule has no samples here",
            Command::Open | Command::GoModel if self.model(cx).is_none() => {
                "its labels name no model of this registry"
            }
            Command::Sort | Command::Filter => "a page has no list",
            Command::Left | Command::Right if self.lens.is_idle() => {
                "v puts a cursor on the chart and + zooms in: then left and right move"
            }
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        if let Target::Plot(column) = target {
            let width = cx.screen.0.saturating_sub(7);
            self.lens.press(column, width, Self::whole(cx));
        }
        Vec::new()
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        self.model(cx).map(Thing::Model)
    }

    fn moment(&self, cx: &Cx<'_>) -> Option<Millis> {
        let since = self.alert(cx).map(|h| h.fact.since);
        self.lens.cursor.map(|x| Millis(x as i64)).or(since)
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let rule = self.alert(cx).and_then(|h| h.fact.rule.as_ref());
        let Some((rule, source)) = rule.zip(self.evaluator(cx)) else {
            return Vec::new();
        };
        vec![Want {
            source,
            query: Query::Expression {
                query: rule.plotted.clone(),
                span: signal::span_of(cx),
            },
            every: Some(signal::AGAIN),
        }]
    }

    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        _asked_at: Millis,
        _cx: &Cx<'_>,
    ) -> Vec<Ask> {
        if let Query::Expression { .. } = query {
            match result {
                Ok(Detail::Series(all)) => self.series = Some(Ok(all.clone())),
                // What was read stays: a chart with an age is worth more than a fault.
                Err(fault) if !matches!(self.series, Some(Ok(_))) => {
                    self.series = Some(Err(Clean::text(&fault.line())));
                }
                Ok(_) | Err(_) => {}
            }
        }
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::WhatChanged,
            Command::Silence,
            Command::Open,
            Command::Cursor,
            Command::NextMarker,
            Command::Wider,
            Command::CopyPane,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let (_, rows) = self.markdown(cx);
        let parts: Vec<String> = rows.into_iter().map(|r| r.join(" ")).collect();
        (!parts.is_empty()).then(|| Clean::text(&parts.join(" · ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = ["WHAT", "VALUE"].map(str::to_owned).to_vec();
        let rows = self.alert(cx).map(|h| view::facts(&h.fact, cx));
        let rows = rows.into_iter().flatten();
        (titles, rows.map(|(k, v)| vec![k.to_owned(), v]).collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
