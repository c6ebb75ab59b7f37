//! What commands and clicks do to the page, and why some cannot work there.

use super::part::Part;
use super::{ENDPOINT_ROWS, ModelPage, signals};
use crate::domain::change::Subject;
use crate::domain::fleet::view::ModelView;
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::panes::lens::Seen;
use crate::panes::quality::{self, Quality};
use crate::panes::{Ask, Cx, Place, Thing, move_in, signal};
use crate::ui::hits::Target;
use crate::ui::series::Sample;
use crate::ui::table::TableState;

impl ModelPage {
    /// How long the list of a part is.
    pub(super) fn len_of(&self, part: Part, cx: &Cx<'_>) -> usize {
        match part {
            Part::Versions => self.rows.len(),
            Part::Facts => self.fact_lines(cx).len(),
            Part::Signals => self.page(cx).map_or(0, |p| signals::len(p.view)),
            Part::Quality => self.page(cx).map_or(0, |p| quality::rows(p.view, cx).len()),
            Part::Alerts => self.alerts(cx).len(),
            Part::Deployments => self.page(cx).map_or(0, |p| p.deployments(cx).len()),
            Part::Changes => self.changes(cx).len(),
        }
    }

    pub(super) fn table_of(&mut self, part: Part) -> &mut TableState {
        match part {
            Part::Versions => &mut self.versions,
            Part::Facts => &mut self.facts,
            Part::Signals => &mut self.signals,
            Part::Quality => &mut self.quality,
            Part::Alerts => &mut self.alerts,
            Part::Deployments => &mut self.endpoints,
            Part::Changes => &mut self.changes,
        }
    }

    /// Moves in the part that has the keyboard: lists by their selection, the rest by its lines.
    pub(super) fn moved(&mut self, command: Command, cx: &Cx<'_>) -> bool {
        let part = self.part;
        let len = self.len_of(part, cx);
        let table = self.table_of(part);
        if matches!(
            part,
            Part::Versions | Part::Deployments | Part::Signals | Part::Quality | Part::Alerts
        ) {
            let moved = move_in(table, command, len);
            if moved && part == Part::Versions {
                self.facts = TableState {
                    page: self.facts.page,
                    ..TableState::default()
                };
            }
            return moved;
        }
        // Text has no selection: a step moves what is seen, and stops when the end is seen.
        let last = len.saturating_sub(table.page.max(1));
        let page = table.page.max(2) - 1;
        table.offset = match command {
            Command::Up => table.offset.saturating_sub(1),
            Command::Down => table.offset + 1,
            Command::HalfUp => table.offset.saturating_sub(page / 2 + 1),
            Command::HalfDown => table.offset + page / 2 + 1,
            Command::PageUp => table.offset.saturating_sub(page),
            Command::PageDown => table.offset + page,
            Command::First => 0,
            Command::Last => last,
            _ => return false,
        }
        .min(last);
        true
    }

    pub(super) fn step_part(&mut self, by: isize) {
        let all = Part::ALL.len();
        let at = self.part.at().saturating_add_signed(by).min(all - 1);
        self.part = Part::ALL[at];
    }

    pub(super) fn open(&self, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let page = self.page(cx)?;
        match self.part {
            Part::Versions => None,
            Part::Facts => {
                let run = page.selected()?.run.clone()?;
                Some(vec![Ask::Open(Place::Run(run))])
            }
            Part::Signals | Part::Quality => {
                Some(vec![Ask::Open(Place::Features(self.key.clone()))])
            }
            Part::Alerts => {
                let all = self.alerts(cx);
                let at = self.alerts.selected_in(all.len())?;
                Some(vec![Ask::Open(Place::Alert(all[at].fact.key.clone()))])
            }
            Part::Deployments => {
                let all = page.deployments(cx);
                let at = self.endpoints.selected_in(all.len())?;
                let thing = Thing::Deployment(all[at].key.clone());
                Some(vec![Ask::Show(Place::Deployments, thing)])
            }
            Part::Changes => {
                let subject = Subject::Model(self.key.clone());
                Some(vec![Ask::Open(Place::History(subject))])
            }
        }
    }

