//! Tests of the client against hand-written servers on loopback.

mod bodies;
mod requests;
mod statuses;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::*;
use crate::domain::key::Key;
use crate::domain::settings::{Auth, SecretRef, SourceKind};

/// The requests that a server saw, whole.
type Seen = Arc<Mutex<Vec<String>>>;

/// Reads one request, headers and body. `None` at the end of the connection.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut got = Vec::new();
    let mut byte = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|l| {
                    l.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            if got.len() >= end + 4 + length {
                return Some(text);
            }
        }
        match stream.read(&mut byte).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => got.extend_from_slice(&byte[..n]),
        }
    }
}

/// A server that hands the n-th request to `answer`, which owns the connection from then on.
async fn serve<F, Fut>(answer: F) -> (String, Seen)
where
    F: Fn(usize, TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let seen = Seen::default();
    let answer = Arc::new(answer);
    let count = Arc::new(AtomicUsize::new(0));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, count, log) = (Arc::clone(&answer), Arc::clone(&count), Arc::clone(&log));
            tokio::spawn(async move {
                if let Some(text) = request(&mut stream).await {
                    log.lock().await.push(text);
                    answer(count.fetch_add(1, Ordering::SeqCst), stream).await;
                }
            });
        }
    });
    (url, seen)
}

/// A server that answers every request with the same bytes and closes.
async fn fixed(answer: impl Into<Vec<u8>>) -> (String, Seen) {
    let answer: Arc<[u8]> = answer.into().into();
    serve(move |_, mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let _ = stream.write_all(&answer).await;
        }
    })
    .await
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const JSON: &str = "Content-Type: application/json\r\n";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
const PLAIN: &str = "Content-Type: text/plain\r\n";

fn settings(url: &str) -> SourceSettings {
    let mut settings = SourceSettings::new("s", SourceKind::Mlflow, url);
    settings.timeout = Duration::from_secs(5);
    settings
}

async fn get(settings: &SourceSettings) -> Result<Reply, Fault> {
    Http::new(settings)?
        .read(&ReadRoute::MlflowModels, Call::default())
        .await
}

async fn fault_of(bytes: impl Into<Vec<u8>>) -> Fault {
    let (url, _) = fixed(bytes).await;
    get(&settings(&url)).await.expect_err("a fault")
}
