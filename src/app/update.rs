//! One message in, effects out: total, synchronous, without I/O.

use std::time::Duration;

use super::dialogs::Dialog;
use super::{App, Effects, Typing};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::msg::{Effect, Msg};
use crate::panes::{Ask, Cx, Pane, Want};
use crate::ui::form::TextInput;

/// Takes one message in and says what is to be done.
pub fn update(app: &mut App, msg: Msg, now: Now) -> Effects {
    let mut effects = take_in(app, msg, now);
    app.settle(&mut effects);
    effects
}

/// Lets the open place follow what was taken in: to be called before a frame, and once a second.
pub fn settle(app: &mut App, now: Now) -> Effects {
    app.now = now;
    let mut effects = Effects::new();
    app.settle(&mut effects);
    effects
}

/// Takes one message in without letting the open place follow. Hundreds of observations come between
/// two frames: the place sorts its rows once, in [`settle`].
pub fn take_in(app: &mut App, msg: Msg, now: Now) -> Effects {
    app.now = now;
    let mut effects = Effects::new();
    match msg {
        Msg::Key(chord) => app.key(chord, &mut effects),
        Msg::Paste(text) => app.paste(&text, &mut effects),
        Msg::Click { column, row } => app.click(column, row, &mut effects),
        Msg::Scroll(rows) => app.scroll(rows),
        Msg::Resize { width, height } => app.screen = (width, height),
        Msg::Observed(observation) => {
            app.fleet.merge(*observation, now.wall);
        }
        Msg::Polled(report) => app.fleet.record(&report, now.wall),
        Msg::Probed {
            context,
            source,
            abilities,
        } if context == *app.fleet.context() => {
            if let Ok(abilities) = &abilities {
                app.fleet.set_rights(&source, abilities.rights.clone());
                app.fleet.set_account(&source, abilities.user.clone());
            }
            app.abilities.insert(source, abilities);
        }
        Msg::Anew(context, source) if context == *app.fleet.context() => {
            app.fleet.read_anew(&source, now.wall);
        }
        Msg::Fetched {
            context,
            source,
            query,
            asked_at,
            result,
        } if context == *app.fleet.context() => {
            app.wants.answered(&source, &query, now.mono);
            app.sheet_fetched(&query, &result);
            app.training_fetched(&query, &result);
            match &result {
                Ok(detail) => app.absorb(&source, &query, detail, asked_at),
                Err(fault) => app.miss(&query, fault),
            }
            let asks = app.with_pane(|pane, cx| pane.fetched(&query, &result, asked_at, cx));
            app.ask(asks, &mut effects);
        }
        Msg::Computed(computed) => app.with_pane(|pane, cx| pane.computed(&computed, cx)),
        Msg::LastKnown(context, last) if context == *app.fleet.context() => {
            app.fleet.absorb(*last, now.wall);
        }
        Msg::Ledger(context, changes) if context == *app.fleet.context() => {
            app.fleet.remember(changes, now.wall);
        }
        Msg::Unwatched(context, gaps) if context == *app.fleet.context() => {
            app.fleet.set_gaps(gaps);
        }
        Msg::Preferences(context, kept) if context == *app.fleet.context() => {
            app.history.restore(kept);
        }
        // Answers of a context that was left.
        Msg::Probed { .. }
        | Msg::Anew(..)
        | Msg::Fetched { .. }
        | Msg::LastKnown(..)
        | Msg::Ledger(..)
        | Msg::Unwatched(..)
        | Msg::Preferences(..) => {}
        Msg::Signed(context, signed) => {
            if context == *app.fleet.context() {
                app.sheet_signed(*signed);
            }
        }
        Msg::Wrote(context, at, record) if context == *app.fleet.context() => {
            app.wrote(at, &record, &mut effects);
        }
        // It is in the journal, whatever context is open.
        Msg::Wrote(_, at, record) => {
            app.writing.writes.wrote(&record, at);
            app.leave_if_done(&mut effects);
        }
        Msg::Journal(journals) => app.journal(&journals, &mut effects),
        Msg::Tick => {
            app.fleet.tick(now.wall);
            app.look_up_open(&mut effects);
            app.watch_bake(&mut effects);
        }
        Msg::Notice(notice) => app.notice = Some(notice),
        // Nobody is asked: what is on its way is journalled as it stands.
        Msg::Terminate => effects.push(Effect::Quit),
    }
    app.keep_observed(&mut effects);
    effects
}

/// Has the next slice of models judged that a message has left to be judged.
pub fn judge_more(app: &mut App, now: Now) -> Effects {
    app.now = now;
    app.fleet.judge_more(now.wall);
    let mut effects = Effects::new();
    app.keep_observed(&mut effects);
    effects
}

impl App {
    fn keep_observed(&mut self, effects: &mut Effects) {
        let observed = self.fleet.take_observed();
        if !observed.is_empty() {
            self.tell_overwritten(&observed);
            effects.push(Effect::Ledger(observed));
        }
    }

