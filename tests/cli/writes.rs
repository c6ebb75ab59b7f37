//! What changes servers: plans, what allows them, how they end, and that nothing else is sent.

use crate::support::{Home, flags, fleet, url, with};

fn holder(fleet: &quarterdeck::sim::SimFleet, home: &Home, model: &str) -> String {
    let flags = flags(fleet, &[]);
    let page = home.json(&with(&["models", model], &flags), 0);
    page["aliases"]["champion"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn writing(fleet: &quarterdeck::sim::SimFleet) -> Vec<String> {
    let mut flags = flags(fleet, &["fraud-prod"]);
    flags.extend(["--writes".to_owned(), "confirm".to_owned()]);
    flags
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_each_request_and_sends_none() {
    let fleet = fleet().await;
    let home = Home::new();
    let flags = writing(&fleet);
    let args = ["promote", "churn", "--to", "6", "--dry-run", "--json"];
    let ran = home.run(&with(&args, &flags));
    let plan = ran.document();
    assert_eq!(plan["schema"], "quarterdeck.plan/1", "{}", ran.err());
    assert_eq!(plan["summary"], "champion v7 → v6");
    let steps = plan["steps"].as_array().unwrap();
    let alias = steps.iter().find(|s| s["act"] == "move-alias").unwrap();
    assert_eq!(
        alias["request"],
        r#"POST /api/2.0/mlflow/registered-models/alias {"alias":"champion","name":"churn","version":"6"}"#
    );
    assert_eq!(alias["inverse"], "alias champion of churn: v6 → v7");
    assert_eq!(holder(&fleet, &home, "churn"), "7");
    // A gate that asks for a reason refuses the dry run as it would the write.
    let refused = !plan["refused"].is_null();
    assert_eq!(ran.code(), if refused { 4 } else { 0 }, "{}", ran.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_refused_with_what_would_allow_it() {
    let fleet = fleet().await;
    let home = Home::new();
    let reading = flags(&fleet, &[]);
    let back = ["rollback", "churn", "--to", "6", "--yes"];
    let ran = home.run(&with(&back, &reading));
    assert_eq!(ran.code(), 4, "{}", ran.out());
    let why = "writes are off in context flags: start with --writes confirm";
    assert!(ran.err().contains(why), "{}", ran.err());
    let flags = writing(&fleet);
    let variable = Home::new().with("QUARTERDECK_READ_ONLY", "1");
    let ran = variable.run(&with(&back, &flags));
    assert_eq!(ran.code(), 4, "{}", ran.out());
    let why = "writes are off in context flags: start without QUARTERDECK_READ_ONLY";
    assert!(ran.err().contains(why), "{}", ran.err());
    for (args, part) in [
        (&back[..], "--confirm 'flags/churn'"),
        (
            &["rollback", "churn", "--to", "6", "--yes", "--read-only"],
            "writes are off in context flags: start without --read-only",
        ),
        (
            &["rollback", "churn", "--to", "6", "--confirm", "flags/churn"],
            "--yes",
        ),
        (&["rollback", "churn"], "name"),
    ] {
        let ran = home.run(&with(args, &flags));
        assert_eq!(ran.code(), 4, "{args:?}: {}", ran.err());
        assert!(ran.err().contains(part), "{args:?}: {}", ran.err());
    }
    assert_eq!(
        home.run(&with(&["promote", "churn", "--to", "99"], &flags))
            .code(),
        2
    );
    assert_eq!(holder(&fleet, &home, "churn"), "7");
    assert!(!url(&fleet, "mlflow").is_empty());
}
