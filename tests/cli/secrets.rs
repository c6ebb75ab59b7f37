//! No secret in anything that is printed or kept.

use quarterdeck::sim::{Account, BasicAuth, MlflowOptions};

use crate::support::{Home, fleet_with, url};

const PASSWORD: &str = "correct-horse-battery";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reaches_the_server_and_nothing_else() {
    let account = BasicAuth::of(Account::reader("reader", PASSWORD));
    let fleet = fleet_with(MlflowOptions {
        auth: Some(account),
        ..MlflowOptions::default()
    })
    .await;
    for (password, code) in [(PASSWORD, 0), ("wrong-horse-battery", 5)] {
        let home = Home::new()
            .with("TEST_PASSWORD", password)
            .with("QUARTERDECK_LOG", "trace");
        home.settings(&format!(
            "[[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"{}\"\n\
             auth = {{ basic = {{ user = \"reader\", password = {{ env = \"TEST_PASSWORD\" }} }} }}\n",
            url(&fleet, "mlflow")
        ));
        for command in [
            vec!["status"],
            vec!["sources"],
            vec!["doctor"],
            vec!["record", "--once"],
            vec!["config", "show"],
            vec!["config", "check"],
        ] {
            for json in [false, true] {
                let mut args = command.clone();
                args.extend(json.then_some("--json"));
                let ran = home.run(&args);
                if command[0] != "config" {
                    assert_eq!(ran.code(), code, "{args:?}: {}{}", ran.out(), ran.err());
                }
                let all = ran.out() + &ran.err();
                assert!(!all.contains("horse-battery"), "{args:?}: {all}");
            }
        }
        for (path, text) in home.files() {
            assert!(!text.contains("horse-battery"), "{}", path.display());
        }
    }
}

#[test]
fn credentials_in_a_flag_are_not_repeated() {
    let home = Home::new();
    let with = "http://reader:hunter2hunter2@127.0.0.1:1";
    for command in ["status", "doctor", "sources"] {
        for json in [false, true] {
            let mut args = vec![command, "--mlflow", with];
            args.extend(json.then_some("--json"));
            let ran = home.run(&args);
            let all = ran.out() + &ran.err();
            assert_ne!(ran.code(), 0);
            assert!(!all.contains("hunter2"), "{args:?}: {all}");
        }
    }
}
