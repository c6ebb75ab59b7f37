//! Statuses and redirects.

use super::*;

const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1><p>no &quot;x&quot;</p>";

/// Status, headers, body; then the word of the fault and a part of its text.
const STATUSES: &[(&str, &str, &str, &str, &str)] = &[
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
        PAGE,
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
        PAGE,
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
];

#[tokio::test]
async fn each_status_becomes_its_fault() {
    for (status, headers, body, word, detail) in STATUSES {
        let fault = fault_of(answer(status, headers, body)).await;
        assert_eq!(fault.kind.word(), *word, "{status} {body}: {fault}");
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
        Ok("3.18.0".to_owned())
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
