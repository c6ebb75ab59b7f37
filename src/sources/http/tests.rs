//! Tests of the client against hand-written servers on loopback.

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

#[tokio::test]
async fn each_status_becomes_its_fault() {
    let page = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1><p>no &quot;x&quot;</p>";
    for (status, headers, body, word, detail) in [
        (
            "401 Unauthorized",
            HTML,
            "You are not authenticated.",
            "auth",
            "not authenticated",
        ),
        (
            "403 Forbidden",
            PLAIN,
            "Permission denied",
            "forbidden",
            "Permission denied",
        ),
        (
            "403 Forbidden",
            PLAIN,
            "Invalid Host header - possible DNS rebinding attack detected",
            "host-refused",
            "Invalid Host",
        ),
        (
            "404 Not Found",
            JSON,
            r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Run 'x'\nnot found"}"#,
            "not-found",
            "Run 'x'",
        ),
        (
            "404 Not Found",
            JSON,
            r#"{"detail":"Not Found"}"#,
            "no-route",
            "Not Found",
        ),
        (
            "404 Not Found",
            JSON,
            r#"{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found"}"#,
            "no-route",
            "No API",
        ),
        (
            "404 Not Found",
            HTML,
            page,
            "no-route",
            "404 Not Found Not Found no \"x\"",
        ),
        (
            "404 Not Found",
            PLAIN,
            "404 page not found",
            "no-route",
            "page not found",
        ),
        (
            "405 Method Not Allowed",
            HTML,
            page,
            "no-route",
            "Not Found",
        ),
        (
            "400 Bad Request",
            JSON,
            r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"Invalid clause(s)"}"#,
            "refused",
            "Invalid clause(s)",
        ),
        (
            "400 Bad Request",
            JSON,
            r#"{"error":{"message":"inner"}}"#,
            "refused",
            "inner",
        ),
        ("400 Bad Request", JSON, "{}", "refused", "{}"),
        (
            "422 Unprocessable",
            JSON,
            r#"{"detail":[{"msg":"field required"}]}"#,
            "refused",
            "field required",
        ),
        ("408 Request Timeout", PLAIN, "", "timeout", "status 408"),
        (
            "429 Too Many Requests",
            PLAIN,
            "slow down",
            "rate-limited",
            "slow down",
        ),
        (
            "500 Internal Server Error",
            HTML,
            "<html><style>h1{}</style><script>x<1</script><h1>Oops</h1>",
            "server",
            "Oops",
        ),
        (
            "500 Internal Server Error",
            JSON,
            r#"{"error_code":"FEATURE_DISABLED","message":"no workspaces"}"#,
            "unsupported",
            "no workspaces",
        ),
        (
            "502 Bad Gateway",
            PLAIN,
            "\u{1b}[31mupstream\u{1b}[0m\nsecond",
            "server",
            "upstream",
        ),
        (
            "503 Service Unavailable",
            JSON,
            r#"{"message":"database is locked"}"#,
            "server",
            "locked",
        ),
        ("504 Gateway Timeout", PLAIN, "", "timeout", "status 504"),
    ] {
        let fault = fault_of(answer(status, headers, body)).await;
        assert_eq!(fault.kind.word(), word, "{status} {body}: {fault}");
        assert!(fault.detail.as_str().contains(detail), "{status}: {fault}");
        assert!(
            fault.place.as_str().starts_with("GET http://127.0.0.1:"),
            "{fault}"
        );
        assert!(
            fault.place.as_str().ends_with("registered-models/search"),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_server_may_ask_to_wait_in_seconds_or_until_a_date() {
    let date = "Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n";
    for (status, headers, want) in [
        ("429 X", "Retry-After: 7\r\n".to_owned(), Some(7)),
        ("503 X", "Retry-After: 0\r\n".to_owned(), Some(0)),
        (
            "429 X",
            format!("{date}Retry-After: Mon, 23 Nov 2026 12:01:30 GMT\r\n"),
            Some(90),
        ),
        (
            "429 X",
            format!("{date}Retry-After: Mon, 23 Nov 2026 11:00:00 GMT\r\n"),
            Some(0),
        ),
        (
            "429 X",
            "Retry-After: 99999999999\r\n".to_owned(),
            Some(3_600),
        ),
        ("429 X", "Retry-After: soon\r\n".to_owned(), None),
    ] {
        let fault = fault_of(answer(status, &headers, "")).await;
        let after = want.map(Duration::from_secs);
        assert_eq!(fault.kind, FaultKind::RateLimited { after }, "{headers}");
    }
}

#[tokio::test]
async fn a_good_answer_tells_type_server_and_clock() {
    let headers = "Content-Type: Application/JSON; charset=utf-8\r\nServer: uvicorn\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n";
    let (url, _) = fixed(answer("200 OK", headers, r#"{"a":1}"#)).await;
    let reply = get(&settings(&url)).await.expect("reply");
    assert_eq!(
        (reply.status, reply.content_type.as_str()),
        (200, "application/json")
    );
    assert_eq!(reply.server, "uvicorn");
    assert_eq!(reply.server_time, Some(Millis(1_795_435_200_000)));
    let json: serde_json::Value = reply.json().expect("json");
    assert_eq!(json["a"], 1);
}

#[tokio::test]
async fn what_is_no_json_says_where_and_why() {
    #[derive(serde::Deserialize, Debug)]
    struct Row {
        #[expect(dead_code, reason = "only its decoding is tested")]
        runs: Vec<u32>,
    }
    for (body, path, detail) in [
        (
            "<!DOCTYPE html><h1>Welcome</h1>",
            "",
            "HTML, not JSON: Welcome",
        ),
        (r#"{"runs":[1,2,"x"]}"#, "runs[2]", "invalid type"),
        (r#"{"runs":[1,2"#, "runs", "EOF"),
        (r#"{"runs":[]} trailing"#, "", "follows the end"),
        ("", "", "empty"),
        (r#"{"runs":NaN}"#, "runs", "expected value"),
    ] {
        let (url, _) = fixed(answer("200 OK", JSON, body)).await;
        let reply = get(&settings(&url)).await.expect("reply");
        let fault = reply.json::<Row>().expect_err(body);
        let FaultKind::Decode { path: at } = &fault.kind else {
            panic!("{body}: {fault}")
        };
        assert!(at.as_str().starts_with(path), "{body}: {fault}");
        assert!(fault.detail.as_str().contains(detail), "{body}: {fault}");
    }
}

#[tokio::test]
async fn login_pages_are_no_answers() {
    for body in [
        "<html><title>Sign in to Acme</title></html>",
        "<!doctype html><form><input type=\"password\"></form>",
    ] {
        let fault = fault_of(answer("200 OK", HTML, body)).await;
        assert_eq!(fault.kind, FaultKind::Auth, "{fault}");
    }
    let fault = fault_of(answer(
        "302 Found",
        "Location: https://sso.test/oauth2/authorize?x=secret\r\n",
        "",
    ))
    .await;
    assert_eq!(fault.kind, FaultKind::Auth);
    assert!(
        fault.detail.as_str().contains("https://sso.test"),
        "{fault}"
    );
    assert!(!fault.line().contains("secret"), "{fault}");
    // MLflow writes its version as text under an HTML type.
    let (url, _) = fixed(answer("200 OK", HTML, "3.18.0")).await;
    assert_eq!(
        get(&settings(&url)).await.expect("text").text(),
        Ok("3.18.0")
    );
}

#[tokio::test]
async fn redirects_stay_within_the_origin() {
    let (url, seen) = serve(|n, mut stream| async move {
        let bytes = match n {
            0 => answer("302 Found", "Location: /moved/here?page=2\r\n", ""),
            1 => answer("307 Temporary", "Location: then/there\r\n", ""),
            _ => answer("200 OK", JSON, "{}"),
        };
        let _ = stream.write_all(bytes.as_bytes()).await;
    })
    .await;
    let http = Http::new(&settings(&url)).expect("client");
    let call = Call {
        body: Some(serde_json::json!({"filter": "x"})),
        ..Call::default()
    };
    let reply = http
        .read(&ReadRoute::MlflowRuns, call)
        .await
        .expect("reply");
    assert!(
        reply.place.ends_with("/moved/then/there"),
        "{}",
        reply.place
    );
    let seen = seen.lock().await;
    assert!(
        seen[1].starts_with("POST /moved/here?page=2 "),
        "{}",
        seen[1]
    );
    assert!(
        seen[2].starts_with("POST /moved/then/there "),
        "{}",
        seen[2]
    );
    assert!(seen[2].ends_with(r#"{"filter":"x"}"#), "{}", seen[2]);
}

#[tokio::test]
async fn other_origins_are_named_and_not_called() {
    let (other, visits) = fixed(answer("200 OK", JSON, "{}")).await;
    let location = format!("Location: {other}/api?token=t0p\r\n");
    let fault = fault_of(answer("301 Moved", &location, "")).await;
    assert_eq!(fault.kind, FaultKind::Redirected);
    assert!(fault.detail.as_str().contains(&other), "{fault}");
    assert!(!fault.line().contains("t0p"), "{fault}");
    assert!(visits.lock().await.is_empty());
    let fault = fault_of(answer("302 Found", "Location: /again\r\n", "")).await;
    assert!(
        fault.detail.as_str().contains("more than 5 redirects"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (url, _) = serve(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut settings = settings(&url);
    settings.timeout = Duration::from_millis(60);
    let fault = get(&settings).await.expect_err("hang");
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(
        fault.detail.as_str().contains("no answer within 60ms"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_dripping_server_is_given_up() {
    let (url, _) = serve(|_, mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut settings = settings(&url);
    settings.timeout = Duration::from_millis(80);
    let fault = get(&settings).await.expect_err("drip");
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(fault.detail.as_str().contains("did not end"), "{fault}");
}

#[tokio::test]
async fn an_answer_cut_short_says_where() {
    let fault = fault_of("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"runs\":[").await;
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(fault.detail.as_str().contains("after 9 bytes"), "{fault}");
    let fault =
        fault_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    let fault = fault_of("SSH-2.0-OpenSSH_9.6\r\n").await;
    assert!(matches!(fault.kind, FaultKind::Decode { .. }), "{fault}");
}

#[tokio::test]
async fn a_huge_answer_is_left_before_it_is_here() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (url, _) = serve(move |_, mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n"].concat();
            for _ in 0..1_600 {
                if stream.write_all(&chunk).await.is_err() {
                    return;
                }
                counter.fetch_add(65_536, Ordering::SeqCst);
            }
        }
    })
    .await;
    let mut settings = settings(&url);
    settings.max_answer = 1024 * 1024;
    let fault = get(&settings).await.expect_err("100 MB");
    assert_eq!(fault.kind, FaultKind::TooLarge { limit: 1024 * 1024 });
    // What was sent beyond the limit lay in socket buffers.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken");

    let stated = fault_of("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\nx").await;
    assert!(
        matches!(stated.kind, FaultKind::TooLarge { .. }),
        "{stated}"
    );
}

#[tokio::test]
async fn a_packed_answer_counts_as_unpacked() {
    // 100,000 zeros, gzipped.
    let packed = base64::engine::general_purpose::STANDARD
        .decode("H4sIAAAAAAACA+3BMQEAAADCoErrn84aHkABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAArwaFwk3FoIYBAA==")
        .expect("base64");
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&packed);
    let (url, seen) = fixed(bytes).await;
    let mut settings = settings(&url);
    assert_eq!(get(&settings).await.expect("unpacked").body.len(), 100_000);
    assert!(
        seen.lock().await[0]
            .to_ascii_lowercase()
            .contains("accept-encoding: gzip")
    );
    settings.max_answer = 10_000;
    let fault = get(&settings).await.expect_err("bomb");
    assert_eq!(fault.kind, FaultKind::TooLarge { limit: 10_000 });
}

#[tokio::test]
async fn a_read_is_sent_once_more_when_a_kept_connection_closes_under_it() {
    let kept = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let (url, seen) = serve(move |_, mut stream| async move {
        let _ = stream.write_all(kept.as_bytes()).await;
        // The second request on this connection gets no answer.
        let _ = request(&mut stream).await;
    })
    .await;
    let http = Http::new(&settings(&url)).expect("client");
    for _ in 0..2 {
        let reply = http.read(&ReadRoute::MlflowHealth, Call::default()).await;
        assert!(reply.is_ok(), "{reply:?}");
    }
    assert_eq!(seen.lock().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_always_closes_is_asked_twice_and_no_more() {
    let (url, seen) = serve(|_, stream| async move { drop(stream) }).await;
    let fault = get(&settings(&url)).await.expect_err("closed");
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(
        fault.detail.as_str().contains("before an answer"),
        "{fault}"
    );
    assert_eq!(seen.lock().await.len(), 2);
}

#[tokio::test]
async fn nothing_listening_is_said_plainly() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    drop(listener);
    let fault = get(&settings(&url)).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(
        fault.detail.as_str().contains("connection refused"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_request_carries_what_the_settings_say_and_no_origin() {
    let (url, seen) = fixed(answer("200 OK", JSON, "{}")).await;
    let mut settings = settings(&format!(
        "{}/deep/mlflow/",
        url.replace("http://", "http://ana:pw@")
    ));
    settings.workspace = Some("team-a".to_owned());
    settings.host_header = Some("ml.internal".to_owned());
    settings.headers = vec![("X-Team".to_owned(), "risk".to_owned())];
    settings.auth = Auth::Bearer(SecretRef::Inline("tok-123".to_owned()));
    let http = Http::new(&settings).expect("client");
    assert_eq!(http.base(), format!("{url}/deep/mlflow"));
    let call = Call {
        query: vec![("run_ids", "a b".to_owned()), ("run_ids", "c&d".to_owned())],
        body: None,
    };
    http.read(&ReadRoute::MlflowHistoryInterval, call)
        .await
        .expect("get");
    http.read(&ReadRoute::V2Model(Key::new("a/../b")), Call::default())
        .await
        .expect("path");
    http.read(&ReadRoute::V2Index, Call::default())
        .await
        .expect("post");
    let seen = seen.lock().await;
    let head = seen[0].to_ascii_lowercase();
    assert!(head.starts_with("get /deep/mlflow/api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=a+b&run_ids=c%26d http/1.1"), "{head}");
    for line in [
        "host: ml.internal\r\n",
        "x-mlflow-workspace: team-a\r\n",
        "x-team: risk\r\n",
        "authorization: bearer tok-123\r\n",
        "user-agent: quarterdeck/",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert_eq!(head.matches("\r\nhost:").count(), 1, "{head}");
    assert!(
        seen.iter()
            .all(|r| !r.to_ascii_lowercase().contains("\r\norigin:"))
    );
    assert!(
        seen[1].starts_with("GET /deep/mlflow/v2/models/a%2F..%2Fb "),
        "{}",
        seen[1]
    );
    assert!(
        seen[2]
            .to_ascii_lowercase()
            .contains("content-type: application/json"),
        "{}",
        seen[2]
    );
}

#[tokio::test]
async fn a_refused_token_is_fetched_again_once() {
    let folder = tempfile::tempdir().expect("folder");
    let flag = folder.path().join("second");
    let script = format!(
        "if [ -e {0} ]; then echo fresh; else touch {0}; echo old; fi",
        flag.display()
    );
    let (url, seen) = serve(|n, mut stream| async move {
        let bytes = if n == 0 {
            answer("401 No", PLAIN, "expired")
        } else {
            answer("200 OK", JSON, "{}")
        };
        let _ = stream.write_all(bytes.as_bytes()).await;
    })
    .await;
    let mut settings = settings(&url);
    settings.auth = Auth::Bearer(SecretRef::Command(
        ["sh", "-c", &script].map(str::to_owned).to_vec(),
    ));
    let http = Http::new(&settings).expect("client");
    for _ in 0..2 {
        http.read(&ReadRoute::MlflowHealth, Call::default())
            .await
            .expect("fresh token");
    }
    let seen = seen.lock().await;
    let tokens: Vec<bool> = seen.iter().map(|r| r.contains("Bearer fresh")).collect();
    assert_eq!(tokens, [false, true, true]);
}

#[tokio::test]
async fn the_same_wrong_password_is_not_sent_again() {
    let (url, seen) = fixed(answer("401 No", PLAIN, "no")).await;
    for secret in [
        SecretRef::Inline("wrong".to_owned()),
        SecretRef::Command(["echo", "wrong"].map(str::to_owned).to_vec()),
    ] {
        seen.lock().await.clear();
        let mut settings = settings(&url);
        settings.auth = Auth::Basic {
            user: SecretRef::Inline("ana".to_owned()),
            password: secret,
        };
        let fault = get(&settings).await.expect_err("wrong");
        assert_eq!(fault.kind, FaultKind::Auth);
        let seen = seen.lock().await;
        assert_eq!(seen.len(), 1);
        // ana:wrong
        assert!(seen[0].contains("Basic YW5hOndyb25n"), "{}", seen[0]);
    }
}

#[tokio::test]
async fn no_text_repeats_a_credential_that_a_server_echoes() {
    let echo = answer(
        "500 Oops",
        PLAIN,
        "debug: Basic YW5hOmh1bnRlcjI= and hunter2 at http://ana:hunter2@ml.test/",
    );
    let (url, _) = fixed(echo).await;
    let mut settings = settings(&url.replace("http://", "http://ana:hunter2@"));
    settings.auth = Auth::Basic {
        user: SecretRef::Inline("ana".to_owned()),
        password: SecretRef::Inline("hunter2".to_owned()),
    };
    let http = Http::new(&settings).expect("client");
    let fault = http
        .read(&ReadRoute::MlflowHealth, Call::default())
        .await
        .expect_err("500");
    for text in [fault.line(), format!("{fault:?}"), format!("{http:?}")] {
        assert!(
            !text.contains("hunter2") && !text.contains("YW5hOmh1bnRlcjI"),
            "{text}"
        );
    }
    assert!(fault.line().contains("[redacted]"), "{fault}");
}
