//! What updates ask for, done: each at once or handed to somebody who will. Nothing here waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::actor::Request;
use super::signals::Alarm;
use super::sources::{Common, Sources};
use super::store_task::Keeper;
use super::writing::{self, Writing};
use crate::app::App;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::query::Query;
use crate::domain::settings::Context;
use crate::domain::text::Clean;
use crate::domain::watch;
use crate::intent::msg::{Compute, Computed, Effect, Msg, Notice};
use crate::terminal::caps::Mux;
use crate::terminal::osc;
use crate::terminal::session::Session;

/// A remark as a message.
pub(super) fn notice(bad: bool, text: &str) -> Msg {
    Msg::Notice(Notice {
        bad,
        text: Clean::text(text),
    })
}

/// Those who carry effects out.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one wish for the loop, and they do not exclude one another"
)]
pub(super) struct Hands {
    pub(super) common: Common,
    pub(super) sources: Sources,
    /// Absent if its thread could not be started.
    pub(super) keeper: Option<Keeper>,
    /// Work above a millisecond, for another thread.
    pub(super) compute: fn(Compute) -> Computed,
    pub(super) alarms: UnboundedSender<Alarm>,
    pub(super) writing: Writing,
    pub(super) mux: Option<Mux>,
    /// Messages from here, to be taken before any other.
    pub(super) own: VecDeque<Msg>,
    /// Bytes for the terminal that are not cells.
    pub(super) bytes: Vec<u8>,
    pub(super) computing: bool,
    /// The newest work that waits; older work that has not begun is out of date.
    pub(super) next: Option<Box<Compute>>,
    pub(super) repaint: bool,
    pub(super) suspend: bool,
    pub(super) quit: bool,
}

impl Hands {
    pub(super) fn new(
        common: Common,
        sources: Sources,
        keeper: Option<Keeper>,
        compute: fn(Compute) -> Computed,
        alarms: UnboundedSender<Alarm>,
        writing: Writing,
    ) -> Self {
        Self {
            common,
            sources,
            keeper,
            compute,
            alarms,
            writing,
            mux: None,
            own: VecDeque::new(),
            bytes: Vec::new(),
            computing: false,
            next: None,
            repaint: false,
            suspend: false,
            quit: false,
        }
    }

    /// Notes what a message from a source tells about watched time.
    pub(super) fn hear(&mut self, msg: &Msg, settings: &Context) {
        if let (Msg::Polled(report), Some(keeper)) = (msg, &mut self.keeper)
            && report.fault.is_none()
            && report.next_at != crate::domain::observation::PollReport::NEVER
        {
            let mut sources = settings.sources.iter();
            let set = sources.find(|s| s.name == report.source.as_str());
            // One of a context that was just left is heard for the last time.
            let every = set.map_or(Duration::ZERO, |s| s.every);
            let (source, at) = (&report.source, report.asked_at);
            keeper.seen(&report.context, source, at, watch::patience(every));
        }
    }

