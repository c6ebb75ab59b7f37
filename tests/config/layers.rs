//! Which layer wins, and what that leaves.

use super::*;

#[test]
fn the_usual_file_may_be_absent() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = Environment::of([("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000/")])
        .with_folder(folder.path());
    let loaded = load(&Overrides::default(), &environment);
    assert_eq!(said(&loaded), Vec::<String>::new());
    assert_eq!(loaded.file.path, Some(folder.path().join("config.toml")));
    assert!(!loaded.file.exists);
    let settings = loaded.settings.expect("usable");
    assert_eq!(settings.context, "env");
    let context = &settings.contexts["env"];
    assert_eq!(context.sources[0].url, "http://127.0.0.1:5000");
    assert!(context.protected);
    assert_eq!(context.writes, Writes::Off);
}

#[test]
fn the_file_is_chosen_by_flag_then_variable_then_place() {
    let environment = Environment::of([("QUARTERDECK_CONFIG", "/from/variable.toml")])
        .with_folder(Path::new("/usual"));
    let flag = Overrides {
        config: Some(PathBuf::from("/from/flag.toml")),
        ..Overrides::default()
    };
    let chosen = |o: &Overrides, e: &Environment| {
        let report = path(o, e);
        (report.path.expect("a path"), report.origin.to_string())
    };
    assert_eq!(
        chosen(&flag, &environment),
        (PathBuf::from("/from/flag.toml"), "--config".to_owned())
    );
    assert_eq!(
        chosen(&Overrides::default(), &environment),
        (
            PathBuf::from("/from/variable.toml"),
            "QUARTERDECK_CONFIG".to_owned()
        )
    );
    let bare = Environment::of([]).with_folder(Path::new("/usual"));
    assert_eq!(
        chosen(&Overrides::default(), &bare),
        (PathBuf::from("/usual/config.toml"), "default".to_owned())
    );
}

/// File, variable and flag for one key: the value that wins and its origin.
#[test]
fn later_layers_win_and_are_named() {
    let flag = |theme: Option<&str>| Overrides {
        theme: theme.map(str::to_owned),
        ..Overrides::default()
    };
    for (file, variable, overrides, want, origin) in [
        ("", "", flag(None), "auto", "default"),
        (
            "[console]\ntheme = \"dark\"\n",
            "",
            flag(None),
            "dark",
            "c.toml:2",
        ),
        (
            "[console]\ntheme = \"dark\"\n",
            "light",
            flag(None),
            "light",
            "QUARTERDECK_THEME",
        ),
        (
            "[console]\ntheme = \"dark\"\n",
            "light",
            flag(Some("mono")),
            "mono",
            "--theme",
        ),
        ("", "", flag(Some("mono")), "mono", "--theme"),
    ] {
        let environment = Environment::of([("QUARTERDECK_THEME", variable)]);
        let loaded = load_text("c.toml", &format!("{file}{GOOD}"), &overrides, &environment);
        let theme = &loaded.settings.as_ref().expect("usable").console.theme;
        assert_eq!(theme, want);
        let from = loaded.origin(&["console", "theme"]).expect("set");
        assert_eq!(from.to_string(), origin);
    }
}

#[test]
fn every_variable_reaches_its_value_and_refuses_nonsense() {
    for (variable, value, path) in [
        ("QUARTERDECK_CONTEXT", "prod", &["context"][..]),
        ("QUARTERDECK_THEME", "light", &["console", "theme"]),
        ("QUARTERDECK_SYMBOLS", "ascii", &["console", "symbols"]),
        ("QUARTERDECK_COLOR", "16", &["console", "color"]),
        ("QUARTERDECK_MOUSE", "off", &["console", "mouse"]),
    ] {
        let good = load_text(
            "c.toml",
            GOOD,
            &Overrides::default(),
            &Environment::of([(variable, value)]),
        );
        assert_eq!(said(&good), Vec::<String>::new(), "{variable}");
        assert_eq!(
            good.origin(path),
            Some(&Origin::Variable(variable.to_owned()))
        );
        let bad = load_text(
            "c.toml",
            GOOD,
            &Overrides::default(),
            &Environment::of([(variable, "\u{1b}[31m")]),
        );
        assert!(bad.settings.is_none(), "{variable}");
        assert!(said(&bad)[0].starts_with(variable), "{:?}", said(&bad));
    }
}

#[test]
fn a_mistyped_variable_is_noticed() {
    let loaded = load_text(
        "c.toml",
        GOOD,
        &Overrides::default(),
        &Environment::of([
            ("QUARTERDECK_THEEM", "dark"),
            ("QUARTERDECK_PROD_TOKEN", "x"),
        ]),
    );
    assert_eq!(
        said(&loaded),
        ["QUARTERDECK_THEEM: warning: no such variable is read; did you mean QUARTERDECK_THEME?"]
    );
}

