//! MLflow's searches as requests: page by page, with a guard against pages that never end.

mod filters;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use serde_json::{Value, json};

pub(super) use self::filters::{literal, name_filters, one_name};
use super::wire;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::Key;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::http::{Call, Http};
use crate::sources::routes::ReadRoute;

/// Rows of a page of registered models.
pub(super) const MODELS_PAGE: usize = 200;
/// Rows of a page of versions: there are twenty times as many as models, their rows are half as large,
/// and Databricks allows a whole workspace seven searches a second, where pages of 200 would ask 200
/// times to sweep 40,000 versions. No page outlives the next one.
pub(super) const VERSIONS_PAGE: usize = 1_000;
/// Rows of a page of runs: the cost of a page grows faster than its size.
pub(super) const RUNS_PAGE: usize = 200;
/// Rows of a page of experiments.
pub(super) const EXPERIMENTS_PAGE: usize = 1_000;
/// The most pages of one answer; what has not ended by then does not end.
pub(super) const PAGE_LIMIT: usize = 1_000;
/// Pages in a row with nothing new. One may happen, when others add a page of rows meanwhile.
const IDLE_LIMIT: usize = 5;
/// The most bytes of one answer over all its pages.
const BYTES_LIMIT: usize = 256 * 1024 * 1024;

/// Rows of all pages, and the server's clock as the last page told it.
#[derive(Debug)]
pub(super) struct Paged<T> {
    pub rows: Vec<T>,
    pub server_time: Option<Millis>,
    pub pages: usize,
    /// The token of the page after the last one read, when the reading stopped early.
    pub next: Option<String>,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            server_time: None,
            pages: 0,
            next: None,
        }
    }
}

/// What one page brought.
struct Page<T> {
    rows: Vec<T>,
    next: String,
    server_time: Option<Millis>,
    bytes: usize,
}

/// A row that can be told from others.
trait Row {
    fn identity(&self) -> (&str, &str);
}

impl Row for wire::ModelRow {
    fn identity(&self) -> (&str, &str) {
        (&self.name, "")
    }
}

impl Row for wire::VersionRow {
    fn identity(&self) -> (&str, &str) {
        (&self.name, &self.version)
    }
}

impl Row for wire::ExperimentRow {
    fn identity(&self) -> (&str, &str) {
        (&self.experiment_id, "")
    }
}

impl Row for wire::RunRow {
    fn identity(&self) -> (&str, &str) {
        (super::map::run_id(&self.info), "")
    }
}

impl Row for wire::FileRow {
    fn identity(&self) -> (&str, &str) {
        (&self.path, "")
    }
}

/// Collects pages until there is no token, somebody has enough, or they turn out not to end.
struct Pager<T> {
    what: &'static str,
    all: Paged<T>,
    seen: HashSet<String>,
    /// Hashes of the rows so far.
    rows: HashSet<u64>,
    /// Pages in a row that brought nothing but rows of earlier pages.
    idle: usize,
    token: Option<String>,
    bytes: usize,
    open: bool,
}

impl<T: Row> Pager<T> {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            all: Paged::default(),
            seen: HashSet::new(),
            rows: HashSet::new(),
            idle: 0,
            token: None,
            bytes: 0,
            open: true,
        }
    }

    /// Takes a page in; `enough` looks at all rows and the number of pages so far.
    fn take(&mut self, page: Page<T>, enough: impl Fn(&[T], usize) -> bool) -> Result<(), Fault> {
        self.all.pages += 1;
        self.all.server_time = page.server_time.or(self.all.server_time);
        let mut news = page.rows.is_empty();
        for row in &page.rows {
            let mut hasher = DefaultHasher::new();
            row.identity().hash(&mut hasher);
            news |= self.rows.insert(hasher.finish());
        }
        self.idle = if news { 0 } else { self.idle + 1 };
        self.all.rows.extend(page.rows);
        self.bytes += page.bytes;
        let pages = self.all.pages;
        if self.bytes > BYTES_LIMIT {
            let limit = BYTES_LIMIT as u64;
            return Err(Fault::new(
                FaultKind::TooLarge { limit },
                self.what,
                &format!("{pages} pages together"),
            ));
        }
        if page.next.is_empty() {
            self.open = false;
        } else if enough(&self.all.rows, pages) {
            self.all.next = Some(page.next);
            self.open = false;
        } else if !self.seen.insert(page.next.clone()) {
            return Err(self.endless(&format!(
                "the server gave the same page token twice after {pages} pages"
            )));
        } else if self.idle >= IDLE_LIMIT {
            return Err(self.endless(&format!(
                "{IDLE_LIMIT} pages in a row brought only rows of earlier pages"
            )));
        } else if pages >= PAGE_LIMIT {
            return Err(self.endless(&format!("no end after {PAGE_LIMIT} pages")));
        } else {
            self.token = Some(page.next);
        }
        Ok(())
    }

    fn endless(&self, why: &str) -> Fault {
        let path = Clean::name("next_page_token");
        Fault::new(FaultKind::Decode { path }, self.what, why)
    }
}

