//! Evidently: its service (0.7), a folder of the reports that it writes, or one report at an address.
//! Scores become readings and courses; whether one is bad, the rules say by the method's direction.
//!
//! A poll of the service is one request for the projects and one for each: it answers with the values
//! of every metric of every run. A report in detail is two more. Facts of the wire: version 0.7.23.

mod files;
mod map;
mod runs;
mod times;
mod widgets;
mod wire;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::files::{Folder, Looked, ReadFile};
use self::map::Placed;
use self::runs::Run;
use super::http::{Call, Http};
use super::labels::Reader;
use super::lenient::decode;
use super::routes::ReadRoute;
use super::{FeedSpec, Focus, Source};
use crate::domain::drift::DriftReport;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, SourceId};
use crate::domain::observation::{Abilities, Answer, Coverage, Feed, Right, Rows, Scope};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most projects of one service.
const MOST_PROJECTS: usize = 1_000;
/// How many polls of readings go to one of courses: these change only when a job has run.
const COURSES_EVERY: u32 = 5;

/// Evidently as a source.
#[derive(Debug)]
pub struct Evidently {
    reader: Reader,
    form: Form,
    every: Duration,
    timeout: Duration,
    largest: u64,
    utc_offset: i32,
    /// What the last poll read: courses and details take it, too, while it is fresh.
    held: Mutex<Option<(Instant, Arc<Read>)>>,
}

/// Where the runs come from.
#[derive(Debug)]
enum Form {
    /// The service.
    Service(Http),
    /// One report at an address.
    File(Http),
    /// A folder.
    Folder(PathBuf, Arc<Mutex<Folder>>),
}

/// All runs, as one poll read them.
#[derive(Debug)]
struct Read {
    runs: Vec<Run>,
    files: Vec<Arc<ReadFile>>,
    /// Whether nothing was left out.
    whole: bool,
    unread: usize,
    server_time: Option<Millis>,
}