#[test]
fn a_context_overrides_the_shared_models_key_by_key() {
    let text = format!(
        "[models.fraud]\nowner = \"a\"\nmetric = \"auc\"\n[contexts.prod.models.fraud]\nowner = \"b\"\n{GOOD}"
    );
    let settings = read(&text).settings.expect("usable");
    let model = &settings.contexts["prod"].models["fraud"];
    assert_eq!(model.owner.as_deref(), Some("b"));
    assert_eq!(model.metric.as_deref(), Some("auc"));
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_domain() {
    let text = format!(
        "{GOOD}[[contexts.prod.deployments]]\nname = \"fraud\"\nkind = \"bentoml\"\nurl = \"http://127.0.0.1:1\"\n"
    );
    let settings = read(&text).settings.expect("usable");
    let prod = &settings.contexts["prod"];
    assert_eq!(settings.console, Console::default());
    assert_eq!(prod.policy, Policy::default());
    assert_eq!(
        prod.sources,
        [
            SourceSettings::new("mlflow", SourceKind::Mlflow, "https://ml.test"),
            SourceSettings::new(
                "fraud",
                SourceKind::Serving(DeploymentKind::Bentoml),
                "http://127.0.0.1:1"
            ),
        ]
    );
    assert_eq!((prod.writes, prod.protected), (Writes::Off, false));
}

#[test]
fn paths_start_at_the_file_or_at_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(
        &file,
        format!(
            "{GOOD}tls = {{ ca_file = \"ca.pem\", client_cert = \"~/me.pem\" }}\nauth = {{ bearer = {{ file = \"/run/token\" }} }}\n"
        ),
    )
    .expect("written");
    let environment = Environment::of([])
        .with_folder(folder.path())
        .with_home(Path::new("/home/ana"));
    let settings = load(&Overrides::default(), &environment)
        .settings
        .expect("usable");
    let source = &settings.contexts["prod"].sources[0];
    assert_eq!(source.tls.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(
        source.tls.client_cert,
        Some(PathBuf::from("/home/ana/me.pem"))
    );
    assert_eq!(
        source.auth,
        Auth::Bearer(SecretRef::File(PathBuf::from("/run/token")))
    );
}

#[test]
fn the_context_is_chosen_in_order() {
    let two =
        format!("{GOOD}[[contexts.staging.sources]]\nname = \"m\"\nurl = \"https://s.test\"\n");
    let chosen_two = format!("context = \"staging\"\n{two}");
    let env = [("MLFLOW_TRACKING_URI", "https://env.test")];
    let both = [
        ("MLFLOW_TRACKING_URI", "https://env.test"),
        ("QUARTERDECK_CONTEXT", "prod"),
    ];
    let context = |name: &str| Overrides {
        context: Some(name.to_owned()),
        ..Overrides::default()
    };
    let servers = flags(Some("https://flag.test"), &[]);
    for (file, environment, overrides, want) in [
        (GOOD, &env[..], Overrides::default(), "prod"),
        (&chosen_two, &env, Overrides::default(), "staging"),
        (&chosen_two, &both, Overrides::default(), "prod"),
        (&chosen_two, &both, context("env"), "env"),
        (&two, &env, Overrides::default(), "env"),
        (&chosen_two, &both, servers.clone(), "flags"),
        (
            &chosen_two,
            &both,
            Overrides {
                context: Some("prod".to_owned()),
                ..servers
            },
            "prod",
        ),
        ("", &env, Overrides::default(), "env"),
    ] {
        let environment = Environment::of(environment.iter().copied());
        let loaded = load_text("c.toml", file, &overrides, &environment);
        let settings = loaded.settings.as_ref().expect("usable");
        assert_eq!(settings.context, want, "{file} {overrides:?}");
        assert!(settings.contexts.contains_key(want));
        // What is known without the file is never another.
        let asked = asked_context(&overrides, &environment);
        assert!(asked.is_none_or(|asked| asked == want), "{overrides:?}");
    }
    let wrong = load_text("c.toml", GOOD, &context("prd"), &Environment::of([]));
    assert_eq!(
        said(&wrong),
        ["--context: there is no context \"prd\"; expected one of prod; did you mean \"prod\"?"]
    );
    let none = Overrides {
        contextless: true,
        ..Overrides::default()
    };
    assert!(load_text("c.toml", "", &none, &Environment::of([])).is_usable());
}

#[test]
fn no_flag_lifts_writes_off() {
    let file = |writes: &str| format!("[contexts.prod]\nwrites = \"{writes}\"\n{GOOD}");
    let writes = |w: Writes, read_only: bool| Overrides {
        writes: Some(w),
        read_only,
        ..Overrides::default()
    };
    for (text, overrides, variable, want) in [
        (file("off"), writes(Writes::Confirm, false), "", Writes::Off),
        (
            file("armed"),
            writes(Writes::Confirm, false),
            "",
            Writes::Armed,
        ),
        (
            file("confirm"),
            writes(Writes::Armed, false),
            "",
            Writes::Armed,
        ),
        (
            file("confirm"),
            writes(Writes::Confirm, true),
            "",
            Writes::Off,
        ),
        (file("confirm"), Overrides::default(), "1", Writes::Off),
        (file("confirm"), Overrides::default(), "0", Writes::Confirm),
    ] {
        let environment = Environment::of([("QUARTERDECK_READ_ONLY", variable)]);
        let loaded = load_text("c.toml", &text, &overrides, &environment);
        let settings = loaded.settings.as_ref().expect("usable");
        assert_eq!(
            settings.contexts["prod"].writes, want,
            "{text} {overrides:?}"
        );
    }
    let refused = load_text(
        "c.toml",
        &file("off"),
        &writes(Writes::Confirm, false),
        &Environment::of([]),
    );
    assert_eq!(
        said(&refused),
        ["--writes: warning: context `prod` has writes = \"off\" (c.toml:2), which no flag lifts"]
    );
    let implicit = Overrides {
        mlflow: Some("https://ml.test".to_owned()),
        ..writes(Writes::Confirm, false)
    };
    let settings = load(&implicit, &Environment::of([]))
        .settings
        .expect("usable");
    assert_eq!(settings.contexts["flags"].writes, Writes::Confirm);
    let lifted = Overrides {
        read_only: true,
        ..implicit
    };
    let settings = load(&lifted, &Environment::of([]))
        .settings
        .expect("usable");
    assert_eq!(settings.contexts["flags"].writes, Writes::Off);
}

#[test]
fn what_would_allow_writes_is_named_by_what_forbids_them() {
    let flags = |writes: Option<Writes>, read_only: bool| Overrides {
        writes,
        read_only,
        ..Overrides::default()
    };
    let file = |line: &str| {
        format!(
            "[contexts.prod]\n{line}\n[[contexts.prod.sources]]\nname = \"m\"\nkind = \"mlflow\"\nurl = \"https://ml.test\"\n"
        )
    };
    let (off, open) = (file("writes = \"off\""), file("writes = \"confirm\""));
    let none = file("");
    for (text, overrides, variable, want) in [
        (
            &off,
            flags(None, false),
            "0",
            "set writes = \"confirm\" under [contexts.prod] (c.toml:2)",
        ),
        (
            &none,
            flags(None, false),
            "0",
            "set writes = \"confirm\" under [contexts.prod]",
        ),
        (&open, flags(None, true), "0", "start without --read-only"),
        (
            &open,
            flags(None, false),
            "1",
            "start without QUARTERDECK_READ_ONLY in the environment",
        ),
        (
            &open,
            flags(Some(Writes::Off), false),
            "0",
            "start without --writes off",
        ),
    ] {
        let environment = Environment::of([("QUARTERDECK_READ_ONLY", variable)]);
        let loaded = load_text("c.toml", text, &overrides, &environment);
        let prod = &loaded.settings.as_ref().expect("usable").contexts["prod"];
        assert_eq!(prod.writes, Writes::Off, "{text} {overrides:?}");
        let said = prod.allowing_writes.as_str();
        assert!(said.starts_with(want), "{said}");
    }
    let implicit = Overrides {
        mlflow: Some("https://ml.test".to_owned()),
        ..flags(None, false)
    };
    let given = Overrides {
        read_only: true,
        writes: Some(Writes::Confirm),
        ..implicit.clone()
    };
    for (overrides, want) in [
        (&implicit, "start with --writes confirm"),
        (&given, "start without --read-only"),
    ] {
        let settings = load(overrides, &Environment::of([])).settings;
        let settings = settings.expect("usable");
        assert_eq!(settings.contexts["flags"].allowing_writes, *want);
    }
}

#[test]
fn a_command_without_context_is_not_held_up_by_one() {
    let none = Overrides {
        contextless: true,
        ..Overrides::default()
    };
    let environment = Environment::of([
        ("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"),
        ("QUARTERDECK_CONTEXT", "prd"),
        ("QUARTERDECK_THEME", "mono"),
    ]);
    let loaded = load_text("c.toml", GOOD, &none, &environment);
    assert_eq!(said(&loaded), Vec::<String>::new());
    assert_eq!(loaded.settings.expect("usable").console.theme, "mono");
}
