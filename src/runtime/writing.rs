//! Writes of the console: each confirmed plan in a task of its own, its records told to the loop. How a
//! plan is carried out is [`super::writes`]' matter.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::effects::notice;
use super::signing;
use super::sources::Common;
use super::writes::{self, Book, Ended, Servers};
use crate::app::App;
use crate::domain::action::{Actor, Confirmed, Outcome, Plan, PlanId, Record, Written};
use crate::domain::fleet::gates::SignedApproval;
use crate::domain::gate::approval::Approval;
use crate::domain::observation::ContextRef;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::msg::Msg;
use crate::store::journal::Session;

/// How often it is looked whether another process has written: a few files are asked for their lengths.
const LOOK: Duration = Duration::from_secs(2);
/// How long a plan that is left may take to stop.
const STOP: Duration = Duration::from_millis(200);

/// The plans of this process that are on their way, and their journal.
pub(super) struct Writing {
    book: Arc<Book>,
    tasks: Vec<JoinHandle<()>>,
    /// What is carried out, and where: a later plan that puts a version in the same place ends it.
    running: Vec<(Plan, Weak<Servers>)>,
}

impl Writing {
    /// Writes that are journalled in a directory; without one they leave no trace.
    pub(super) fn new(directory: Option<PathBuf>, session: Session) -> Self {
        Self {
            book: Book::new(directory, session),
            tasks: Vec::new(),
            running: Vec::new(),
        }
    }

    /// Who acts here.
    pub(super) fn actor(&self) -> Actor {
        writes::actor(&self.book)
    }