fn query_page(filter: Option<&str>, order: Option<&str>, rows: usize, token: Option<&str>) -> Call {
    let mut query = vec![("max_results", rows.to_string())];
    query.extend(filter.map(|f| ("filter", f.to_owned())));
    query.extend(order.map(|o| ("order_by", o.to_owned())));
    query.extend(token.map(|t| ("page_token", t.to_owned())));
    Call { query, body: None }
}

/// Registered models, all that `filter` selects.
pub(super) async fn models(
    http: &Http,
    filter: Option<&str>,
) -> Result<Paged<wire::ModelRow>, Fault> {
    let mut pager = Pager::new("registered-models/search");
    while pager.open {
        let call = query_page(filter, None, MODELS_PAGE, pager.token.as_deref());
        let reply = http.read(&ReadRoute::MlflowModels, call).await?;
        let (server_time, bytes) = (reply.server_time, reply.body.len());
        let page: wire::ModelsPage = wire::decode(reply)?;
        let page = Page {
            rows: page.registered_models,
            next: page.next_page_token,
            server_time,
            bytes,
        };
        pager.take(page, |_, _| false)?;
    }
    Ok(pager.all)
}

/// One registered model; `None` if there is none of that name.
pub(super) async fn model(http: &Http, name: &str) -> Result<Option<wire::ModelRow>, Fault> {
    let call = Call {
        query: vec![("name", name.to_owned())],
        body: None,
    };
    match http.read(&ReadRoute::MlflowModel, call).await {
        Ok(reply) => Ok(Some(
            wire::decode::<wire::ModelAnswer>(reply)?.registered_model,
        )),
        Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// One version; `None` if there is none of that number.
pub(super) async fn version(
    http: &Http,
    name: &str,
    version: &str,
) -> Result<Option<wire::VersionRow>, Fault> {
    let query = vec![("name", name.to_owned()), ("version", version.to_owned())];
    let call = Call { query, body: None };
    match http.read(&ReadRoute::MlflowVersionGet, call).await {
        Ok(reply) => Ok(Some(
            wire::decode::<wire::VersionAnswer>(reply)?.model_version,
        )),
        Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The version that an alias points at; `None` if there is no such alias, which servers say as 400
/// and some as 404.
pub(super) async fn alias(
    http: &Http,
    name: &str,
    alias: &str,
) -> Result<Option<wire::VersionRow>, Fault> {
    let query = vec![("name", name.to_owned()), ("alias", alias.to_owned())];
    let call = Call { query, body: None };
    match http.read(&ReadRoute::MlflowAlias, call).await {
        Ok(reply) => Ok(Some(
            wire::decode::<wire::VersionAnswer>(reply)?.model_version,
        )),
        Err(fault) if matches!(fault.kind, FaultKind::NotFound | FaultKind::Refused) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The experiment of a name, deleted or not.
pub(super) async fn experiment_named(
    http: &Http,
    name: &str,
) -> Result<Option<wire::ExperimentRow>, Fault> {
    let call = Call {
        query: vec![("experiment_name", name.to_owned())],
        body: None,
    };
    match http.read(&ReadRoute::MlflowExperimentByName, call).await {
        Ok(reply) => Ok(Some(
            wire::decode::<wire::ExperimentAnswer>(reply)?.experiment,
        )),
        Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// What to ask `model-versions/search` for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versions<'a> {
    pub filter: Option<&'a str>,
    pub order: Option<&'a str>,
    pub page_rows: usize,
}

/// Model versions, until `enough` of them are there.
pub(super) async fn versions<E>(
    http: &Http,
    what: Versions<'_>,
    enough: E,
) -> Result<Paged<wire::VersionRow>, Fault>
where
    E: Fn(&[wire::VersionRow], usize) -> bool,
{
    let mut pager = Pager::new(VERSIONS);
    while pager.open {
        let page = versions_page(http, what, pager.token.as_deref()).await?;
        pager.take(page, &enough)?;
    }
    Ok(pager.all)
}

const VERSIONS: &str = "model-versions/search";

async fn versions_page(
    http: &Http,
    what: Versions<'_>,
    token: Option<&str>,
) -> Result<Page<wire::VersionRow>, Fault> {
    let call = query_page(what.filter, what.order, what.page_rows, token);
    let reply = http.read(&ReadRoute::MlflowVersions, call).await?;
    let (server_time, bytes) = (reply.server_time, reply.body.len());
    let page: wire::VersionsPage = wire::decode(reply)?;
    Ok(Page {
        rows: page.model_versions,
        next: page.next_page_token,
        server_time,
        bytes,
    })
}

/// Every version page by page, so that a large registry is never held as text all at once.
pub(super) struct VersionPages<'a> {
    http: &'a Http,
    what: Versions<'a>,
    pager: Pager<wire::VersionRow>,
}

impl<'a> VersionPages<'a> {
    pub(super) fn new(http: &'a Http, what: Versions<'a>) -> Self {
        Self {
            http,
            what,
            pager: Pager::new(VERSIONS),
        }
    }

    /// The rows of the next page; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<wire::VersionRow>>, Fault> {
        if !self.pager.open {
            return Ok(None);
        }
        let token = self.pager.token.as_deref();
        let page = match versions_page(self.http, self.what, token).await {
            // Some servers refuse to order versions; the first page tells.
            Err(fault)
                if fault.kind == FaultKind::Refused
                    && self.pager.all.pages == 0
                    && self.what.order.is_some() =>
            {
                self.what.order = None;
                versions_page(self.http, self.what, None).await?
            }
            other => other?,
        };
        self.pager.take(page, |_, _| false)?;
        Ok(Some(std::mem::take(&mut self.pager.all.rows)))
    }

    /// The server's clock, as the last page told it.
    pub(super) fn server_time(&self) -> Option<Millis> {
        self.pager.all.server_time
    }
}

/// All active experiments.
pub(super) async fn experiments(http: &Http) -> Result<Paged<wire::ExperimentRow>, Fault> {
    let mut pager = Pager::new("experiments/search");
    while pager.open {
        let mut body = json!({
            "max_results": EXPERIMENTS_PAGE,
            "view_type": "ACTIVE_ONLY",
        });
        put_token(&mut body, pager.token.as_deref());
        let call = Call {
            query: Vec::new(),
            body: Some(body),
        };
        let reply = http.read(&ReadRoute::MlflowExperiments, call).await?;
        let (server_time, bytes) = (reply.server_time, reply.body.len());
        let page: wire::ExperimentsPage = wire::decode(reply)?;
        let page = Page {
            rows: page.experiments,
            next: page.next_page_token,
            server_time,
            bytes,
        };
        pager.take(page, |_, _| false)?;
    }
    Ok(pager.all)
}

/// What to ask `runs/search` for.
#[derive(Clone, Debug)]
pub(super) struct Runs<'a> {
    pub experiments: &'a [String],
    pub filter: &'a str,
    /// Rows a page.
    pub rows: usize,
    /// How many pages at most.
    pub pages: usize,
    /// Whether deleted runs are wanted too.
    pub deleted: bool,
    /// Where to begin.
    pub token: Option<&'a str>,
}

/// Runs, newest first.
pub(super) async fn runs(http: &Http, what: &Runs<'_>) -> Result<Paged<wire::RunRow>, Fault> {
    let mut pager = Pager::new("runs/search");
    while pager.open {
        let mut body = json!({
            "experiment_ids": what.experiments,
            "order_by": ["attributes.start_time DESC"],
            "max_results": what.rows,
            "run_view_type": if what.deleted { "ALL" } else { "ACTIVE_ONLY" },
        });
        if !what.filter.is_empty() {
            body["filter"] = Value::from(what.filter);
        }
        put_token(&mut body, pager.token.as_deref().or(what.token));
        let call = Call {
            query: Vec::new(),
            body: Some(body),
        };
        let reply = http.read(&ReadRoute::MlflowRuns, call).await?;
        let (server_time, bytes) = (reply.server_time, reply.body.len());
        let page: wire::RunsPage = wire::decode(reply)?;
        let page = Page {
            rows: page.runs,
            next: page.next_page_token,
            server_time,
            bytes,
        };
        pager.take(page, |_, pages| pages >= what.pages)?;
    }
    Ok(pager.all)
}

/// One run, whole, and the server's clock.
pub(super) async fn run(http: &Http, id: &str) -> Result<(wire::RunRow, Option<Millis>), Fault> {
    let call = Call {
        query: vec![("run_id", id.to_owned())],
        body: None,
    };
    let reply = http.read(&ReadRoute::MlflowRun, call).await?;
    let server_time = reply.server_time;
    Ok((wire::decode::<wire::RunAnswer>(reply)?.run, server_time))
}

/// The metrics of a logged model.
pub(super) async fn logged_metrics(
    http: &Http,
    id: Key,
) -> Result<Vec<wire::LoggedMetricRow>, Fault> {
    let call = Call {
        query: Vec::new(),
        body: None,
    };
    let reply = http.read(&ReadRoute::MlflowLoggedModel(id), call).await?;
    let answer = wire::decode::<wire::LoggedModelAnswer>(reply)?;
    Ok(answer.model.data.metrics)
}

/// Every point of one metric of one run. Servers that page do so only when asked to.
pub(super) async fn history(
    http: &Http,
    run: &str,
    metric: &str,
) -> Result<Vec<wire::MetricRow>, Fault> {
    let call = Call {
        query: vec![
            ("run_id", run.to_owned()),
            ("metric_key", metric.to_owned()),
        ],
        body: None,
    };
    let reply = http.read(&ReadRoute::MlflowHistory, call).await?;
    Ok(wire::decode::<wire::HistoryPage>(reply)?.metrics)
}

/// A listing of files.
pub(super) async fn artifacts(
    http: &Http,
    route: &ReadRoute,
    query: Vec<(&'static str, String)>,
) -> Result<Vec<wire::FileRow>, Fault> {
    let mut pager = Pager::new("artifacts");
    while pager.open {
        let mut query = query.clone();
        query.extend(pager.token.clone().map(|t| ("page_token", t)));
        let reply = http.read(route, Call { query, body: None }).await?;
        let (server_time, bytes) = (reply.server_time, reply.body.len());
        let page: wire::ArtifactsPage = wire::decode(reply)?;
        let page = Page {
            rows: page.files,
            next: page.next_page_token,
            server_time,
            bytes,
        };
        pager.take(page, |_, _| false)?;
    }
    Ok(pager.all.rows)
}

fn put_token(body: &mut Value, token: Option<&str>) {
    if let Some(token) = token {
        body["page_token"] = Value::from(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Row for String {
        fn identity(&self) -> (&str, &str) {
            (self, "")
        }
    }

    fn tokens(next: impl Fn(usize) -> String) -> Result<Paged<String>, Fault> {
        rows(next, |page| page.to_string())
    }

    fn rows(
        next: impl Fn(usize) -> String,
        row: impl Fn(usize) -> String,
    ) -> Result<Paged<String>, Fault> {
        let mut pager = Pager::new("test");
        while pager.open {
            let page = Page {
                rows: vec![row(pager.all.pages)],
                next: next(pager.all.pages + 1),
                server_time: None,
                bytes: 1,
            };
            pager.take(page, |_, _| false)?;
        }
        Ok(pager.all)
    }

    #[test]
    fn pages_that_never_end_are_a_fault() {
        let same = tokens(|_| "again".to_owned()).expect_err("same token");
        assert!(same.line().contains("twice after 2 pages"), "{same}");
        let fresh = tokens(|n| n.to_string()).expect_err("fresh tokens");
        assert!(fresh.line().contains("no end after"), "{fresh}");
        let idle = rows(|n| n.to_string(), |_| "same".to_owned()).expect_err("the same row");
        assert!(idle.line().contains("only rows of earlier"), "{idle}");
        let three = tokens(|n| if n < 3 { n.to_string() } else { String::new() }).expect("an end");
        assert_eq!(three.rows.len(), 3);
    }
}