    /// Does what an update asks for; whether another context was entered.
    pub(super) fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        app: &mut App,
        session: Option<&Session>,
    ) -> bool {
        let mut entered = false;
        for effect in effects {
            match effect {
                Effect::Fetch { source, query } => self.fetch(app, source, query),
                Effect::Cancel { source, query } => {
                    // An actor that is not there has nothing to cancel.
                    let _ = self.sources.ask(&source, Request::Cancel(Box::new(query)));
                }
                Effect::AskRights => self.sources.ask_all(&Request::Probe),
                Effect::Refresh(None) => self.sources.ask_all(&Request::Refresh),
                Effect::Refresh(Some(source)) => {
                    let _ = self.sources.ask(&source, Request::Refresh);
                }
                Effect::Focus(focus) => self.sources.focus(focus),
                Effect::Compute(work) => self.begin(work),
                Effect::Ledger(changes) => {
                    if let Some(keeper) = &self.keeper {
                        keeper.append(app.context(), changes);
                    }
                }
                Effect::Copy(text) => self.copy(&text),
                Effect::Switch(name) => {
                    self.switch(app, &name);
                    entered = true;
                }
                Effect::Prefer(name, value) => {
                    if let Some(keeper) = &self.keeper {
                        keeper.prefer(app.context(), name, value);
                    }
                }
                Effect::Write(confirmed) => self.writing.begin(app, &self.common, confirmed),
                Effect::CheckSignature(approval) => {
                    writing::check_signature(app, &self.common, *approval);
                }
                Effect::LookUp(written) => self.writing.look_up(app, &self.common, *written),
                Effect::SeenTo(plan, words) => {
                    self.writing.seen_to(app, &self.common, plan, words);
                }
                Effect::Log(line) => tracing::warn!("{line}"),
                Effect::Mouse(on) => {
                    if let Some(session) = session {
                        self.bytes.extend_from_slice(session.set_mouse(on));
                    }
                }
                Effect::Repaint => self.repaint = true,
                Effect::Suspend => self.suspend = true,
                Effect::Quit => self.quit = true,
            }
        }
        entered
    }

    fn fetch(&mut self, app: &App, source: SourceId, query: Query) {
        let request = Request::Fetch(Box::new(query));
        if let Err(Request::Fetch(query)) = self.sources.ask(&source, request) {
            // Whoever asked must hear of it, or would wait for ever.
            let detail = "the source has too many requests to see to; ask again";
            let fault = Fault::new(FaultKind::Timeout, source.as_str(), detail);
            self.own.push_back(Msg::Fetched {
                context: Arc::clone(app.context()),
                asked_at: self.common.clock.wall(),
                source,
                query: *query,
                result: Err(fault),
            });
        }
    }

    fn begin(&mut self, work: Box<Compute>) {
        if self.computing {
            self.next = Some(work);
            return;
        }
        self.computing = true;
        let (compute, alarms) = (self.compute, self.alarms.clone());
        tokio::spawn(async move {
            let done = tokio::task::spawn_blocking(move || compute(*work)).await;
            // A loop that has ended needs no rows.
            let _ = alarms.send(Alarm::Computed(done.ok()));
        });
    }

    /// Work off the loop has ended: the next may begin.
    pub(super) fn computed(&mut self, computed: Option<Computed>) -> Msg {
        self.computing = false;
        if let Some(work) = self.next.take() {
            self.begin(work);
        }
        match computed {
            Some(computed) => Msg::Computed(computed),
            None => notice(true, "sorting failed inside; the log has the place"),
        }
    }

    fn copy(&mut self, text: &Clean) {
        match osc::copy(std::slice::from_ref(text)) {
            Ok(sequence) => {
                self.bytes.extend_from_slice(sequence.as_bytes());
                let note = osc::copy_note(self.mux);
                self.own
                    .extend(note.map(|note| notice(false, &format!("sent; {note}"))));
            }
            Err(error) => self.own.push_back(notice(true, &error.to_string())),
        }
    }

    /// Leaves a context for another. The old actors end by themselves: nobody waits for a server.
    fn switch(&mut self, app: &mut App, name: &str) {
        self.save(app);
        let now = self.common.clock.now();
        app.enter(name, now);
        let (context, settings) = (app.fleet().context(), app.fleet().settings());
        if let Some(keeper) = &mut self.keeper {
            keeper.enter(context, false, now.wall);
        }
        // The new ones are there before the old ones are dropped and thereby aborted.
        self.sources = Sources::start(context, settings, &self.common);
    }

    /// Hands the last-known state to the store's thread.
    pub(super) fn save(&self, app: &App) {
        if let Some(keeper) = &self.keeper {
            let fleet = app.fleet();
            let state = fleet.last_known(self.common.clock.wall(), Vec::new());
            keeper.save(app.context(), state, fleet.runs().clone());
        }
    }
}