    /// Carries a command out; `None` for one that the page has no use for.
    pub(super) fn carry_out(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if self.part.has_charts() && self.chart_command(command, cx) {
            return Some(Vec::new());
        }
        if self.moved(command, cx) {
            return Some(Vec::new());
        }
        match command {
            Command::NextFocus => {
                self.part = Part::ALL[(self.part.at() + 1) % Part::ALL.len()];
            }
            Command::Left => self.step_part(-1),
            Command::Right => self.step_part(1),
            Command::Open if self.part == Part::Versions => self.part = Part::Facts,
            Command::Open => return self.open(cx),
            // What was opened with the return key is closed before the page is left.
            Command::Back if self.part == Part::Facts => self.part = Part::Versions,
            _ => return None,
        }
        Some(Vec::new())
    }

    /// What moves the golden signals, all of them alike: they lie over one time.
    fn chart_command(&mut self, command: Command, cx: &Cx<'_>) -> bool {
        let full = Some(signals::whole(cx));
        let seen = Seen {
            full,
            points: &self.chart_points(cx),
            markers: &signals::marks(&self.key, cx),
        };
        self.lens.command(command, seen) || self.lens.shift(command, full)
    }

    /// What the model is measured by, as the page looks at it.
    pub(super) fn quality_of<'a>(&'a self, model: &'a ModelView) -> Quality<'a> {
        Quality {
            model,
            courses: &self.courses,
            lens: self.lens,
            state: &self.quality,
        }
    }

    /// The samples that the cursor steps along: those of the first chart in view that has any.
    fn chart_points(&self, cx: &Cx<'_>) -> Vec<Sample> {
        let first = self.signals.selected;
        self.page(cx).map_or_else(Vec::new, |page| match self.part {
            Part::Quality => self.quality_of(page.view).points(cx),
            _ => signals::points(page.view, &self.courses, first, cx),
        })
    }

    /// Why a command cannot work here right now.
    pub(super) fn why_not(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Open => {
                let page = self.page(cx);
                let run = page.and_then(|p| p.selected().map(|v| v.run.is_some()));
                match (self.part, run) {
                    (Part::Versions | Part::Facts, None) => "no version is known",
                    (Part::Facts, Some(false)) => "the registry names no run for this version",
                    (Part::Alerts, _) if self.alerts(cx).is_empty() => {
                        "no alert of this model is known"
                    }
                    (Part::Deployments, _) if self.len_of(Part::Deployments, cx) == 0 => {
                        "no deployment of this model is known"
                    }
                    _ => return None,
                }
            }
            Command::Cursor | Command::ZoomIn | Command::ZoomOut
                if self.chart_points(cx).is_empty() =>
            {
                "no signal of this model has samples here"
            }
            Command::NextMarker | Command::PrevMarker
                if signals::marks(&self.key, cx).is_empty() =>
            {
                "no change is known in this time range · > looks further back"
            }
            Command::Smooth | Command::Axis if self.part.has_charts() => signal::NO_SUCH_CHART,
            Command::Sort => "versions are newest first",
            Command::Filter => "a page has no filter; 2 lists and filters all models",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    /// A press on a region of the last frame.
    pub(super) fn press(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            Target::Row(index) if index >= ENDPOINT_ROWS => {
                let index = index - ENDPOINT_ROWS;
                let len = self.len_of(Part::Deployments, cx);
                let again = self.part == Part::Deployments
                    && self.endpoints.selected_in(len) == Some(index);
                self.part = Part::Deployments;
                if again {
                    return self.open(cx).unwrap_or_default();
                }
                self.endpoints.select(index, len);
            }
            Target::Row(index) if self.part == Part::Alerts => {
                let len = self.len_of(Part::Alerts, cx);
                if self.alerts.selected_in(len) == Some(index) {
                    return self.open(cx).unwrap_or_default();
                }
                self.alerts.select(index, len);
            }
            Target::Row(index) if self.part == Part::Quality => {
                let len = self.len_of(Part::Quality, cx);
                self.quality.select(index, len);
            }
            Target::Row(index) => {
                let len = self.rows.len();
                let again =
                    self.part == Part::Versions && self.versions.selected_in(len) == Some(index);
                self.part = if again { Part::Facts } else { Part::Versions };
                self.versions.select(index, len);
            }
            Target::Plot(column) if self.part.has_charts() => {
                let charts = match self.part {
                    Part::Signals => self.len_of(Part::Signals, cx),
                    _ => 1,
                };
                let width = signals::plot_width(cx.screen.0, charts);
                self.lens.press(column, width, signals::whole(cx));
            }
            Target::Column(index) => {
                if let Some(part) = Part::ALL.get(index) {
                    self.part = *part;
                }
            }
            _ => {}
        }
        Vec::new()
    }
}
