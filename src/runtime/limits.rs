//! How hard one host may be asked: a few polls and fetches at once, a moment apart, shared by every
//! source that lives there. A source asks one request after another, so a permit is a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Polls and fetches of one host at once.
pub const AT_ONCE: usize = 4;
/// The least time between two that begin.
pub const GAP: Duration = Duration::from_millis(10);

/// The hosts in use.
#[derive(Debug, Default)]
pub struct Limits {
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Limits {
    /// The budget of the host that a base URL names.
    pub fn of(&self, url: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(origin(url)).or_default())
    }
}

/// Scheme, host and port, so that paths and spellings of one host share its budget.
fn origin(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(url) => format!(
            "{}://{}:{}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        ),
        Err(_) => url.to_owned(),
    }
}

/// The budget of one host.
#[derive(Debug)]
pub struct Host {
    permits: Arc<Semaphore>,
    next: Mutex<Option<Instant>>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            next: Mutex::new(None),
        }
    }
}

impl Host {
    /// Waits for a turn. It lasts until the permit is dropped.
    pub async fn enter(&self) -> Permit {
        // The semaphore is never closed, and without a permit the gap alone still holds.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + GAP);
            at
        };
        tokio::time::sleep_until(at).await;
        Permit { _permit: permit }
    }
}

/// A turn at a host.
#[derive(Debug)]
pub struct Permit {
    _permit: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_spellings_of_one_host_share_its_budget() {
        let limits = Limits::default();
        let host = limits.of("http://ML.test/prefix");
        for same in ["http://ml.test:80", "http://ml.test/other?x"] {
            assert!(Arc::ptr_eq(&host, &limits.of(same)), "{same}");
        }
        for other in [
            "https://ml.test",
            "http://ml.test:5000",
            "http://ml2.test",
            "no url",
        ] {
            assert!(!Arc::ptr_eq(&host, &limits.of(other)), "{other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn four_at_once_and_a_gap_between_starts() {
        let host = Arc::new(Host::default());
        let started = Instant::now();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(host.enter().await);
        }
        assert_eq!(started.elapsed(), GAP * 3);
        let waiting = tokio::time::timeout(Duration::from_secs(5), host.enter()).await;
        assert!(waiting.is_err(), "a fifth waits");
        held.pop();
        let fifth = tokio::time::timeout(Duration::from_secs(5), host.enter()).await;
        assert!(fifth.is_ok());
    }
}