impl Evidently {
    /// A folder where the settings name one, or a URL of the scheme `file`; one report where the URL
    /// ends in `.json`; the service otherwise.
    ///
    /// # Errors
    /// [`FaultKind::Config`] when the URL, a certificate file or the name map cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        let folder = settings.url.strip_prefix("file://").map(PathBuf::from);
        let form = match settings.monitoring.folder.clone().or(folder) {
            Some(path) => Form::Folder(path, Arc::default()),
            None if settings.url.to_lowercase().ends_with(".json") => {
                Form::File(Http::new(settings)?)
            }
            None => Form::Service(Http::new(settings)?),
        };
        Ok(Self {
            reader: Reader::new(settings)?,
            form,
            every: settings.every,
            timeout: settings.timeout,
            largest: settings.max_answer,
            utc_offset: settings.monitoring.utc_offset,
            held: Mutex::new(None),
        })
    }

    /// The runs, not older than `age`.
    async fn runs(&self, age: Duration) -> Result<Arc<Read>, Fault> {
        let held = lock(&self.held).clone();
        if let Some((at, read)) = held
            && at.elapsed() < age
        {
            return Ok(read);
        }
        let asked = Instant::now();
        let read = Arc::new(match &self.form {
            Form::Service(http) => self.service(http).await?,
            Form::File(http) => self.file(http).await?,
            Form::Folder(path, folder) => self.folder(path.clone(), Arc::clone(folder)).await?,
        });
        *lock(&self.held) = Some((asked, Arc::clone(&read)));
        Ok(read)
    }

    async fn service(&self, http: &Http) -> Result<Read, Fault> {
        let route = ReadRoute::EvidentlyProjects;
        let reply = http.read(&route, Call::default()).await?;
        let server_time = reply.server_time;
        let projects: wire::Rows<wire::Project> = reply.json()?;
        let mut whole = projects.0.len() <= MOST_PROJECTS;
        let mut runs = Vec::new();
        let mut trouble = None;
        let mut answered = false;
        for project in projects.0.iter().take(MOST_PROJECTS) {
            match self.batch(http, project).await {
                Ok(batch) => {
                    answered = true;
                    runs.extend(map::runs(&self.reader, project, &batch, self.utc_offset));
                }
                // Deleted since the list was made.
                Err(fault) if fault.kind == FaultKind::NotFound => {}
                // One broken project hides no other; what is known of it grows old.
                Err(fault) => {
                    whole = false;
                    trouble = trouble.or(Some(fault));
                }
            }
        }
        match trouble {
            Some(fault) if !answered => Err(fault),
            _ => Ok(Read {
                runs,
                files: Vec::new(),
                whole,
                unread: 0,
                server_time,
            }),
        }
    }

    /// The values of every metric of every run of a project.
    async fn batch(&self, http: &Http, project: &wire::Project) -> Result<wire::Batch, Fault> {
        let route = ReadRoute::EvidentlySeries(Key::new(&project.id));
        let every = json!({"tags": [], "metadata": {}, "metric": "*", "metric_labels": {}});
        let call = Call {
            query: Vec::new(),
            body: Some(json!({"series_filter": [every]})),
        };
        decode(http.read(&route, call).await?)
    }

    async fn file(&self, http: &Http) -> Result<Read, Fault> {
        let route = ReadRoute::EvidentlyFile;
        let reply = http.read(&route, Call::default()).await?;
        let (server_time, modified) = (reply.server_time, reply.modified);
        let path: Vec<&str> = http.base().split('/').collect();
        let base = path.last().copied().unwrap_or_default().to_owned();
        let folder = path.iter().rev().nth(1).copied().unwrap_or_default();
        let place = reply.place.clone();
        let file: wire::File = decode(reply)?;
        let (model, version) = files::named_by(&base, folder);
        let placed = Placed {
            path: &base,
            modified,
            model,
            version,
        };
        let read = map::file(&self.reader, &file, &placed, self.utc_offset);
        let Some((run, report)) = read else {
            let why = "this is no report, or nothing tells its time: it has no `timestamp`, its name \
                       has no date and the server sends no Last-Modified";
            let path = Clean::empty();
            return Err(Fault::new(FaultKind::Decode { path }, &place, why));
        };
        Ok(Read {
            runs: vec![run.clone()],
            files: vec![Arc::new(ReadFile { run, report })],
            whole: true,
            unread: 0,
            server_time,
        })
    }

    async fn folder(&self, path: PathBuf, folder: Arc<Mutex<Folder>>) -> Result<Read, Fault> {
        let place = path.display().to_string();
        let (largest, utc_offset) = (self.largest, self.utc_offset);
        let reader = self.reader.clone();
        // A file system on the network may not answer: the thread is left to it, not the poll.
        let look = tokio::task::spawn_blocking(move || {
            lock(&folder).look(&path, &reader, utc_offset, largest)
        });
        let looked = match tokio::time::timeout(self.timeout, look).await {
            Ok(Ok(looked)) => looked?,
            Ok(Err(_)) => return Err(Fault::new(FaultKind::Crashed, &place, "reading broke off")),
            Err(_) => {
                let why = "the folder did not answer in time";
                return Err(Fault::new(FaultKind::Timeout, &place, why));
            }
        };
        let Looked {
            files,
            unread,
            whole,
        } = looked;
        Ok(Read {
            runs: files.iter().map(|file| file.run.clone()).collect(),
            files,
            whole,
            unread,
            server_time: None,
        })
    }

    /// The newest report of a model that measures drift, not after an instant.
    async fn report(
        &self,
        model: &Key,
        before: Option<Millis>,
    ) -> Result<Option<Box<DriftReport>>, Fault> {
        let read = self.runs(self.every).await?;
        let newest = read
            .runs
            .iter()
            .filter(|run| run.model == *model && before.is_none_or(|limit| run.at <= limit))
            .filter(|run| run.scores.iter().any(runs::Score::is_drift))
            .max_by_key(|run| (run.at, &run.id));
        let Some(run) = newest else {
            return Ok(None);
        };
        let report = match &self.form {
            Form::Service(http) => self.downloaded(http, run).await?,
            Form::File(_) | Form::Folder(..) => {
                let file = read.files.iter().find(|file| file.run.id == run.id);
                match file {
                    Some(file) => file.report.clone(),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Box::new(report)))
    }

    async fn downloaded(&self, http: &Http, run: &Run) -> Result<DriftReport, Fault> {
        let (project, id) = (run.project.clone(), run.id.clone());
        let call = Call {
            query: vec![("report_format", "json".to_owned())],
            body: None,
        };
        let route = ReadRoute::EvidentlyReport(project.clone(), id.clone());
        let wire: wire::Report = decode(http.read(&route, call).await?)?;
        let mut report = map::drift_report(run, &wire);
        // Without what is drawn, which is large and no protocol, the scores still stand.
        let route = ReadRoute::EvidentlyData(project, id);
        if let Ok(reply) = http.read(&route, Call::default()).await
            && let Ok(data) = reply.json::<Value>()
        {
            widgets::fill(&mut report, &wire, &data);
        }
        Ok(report)
    }

    fn unsupported(&self, why: &str) -> Fault {
        Fault::new(FaultKind::Unsupported, &self.place(), why)
    }

    fn place(&self) -> String {
        match &self.form {
            Form::Service(http) | Form::File(http) => http.base().to_owned(),
            Form::Folder(path, _) => path.display().to_string(),
        }
    }
}

