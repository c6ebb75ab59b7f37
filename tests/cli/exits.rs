//! How the commands that write end: a code for each way, and nothing written where it says so.

use std::time::Duration;

use quarterdeck::domain::mark::{FREEZE, Mark};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::sim::{Fault, Rival, SimFleet, WriteFault};

use crate::prod::{Prod, holder, sent};
use crate::support::{Home, Ran, fleet};

const BACK: [&str; 5] = ["rollback", "churn", "--to", "6", "--yes"];

fn home(prod: &Prod<'_>) -> Home {
    let home = Home::new();
    home.settings(&prod.text());
    home
}

fn ends(home: &Home, args: &[&str], code: i32, part: &str) -> Ran {
    let ran = home.run(args);
    let all = format!("{}{}", ran.out(), ran.err());
    assert_eq!(ran.code(), code, "{args:?}: {all}");
    assert!(all.contains(part), "{args:?}: {part:?} in {all}");
    ran
}

fn untouched(fleet: &SimFleet) {
    assert_eq!(fleet.writes().seen(), [], "nothing is written");
    assert_eq!(holder(fleet, "churn", "champion").as_deref(), Some("7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn done_and_unchanged_are_zero() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    ends(&home, &BACK, 0, "Roll back churn: done");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("6"));
    let written = fleet.writes().seen().len();
    ends(&home, &BACK, 0, "is v6 already");
    assert_eq!(fleet.writes().seen().len(), written);
    ends(&home, &["undo", "--yes"], 0, "Undo churn: done");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("7"));
    ends(&home, &["undo", "--yes"], 4, "nothing of yours to undo");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_are_two() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    for args in [
        &["rollback", "chrn", "--yes"][..],
        &["rollback", "churn", "--to", "99", "--yes"],
        &["promote", "churn", "--yes"],
        &["promote", "churn", "--to", "99", "--yes"],
        &["undo", "NOSUCH", "--yes"],
        &["edit", "churn", "--yes"],
        &["silence", "--yes"],
        &["freeze", "churn", "--yes"],
    ] {
        ends(&home, args, 2, "");
    }
    untouched(&fleet);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_since_it_was_read_is_three() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    // Somebody is quicker, after everything was read and before it is compared.
    let theirs = Rival::Alias {
        model: "churn".to_owned(),
        alias: "champion".to_owned(),
        version: 5,
    };
    fleet
        .writes()
        .after_read("mlflow", "model-versions/search", theirs);
    ends(&home, &BACK, 3, "champion is v5");
    assert_eq!(sent(&fleet, "mlflow", "registered-models/alias"), 0);
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("5"));
}

