//! The two query routes: POST, and GET where a proxy allows nothing else; the server's clock; what ends
//! a poll and what only spoils one signal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Prometheus;
use super::query::Grid;
use super::wire::{Envelope, MOST_SERIES, Read};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::http::{Call, Reply};
use crate::sources::routes::{Method, ReadRoute};

/// For so long GET alone is used where POST is refused: a proxy that is being rolled out refuses it for a
/// moment.
const POST_AGAIN: Duration = Duration::from_secs(600);
/// A query of as many bytes may be refused by GET for the length of its URL.
const LONG: usize = 1_000;

/// Answers of instant queries within one poll: the same question is asked once.
#[derive(Debug, Default)]
pub(super) struct Asked {
    answers: HashMap<String, Arc<Read>>,
    /// How often each question is still to come, where that is known: an answer with thousands of series
    /// is not kept for nobody.
    to_come: Option<HashMap<String, usize>>,
    /// The clock of the server's last answer.
    pub(super) server_time: Option<Millis>,
    /// What the look for metrics lacked, if it did: presets may be there that are not asked for.
    pub(super) unseen: Option<Fault>,
}

impl Asked {
    /// Says which questions are to come; others are answered and not kept.
    pub(super) fn expect(&mut self, queries: impl Iterator<Item = String>) {
        let to_come = self.to_come.get_or_insert_default();
        for query in queries {
            *to_come.entry(query).or_default() += 1;
        }
    }

    /// Whether a question that is being answered comes again.
    fn comes_again(&mut self, query: &str) -> bool {
        let Some(to_come) = &mut self.to_come else {
            return true;
        };
        let left = to_come.get_mut(query).map(|left| {
            *left = left.saturating_sub(1);
            *left
        });
        left.is_some_and(|left| left > 0)
    }
}

impl Prometheus {
    /// An instant query, asked once within a poll.
    pub(super) async fn instant(
        &self,
        query: String,
        asked: &mut Asked,
    ) -> Result<Arc<Read>, Fault> {
        let again = asked.comes_again(&query);
        if let Some(read) = asked.answers.get(&query).cloned() {
            if !again {
                asked.answers.remove(&query);
            }
            return Ok(read);
        }
        let form = vec![("query", query.clone())];
        let (read, at) = self.ask(ReadRoute::PrometheusQuery, form).await?;
        asked.server_time = at.or(asked.server_time);
        let read = Arc::new(read);
        if again {
            asked.answers.insert(query, Arc::clone(&read));
        }
        Ok(read)
    }

    /// An instant query that no other part of a poll asks.
    pub(super) async fn asked_now(&self, query: String) -> Result<Read, Fault> {
        let form = vec![("query", query)];
        Ok(self.ask(ReadRoute::PrometheusQuery, form).await?.0)
    }

    /// What a selector holds at an instant.
    pub(super) async fn read_at(&self, selector: &str, at: Millis) -> Result<Read, Fault> {
        let form = vec![
            ("query", selector.to_owned()),
            (
                "time",
                format!("{}.{:03}", at.0.div_euclid(1_000), at.0.rem_euclid(1_000)),
            ),
        ];
        Ok(self.ask(ReadRoute::PrometheusQuery, form).await?.0)
    }

    /// A range query over a grid.
    pub(super) async fn range(&self, query: String, grid: Grid) -> Result<Read, Fault> {
        grid.check(self.http.base())?;
        let form = vec![
            ("query", query),
            ("start", grid.start.to_string()),
            ("end", grid.end().to_string()),
            ("step", grid.step.to_string()),
        ];
        Ok(self.ask(ReadRoute::PrometheusRange, form).await?.0)
    }