/// What is held is whole after each change, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source for Evidently {
    fn id(&self) -> &SourceId {
        self.reader.source()
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Evidently
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        vec![
            FeedSpec {
                feed: Feed::Signals,
                every: self.every,
            },
            FeedSpec {
                feed: Feed::SignalHistory,
                every: self.every * COURSES_EVERY,
            },
        ]
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        let (server, unread) = match &self.form {
            Form::Service(http) => {
                let route = ReadRoute::EvidentlyVersion;
                let version: wire::Version = decode(http.read(&route, Call::default()).await?)?;
                let name = if version.application.is_empty() {
                    "Evidently"
                } else {
                    &version.application
                };
                (format!("{name} {}", version.version), 0)
            }
            Form::File(_) => ("an Evidently report".to_owned(), 0),
            Form::Folder(..) => {
                let read = self.runs(Duration::ZERO).await?;
                let name = format!("{} Evidently reports", read.files.len());
                (name, read.unread)
            }
        };
        let mut remarks = vec![zone_remark(self.utc_offset)];
        if unread > 0 {
            let words = format!("{unread} JSON files are no report that could be read");
            remarks.push(Clean::text(&words));
        }
        Ok(Abilities {
            server: Clean::name(server.trim()),
            user: None,
            rights: vec![(Clean::name("read reports"), Right::Allowed)],
            remarks,
        })
    }

    async fn poll(&self, feed: Feed, _focus: &Focus) -> Result<Answer, Fault> {
        let (read, scope, rows) = match feed {
            Feed::Signals => {
                let read = self.runs(Duration::ZERO).await?;
                let rows = Rows::Signals(runs::readings(self.id(), &read.runs));
                (read, Scope::Signals, rows)
            }
            Feed::SignalHistory => {
                let read = self.runs(self.every * 2).await?;
                let rows = Rows::Series(runs::series(self.id(), read.runs.iter()));
                (read, Scope::Series, rows)
            }
            _ => {
                return Err(
                    self.unsupported("Evidently has the feeds `signals` and `signal-history`")
                );
            }
        };
        Ok(Answer {
            partial: None,
            coverage: if read.whole {
                Coverage::Full(scope)
            } else {
                Coverage::Partial
            },
            rows,
            server_time: read.server_time,
        })
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        match query {
            Query::DriftReport { model, before } => {
                Ok(Detail::DriftReport(self.report(&model, before).await?))
            }
            Query::Series {
                model,
                measure,
                span,
            } => {
                let read = self.runs(self.every).await?;
                // Up to now is by the clock that the runs were stamped by, and leaves no run out.
                let now = || Millis(chrono::Utc::now().timestamp_millis());
                let to = span.until.or(read.server_time).unwrap_or_else(now);
                let from = to.minus(Duration::from_secs(u64::from(span.seconds)));
                let until = span.until.unwrap_or(Millis(i64::MAX));
                let of = |run: &&Run| run.model == model && (from..=until).contains(&run.at);
                let mut all = runs::series(self.id(), read.runs.iter().filter(of));
                all.retain(|series| series.key.measure == measure);
                Ok(Detail::Series(all))
            }
            _ => Err(self.unsupported("Evidently holds nothing but series and drift reports")),
        }
    }
}

/// What zone the times are taken to be in: they bear none.
fn zone_remark(utc_offset: i32) -> Clean {
    let (sign, ahead) = (
        if utc_offset < 0 { '-' } else { '+' },
        utc_offset.unsigned_abs(),
    );
    Clean::text(&format!(
        "times bear no zone and are taken as UTC{sign}{:02}:{:02}",
        ahead / 60,
        ahead % 60
    ))
}
