//! Text that nobody would write.

use super::*;

/// Scraps of settings, put together in any order: nearer to a real mistake than noise is.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "[contexts.prod]\n",
        "[[contexts.prod.sources]]\n",
        "[contexts.prod.sources]\n",
        "[[contexts]]\n",
        "[[contexts.prod.deployments]]\n",
        "[keys]\n",
        "[models.\"\"]\n",
        "[console]\n",
        "context = ",
        "name = ",
        "url = ",
        "auth = ",
        "tls = ",
        "version_map = ",
        "follows = ",
        "every = ",
        "headers = ",
        "max_answer = ",
        "\"mlflow\"\n",
        "\"\"\n",
        "\"@\"\n",
        "\"http://a:b@\"\n",
        "\"https://ml.test\"\n",
        "7\n",
        "-1\n",
        "1e999\n",
        "99999999999999999999\n",
        "true\n",
        "1979-05-27\n",
        "[]\n",
        "[[]]\n",
        "{}\n",
        "{ regex = \"(\" }\n",
        "{ basic = { user = \"\" }, bearer = 1 }\n",
        "\"9999999999999999w\"\n",
        "\"\\u0000\\u202e\"\n",
        "kind = \"v2\"\n",
        "\u{feff}",
        "\r\n",
        "ü = \"é\"\n",
    ]);
    prop::collection::vec(scrap, 0..30).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), "\\PC*", scraps()]) {
        let mut loaded = read(&text);
        loaded.check_keys(|keys| keys.keys().map(|id| (id.clone(), id.clone())).collect());
        for diagnostic in &loaded.diagnostics {
            prop_assert!(diagnostic.to_string().chars().all(|c| !c.is_control()));
        }
        prop_assert_eq!(loaded.is_usable(), loaded.errors().next().is_none());
        show(&loaded).lines();
    }

    #[test]
    fn no_flag_or_variable_panics(text in prop_oneof!["\\PC*", "[a-z]{0,3}=?[a-z0-9]{0,3}\\+?(http://)?\\PC{0,20}"]) {
        let environment = Environment::of([("MLFLOW_TRACKING_URI", text.as_str()), ("QUARTERDECK_COLOR", &text)]);
        let loaded = load(&flags(Some(&text), &[&text]), &environment);
        prop_assert_eq!(loaded.is_usable(), loaded.errors().next().is_none());
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let text = format!("a = {}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(read(&text).settings.is_none());
}
