//! A serving endpoint: what it has loaded, what it loads, and when which version answered.

use std::sync::Arc;

use super::catalog::Kind;

/// Milliseconds that a version takes to load, unless an endpoint takes its own time.
const LOADING: i64 = 4_000;
/// Milliseconds until whoever follows an alias has noticed that it moved.
const NOTICING: i64 = 4_000;

/// A serving endpoint: one server program, one model.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) model: Arc<str>,
    pub(crate) url: String,
    /// Milliseconds an answer takes.
    pub(crate) delay: u64,
    /// Versions that answer, the default one last.
    pub(crate) loaded: Vec<u32>,
    pub(crate) loading: Option<u32>,
    /// Milliseconds that a version takes to load.
    pub(crate) takes: i64,
    /// When what loads is there, where it ever will be.
    arrives: Option<i64>,
    /// Versions in the model repository of servers that have one; what they load is theirs to say.
    pub(crate) shelf: Vec<u32>,
    /// Versions whose loading fails.
    broken: Vec<u32>,
    /// The version that could not be loaded last.
    pub(crate) failed: Option<u32>,
    /// Times in which a version loaded and never came: from, and until unless it still does.
    pub(crate) struggles: Vec<(i64, Option<i64>)>,
    /// Versions served before (`TensorFlow` Serving goes on listing them).
    pub(crate) ended: Vec<u32>,
    pub(crate) ready: bool,
    /// Milliseconds a request takes on an ordinary day, whatever [`Endpoint::delay`] says now.
    pub(crate) usual_ms: u64,
    /// What it has answered, and when, oldest first.
    pub(crate) spans: Vec<Span>,
    /// When it was not ready: from, and until unless it still is not.
    pub(crate) outages: Vec<(i64, Option<i64>)>,
}

/// A time in which a version was served, in epoch milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) version: u32,
    pub(crate) from: i64,
    /// None while it is served.
    pub(crate) until: Option<i64>,
}

impl Endpoint {
    /// The version that answers a request that names none.
    pub(crate) fn answering(&self) -> Option<u32> {
        self.loaded.last().copied()
    }

    /// An endpoint on its versions, everything ready.
    pub(crate) fn new(
        name: String,
        kind: Kind,
        model: Arc<str>,
        loaded: Vec<u32>,
        delay: u64,
    ) -> Self {
        Self {
            name,
            kind,
            model,
            url: String::new(),
            delay,
            shelf: loaded.clone(),
            loaded,
            loading: None,
            takes: LOADING,
            arrives: None,
            broken: Vec::new(),
            failed: None,
            struggles: Vec::new(),
            ended: Vec::new(),
            ready: true,
            usual_ms: delay,
            spans: Vec::new(),
            outages: Vec::new(),
        }
    }

    /// Whether somebody's controller brings what the champion's alias points at, as against servers
    /// that load from their repository when told to.
    pub(crate) fn follows(&self) -> bool {
        !matches!(self.kind, Kind::MlServer | Kind::Triton)
    }

    /// Whether a request that names no version meets one that is ready, where the newest one in memory
    /// answers it: that can be one that still loads.
    pub(crate) fn newest_is_ready(&self) -> bool {
        let newest = self.loaded.iter().max();
        self.ready && newest.is_some() && self.arriving().as_ref() <= newest
    }

    /// The version that loads, unless it is loaded anew: then the old one answers until that is over.
    pub(crate) fn arriving(&self) -> Option<u32> {
        self.loading
            .filter(|version| !self.loaded.contains(version))
    }

    /// Whether a version loads when asked to.
    pub(crate) fn loads(&self, version: u32) -> bool {
        !self.broken.contains(&version)
    }

    /// Has each version take so long to load, and one fail at the end of it.
    pub(crate) fn set_loading(&mut self, takes: i64, broken: Option<u32>) {
        self.takes = takes;
        self.broken.extend(broken);
    }

    /// Begins to load a version in place of the others; what loaded before is given up.
    pub(crate) fn load(&mut self, version: u32, now: i64) {
        self.end_struggle(now);
        self.shelf = vec![version];
        self.failed = None;
        if self.loaded == [version] {
            (self.loading, self.arrives) = (None, None);
        } else {
            self.loading = Some(version);
            self.arrives = Some(now + self.takes);
        }
    }

    /// Takes every version out.
    pub(crate) fn unload(&mut self, now: i64) {
        self.end_struggle(now);
        (self.loading, self.arrives) = (None, None);
        for span in self.spans.iter_mut().filter(|span| span.until.is_none()) {
            span.until = Some(now);
        }
        for old in std::mem::take(&mut self.loaded) {
            if !self.ended.contains(&old) {
                self.ended.push(old);
            }
        }
    }

    /// The champion's alias has moved: whoever follows it notices and brings the version.
    pub(crate) fn notice(&mut self, version: u32, now: i64) {
        if !self.follows() {
            return;
        }
        if self.answering() == Some(version) {
            (self.loading, self.arrives) = (None, None);
        } else {
            self.loading = Some(version);
            self.arrives = Some(now + NOTICING + self.takes);
        }
    }

    /// Begins to load a version that never comes and takes from the one that answers what it needs.
    pub(crate) fn struggle(&mut self, version: u32, now: i64) {
        self.end_struggle(now);
        self.broken.push(version);
        self.shelf = vec![version];
        (self.loading, self.arrives) = (Some(version), None);
        self.struggles.push((now, None));
    }

    fn end_struggle(&mut self, now: i64) {
        if let Some((_, until @ None)) = self.struggles.last_mut() {
            *until = Some(now);
        }
    }

    /// Lets what loads arrive, or fail; whether that has changed what is served.
    pub(crate) fn settle(&mut self, until: i64) -> bool {
        let (Some(version), Some(at)) = (self.loading, self.arrives) else {
            return false;
        };
        if at > until {
            return false;
        }
        if self.loads(version) {
            self.serve(version, at);
        } else {
            (self.loading, self.arrives) = (None, None);
            self.failed = Some(version);
        }
        true
    }

    pub(crate) fn serve(&mut self, version: u32, now: i64) {
        self.end_struggle(now);
        self.arrives = None;
        self.failed = None;
        self.shelf = vec![version];
        let open = |span: &&mut Span| span.until.is_none();
        for span in self.spans.iter_mut().filter(open) {
            if span.version != version {
                span.until = Some(now);
            }
        }
        if !self.spans.iter().any(|span| span.until.is_none()) {
            self.spans.push(Span {
                version,
                from: now,
                until: None,
            });
        }
        for old in std::mem::replace(&mut self.loaded, vec![version]) {
            if old != version && !self.ended.contains(&old) {
                self.ended.push(old);
            }
        }
        self.ended.retain(|ended| *ended != version);
        self.loading = None;
    }

    pub(crate) fn set_ready(&mut self, ready: bool, now: i64) {
        self.ready = ready;
        match self.outages.last_mut() {
            Some((_, until @ None)) if ready => *until = Some(now),
            Some((_, None)) => {}
            _ if ready => {}
            _ => self.outages.push((now, None)),
        }
    }

    /// Makes up which versions were served in the weeks before `epoch`.
    pub(crate) fn remember(&mut self, seed: u64, epoch: i64, oldest: i64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut next = None;
        let mut from = epoch;
        for version in (1..=self.answering().unwrap_or(0)).rev() {
            if from < oldest {
                break;
            }
            from -= rng.i64(40..220) * 3_600_000;
            self.spans.push(Span {
                version,
                from,
                until: next.filter(|_| !self.loaded.contains(&version)),
            });
            next = Some(from);
        }
        self.spans.reverse();
    }
}
