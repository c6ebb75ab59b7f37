//! The parts of the page as text, for the clipboard.

use super::part::Part;
use super::{ModelPage, facts, signals, versions};
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;
use crate::panes::{Cx, deployments, history, quality};

impl ModelPage {
    /// The selected row of the part that has the keyboard.
    pub(super) fn line(&self, cx: &Cx<'_>) -> Option<Clean> {
        let (_, rows) = self.table(cx);
        let at = match self.part {
            Part::Versions => self.versions.selected_in(rows.len())?,
            Part::Deployments => self.endpoints.selected_in(rows.len())?,
            Part::Facts => self.facts.offset,
            Part::Signals => self.signals.selected_in(rows.len())?,
            Part::Quality => self.quality.selected_in(rows.len())?,
            Part::Alerts => self.alerts.selected_in(rows.len())?,
            Part::Changes => rows.len().checked_sub(1)?,
        };
        Some(Clean::text(&rows.get(at)?.join("  ")))
    }

    /// That part as titles and rows.
    pub(super) fn table(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let Some(page) = self.page(cx) else {
            return (vec![self.key.name.clean().to_string()], Vec::new());
        };
        match self.part {
            Part::Versions => versions::markdown(&page, cx),
            Part::Facts => {
                let lines = self.fact_lines(cx).into_iter().filter(|l| !l.is_empty());
                let text =
                    |line: facts::Line| line.iter().map(|s| s.text.as_ref()).collect::<String>();
                let title = page.selected().map_or_else(String::new, |v| {
                    format!("{} {}", page.view.name, version_text(&v.key.version))
                });
                (vec![title], lines.map(|l| vec![text(l)]).collect())
            }
            Part::Signals => signals::markdown(page.view, cx),
            Part::Quality => quality::markdown(page.view, cx),
            Part::Alerts => signals::alerts_markdown(&self.alerts(cx), cx),
            Part::Deployments => {
                let titles = deployments::view::TITLES.iter();
                let all = page.deployments(cx).into_iter();
                let cells = |d| deployments::view::cells(d, cx.now.wall).to_vec();
                (
                    titles.map(|t| (*t).to_owned()).collect(),
                    all.map(cells).collect(),
                )
            }
            Part::Changes => {
                let titles = history::TITLES.iter().map(|t| (*t).to_owned());
                let all = self.changes(cx).into_iter();
                (
                    titles.collect(),
                    all.map(|c| history::cells(c, cx).to_vec()).collect(),
                )
            }
        }
    }
}
