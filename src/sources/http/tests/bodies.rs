//! Bodies: late, short, huge, packed, or not what they should be.

use super::*;

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
            let chunk = [
                b"10000\r\n".as_slice(),
                vec![b'x'; 65_536].as_slice(),
                b"\r\n",
            ]
            .concat();
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