fn frozen(fleet: &SimFleet) {
    let now = Millis(fleet.now_ms());
    let mark = Mark {
        by: Clean::name("bob"),
        at: now,
        until: now.plus(Duration::from_secs(3_600)),
        reason: Clean::text("release week"),
    };
    assert!(fleet.set_model_tag("churn", FREEZE, &mark.write()));
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_freezes_gates_and_servers_refuse_with_four() {
    let fleet = fleet().await;
    let with = |line: &str| home(&Prod::of(&fleet).set(line));
    let open = home(&Prod::of(&fleet));
    ends(&with("writes = \"off\""), &BACK, 4, "writes = \"confirm\"");
    ends(
        &open,
        &[&BACK[..], &["--read-only"]].concat(),
        4,
        "--read-only",
    );
    ends(&open, &BACK[..4], 4, "add --yes");
    ends(&open, &["rollback", "churn", "--yes"], 4, "name");
    ends(&with("writes = \"armed\""), &BACK, 4, "--arm");
    ends(
        &with("protected = true"),
        &BACK,
        4,
        "--confirm 'prod/churn'",
    );
    let wrong = [&BACK[..], &["--confirm", "churn"]].concat();
    ends(
        &with("protected = true"),
        &wrong,
        4,
        "--confirm 'prod/churn'",
    );
    // No flag lifts what the settings say.
    let lifted = [&BACK[..], &["--writes", "confirm"]].concat();
    ends(&with("writes = \"off\""), &lifted, 4, "");
    // A gate that nothing passes, and one that asks for a reason.
    let gate = "[contexts.prod.gates.impossible]\nevidence = \"version-tag:signed\"\n\
                rule = \"= yes\"\n";
    let gated = |rest: &str| {
        let prod = Prod::of(&fleet).policy("gates = [\"impossible\"]");
        home(&prod.table(&format!("{gate}{rest}")))
    };
    let up = ["promote", "churn", "--to", "6", "--yes"];
    let blocks = "on_fail = \"block\"\non_unknown = \"block\"";
    ends(&gated(blocks), &up, 4, "no reason passes it");
    let given = [&up[..], &["--override", "impossible=known"]].concat();
    ends(&gated(blocks), &given, 4, "no reason passes it");
    ends(&gated(""), &up, 4, "--override impossible=REASON");
    untouched(&fleet);
    frozen(&fleet);
    ends(&open, &BACK, 4, "frozen by bob");
    untouched(&fleet);
    let thawed = [&BACK[..], &["--override", "freeze=hotfix"]].concat();
    ends(&open, &thawed, 4, "a reason is needed");
    untouched(&fleet);
    // The server itself.
    fleet
        .writes()
        .spoil("mlflow", "registered-models/alias", WriteFault::Forbidden);
    let reasoned = [&thawed[..], &["--reason", "hotfix"]].concat();
    ends(&open, &reasoned, 4, "Permission denied");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("7"));
    ends(&open, &reasoned, 0, "done");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_armed_confirmed_and_reasoned_is_written() {
    for (line, more) in [
        ("writes = \"armed\"", &["--arm"][..]),
        ("protected = true", &["--confirm", "prod/churn"]),
    ] {
        let fleet = fleet().await;
        let home = home(&Prod::of(&fleet).set(line));
        ends(&home, &[&BACK[..], more].concat(), 0, "done");
        assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("6"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_ends_as_the_write_would_have_been_refused() {
    let fleet = fleet().await;
    let dry = ["rollback", "churn", "--to", "6", "--dry-run"];
    let with = |line: &str| home(&Prod::of(&fleet).set(line));
    for (line, more, code) in [
        ("", &[][..], 0),
        ("protected = true", &[], 0),
        ("writes = \"armed\"", &[], 0),
        ("writes = \"off\"", &[], 4),
        ("", &["--read-only"], 4),
    ] {
        ends(
            &with(line),
            &[&dry[..], more].concat(),
            code,
            "champion v7 → v6",
        );
    }
    // What the write would ask for is told before it is asked.
    ends(&with("protected = true"), &dry, 0, "--confirm 'prod/churn'");
    ends(&with("writes = \"armed\""), &dry, 0, "--yes --arm");
    let mute = ["freeze", "churn", "--for", "1h", "--dry-run"];
    ends(&with(""), &mute, 4, "add --reason TEXT");
    frozen(&fleet);
    ends(&with(""), &dry, 4, "frozen by bob");
    ends(&with(""), &dry, 4, "add --override freeze=REASON");
    let thawed = [&dry[..], &["--override", "freeze=hotfix"]].concat();
    ends(&with(""), &thawed, 4, "a reason is needed");
    ends(&with(""), &thawed, 4, "add --reason TEXT");
    ends(
        &with(""),
        &[&thawed[..], &["--reason", "hotfix"]].concat(),
        0,
        "",
    );
    untouched(&fleet);
}

#[test]
fn nobody_there_is_five() {
    let home = Home::new();
    let dead = ["--mlflow", "http://127.0.0.1:1", "--writes", "confirm"];
    for args in [
        &["rollback", "churn", "--yes"][..],
        &["promote", "churn", "--to", "7", "--yes"],
        &["undo", "--yes"],
        &["freeze", "churn", "--for", "1h", "--yes"],
        &["edit", "churn", "--tag", "a=b", "--yes"],
    ] {
        ends(
            &home,
            &[args, &dead].concat(),
            5,
            "no needed source answered",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_with_its_server_is_six_until_it_is_looked_up() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    let lost = WriteFault::LostWithServer(Fault::Html500);
    fleet
        .writes()
        .spoil("mlflow", "registered-models/alias", lost);
    ends(&home, &BACK, 6, "outcome unknown");
    ends(&home, &["journal", "--open"], 6, "outcome unknown");
    ends(&home, &["journal", "--check"], 6, "outcome unknown");
    fleet.faults().clear("mlflow");
    ends(&home, &["journal", "--check"], 0, "done");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("6"));
    assert_eq!(sent(&fleet, "mlflow", "registered-models/alias"), 1);
    ends(&home, &["journal", "--open"], 0, "");
    ends(&home, &["undo", "--yes"], 0, "done");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_and_not_followed_is_seven() {
    // The fleet's time stands still: whoever follows the alias never comes to it.
    let fleet = fleet().await;
    let prod = Prod::of(&fleet).policy("rollout_grace = \"1s\"");
    let home = home(&prod.deployment("demand-prod", "rollout = \"external\""));
    let args = ["rollback", "demand-forecast", "--to", "11", "--yes"];
    ends(&home, &args, 7, "applied, not converged");
    assert_eq!(
        holder(&fleet, "demand-forecast", "champion").as_deref(),
        Some("11")
    );
    let wait = [
        "wait",
        "demand-forecast",
        "--for",
        "serving",
        "--timeout",
        "1s",
    ];
    ends(&home, &wait, 7, "not reached");
}