    /// What follows from any message: the open place sees it, and what it needs is asked for.
    fn settle(&mut self, effects: &mut Effects) {
        let asks = self.with_pane(|pane, cx| {
            pane.refresh(cx);
            pane.due(cx)
        });
        self.ask(asks, effects);
        self.settle_training(effects);
        self.settle_sheet(effects);
        let (focus, wanted) = {
            let cx = self.cx();
            let pane = self.history.current();
            let mut wanted = pane.wants(&cx);
            let needs = self.sheet_needs().into_iter();
            for (source, query) in needs.chain(self.training_needs()) {
                // What the place has read is read again: a plan rests on what is so now.
                wanted.retain(|want| want.query != query);
                wanted.push(Want {
                    source,
                    query,
                    every: Some(Duration::ZERO),
                });
            }
            (pane.focus(&cx), wanted)
        };
        if focus != self.focus {
            self.focus = focus.clone();
            effects.push(Effect::Focus(focus));
        }
        effects.extend(self.wants.sync(&wanted, self.now.mono));
        effects.extend(self.history.take_remarks().into_iter().map(Effect::Log));
        self.filtered = self.history.current_mut().filtered();
        self.keep_observed(effects);
    }

    pub(super) fn with_pane<T>(&mut self, act: impl FnOnce(&mut dyn Pane, &Cx<'_>) -> T) -> T {
        let cx = Cx {
            fleet: &self.fleet,
            writes: &self.writing.writes,
            now: self.now,
            window: self.window,
            screen: self.screen,
        };
        act(self.history.current_mut(), &cx)
    }

    fn absorb(&mut self, source: &SourceId, query: &Query, detail: &Detail, asked_at: Millis) {
        let now = self.now.wall;
        match detail {
            Detail::Runs { runs, .. } => self.fleet.put_runs(runs, asked_at, now),
            Detail::Run(run) => self
                .fleet
                .put_runs(std::slice::from_ref(&**run), asked_at, now),
            Detail::Versions(versions) => {
                self.fleet
                    .put_versions(source, versions.clone(), asked_at, now);
            }
            Detail::Package(package) => {
                if let Query::Package(version) = query {
                    self.fleet
                        .set_package(version.clone(), Some((**package).clone()), now);
                }
            }
            Detail::PipelineRun(run) => {
                let runs = std::slice::from_ref(&**run);
                self.fleet.put_pipeline_runs(source, runs, asked_at, now);
            }
            Detail::PipelineRuns(runs) => {
                self.fleet.put_pipeline_runs(source, runs, asked_at, now);
            }
            Detail::Claims(_)
            | Detail::Texts(_)
            | Detail::History(_)
            | Detail::Artifacts(_)
            | Detail::LoggedModel(_)
            | Detail::Series(_)
            | Detail::Alerts { .. }
            | Detail::DriftReport(_)
            | Detail::SignalChecks(_)
            | Detail::Links(_)
            | Detail::Pipeline(_)
            | Detail::Tasks(_)
            | Detail::TaskLog(_)
            | Detail::Produced(_) => {}
        }
    }

    /// What a failed detail says about the fleet: only a definite absence says anything.
    fn miss(&mut self, query: &Query, fault: &Fault) {
        match query {
            Query::Run(run) if fault.kind == FaultKind::NotFound => {
                self.fleet.run_is_gone(run.clone());
            }
            Query::Package(version)
                if matches!(
                    fault.kind,
                    FaultKind::NotFound | FaultKind::Server(_) | FaultKind::Decode { .. }
                ) =>
            {
                self.fleet.set_package(version.clone(), None, self.now.wall);
            }
            _ => {}
        }
    }

    pub(super) fn ask(&mut self, asks: Vec<Ask>, effects: &mut Effects) {
        for ask in asks {
            match ask {
                Ask::Open(place) => self.history.open(place),
                Ask::Show(place, thing) => {
                    self.history.open(place);
                    self.with_pane(|pane, cx| {
                        pane.refresh(cx);
                        pane.select(&thing, cx);
                    });
                }
                Ask::Back => {
                    self.history.close();
                }
                Ask::Prompt(prompt) => {
                    let input = TextInput::with(&Clean::text(&prompt.initial));
                    self.typing = Some(Typing {
                        prompt,
                        input,
                        error: None,
                    });
                }
                Ask::Choose(choice) => self.dialog = Some(Dialog::choice(choice)),
                Ask::Copy(text) => effects.push(Effect::Copy(text)),
                Ask::Compute(work) => effects.push(Effect::Compute(work)),
                Ask::Say(notice) => self.notice = Some(notice),
                Ask::Wish(wish) => self.wish(*wish),
                Ask::LookUp(written) => self.check(written, effects),
                Ask::Prefer(preference, value) => {
                    self.history.prefer(preference, value.clone());
                    effects.push(Effect::Prefer(preference, value));
                }
            }
        }
    }
}
