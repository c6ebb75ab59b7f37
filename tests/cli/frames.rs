//! `frame`: a picture of every pane at its size; `keys`: the README's table.

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
        let widest = text.lines().map(|l| l.chars().count()).max().unwrap();
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
        ("drift", None, "No model's drift is watched."),
        ("drift", Some("churn"), "No drift score is known for churn."),
        ("changes", Some("fraud-detector"), "fraud-detector"),
    ] {
        let mut args = vec!["frame", "--size", "120x30", "--pane", pane];
        args.extend(select.into_iter().flat_map(|name| ["--select", name]));
        let ran = home.run(&with(&args, &flags));
        assert_eq!(ran.code(), 0, "{pane}: {}", ran.err());
        assert!(ran.out().contains(shows), "{pane}:\n{}", ran.out());
    }
    for pane in ["model", "run", "history", "compare"] {
        let ran = home.run(&with(&["frame", "--pane", pane], &flags));
        assert_eq!(ran.code(), 2, "a page needs to be told of what: {pane}");
        assert!(ran.err().contains("--select"), "{pane}: {}", ran.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_shown_alone_and_side_by_side() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &[]);
    let home = Home::new();
    let runs = home.json(&with(&["runs", "churn-train"], &flags), 0);
    let named = |n: usize, field: &str| runs["runs"][n][field].as_str().unwrap().to_owned();
    let (one, two) = (named(0, "id"), named(1, "id"));
    let frame = |pane: &str, select: &[&str]| {
        let mut args = vec!["frame", "--size", "160x40", "--pane", pane];
        args.extend(select.iter().flat_map(|name| ["--select", *name]));
        home.run(&with(&args, &flags))
    };
    let page = frame("run", &[&one]);
    assert_eq!(page.code(), 0, "{}", page.err());
    assert!(page.out().contains(&named(0, "name")), "{}", page.out());
    let both = frame("compare", &[&one, &two]);
    assert_eq!(both.code(), 0, "{}", both.err());
    for shown in [named(0, "name"), named(1, "name")] {
        assert!(both.out().contains(&shown), "{shown}:\n{}", both.out());
    }
    for (select, why) in [
        (vec![one.as_str()], "one is named"),
        (vec![one.as_str(), one.as_str()], "one is named"),
        (vec![one.as_str(), "no-such-run"], "no-such-run"),
    ] {
        let ran = frame("compare", &select);
        assert_eq!(ran.code(), 2, "{select:?}: {}", ran.err());
        assert!(ran.err().contains(why), "{select:?}: {}", ran.err());
    }
    let ran = frame("run", &[&one, &two]);
    assert_eq!(ran.code(), 2, "{}", ran.err());
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
        // Each demo listens on ports of its own.
        for change in document["timeline"].as_array_mut().unwrap() {
            change["subject"]["url"].take();
        }
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
    assert!(keys.contains("| `k` `up` | Moves up a row. |"), "{keys}");
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let Ok(readme) = std::fs::read_to_string(readme) else {
        return;
    };
    let begin = "<!-- keys: generated by `quarterdeck keys --markdown` -->";
    let Some((_, rest)) = readme.split_once(begin) else {
        panic!("the README has no place for the keys: {begin}");
    };
    let (table, _) = rest
        .split_once("<!-- /keys -->")
        .expect("the end of the key table");
    assert_eq!(
        table.trim(),
        keys.trim(),
        "put the output of `quarterdeck keys --markdown` between the README's marks"
    );
}
