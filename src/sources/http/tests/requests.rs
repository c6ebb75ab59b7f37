//! Requests: connections, headers, credentials.

use super::*;

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

#[tokio::test]
async fn no_text_repeats_a_token_of_a_header_that_a_server_echoes() {
    let echo = answer(
        "500 Oops",
        PLAIN,
        "no gw-s3cr3t-123 and no abcdef-0123 here, and k3y neither, says team-risk",
    );
    let (url, _) = fixed(echo).await;
    let mut settings = settings(&url);
    let headers = [
        ("X-Gateway", "Token gw-s3cr3t-123"),
        ("Cookie", "session=abcdef-0123; path=/"),
        ("X-Api-Key", "k3y"),
        ("X-Scope-OrgID", "team-risk"),
    ];
    settings.headers = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let http = Http::new(&settings).expect("client");
    let fault = http
        .read(&ReadRoute::MlflowHealth, Call::default())
        .await
        .expect_err("500");
    for text in [fault.line(), format!("{fault:?}"), format!("{http:?}")] {
        for token in ["gw-s3cr3t-123", "abcdef-0123", "k3y"] {
            assert!(!text.contains(token), "{text}");
        }
    }
    assert!(fault.line().contains("team-risk"), "{fault}");
}

/// An Airflow behind a gateway that gives a login `status` and what was sent to it.
fn logging_in(url: &str) -> SourceSettings {
    let mut settings = settings(url);
    settings.auth = Auth::Login {
        user: SecretRef::Inline("ana".to_owned()),
        password: SecretRef::Inline("hunter\"two".to_owned()),
    };
    settings
}

/// Hides nothing of what the password looks like, however it is written.
fn shows_no_password(fault: &Fault) {
    for text in [fault.line(), format!("{fault:?}"), fault.detail.to_string()] {
        for part in ["hunter", "aHVudGVyInR3b"] {
            assert!(!text.contains(part), "{text}");
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_with_its_own_words_shows_no_password() {
    let sent = r#"{"password":"hunter\"two","username":"ana"}"#;
    let json = serde_json::json!({"message": format!("cannot take {sent}")}).to_string();
    let basic = "cannot take aHVudGVyInR3bw==";
    for status in ["400 Bad", "403 No", "422 Odd", "500 Oops", "502 Gateway"] {
        for (kind, body) in [(PLAIN, sent), (HTML, sent), (JSON, &json), (PLAIN, basic)] {
            let (url, seen) = fixed(answer(status, kind, body)).await;
            let fault = get(&logging_in(&url)).await.expect_err("refused");
            shows_no_password(&fault);
            assert!(fault.line().contains("[redacted]"), "{fault}");
            assert_eq!(seen.lock().await.len(), 1, "the login alone");
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_when_a_token_has_ended_shows_no_password_either() {
    let (url, _) = serve(|n, mut stream| async move {
        let bytes = match n {
            0 => answer("201 Made", JSON, r#"{"access_token":"t0k3n-0"}"#),
            1 => answer("401 No", PLAIN, "it has ended"),
            _ => answer(
                "500 Oops",
                PLAIN,
                r#"t0k3n-0 and {"password":"hunter\"two"}"#,
            ),
        };
        let _ = stream.write_all(bytes.as_bytes()).await;
    })
    .await;
    let fault = get(&logging_in(&url)).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Server(500));
    shows_no_password(&fault);
    assert!(!fault.line().contains("t0k3n-0"), "{fault}");
}

#[tokio::test]
async fn a_token_is_not_shown_in_part_where_its_text_is_cut() {
    let token = "abcdefghijklmnopqrstuvwxyz0123456789";
    // So long that the token lies across the end of what is kept.
    for (kind, before) in [(PLAIN, 390), (HTML, 390), (JSON, 590)] {
        let words = format!("{}{token}", "x ".repeat(before / 2));
        let body = if kind == JSON {
            serde_json::json!({"detail": words}).to_string()
        } else {
            words
        };
        let (url, _) = fixed(answer("500 Oops", kind, &body)).await;
        let mut settings = settings(&url);
        settings.auth = Auth::Bearer(SecretRef::Inline(token.to_owned()));
        let fault = get(&settings).await.expect_err("500");
        assert!(!fault.line().contains("abc"), "{kind}: {fault}");
    }
}

#[derive(serde::Deserialize, Debug)]
struct Answer {
    #[serde(rename = "registered_models")]
    _models: Vec<u8>,
}

#[tokio::test]
async fn a_good_answer_that_cannot_be_read_shows_no_token_of_its_own() {
    let token = "abcdefghijklmnop";
    for (kind, body) in [
        (HTML, format!("<html>you sent Bearer {token}")),
        (JSON, format!(r#"{{"registered_models":"{token}"}}"#)),
    ] {
        let (url, _) = fixed(answer("200 OK", kind, &body)).await;
        let mut settings = settings(&url);
        settings.auth = Auth::Bearer(SecretRef::Inline(token.to_owned()));
        let reply = get(&settings).await.expect("an answer");
        let fault = reply.json::<Answer>().expect_err("no list");
        assert!(!format!("{fault:?}").contains("abc"), "{fault:?}");
        assert!(fault.line().contains("[redacted]"), "{fault}");
    }
}
