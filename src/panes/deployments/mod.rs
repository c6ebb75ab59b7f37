//! Deployments: every endpoint, what it follows, what it should answer and what it really answers.

pub(super) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::fleet::view::DeploymentView;
use crate::domain::key::DeploymentKey;
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// What the rows are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Order {
    /// Worst first, then by name.
    #[default]
    Level,
    /// By name.
    Name,
    /// By model.
    Model,
    /// The slowest health call first.
    Latency,
}

impl Order {
    const ALL: [Self; 4] = [Self::Level, Self::Name, Self::Model, Self::Latency];
}

/// The pane's state: which rows, in which order, and the cursor.
#[derive(Debug, Default)]
pub struct Deployments {
    list: List<DeploymentKey>,
    order: Order,
}

impl Deployments {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    fn current<'a>(&self, cx: &Cx<'a>) -> Option<&'a DeploymentView> {
        cx.fleet.deployment(self.list.current()?)
    }
}

/// A deployment as the filter sees it.
struct Searched<'a>(&'a DeploymentView);

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let d = self.0;
        [
            &d.name,
            &d.model_name,
            &d.environment,
            &d.server,
            &d.message,
        ]
        .into_iter()
        .any(|t| each(t.as_str()))
            || each(d.skew.word())
            || each(d.health.word())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let d = self.0;
        Some(match column {
            "endpoint" | "name" => d.name.to_string(),
            "model" => d.model_name.to_string(),
            "env" | "environment" => d.environment.to_string(),
            "health" => d.health.word().to_owned(),
            "skew" => d.skew.word().to_owned(),
            "level" => d.verdict.level.word().to_owned(),
            "known" => d.known().word().to_owned(),
            "kind" => d.key.kind.word().to_owned(),
            "server" => d.server.to_string(),
            _ => return None,
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        match column {
            "probe" | "latency" => self.0.latency.map(|l| l.as_secs_f64() * 1e3),
            _ => None,
        }
    }
}

impl Pane for Deployments {
    fn place(&self) -> Place {
        Place::Deployments
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Deployments")
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let mut views: Vec<&DeploymentView> = cx
            .fleet
            .deployments()
            .filter(|d| self.list.filter.keeps(&Searched(d)))
            .collect();
        views.sort_by(|a, b| {
            let by = match self.order {
                Order::Level => b.verdict.level.cmp(&a.verdict.level),
                Order::Name => std::cmp::Ordering::Equal,
                Order::Model => a.model_name.cmp(&b.model_name),
                Order::Latency => b.latency.cmp(&a.latency),
            };
            by.then_with(|| a.name.cmp(&b.name))
                .then_with(|| a.key.cmp(&b.key))
        });
        let rows = views.into_iter().map(|d| d.key.clone()).collect();
        let all = cx.fleet.deployments().len();
        self.list.set(rows, all, DeploymentKey::eq);
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        match command {
            Command::Open => {
                let model = self.current(cx)?.model.clone()?;
                Some(vec![Ask::Open(Place::Model(model))])
            }
            Command::Sort => {
                let at = Order::ALL
                    .iter()
                    .position(|o| *o == self.order)
                    .unwrap_or(0);
                self.order = Order::ALL[(at + 1) % Order::ALL.len()];
                self.reindex(cx);
                Some(Vec::new())
            }
            _ => {
                let hint = "words, !word, model:churn, health:unready, probe>100";
                list::command(self, command, hint, cx)
            }
        }
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let why = match (command, self.current(cx)) {
            (Command::Open | Command::CopyRow | Command::Menu, None) => "no deployment is selected",
            (Command::Open, Some(d)) if d.model.is_none() => d.because.as_str(),
            _ => return None,
        };
        Some(Clean::text(why))
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        if let Thing::Deployment(key) = thing {
            self.list.select(|k| k == key);
        }
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        self.current(cx).map(|d| Thing::Deployment(d.key.clone()))
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::History,
            Command::Filter,
            Command::Sort,
            Command::CopyRow,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let d = self.current(cx)?;
        let cells = view::cells(d, cx.now.wall);
        Some(Clean::text(&cells.join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        let rows = self.list.rows.iter().filter_map(|k| cx.fleet.deployment(k));
        (
            titles,
            rows.map(|d| view::cells(d, cx.now.wall).to_vec()).collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}

#[cfg(test)]
mod tests;
