//! Two people and one promotion: approved by one with a real signature, carried out by the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Home, fleet, url};

/// A new key of this name; `None` where there is no `ssh-keygen` to make one.
fn key(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", name, "-N", "", "-f"])
        .arg(&path)
        .stdin(Stdio::null())
        .status()
        .ok()?;
    assert!(made.success());
    Some(path)
}

struct Two {
    fleet: quarterdeck::sim::SimFleet,
    folder: tempfile::TempDir,
    ana: Home,
    ben: Home,
}

impl Two {
    /// Ana and Ben, each at a machine account of their own, over one registry whose policy asks for a
    /// verified approval and looks at a tag.
    async fn meet() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let public = key(folder.path(), "ana")?.with_extension("pub");
        let allowed = folder.path().join("allowed");
        let line = std::fs::read_to_string(public).unwrap();
        std::fs::write(&allowed, format!("ana {line}")).unwrap();
        let fleet = fleet().await;
        let settings = format!(
            "context = \"prod\"\n\
             [contexts.prod]\nwrites = \"confirm\"\n\
             [contexts.prod.policy]\ngates = [\"second-person\", \"checked\"]\nallowed_signers = \"{}\"\n\
             [[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"{}\"\n\
             [gates.second-person]\nevidence = \"approval\"\nrule = \"verified\"\non_fail = \"block\"\non_unknown = \"block\"\n\
             [gates.checked]\nevidence = \"version-tag:data_checks\"\nrule = \"= passed\"\non_fail = \"warn\"\non_unknown = \"warn\"\n",
            allowed.display(),
            url(&fleet, "mlflow"),
        );
        let home = |user: &str| {
            let path = std::env::var("PATH").unwrap_or_default();
            let home = Home::new().with("USER", user).with("PATH", &path);
            home.settings(&settings);
            home
        };
        Some(Self {
            ana: home("ana"),
            ben: home("ben"),
            fleet,
            folder,
        })
    }

    /// Ana approves v6, signed or not.
    #[track_caller]
    fn approve(&self, signed: bool) {
        let key = self.folder.path().join("ana").display().to_string();
        let mut args = vec!["approve", "churn", "--to", "6", "--as", "ana", "--yes"];
        if signed {
            args.extend(["--sign", &key]);
        }
        let ran = self.ana.run(&args);
        assert_eq!(ran.code(), 0, "{}{}", ran.out(), ran.err());
    }

    /// What comes of somebody promoting v6: the exit code and why.
    fn promote(home: &Home) -> (i32, String) {
        let ran = home.run(&["promote", "churn", "--to", "6", "--yes"]);
        (ran.code(), ran.err())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_approved_another_promotes() {
    let Some(two) = Two::meet().await else {
        eprintln!("no ssh-keygen here: approvals were not tested");
        return;
    };
    assert!(
        two.fleet
            .set_version_tag("churn", 6, "data_checks", "passed")
    );
    let (code, why) = Two::promote(&two.ben);
    assert_eq!(code, 4);
    assert!(why.contains("nobody has approved it"), "{why}");

    two.approve(false);
    let (code, why) = Two::promote(&two.ben);
    assert_eq!(code, 4, "a claim is not verified");
    assert!(why.contains("only claimed by ana"), "{why}");

    // Who plans it unsigned reads which command signs it; it needs but the key and the signer's name.
    let plan = two.ana.run(&["approve", "churn", "--to", "6", "--dry-run"]);
    let said = plan.out();
    let command = said
        .lines()
        .find(|line| line.contains("quarterdeck approve"));
    let command = command.expect("the command").trim_start();
    let key = two.folder.path().join("ana").display().to_string();
    let command = command.replace("~/.ssh/id_ed25519", &key);
    let mut words = command
        .split_whitespace()
        .skip_while(|word| *word != "approve");
    let mut words: Vec<&str> = words.by_ref().collect();
    words.extend(["--as", "ana"]);
    let ran = two.ana.run(&words);
    assert_eq!(ran.code(), 0, "{words:?}: {}{}", ran.out(), ran.err());
    two.approve(true);
    let (code, why) = Two::promote(&two.ana);
    assert_eq!(code, 4, "it takes two");
    assert!(why.contains("ana promotes and approves"), "{why}");

    // What it rests on changes: it was approved for something else.
    assert!(
        two.fleet
            .set_version_tag("churn", 6, "data_checks", "failed")
    );
    let (code, why) = Two::promote(&two.ben);
    assert_eq!(code, 4);
    assert!(why.contains("approved something else"), "{why}");

    assert!(
        two.fleet
            .set_version_tag("churn", 6, "data_checks", "passed")
    );
    let (code, why) = Two::promote(&two.ben);
    assert_eq!(code, 0, "{why}");
    let page = two.ben.json(&["models", "churn"], 0);
    assert_eq!(page["aliases"]["champion"], "6");
    let journal = two.ben.json(&["journal"], 0);
    let gates = journal["writes"][0]["gates"].as_array().unwrap().clone();
    let gate = gates.iter().find(|g| g["gate"] == "second-person").unwrap();
    assert_eq!(gate["verdict"], "pass", "{gate}");
    assert!(
        gate["why"].as_str().unwrap().contains("signature verified"),
        "{gate}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_a_plan_like_any_other() {
    let Some(two) = Two::meet().await else {
        return;
    };
    let ran = two
        .ana
        .run(&["approve", "churn", "--to", "6", "--dry-run", "--json"]);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    let plan = ran.document();
    assert_eq!(plan["verb"], "approve");
    let request = plan["steps"][0]["request"].as_str().unwrap();
    assert!(
        request.contains("quarterdeck.approval.champion"),
        "{request}"
    );
    assert_eq!(plan["steps"].as_array().unwrap().len(), 1);
    let refused = two.ana.run(&["approve", "churn", "--to", "6"]);
    assert_eq!(refused.code(), 4, "{}", refused.out());
    let (code, why) = Two::promote(&two.ben);
    assert_eq!(code, 4);
    assert!(why.contains("nobody has approved it"), "{why}");
    let already = two.ana.run(&["approve", "churn", "--to", "7", "--yes"]);
    assert_eq!(already.code(), 0, "{}", already.err());
    assert!(
        already.out().contains("nothing to approve"),
        "{}",
        already.out()
    );
    let long = two
        .ana
        .run(&["approve", "churn", "--to", "6", "--for", "1000d", "--yes"]);
    assert_eq!(long.code(), 4);
    let no_key = two.ana.run(&[
        "approve",
        "churn",
        "--to",
        "6",
        "--sign",
        "/nonexistent",
        "--yes",
    ]);
    assert_eq!(no_key.code(), 4, "{}", no_key.err());
    assert!(no_key.err().contains("did not sign"), "{}", no_key.err());
}