    /// Reads the journals of this machine away from the loop: now, and again whenever another process has
    /// written.
    pub(super) fn read(&self, clock: Arc<Clock>, out: mpsc::Sender<Msg>) {
        let book = Arc::clone(&self.book);
        tokio::spawn(async move {
            let (mut known, mut living) = (None, BTreeSet::new());
            loop {
                let (book, clock, before) = (Arc::clone(&book), Arc::clone(&clock), known.clone());
                // Whose process dies writes no more: that it is gone is seen by asking alone.
                let waits = !living.is_empty();
                let looked = tokio::task::spawn_blocking(move || {
                    let stamps = Some(book.others());
                    let changed = stamps != before;
                    let journals = (changed || waits).then(|| book.read(clock.wall()));
                    (stamps, changed, journals)
                });
                let Ok((stamps, changed, journals)) = looked.await else {
                    return;
                };
                known = stamps;
                if let Some(journals) = journals
                    && (changed || journals.living != living)
                {
                    living.clone_from(&journals.living);
                    // A loop that has ended reads no journal.
                    if out.send(Msg::Journal(Box::new(journals))).await.is_err() {
                        return;
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Carries a confirmed plan out.
    pub(super) fn begin(&mut self, app: &App, common: &Common, confirmed: Box<Confirmed>) {
        let servers = Servers::new(
            Arc::clone(app.fleet().settings()),
            Arc::clone(&common.clock),
        );
        let servers = Arc::new(servers);
        let plan = confirmed.plan();
        let by = Clean::text(&format!("{} has taken its place", plan.summary));
        self.running
            .retain(|(_, running)| running.strong_count() > 0);
        let earlier = self
            .running
            .iter()
            .filter(|(other, _)| plan.contends(other));
        let stopping = earlier
            .filter_map(|(_, running)| Some(running.upgrade()?.supersede(by.clone())))
            .collect();
        servers.after(stopping);
        self.running.push((plan.clone(), Arc::downgrade(&servers)));
        let actor = app.fleet().acting(app.actor(), plan.model.as_ref());
        let book = Arc::clone(&self.book);
        let (context, out) = (Arc::clone(app.context()), common.out.clone());
        self.tasks.retain(|task| !task.is_finished());
        let task = tokio::spawn(async move {
            let (records, teller) = teller(&context, &out);
            let ended = writes::write(*confirmed, &actor, &servers, book, records).await;
            // Whoever waits for its end may begin.
            drop(servers);
            // The last record comes before the remark.
            let _ = teller.await;
            let text = match ended {
                Err(why) => format!("nothing was sent, for the journal cannot be written: {why}"),
                Ok(Ended {
                    unjournalled: Some(why),
                    outcome,
                    ..
                }) => format!(
                    "{}, and the journal does not hold all of it: {why}",
                    outcome.text()
                ),
                Ok(_) => return,
            };
            let _ = out.send(notice(true, &text)).await;
        });
        self.tasks.push(task);
    }

    /// Looks up what became of a write.
    pub(super) fn look_up(&mut self, app: &App, common: &Common, written: Written) {
        let servers = Servers::new(
            Arc::clone(app.fleet().settings()),
            Arc::clone(&common.clock),
        );
        let book = Arc::clone(&self.book);
        let (context, out) = (Arc::clone(app.context()), common.out.clone());
        tokio::spawn(async move {
            let (records, teller) = teller(&context, &out);
            let outcome = writes::resolve(&written, &servers, book, records).await;
            let _ = teller.await;
            let text = match outcome {
                Err(why) => format!("what was found cannot be journalled: {why}"),
                Ok(Outcome::Unknown) => format!(
                    "{} {}: what became of it is still not known",
                    written.plan.verb.title(),
                    written.plan.subject
                ),
                Ok(_) => return,
            };
            let _ = out.send(notice(true, &text)).await;
        });
    }

    /// Journals that somebody has seen to an open write.
    pub(super) fn seen_to(&mut self, app: &App, common: &Common, plan: PlanId, words: Clean) {
        let written = app.writes().get(&plan);
        let model = written.and_then(|written| written.plan.model.as_ref());
        let actor = app.fleet().acting(app.actor(), model);
        let book = Arc::clone(&self.book);
        let (context, out) = (Arc::clone(app.context()), common.out.clone());
        let now = common.clock.wall();
        tokio::spawn(async move {
            let (records, teller) = teller(&context, &out);
            let closed = writes::seen_to(plan, actor, words, book, records, now);
            let _ = teller.await;
            if let Err(why) = closed {
                let text = format!("it stays open, for the journal cannot be written: {why}");
                let _ = out.send(notice(true, &text)).await;
            }
        });
    }

    /// Stops what is on its way, writes down how it stands, and records the end of the session.
    pub(super) async fn end(mut self, clock: &Clock) {
        // A hook is told to end, and has a moment to put its things in order.
        let why = Clean::text("quarterdeck was left");
        let running = self
            .running
            .iter()
            .filter_map(|(_, running)| running.upgrade());
        let mut runs = false;
        for servers in running {
            runs |= servers.end_hook(why.clone());
        }
        if runs {
            let ended = futures::future::join_all(&mut self.tasks);
            // Whatever does not end by then is killed with its task.
            let _ = tokio::time::timeout(writes::HOOK_GRACE + STOP, ended).await;
        }
        let left: Vec<_> = self
            .tasks
            .drain(..)
            .filter(|task| !task.is_finished())
            .collect();
        for task in &left {
            task.abort();
        }
        // Each stops where it waits next; what it is writing down it has written down by then.
        let stopped = futures::future::join_all(left);
        if tokio::time::timeout(STOP, stopped).await.is_err() {
            tracing::warn!("a write did not stop in time");
        }
        self.book.leave(clock.wall());
        self.book.end(clock.wall());
    }
}

/// Checks the signature of an approval away from the loop: that starts a program.
pub(super) fn check_signature(app: &App, common: &Common, approval: Approval) {
    let allowed = app.fleet().settings().policy.allowed_signers.clone();
    let (context, out) = (Arc::clone(app.context()), common.out.clone());
    tokio::spawn(async move {
        let outcome = signing::verify(&approval, allowed.as_deref()).await;
        let signed = Box::new(SignedApproval { approval, outcome });
        // A loop that has ended asks no more.
        let _ = out.send(Msg::Signed(context, signed)).await;
    });
}

/// A function that tells records to the loop in their order, without waiting, and the task that hands
/// them over until it is dropped.
fn teller(
    context: &Arc<ContextRef>,
    out: &mpsc::Sender<Msg>,
) -> (impl FnMut(&Record, Millis) + Send + use<>, JoinHandle<()>) {
    let (records, mut told) = mpsc::unbounded_channel::<(Millis, Record)>();
    let (context, out) = (Arc::clone(context), out.clone());
    let task = tokio::spawn(async move {
        while let Some((at, record)) = told.recv().await {
            let msg = Msg::Wrote(Arc::clone(&context), at, Box::new(record));
            if out.send(msg).await.is_err() {
                return;
            }
        }
    });
    let tell = move |record: &Record, at: Millis| {
        // The task ends only with the loop.
        let _ = records.send((at, record.clone()));
    };
    (tell, task)
}
