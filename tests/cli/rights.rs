//! What an account may do at a registry with basic authentication, and what the program makes of it.

use quarterdeck::sim::{Access, Account, BasicAuth, MlflowOptions, SimFleet};

use crate::prod::{Prod, sent};
use crate::support::{Home, Ran, fleet_with, url};

fn options() -> MlflowOptions {
    let accounts = vec![
        // Nothing was granted by hand, so that the server says nothing of what she may do.
        Account::reader("rea", "rea-password"),
        Account::reader("rob", "rob-password").granted("churn", Access::Read),
        Account::reader("edi", "edi-password").granted("churn", Access::Edit),
        Account::reader("man", "man-password").granted("churn", Access::Manage),
        Account::reader("adm", "adm-password").admin(),
    ];
    MlflowOptions {
        auth: Some(BasicAuth { accounts }),
        ..MlflowOptions::default()
    }
}

fn home(fleet: &SimFleet, user: &str, claims: &str) -> Home {
    let home = Home::new().with("TEST_PASSWORD", &format!("{user}-password"));
    let text = Prod::of(fleet)
        .set(&format!("claims = \"{claims}\""))
        .text();
    let at = format!("url = \"{}\"", url(fleet, "mlflow"));
    let auth = format!(
        "{at}\nauth = {{ basic = {{ user = \"{user}\", password = {{ env = \"TEST_PASSWORD\" }} }} }}"
    );
    home.settings(&text.replace(&at, &auth));
    home
}

fn said(ran: &Ran) -> String {
    format!("{}{}", ran.out(), ran.err())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_known_to_be_missing_is_refused_before_anything_is_sent() {
    let fleet = fleet_with(options()).await;
    let back = ["rollback", "churn", "--to", "6", "--yes"];
    let tag = ["edit", "churn", "--tag", "team=risk", "--yes"];
    let untag = [
        "edit",
        "churn",
        "--version",
        "6",
        "--untag",
        "validation_status",
        "--yes",
    ];
    let edit = "this account lacks EDIT on the model churn at mlflow: have it granted there";
    let manage = "this account lacks MANAGE on the model churn at mlflow: have it granted there";
    for (user, args, code, was_sent, why) in [
        ("rea", &back[..], 4, true, "Permission denied"),
        ("rea", &tag, 4, true, "Permission denied"),
        ("rob", &back, 4, false, edit),
        ("rob", &tag, 4, false, edit),
        ("edi", &tag, 0, true, ""),
        ("edi", &untag, 4, false, manage),
        ("man", &untag, 0, true, ""),
    ] {
        fleet.writes().forget();
        let ran = home(&fleet, user, "off").run(args);
        let at = format!("{user} {args:?}: {}", said(&ran));
        assert_eq!(ran.code(), code, "{at}");
        assert_eq!(!fleet.writes().seen().is_empty(), was_sent, "{at}");
        assert!(said(&ran).contains(why), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_alias_is_taken_back_only_by_whoever_manages() {
    for (user, code) in [("edi", 4), ("man", 0), ("adm", 0)] {
        let fleet = fleet_with(options()).await;
        let home = home(&fleet, user, "off");
        let ran = home.run(&[
            "promote", "churn", "--to", "6", "--alias", "shadow", "--yes",
        ]);
        assert_eq!(ran.code(), 0, "{user}: {}", said(&ran));
        assert!(
            said(&ran).contains("needs the right MANAGE"),
            "{}",
            said(&ran)
        );
        let ran = home.run(&["undo", "--yes"]);
        assert_eq!(ran.code(), code, "{user}: {}", said(&ran));
    }
}

/// Who makes the ledger may write to it, and nobody else unless that is shared.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_not_shared_refuses_with_what_helps() {
    let fleet = fleet_with(options()).await;
    let ran = home(&fleet, "man", "on").run(&["rollback", "churn", "--to", "6", "--yes"]);
    assert_eq!(ran.code(), 0, "{}", said(&ran));
    fleet.writes().forget();
    let ran = home(&fleet, "edi", "on").run(&["rollback", "churn", "--to", "5", "--yes"]);
    assert_eq!(ran.code(), 4, "{}", said(&ran));
    let text = said(&ran);
    assert!(
        text.contains("EDIT on the experiment quarterdeck-claims")
            && text.contains("claims = \"off\""),
        "{text}"
    );
    assert_eq!(sent(&fleet, "mlflow", "registered-models/alias"), 0);
}
