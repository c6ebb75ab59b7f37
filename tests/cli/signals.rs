//! `drift`, `signals`, `alerts` and `changes`: their documents, and what they say where nothing monitors.

use crate::support::{Home, flags, fleet, with};

#[tokio::test(flavor = "multi_thread")]
async fn documents_bear_their_schemas_and_are_empty_without_monitoring() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    for (command, rows) in [
        ("drift", "models"),
        ("signals", "models"),
        ("alerts", "alerts"),
    ] {
        let document = home.json(&with(&[command], &flags), 0);
        assert_eq!(document["schema"], format!("quarterdeck.{command}/1"));
        assert_eq!(document["context"], "flags");
        assert_eq!(document[rows], serde_json::json!([]), "{command}");
        let ran = home.run(&with(&[command, "--check"], &flags));
        assert_eq!(ran.code(), 0, "{command}: {}", ran.err());
        let missing = home.run(&with(&[command, "fraud-detecter"], &flags));
        assert_eq!(missing.code(), 2);
        assert!(
            missing.err().contains("did you mean `fraud-detector`?"),
            "{}",
            missing.err()
        );
    }
    let text = home.run(&with(&["signals"], &flags));
    assert!(
        text.out().contains("nothing monitors these models"),
        "{}",
        text.out()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_tell_how_long_before_the_moment_each_came() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    let document = home.json(
        &with(&["changes", "fraud-detector", "--since", "90d"], &flags),
        0,
    );
    assert_eq!(document["schema"], "quarterdeck.changes/1");
    assert_eq!(document["model"], "fraud-detector");
    let changes = document["changes"].as_array().unwrap();
    assert!(!changes.is_empty());
    for change in changes {
        assert!(change["lead_seconds"].is_i64(), "{change}");
        assert!(["model", "anyone", "other"].contains(&change["touches"].as_str().unwrap()));
    }
    let at = with(
        &["changes", "fraud-detector", "--at", "2020-01-01T00:00Z"],
        &flags,
    );
    let document = home.json(&at, 0);
    assert_eq!(document["around_is"], "asked");
    assert_eq!(document["around"], "2020-01-01T00:00:00Z");
    assert_eq!(document["changes"], serde_json::json!([]));
    for wrong in [
        &["changes", "--at", "9s"][..],
        &["status", "--at", "2020-01-01T00:00Z"][..],
    ] {
        let ran = home.run(&with(wrong, &flags));
        assert_eq!(ran.code(), 2, "{wrong:?}");
        assert!(ran.err().contains("--at"), "{}", ran.err());
    }
}
