//! `config`: where the settings are, what is in force, what is wrong with them.

use crate::support::Home;

#[test]
fn every_mistake_is_told_at_its_place() {
    let home = Home::new();
    let path = home.settings(
        "[console]\n\
         theme = \"drak\"\n\
         [keys]\n\
         \"go.modles\" = [\"x\"]\n\
         [[contexts.prod.sources]]\n\
         name = \"mlflow\"\n\
         ulr = \"http://127.0.0.1:1\"\n",
    );
    let ran = home.run(&["config", "check"]);
    assert_eq!(ran.code(), 2);
    let text = ran.out();
    let place = path.display().to_string();
    for (line, what) in [(2, "drak"), (4, "go.models"), (7, "did you mean `url`?")] {
        let at = format!("{place}:{line}:");
        let told = text.lines().find(|l| l.starts_with(&at));
        assert!(
            told.is_some_and(|l| l.contains(what)),
            "{at} {what}:\n{text}"
        );
    }
    let document = home.json(&["config", "check"], 2);
    assert_eq!(document["usable"], false);
    assert!(document["diagnostics"].as_array().unwrap().len() >= 3);

    // Any other command refuses them with the same words, on standard error.
    let ran = home.run(&["status"]);
    assert_eq!((ran.code(), ran.out()), (2, String::new()));
    assert!(ran.err().contains("did you mean `url`?"), "{}", ran.err());
}

#[test]
fn values_know_where_they_come_from() {
    let home = Home::new().with("QUARTERDECK_THEME", "light");
    home.settings(
        "[console]\ntheme = \"dark\"\n[[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"http://127.0.0.1:1\"\n",
    );
    let text = home.run(&["config", "show", "--symbols", "ascii"]).out();
    let line = |key: &str| {
        text.lines()
            .find(|l| l.starts_with(key))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        line("console.theme").contains("QUARTERDECK_THEME"),
        "{text}"
    );
    assert!(line("console.symbols").contains("--symbols"), "{text}");
    assert!(
        line("contexts.prod.sources.mlflow.url").contains("config.toml:5"),
        "{text}"
    );

    let path = home.run(&["config", "path"]);
    assert!(
        path.out()
            .trim_end()
            .ends_with("config/quarterdeck/config.toml")
    );
    let other = home.run(&["config", "path", "--config", "/nowhere/else.toml"]);
    assert_eq!(other.out().trim_end(), "/nowhere/else.toml");
}

#[test]
fn keys_are_the_users_own() {
    let home = Home::new();
    home.settings("[keys]\n\"go.models\" = [\"X\"]\n");
    let keys = home.json(&["keys"], 0);
    let commands = keys["commands"].as_array().unwrap();
    let models = commands.iter().find(|c| c["id"] == "go.models").unwrap();
    assert_eq!(models["keys"], serde_json::json!(["X"]));
    assert_eq!(models["default_keys"], serde_json::json!(["2"]));
}
