//! What a write leaves behind: in the journal, in the history, and for the next roll back.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Home, flags, fleet, url, with};

fn aliases(history: &Value) -> Vec<&Value> {
    let changes = history["changes"].as_array().unwrap();
    changes.iter().filter(|c| c["kind"] == "alias").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_told_by_journal_and_history_with_who_and_why() {
    let fleet = fleet().await;
    let home = Home::new().with("USER", "ana");
    let mut flags = flags(&fleet, &[]);
    flags.extend(["--writes".to_owned(), "confirm".to_owned()]);
    let back = [
        "rollback",
        "churn",
        "--to",
        "6",
        "--yes",
        "--confirm",
        "flags/churn",
        "--reason",
        "errors after the release",
    ];
    assert_eq!(home.run(&with(&["record", "--once"], &flags)).code(), 0);
    let ran = home.run(&with(&back, &flags));
    assert_eq!(ran.code(), 0, "{}{}", ran.out(), ran.err());
    // Whoever looks next sees the same event between two looks: it stays one, and ours.
    assert_eq!(home.run(&with(&["record", "--once"], &flags)).code(), 0);
    let history = home.json(&with(&["history", "churn"], &flags), 0);
    let moves = aliases(&history);
    assert_eq!(moves.len(), 1, "{history}");
    let own = moves[0];
    assert_eq!((&own["from"], &own["to"]), (&"v7".into(), &"v6".into()));
    assert_eq!(own["origin"], "own", "{own}");
    assert!(own["actor"].as_str().unwrap().starts_with("ana@"), "{own}");
    assert!(
        own["evidence"]
            .as_str()
            .unwrap()
            .contains("errors after the release"),
        "{own}"
    );

    // The journal needs no context, no settings and no server.
    let journal = home.json(&["journal"], 0);
    let writes = journal["writes"].as_array().unwrap();
    assert_eq!(writes.len(), 1, "{journal}");
    assert_eq!(writes[0]["outcome"], "done");
    assert_eq!(writes[0]["reason"], "errors after the release");
    assert_eq!(
        home.json(&["journal", "--context", "else"], 0)["writes"],
        Value::Array(Vec::new())
    );
    let id = writes[0]["id"].as_str().unwrap();
    let one = home.run(&["journal", &id[id.len() - 6..]]);
    assert!(one.out().contains("champion v7 → v6"), "{}", one.out());
    let export = home.run(&["journal", "--export"]);
    let lines: Vec<Value> = export
        .out()
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert!(
        lines
            .iter()
            .all(|line| line["schema"] == "quarterdeck.journal/1")
    );
    assert!(
        lines.iter().any(|line| line["event"] == "plan-ended"),
        "{lines:?}"
    );
    let frame = ["frame", "--pane", "journal", "--size", "200x40"];
    let frame = home.run(&with(&frame, &flags)).out();
    assert!(
        frame.contains("errors after the release") && frame.contains("roll back"),
        "{frame}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_a_recorder_watched_counts_for_a_roll_back_from_the_command_line() {
    let fleet = fleet().await;
    let home = Home::new();
    let servers = [url(&fleet, "mlflow"), url(&fleet, "fraud-prod")];
    home.settings(&format!(
        "context = \"prod\"\n\
         [contexts.prod.policy]\ngood_after = \"2s\"\n\
         [[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"{}\"\n\
         [[contexts.prod.deployments]]\nname = \"fraud-prod\"\nkind = \"v2\"\nurl = \"{}\"\nmodel = \"fraud-detector\"\n",
        servers[0], servers[1],
    ));
    let listed = || {
        let list = home.json(&["rollback", "fraud-detector", "--list"], 0);
        let rows = list["candidates"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["version"] == "v13")
    };
    let look = || {
        let ran = home.run(&["record", "--once"]);
        assert_eq!(ran.code(), 0, "{}", ran.err());
    };
    // Looks a few seconds apart leave no time unwatched; the move is seen by the last one.
    look();
    std::thread::sleep(Duration::from_secs(4));
    look();
    assert!(fleet.set_alias("fraud-detector", "champion", 14));
    look();
    let row = listed().expect("v13 is known");
    assert_eq!(row["good"], true, "{row}");
    assert!(row["watched_seconds"].as_u64().unwrap() >= 2, "{row}");

    // Without the time that was watched nothing is good, whatever else is known.
    let other = Home::new();
    other.settings(
        &std::fs::read_to_string(home.path().join("config/quarterdeck/config.toml")).unwrap(),
    );
    let list = other.json(&["rollback", "fraud-detector", "--list"], 0);
    let rows = list["candidates"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["good"] == false), "{list}");
}
