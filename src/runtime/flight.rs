//! Polls on their way, each in a task of its own, and what is known of one before it ends: when it was
//! sent, and how long the server has given no sign since.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::clock::Clock;
use super::limits::Host;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::observation::{Answer, Feed, POLL_LIMIT};
use crate::domain::query::Focus;
use crate::domain::time::Millis;
use crate::sources::{Page, Pages, Source};

/// A poll without any sign of the server is told as one that failed after so long, or after so many times
/// what it took last: a server that accepts and never answers must show before the poll's own deadline.
const SILENCE: Duration = Duration::from_millis(2_500);
const LATENCIES: u32 = 3;
/// And again each time that it has lasted so much longer.
const LONGER: Duration = Duration::from_secs(3);

/// The outcome of one poll, whenever it began.
pub(super) struct Polled {
    pub(super) asked_at: Millis,
    pub(super) took: Duration,
    pub(super) result: Result<Answer, Fault>,
}

/// When a poll had its turn at the host and was sent.
pub(super) type Begun = Arc<OnceLock<(Millis, Instant)>>;

/// Polls a feed in a task of its own: an adapter that panics takes nothing but this poll with it. Without
/// somebody to take pages, the answer holds all rows.
pub(super) fn poll_once<S: Source>(
    source: Arc<S>,
    feed: Feed,
    focus: Arc<Focus>,
    host: Arc<Host>,
    clock: Arc<Clock>,
    pages: Option<mpsc::Sender<Page>>,
    sent: Begun,
) -> Flight<Polled> {
    Flight(tokio::spawn(async move {
        let _turn = host.enter().await;
        let (asked_at, began) = *sent.get_or_init(|| (clock.wall(), Instant::now()));
        let poll = async {
            match pages {
                Some(out) => {
                    let pages = Pages::new(asked_at, out);
                    source.poll_in_pages(feed, &focus, &pages).await
                }
                None => source.poll(feed, &focus).await,
            }
        };
        let poll = tokio::time::timeout(POLL_LIMIT, poll);
        let result = poll.await.unwrap_or_else(|_| {
            let detail = format!("a poll of {} had not ended after 10 minutes", feed.word());
            Err(Fault::new(
                FaultKind::Timeout,
                source.id().as_str(),
                &detail,
            ))
        });
        Polled {
            asked_at,
            took: began.elapsed(),
            result,
        }
    }))
}

/// The fault of an adapter that panicked.
pub(super) fn crashed(source: &SourceId, error: &JoinError) -> Fault {
    tracing::error!(%source, "the adapter failed: {error}");
    failed_inside(source)
}

/// The fault of a source where something panicked; the panic's own report is in the log.
pub(super) fn failed_inside(source: &SourceId) -> Fault {
    let detail = "the adapter failed inside; the log has the place";
    Fault::new(FaultKind::Crashed, source.as_str(), detail)
}

/// A task whose end is awaited and which ends with its owner.
pub(super) struct Flight<T>(pub(super) JoinHandle<T>);

impl<T> Future for Flight<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the end of a flight that there may be.
pub(super) async fn wait<T>(flight: &mut Option<T>) -> <T as Future>::Output
where
    T: Future + Unpin,
{
    match flight {
        Some(flight) => flight.await,
        None => std::future::pending().await,
    }
}

/// Waits for a time that there may be.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How long a poll may go without a sign of the server, by what the last one took that was answered.
fn patience(took: Duration) -> Duration {
    SILENCE.max(took * LATENCIES)
}

/// How long the server gives no sign while a poll of it runs.
#[derive(Debug, Default)]
pub(super) struct Silence {
    begun: Begun,
    patience: Duration,
    /// When it is told next; never for a poll of which it says nothing.
    next: Option<Instant>,
    told: bool,
}

impl Silence {
    /// A poll begins, of which the last one took so long that was answered; nothing is told of one that
    /// never was: it may take any time.
    pub(super) fn begin(&mut self, took: Option<Duration>) -> Begun {
        let now = Instant::now();
        *self = Self {
            begun: Begun::default(),
            patience: patience(took.unwrap_or_default()),
            next: took.map(|took| now + patience(took)),
            told: false,
        };
        Arc::clone(&self.begun)
    }

    /// When there is something to be told, if nothing comes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Something came from the server.
    pub(super) fn broken(&mut self) {
        self.next = self.next.map(|at| at.max(Instant::now() + self.patience));
    }

    /// The poll has ended, or nothing more is to be told of it.
    pub(super) fn end(&mut self) {
        self.next = None;
    }

    /// What is to be told now: when the poll was sent, how long ago, and after what time it is told again.
    pub(super) fn lasts(&mut self) -> Option<(Millis, Duration, Duration)> {
        let now = Instant::now();
        let Some((asked_at, began)) = self.begun.get().copied() else {
            // It waits for its turn at the host: the server was not asked yet.
            self.next = Some(now + self.patience);
            return None;
        };
        if !self.told && now < began + self.patience {
            self.next = Some(began + self.patience);
            return None;
        }
        self.told = true;
        self.next = Some(now + LONGER);
        Some((asked_at, now - began, LONGER))
    }
}

/// How far the server's clock is from ours at the least: its stamp has whole seconds, and it was
/// made at some moment of the poll.
pub(super) fn skew_ms(server: Millis, asked_at: Millis, took: Duration) -> i64 {
    let ended = asked_at.plus(took);
    let latest = server.plus(Duration::from_millis(999));
    if latest < asked_at {
        latest.0.saturating_sub(asked_at.0)
    } else if server > ended {
        server.0.saturating_sub(ended.0)
    } else {
        0
    }
}
