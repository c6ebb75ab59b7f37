//! `frame`: a picture of every pane at its size; `keys`: the README's table.

use quarterdeck::domain::text::Clean;

use crate::support::{Home, flags, fleet, with};

#[tokio::test(flavor = "multi_thread")]
async fn frames_have_exactly_their_size() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    for (columns, rows) in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        let size = format!("{columns}x{rows}");
        let ran = home.run(&with(&["frame", "--size", &size], &flags));
        assert_eq!(ran.code(), 0, "{}", ran.err());
        let text = ran.out();
        assert_eq!(text.lines().count(), rows, "{size}\n{text}");
        let widest = text.lines().map(|l| Clean::text(l).width()).max().unwrap();
        assert!(
            widest <= columns && widest + 3 > columns,
            "{size}: {widest}\n{text}"
        );
    }
    let small = home.run(&with(&["frame", "--size", "40x10"], &flags));
    assert_eq!(small.out().lines().count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pane_shows_its_thing() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    for (pane, select, shows) in [
        ("models", None, "demand-forecast"),
        ("model", Some("fraud-detector"), "fraud-detector"),
        ("experiments", Some("churn-train"), "churn-train"),
        ("deployments", Some("fraud-detector"), "fraud-detector"),
        ("history", Some("fraud-detector"), "fraud-detector"),
    ] {
        let mut args = vec!["frame", "--size", "120x30", "--pane", pane];
        args.extend(select.into_iter().flat_map(|name| ["--select", name]));
        let ran = home.run(&with(&args, &flags));
        assert_eq!(ran.code(), 0, "{pane}: {}", ran.err());
        assert!(ran.out().contains(shows), "{pane}:\n{}", ran.out());
    }
    let ran = home.run(&with(&["frame", "--pane", "model"], &flags));
    assert_eq!(ran.code(), 2, "a page needs to be told of what");
}

#[tokio::test(flavor = "multi_thread")]
async fn formats_are_what_they_say() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &[]);
    let home = Home::new();
    let frame = |format: &str| {
        home.run(&with(&["frame", "--format", format], &flags))
            .out()
    };
    assert!(!frame("text").contains('\u{1b}'));
    assert!(frame("ansi").contains("\u{1b}["));
    let svg = frame("svg");
    assert!(
        svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
        "{svg}"
    );
    let args = ["frame", "--ascii", "--format", "text"];
    let ascii = home.run(&with(&args, &flags)).out();
    let foreign: String = ascii.chars().filter(|c| !c.is_ascii()).collect();
    // A model's own name is shown as it is.
    assert!(foreign.chars().all(char::is_alphabetic), "{foreign}");
}

#[test]
fn the_demo_is_the_same_each_time() {
    let home = Home::new();
    let models = || {
        let mut document = home.json(&["--demo", "--at", "30s", "models", "churn"], 0);
        document["generated_at"].take();
        document["deployments"].take();
        document["reasons"].take();
        document.to_string()
    };
    let text = models();
    assert!(text.contains("churn-prod"), "{text}");
    assert_eq!(text, models());
    assert!(home.files().is_empty(), "nothing is left behind");
}

#[test]
fn the_readme_has_the_keys() {
    let keys = Home::new().run(&["keys", "--markdown"]).out();
    assert!(keys.contains("| `k` `up` | `move.up` | lists |"), "{keys}");
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let Ok(readme) = std::fs::read_to_string(readme) else {
        return;
    };
    for row in keys.lines().filter(|l| l.starts_with("| `")) {
        assert!(
            readme.contains(row),
            "the README's key table is not that of `quarterdeck keys --markdown`: {row}"
        );
    }
}
