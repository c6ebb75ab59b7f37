//! Real servers of metrics beside the simulated one, all over the same samples; a server that cannot be
//! started is named as not run.
//!
//! Needs `prometheus` with `promtool`, or `victoria-metrics`, in the search path, as Debian's packages
//! put them there.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use quarterdeck::sim::Options;
use tempfile::TempDir;

use super::{Stage, calm, stacks};

/// The stretch of time that comparisons look at, in milliseconds, up to the fleet's start.
pub(crate) const STRETCH: i64 = 40 * 60_000;

/// Which real server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Product {
    Prometheus,
    VictoriaMetrics,
}

/// The simulated Prometheus of a calm fleet, with the samples of stacks that the fleet does not speak,
/// and a real server over the same samples.
pub(crate) struct Pair {
    pub(crate) stage: Stage,
    pub(crate) simulated: String,
    pub(crate) real: String,
    /// The fleet's start, in epoch milliseconds.
    pub(crate) now: i64,
    _server: Server,
    _folder: TempDir,
}

impl Pair {
    /// Starts both for a comparison; none, and a line that says why, where the real one does not run.
    pub(crate) async fn start(product: Product, what: &str) -> Option<Self> {
        let stage = Stage::set(Options {
            monitoring: true,
            ..calm()
        })
        .await;
        stacks::expose(&stage.fleet);
        let now = stage.fleet.now_ms();
        let folder = tempfile::tempdir().unwrap();
        // More than an hour, so that lookback and offsets find what they need.
        let text = stage.fleet.openmetrics(now - 2 * STRETCH, now);
        let started = match product {
            Product::Prometheus => prometheus(folder.path(), &text, &stage.client).await,
            Product::VictoriaMetrics => victoria(folder.path(), &text, &stage.client).await,
        };
        let name = match product {
            Product::Prometheus => "prometheus",
            Product::VictoriaMetrics => "victoria-metrics",
        };
        let Some(server) = running(&format!("{name} ({what})"), started) else {
            stage.fleet.stop().await;
            return None;
        };
        Some(Self {
            simulated: stage.fleet.url("prometheus").unwrap().to_owned(),
            real: server.url.clone(),
            stage,
            now,
            _server: server,
            _folder: folder,
        })
    }
}

pub(crate) struct Server {
    child: Child,
    url: String,
    folder: Option<TempDir>,
}

impl Server {
    /// A real Prometheus over samples; none, and a line that says why, where it does not run.
    pub(crate) async fn over(text: &str, client: &reqwest::Client) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let started = prometheus(folder.path(), text, client).await;
        let mut server = running("prometheus (verdicts)", started)?;
        server.folder = Some(folder);
        Some(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts a program that listens where `arguments` say, and waits until `ready` answers.
    ///
    /// # Errors
    /// Why it does not run: what is missing, or that it never became ready.
    async fn start(
        program: &str,
        arguments: impl FnOnce(&str) -> Vec<String>,
        ready: &str,
        client: &reqwest::Client,
    ) -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap().to_string();
        drop(port);
        let child = Command::new(program)
            .args(arguments(&address))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))?;
        let mut server = Self {
            child,
            url: format!("http://{address}"),
            folder: None,
        };
        for _ in 0..200 {
            let answer = client.get(format!("{}{ready}", server.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("{program} ended at once: {status}"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{program} is not ready after 20 seconds"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its files go when nobody reads them any more.
        drop(self.folder.take());
    }
}

/// The server, or a line that names it as not run.
#[expect(clippy::print_stdout, reason = "the run says what it compared")]
fn running(name: &str, server: Result<Server, String>) -> Option<Server> {
    match server {
        Ok(server) => {
            println!("compared with: {name}");
            Some(server)
        }
        Err(reason) => {
            println!("not run: {name}: {reason}");
            None
        }
    }
}

/// A real server over blocks made of `OpenMetrics` text. What `promtool` refuses is our export's fault
/// and fails the test.
async fn prometheus(folder: &Path, text: &str, client: &reqwest::Client) -> Result<Server, String> {
    let samples = folder.join("samples.om");
    std::fs::write(&samples, text).unwrap();
    let data = folder.join("data");
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let blocks = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "--max-block-duration=486h"])
        .args(["-q", "openmetrics"])
        .args([&samples, &data])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("promtool cannot be started: {error}"))?;
    assert!(blocks.success(), "promtool refuses the samples");
    let arguments = |address: &str| {
        vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            "--storage.tsdb.retention.time=100y".to_owned(),
            format!("--web.listen-address={address}"),
        ]
    };
    Server::start("prometheus", arguments, "/-/ready", client).await
}

/// A `VictoriaMetrics` over the same samples.
async fn victoria(folder: &Path, text: &str, client: &reqwest::Client) -> Result<Server, String> {
    let arguments = |address: &str| {
        vec![
            format!("-storageDataPath={}", folder.join("vm").display()),
            format!("-httpListenAddr={address}"),
            "-retentionPeriod=100y".to_owned(),
            // It holds back the newest 30 seconds and answers from a cache, which samples that come late
            // do not clear.
            "-search.latencyOffset=0s".to_owned(),
            "-search.disableCache".to_owned(),
        ]
    };
    let server = Server::start("victoria-metrics", arguments, "/health", client).await?;
    // It takes milliseconds where OpenMetrics has seconds with three places.
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(sample, at)| format!("{sample} {}", at.replace('.', "")))
        .collect();
    let sent = client
        .post(format!("{}/api/v1/import/prometheus", server.url))
        .body(lines.join("\n"))
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success());
    let flushed = client.get(format!("{}/internal/force_flush", server.url));
    flushed.send().await.unwrap();
    Ok(server)
}
