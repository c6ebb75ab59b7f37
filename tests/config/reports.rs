//! What `show` and `check` tell, the example and the reference.

use super::*;

/// One gate of every kind of evidence, each asked for and each meaning what its comment says.
#[test]
fn the_example_of_gates_is_accepted_and_shows_every_kind() {
    let text = std::fs::read_to_string(root().join("assets/gates.example.toml")).expect("there");
    let loaded = read(&text);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let settings = loaded.settings.expect("usable");
    let prod = &settings.contexts["prod"];
    let all: Vec<String> = prod
        .gates
        .values()
        .map(|g| g.evidence.to_string())
        .collect();
    for kind in grammar::EVIDENCE
        .split([',', ' '])
        .filter(|k| !k.is_empty())
    {
        let kind = kind.split(':').next().expect("a word");
        // Two are shown in comments: they are read as another that is shown.
        if ["or", "quality", "run-tag"].contains(&kind) {
            continue;
        }
        assert!(all.iter().any(|e| e.starts_with(kind)), "{kind} of {all:?}");
    }
    let gate = |name: &str| &prod.gates[name];
    assert_eq!(gate("performance").rule_text(), "≥ 0.9, drop ≤ 0.005");
    assert_eq!(gate("performance").on_fail, Consequence::Block);
    assert_eq!(gate("performance").on_unknown, Consequence::Reason);
    assert_eq!(gate("latency").rule_text(), "≤ 300 ms, rise ≤ 50 ms");
    assert_eq!(gate("fairness").rows.as_deref(), Some("n/*"));
    assert_eq!(gate("fairness").min_n, Some(100));
    assert_eq!(gate("second-person").rule_text(), "verified, age ≤ 3 d");
    assert_eq!(
        prod.models["fraud-detector"].gates,
        ["fairness", "calibration"]
    );
    assert_eq!(prod.policy.gates.as_ref().map(Vec::len), Some(12));
    assert!(prod.policy.allowed_signers.is_some());
}

/// A context's own gate stands in for the shared one of its name as a whole, and a shared one that no list
/// names is doubted once.
#[test]
fn gates_are_shared_and_a_contexts_own_wins() {
    let text = format!(
        "{GOOD}{}[contexts.test.policy]\ngates = [\"auc\"]\n[contexts.prod.policy]\ngates = [\"auc\"]\n\
         [contexts.prod.gates.auc]\nevidence = \"quality\"\nrule = \">= 0.5\"\n\
         [gates.auc]\nevidence = \"run-metric:auc\"\nrule = \">= 0.9\"\non_fail = \"block\"\n\
         [gates.idle]\nevidence = \"signature\"\n",
        GOOD.replace("prod", "test")
    );
    let loaded = load_text(
        "c.toml",
        &text,
        &Overrides {
            context: Some("prod".to_owned()),
            ..Overrides::default()
        },
        &Environment::of([]),
    );
    assert_eq!(
        said(&loaded),
        [
            "c.toml:18:8: warning: the gate `idle` is in no list of gates: only the tag quarterdeck.gates can ask for it; expected its name in `gates` of a policy or of a model"
        ]
    );
    let settings = loaded.settings.expect("usable");
    let own = &settings.contexts["prod"].gates["auc"];
    assert_eq!(own.evidence.to_string(), "quality");
    assert_eq!(
        own.on_fail,
        Consequence::Reason,
        "nothing of the shared one"
    );
    let shared = &settings.contexts["test"].gates["auc"];
    assert_eq!(shared.evidence.to_string(), "run-metric:auc");
    assert_eq!(shared.on_fail, Consequence::Block);
}

#[test]
fn the_example_is_accepted_and_means_what_it_says() {
    let text = std::fs::read_to_string(root().join("assets/config.example.toml")).expect("there");
    let environment = Environment::of([("ML_PASSWORD", "x")]);
    let loaded = load_text("config.toml", &text, &Overrides::default(), &environment);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let settings = loaded.settings.expect("usable");
    assert_eq!(settings.context, "prod");
    assert_eq!(settings.keys["go.open"], ["enter", "O"]);
    let prod = &settings.contexts["prod"];
    assert_eq!(prod.writes, Writes::Off);
    assert!(prod.protected);
    let names: Vec<&str> = prod.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "mlflow",
            "prometheus",
            "alertmanager",
            "drift-reports",
            "fraud-eu",
            "fraud-batch"
        ]
    );
    assert_eq!(prod.sources[0].every, Duration::from_secs(10));
    assert_eq!(prod.sources[1].kind, SourceKind::Prometheus);
    assert_eq!(prod.sources[1].every, Duration::from_secs(15));
    assert_eq!(
        prod.sources[4].kind,
        SourceKind::Serving(DeploymentKind::V2)
    );
    assert_eq!(prod.sources[4].every, Duration::from_secs(5));
    assert!(!prod.sources[5].required);
    assert_eq!(
        prod.sources[0].auth,
        Auth::Basic {
            user: SecretRef::Inline("quarterdeck".to_owned()),
            password: SecretRef::Env("ML_PASSWORD".to_owned()),
        }
    );
    let staging = &settings.contexts["staging"];
    let by = HookKind::Pipeline {
        source: "airflow".to_owned(),
        id: "deploy_model".to_owned(),
    };
    let timeout = Duration::from_secs(20 * 60);
    assert_eq!(staging.hooks["deploy"], Hook { kind: by, timeout });
    let eu = &prod.deployments[0];
    assert_eq!(eu.follows, Follows::Alias("champion".to_owned()));
    assert_eq!(
        eu.version_map,
        Some(VersionMap::Regex("^release-([0-9]+)$".to_owned()))
    );
    assert_eq!(eu.rollout, Rollout::External);
    let batch = &prod.deployments[1];
    assert_eq!(batch.declared_version.as_deref(), Some("5"));
    assert_eq!(batch.follows, Follows::Default);
    assert_eq!(batch.rollout, Rollout::None);
    for context in ["prod", "staging"] {
        let model = &settings.contexts[context].models["fraud-detector"];
        assert_eq!(model.owner.as_deref(), Some("risk-ml"));
        assert_eq!(model.max_age, Some(Duration::from_secs(90 * 86_400)));
    }
}

