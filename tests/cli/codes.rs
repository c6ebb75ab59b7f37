//! The table of exit codes, and readers that go away.

use std::process::Stdio;

use crate::support::{Home, Running, flags, fleet, with};

/// A port of loopback that nobody listens on.
const DEAD: &str = "http://127.0.0.1:1";

#[tokio::test(flavor = "multi_thread")]
async fn check_ends_with_the_worst_level() {
    let fleet = fleet().await;
    let home = Home::new();
    let check = |flags: &[String]| home.run(&with(&["status", "--check"], flags));

    let healthy = flags(&fleet, &["fraud-prod"]);
    let ran = check(&healthy);
    assert_eq!(ran.code(), 0, "{}{}", ran.out(), ran.err());

    let mut unread = healthy.clone();
    unread.extend(["--serving".to_owned(), format!("nobody=v2+{DEAD}")]);
    let ran = check(&unread);
    assert!([20, 30].contains(&ran.code()), "{}{}", ran.out(), ran.err());

    assert!(fleet.set_delay("churn-prod", std::time::Duration::from_millis(1_100)));
    let slow = flags(&fleet, &["churn-prod"]);
    let ran = check(&slow);
    assert_eq!(ran.code(), 10, "{}{}", ran.out(), ran.err());

    assert!(fleet.set_ready("fraud-prod", false));
    let ran = check(&healthy);
    assert_eq!(ran.code(), 20, "{}{}", ran.out(), ran.err());
    assert_eq!(
        home.run(&with(&["status"], &healthy)).code(),
        0,
        "only with --check"
    );
}

#[test]
fn no_needed_source_is_five() {
    let home = Home::new();
    for command in [
        "status",
        "models",
        "deployments",
        "wiring",
        "sources",
        "doctor",
        "frame",
    ] {
        let ran = home.run(&[command, "--mlflow", DEAD]);
        assert_eq!(ran.code(), 5, "{command}: {}", ran.err());
    }
    let ran = home.run(&["status", "--check", "--json", "--mlflow", DEAD]);
    assert_eq!((ran.code(), ran.out()), (5, String::new()));
    let text = ran.err();
    assert!(
        text.contains("mlflow: unreachable") && text.contains(DEAD),
        "{text}"
    );
    assert!(text.contains("check that the server runs"), "{text}");

    let sources = home.json(&["sources", "--mlflow", DEAD], 5);
    assert_eq!(sources["sources"][0]["state"], "down");
}

#[test]
fn wrong_usage_and_wrong_settings_are_two() {
    let home = Home::new();
    for wrong in [
        vec!["status", "--frobnicate"],
        vec!["frobnicate"],
        vec!["status", "--timeout", "10"],
        vec!["status", "--mlflow", "not a url"],
        vec!["status", "--serving", "x=unknown+http://127.0.0.1:1"],
        vec!["status", "--context", "nowhere"],
        vec!["status"],
        vec!["frame", "--size", "wide"],
        vec!["--demo", "--mlflow", DEAD, "status"],
        vec!["--demo", "record", "--once"],
    ] {
        let ran = home.run(&wrong);
        assert_eq!(
            (ran.code(), ran.out()),
            (2, String::new()),
            "{wrong:?}: {}",
            ran.err()
        );
        assert!(!ran.err().is_empty(), "{wrong:?}");
    }
    // Without a terminal there is no console, and a script is told what to use.
    let ran = home.run(&["--mlflow", DEAD]);
    assert_eq!(ran.code(), 2);
    assert!(ran.err().contains("quarterdeck status"), "{}", ran.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_is_two_with_the_nearest_one() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &[]);
    let home = Home::new();
    for (command, near) in [
        (vec!["models", "frad-detector"], "fraud-detector"),
        (vec!["runs", "churn-trian"], "churn-train"),
        (vec!["runs", "churn-train", "--sort", "val_aux"], "val_auc"),
        (
            vec!["frame", "--pane", "model", "--select", "chrn"],
            "churn",
        ),
    ] {
        let ran = home.run(&with(&command, &flags));
        assert_eq!((ran.code(), ran.out()), (2, String::new()), "{command:?}");
        let hint = format!("did you mean `{near}`?");
        assert!(ran.err().contains(&hint), "{command:?}: {}", ran.err());
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    let home = Home::new();
    for args in [vec!["--help"], vec!["--version"], vec!["runs", "--help"]] {
        let ran = home.run(&args);
        assert_eq!(ran.code(), 0, "{args:?}");
        assert!(!ran.out().is_empty() && ran.err().is_empty(), "{args:?}");
    }
    let help = home.run(&["--help"]).out();
    for word in [
        "--mlflow",
        "--serving",
        "--read-only",
        "record",
        "frame",
        "doctor",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let home = Home::new();
    let mut child = home
        .command(&["keys", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(
        ended.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[test]
fn the_demo_serves_until_it_is_stopped() {
    use std::io::{BufRead as _, BufReader};
    let home = Home::new();
    let mut child = home
        .command(&["demo", "--serve", "--scenario", "calm"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = Running(child);
    let servers: Vec<String> = lines.take(17).map(Result::unwrap).collect();
    let url = servers[0]
        .strip_prefix("mlflow=")
        .expect("the registry first");
    let status = home.json(&["models", "--mlflow", url], 0);
    assert_eq!(status["models"].as_array().unwrap().len(), 12);
    assert!(
        servers[1..]
            .iter()
            .all(|s| s.contains("=http://127.0.0.1:")),
        "{servers:?}"
    );
    assert_eq!(running.stop(), Some(0));
    assert!(
        home.files().is_empty(),
        "nothing is left behind: {:?}",
        home.files()
    );
}

/// What goes wrong with a write in the demo ends as it would anywhere.
#[cfg(unix)]
#[test]
fn the_demo_lets_writes_go_wrong() {
    use std::io::{BufRead as _, BufReader};
    for (trouble, code) in [("forbidden", 4), ("race", 3)] {
        let home = Home::new();
        let mut child = home
            .command(&[
                "demo",
                "--serve",
                "--scenario",
                "calm",
                "--trouble",
                trouble,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = Running(child);
        let first = lines.next().unwrap().unwrap();
        let url = first.strip_prefix("mlflow=").expect("the registry first");
        let back = [
            "rollback",
            "fraud-detector",
            "--to",
            "11",
            "--yes",
            "--confirm",
            "flags/fraud-detector",
            "--writes",
            "confirm",
            "--mlflow",
            url,
        ];
        let ended = home.run(&back);
        assert_eq!(ended.code(), code, "{trouble}: {}", ended.err());
        assert_eq!(running.stop(), Some(0));
    }
}
