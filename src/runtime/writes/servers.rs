//! The real world of writes: the sources of a context as those who act, and this machine for hooks.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep_until};

use super::carry::World;
use super::doer::{Doer, doer};
use super::hook::Hooks;
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::settings::Context;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::runtime::clock::Clock;

/// The servers of one context, for one plan.
pub struct Servers {
    settings: Arc<Context>,
    clock: Arc<Clock>,
    doers: Mutex<HashMap<SourceId, Arc<dyn Doer>>>,
    hooks: Hooks,
    /// Why the plan is to stop. That it has ended is heard from this being dropped.
    stop: watch::Sender<Option<Clean>>,
    /// The plans whose place this one takes.
    before: std::sync::Mutex<Vec<Stopping>>,
}

/// A plan that was told to stop.
#[derive(Debug)]
pub struct Stopping(watch::Receiver<Option<Clean>>);

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Servers")
            .field("context", &self.settings.name)
            .finish_non_exhaustive()
    }
}

impl Servers {
    /// The servers of a context. A source is set up when a plan first needs it.
    pub fn new(settings: Arc<Context>, clock: Arc<Clock>) -> Self {
        Self {
            hooks: Hooks::new(Arc::clone(&settings)),
            settings,
            clock,
            doers: Mutex::default(),
            stop: watch::Sender::default(),
            before: std::sync::Mutex::default(),
        }
    }

    /// Has the plan stop where it stands, for a later one takes its place: what runs is ended, what was
    /// sent is no longer waited for, and nothing more is sent.
    pub fn supersede(&self, why: Clean) -> Stopping {
        let stopping = Stopping(self.stop.subscribe());
        self.hooks.end(why.clone());
        self.stop.send_replace(Some(why));
        stopping
    }

    /// Has the plan wait, before it sends anything, until others have stopped.
    pub fn after(&self, others: Vec<Stopping>) {
        let before = self.before.lock();
        *before.unwrap_or_else(PoisonError::into_inner) = others;
    }

    /// Ends a hook that runs; whether one does.
    pub fn end_hook(&self, why: Clean) -> bool {
        self.hooks.end(why)
    }

    async fn doer(&self, source: &SourceId) -> Result<Arc<dyn Doer>, Fault> {
        let mut doers = self.doers.lock().await;
        if let Some(doer) = doers.get(source) {
            return Ok(Arc::clone(doer));
        }
        let named = |name: &str| SourceId::new(name) == *source;
        let index = self.settings.sources.iter().position(|s| named(&s.name));
        let Some(index) = index else {
            let detail = "the settings no longer have this source";
            return Err(Fault::new(FaultKind::Config, source.as_str(), detail));
        };
        let made = doer(&self.settings, index).await?;
        doers.insert(source.clone(), Arc::clone(&made));
        Ok(made)
    }
}

impl World for Servers {
    async fn look(&self, source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        if matches!(act, Act::RunHook { .. }) {
            return self.hooks.look(act);
        }
        self.doer(source).await?.look(act).await
    }

    async fn send(&self, source: &SourceId, ticket: &Ticket) -> Delivery {
        if matches!(ticket.act(), Act::RunHook { .. }) {
            return self.hooks.run(ticket).await;
        }
        match self.doer(source).await {
            Ok(doer) => doer.execute(ticket).await,
            Err(fault) => Delivery::Refused(fault),
        }
    }

    fn now(&self) -> Millis {
        self.clock.wall()
    }

    fn superseded(&self) -> Option<Clean> {
        self.stop.borrow().clone()
    }

    async fn cleared(&self) {
        let before =
            std::mem::take(&mut *self.before.lock().unwrap_or_else(PoisonError::into_inner));
        for Stopping(mut stopping) in before {
            // It says nothing more, and then it is gone.
            while stopping.changed().await.is_ok() {}
        }
    }

    async fn pause(&self, until: Instant) {
        let mut stop = self.stop.subscribe();
        let stopped = async move {
            let _ = stop.wait_for(Option::is_some).await;
        };
        tokio::select! {
            () = sleep_until(until) => {}
            () = stopped => {}
        }
    }
}