    /// Asks by POST, since queries are long; by GET for a while where POST is refused and GET is not.
    async fn ask(
        &self,
        route: fn(Method) -> ReadRoute,
        form: Vec<(&'static str, String)>,
    ) -> Result<(Read, Option<Millis>), Fault> {
        let get_until = self.memory().get_until;
        let reply = match get_until {
            Some(until) if Instant::now() < until => self.by_get(route, form).await?,
            _ => self.by_post(route, form).await?,
        };
        if let Some(at) = reply.server_time {
            self.memory().clock = Some((at, Instant::now()));
        }
        let read = reply.json::<Envelope>()?.read();
        if let Some(words) = &read.refused {
            return Err(Fault::new(FaultKind::Refused, &reply.place, words));
        }
        Ok((read, reply.server_time))
    }

    /// By POST, and by GET where that is refused. Of two refusals the first says more than that of a way
    /// that was only tried.
    async fn by_post(
        &self,
        route: fn(Method) -> ReadRoute,
        form: Vec<(&'static str, String)>,
    ) -> Result<Reply, Fault> {
        let refused = match self.http.read_form(&route(Method::Post), &form).await {
            Err(fault) if matches!(fault.kind, FaultKind::NoRoute | FaultKind::Forbidden) => fault,
            posted => {
                self.memory().get_until = None;
                return posted;
            }
        };
        let call = Call {
            query: form,
            body: None,
        };
        let reply = self.http.read(&route(Method::Get), call).await;
        let reply = reply.map_err(|_| refused)?;
        self.memory().get_until = Some(Instant::now() + POST_AGAIN);
        Ok(reply)
    }

    /// By GET, and by POST where the query is long and refused: it may be too long for a URL.
    async fn by_get(
        &self,
        route: fn(Method) -> ReadRoute,
        form: Vec<(&'static str, String)>,
    ) -> Result<Reply, Fault> {
        let long = form.iter().map(|(_, value)| value.len()).sum::<usize>() >= LONG;
        let call = Call {
            query: form.clone(),
            body: None,
        };
        match self.http.read(&route(Method::Get), call).await {
            Err(fault) if long && fault.kind == FaultKind::Refused => {
                let posted = self.http.read_form(&route(Method::Post), &form).await;
                let posted = posted.map_err(|_| fault)?;
                self.memory().get_until = None;
                Ok(posted)
            }
            got => got,
        }
    }

    /// The server's time now.
    pub(super) async fn now(&self) -> Result<Millis, Fault> {
        let held = self.memory().clock;
        if let Some((at, seen)) = held {
            return Ok(at.plus(seen.elapsed()));
        }
        let form = vec![("query", "time()".to_owned())];
        let (read, at) = self.ask(ReadRoute::PrometheusQuery, form).await?;
        let told = read.series.first().and_then(|s| s.points.first());
        at.or_else(|| told.map(|(_, now)| Millis((now * 1_000.0) as i64)))
            .ok_or_else(|| self.unsupported("the server does not tell its time"))
    }

    /// What an answer lacks, be it more than is read or what the server could not reach; `None` if
    /// nothing. What is absent from such an answer is not gone.
    pub(super) fn lacking(&self, what: &str, read: &Read) -> Option<Fault> {
        let words = read.lacking.as_ref();
        let said = words.map(|words| {
            let why = format!("{what}: {words}");
            Fault::new(FaultKind::Refused, self.http.base(), &why)
        });
        self.overflow(what, read).or(said)
    }

    /// What an answer held more than is read, in words; `None` if nothing.
    pub(super) fn overflow(&self, what: &str, read: &Read) -> Option<Fault> {
        (read.left_out > 0).then(|| {
            let all = read.left_out + MOST_SERIES;
            let why = format!(
                "{what}: {MOST_SERIES} of {all} series are read; narrow it with `selector`"
            );
            let limit = MOST_SERIES as u64;
            Fault::new(FaultKind::TooLarge { limit }, self.http.base(), &why)
        })
    }
}

/// What an answer could not read, in words; `None` if nothing.
pub(super) fn partly(spoilt: &[Fault]) -> Option<Clean> {
    let first = spoilt.first()?;
    let words = match first.kind {
        // Series are counted here and not bytes, and the words say so.
        FaultKind::TooLarge { limit } if limit == MOST_SERIES as u64 => first.detail.to_string(),
        _ => first.line(),
    };
    Some(Clean::text(&match spoilt.len() {
        1 => words,
        n => format!("{words}; and {} more", n - 1),
    }))
}

/// Whether a fault is of one query alone: the next one may be answered.
pub(super) fn is_of_the_query(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Refused | FaultKind::TooLarge { .. } | FaultKind::Unsupported
    )
}