#[cfg(unix)]
#[test]
fn check_looks_at_the_places_of_secrets() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, mode: u32| {
        let file = folder.path().join(name);
        std::fs::write(&file, "hunter2").expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    put("open", 0o644);
    put("private", 0o600);
    put("ca.pem", 0o644);
    put("me.pem", 0o640);
    let file = folder.path().join("config.toml");
    let mut text = String::new();
    for (name, auth) in [
        ("a", "bearer = { file = \"open\" }"),
        ("b", "bearer = { file = \"private\" }"),
        ("c", "bearer = { file = \"none\" }"),
        ("d", "bearer = { env = \"ABSENT\" }"),
        ("e", "bearer = { env = \"PRESENT\" }"),
    ] {
        let _ = writeln!(
            text,
            "[[contexts.prod.sources]]\nname = \"{name}\"\nurl = \"https://{name}.test\"\nauth = {{ {auth} }}"
        );
    }
    text.push_str("tls = { ca_file = \"ca.pem\", client_cert = \"me.pem\" }\n");
    std::fs::write(&file, text).expect("written");
    let environment = Environment::of([("PRESENT", "hunter2")]).with_folder(folder.path());
    let loaded = load(&Overrides::default(), &environment);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let report = check(&loaded, &environment);
    let at = folder.path().display();
    let said: Vec<String> = report.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            format!(
                "{at}/config.toml:4:10: warning: `contexts.prod.sources.a.auth.bearer`: {at}/open can be read by others (mode 0644); expected mode 0600"
            ),
            format!(
                "{at}/config.toml:12:10: warning: `contexts.prod.sources.c.auth.bearer`: there is no file {at}/none"
            ),
            format!(
                "{at}/config.toml:16:10: warning: `contexts.prod.sources.d.auth.bearer`: the variable ABSENT is not set"
            ),
            format!(
                "{at}/config.toml:21:29: warning: `contexts.prod.sources.e.tls.client_cert`: {at}/me.pem can be read by others (mode 0640); expected mode 0600"
            ),
        ]
    );
    assert!(report.is_usable());
    assert_eq!(report.summary(), "0 errors, 4 warnings");
    assert_eq!(report.to_json()["schema"], "quarterdeck.config/1");
}

#[test]
fn show_names_every_value_and_where_it_came_from() {
    let loaded = load_text(
        "c.toml",
        &format!("{GOOD}auth = {{ bearer = {{ command = [\"pass\", \"hunter2\"] }} }}\n"),
        &Overrides::default(),
        &Environment::of([("QUARTERDECK_COLOR", "never")]),
    );
    let report = show(&loaded);
    let values: Vec<String> = report.values.iter().map(ToString::to_string).collect();
    for want in [
        "context = \"prod\"  # implicit",
        "console.color = \"never\"  # QUARTERDECK_COLOR",
        "contexts.prod.writes = \"off\"  # default",
        "contexts.prod.sources.mlflow.url = \"https://ml.test\"  # c.toml:3",
        "contexts.prod.sources.mlflow.auth.bearer = command pass  # c.toml:4",
        "contexts.prod.sources.mlflow.max_answer = \"32MiB\"  # default",
        "contexts.prod.policy.rollout_grace = \"10m\"  # default",
    ] {
        assert!(values.iter().any(|v| v == want), "{want}\nin {values:#?}");
    }
    let lines = report.lines();
    assert_eq!(lines.len(), values.len());
    let column = |line: &String| line.find("  # ").expect("an origin");
    assert!(
        lines.iter().all(|l| column(l) == column(&lines[0])),
        "{lines:#?}"
    );
    let json = report.to_json();
    assert_eq!(json["schema"], "quarterdeck.config/1");
    assert_eq!(json["context"], "prod");
    let url = json["values"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|v| v["path"] == "contexts.prod.sources.mlflow.url")
        .expect("there");
    assert_eq!(url["origin"]["layer"], "file");
    assert_eq!(url["origin"]["line"], 3);
    no_secret(&loaded, &Overrides::default());
}

#[test]
fn the_reference_is_current() {
    let file = root().join("assets/docs/config.md");
    if std::env::var_os("QUARTERDECK_BLESS").is_some() {
        std::fs::write(&file, reference()).expect("written");
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        stored == reference(),
        "{} is stale: run this test with QUARTERDECK_BLESS=1",
        file.display()
    );
}

#[test]
fn a_header_shows_its_name_and_not_its_value() {
    let loaded = read(&format!("{GOOD}headers = {{ X-Team = \"hunter2\" }}\n"));
    let settings = loaded.settings.as_ref().expect("usable");
    assert_eq!(
        settings.contexts["prod"].sources[0].headers,
        [("X-Team".to_owned(), "hunter2".to_owned())]
    );
    assert!(format!("{settings:?}").contains("X-Team"));
    no_secret(&loaded, &Overrides::default());
}
