//! Settings as a user meets them: every mistake with its message, the layers, the secrets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use quarterdeck::config::{
    Environment, Kind, Loaded, Origin, Overrides, Problem, check, load, load_text, path, reference,
    show,
};
use quarterdeck::domain::key::DeploymentKind;
use quarterdeck::domain::settings::{
    Auth, Console, Follows, Policy, Rollout, SecretRef, SourceKind, SourceSettings, VersionMap,
    Writes,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(text: &str) -> Loaded {
    load_text("c.toml", text, &Overrides::default(), &Environment::of([]))
}

fn said(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(ToString::to_string).collect()
}

const GOOD: &str = "[[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"https://ml.test\"\n";

/// Every bad file of `tests/config` with everything that is said of it.
const MISTAKES: &[(&str, &[&str])] = &[
    (
        "auth_both",
        &[
            "auth_both.toml:4:1: `contexts.prod.sources.mlflow.auth` is both basic and bearer; expected one of the two",
        ],
    ),
    (
        "auth_empty",
        &[
            "auth_empty.toml:4:1: `contexts.prod.sources.mlflow.auth` says nothing; expected `basic` or `bearer`",
        ],
    ),
    (
        "auth_half",
        &[
            "auth_half.toml:4:10: `contexts.prod.sources.mlflow.auth.basic` has no `password`; expected { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }",
        ],
    ),
    (
        "bad_count",
        &[
            "bad_count.toml:2:21: `contexts.prod.policy.stale_after_polls`: \"0\" is no count; expected a whole number from 1",
            "bad_count.toml:3:20: `contexts.prod.policy.down_after_polls` is text; expected a whole number from 1",
        ],
    ),
    (
        "bad_duration",
        &[
            "bad_duration.toml:2:17: `contexts.prod.policy.rollout_grace`: \"10 minutes\" is no duration; expected a duration such as \"10s\", \"5m\" or \"90d\"",
            "bad_duration.toml:3:15: `contexts.prod.policy.stuck_after`: \"0s\" is too short; expected at least \"1s\"",
            "bad_duration.toml:4:14: `contexts.prod.policy.slow_probe`: \"5\" is no duration; expected a duration such as \"10s\", \"5m\" or \"90d\"; did you mean \"5s\"?",
        ],
    ),
    (
        "bad_follows",
        &[
            "bad_follows.toml:5:11: `contexts.prod.deployments.a.follows`: \"champion\" is neither an alias nor a version; expected \"@ALIAS\", a version such as \"7\", or \"none\"; did you mean \"@champion\"?",
            "bad_follows.toml:10:11: `contexts.prod.deployments.b.follows`: \"v7\" is neither an alias nor a version; expected \"@ALIAS\", a version such as \"7\", or \"none\"; did you mean \"7\"?",
        ],
    ),
    (
        "bad_keys",
        &[
            "bad_keys.toml:2:27: an element of `keys.\"models.open\"` is a whole number; expected text",
            "bad_keys.toml:3:16: `keys.\"models.close\"` is a boolean; expected a list of texts",
        ],
    ),
    (
        "bad_kind",
        &[
            "bad_kind.toml:3:8: `contexts.prod.deployments.fraud.kind`: \"tf-serving\" is none of the choices; expected \"v2\", \"tfserving\", \"bentoml\" or \"mlflow-serve\"; did you mean \"tfserving\"?",
        ],
    ),
    (
        "bad_name",
        &[
            "bad_name.toml:2:8: `contexts.prod.sources.\"mlflow\".name`: the name \" mlflow\" begins or ends with a space; did you mean \"mlflow\"?",
            "bad_name.toml:5:8: `contexts.prod.sources.\"a\".name`: the text holds control characters; expected printable text",
        ],
    ),
    (
        "bad_regex",
        &[
            "bad_regex.toml:5:25: `contexts.prod.deployments.fraud.version_map`: the regular expression does not compile: found open group without closing ')'",
            "bad_regex.toml:10:25: `contexts.prod.deployments.fraud-2.version_map`: the regular expression has no group; expected a group around the version, such as \"^release-([0-9]+)$\"",
        ],
    ),
    (
        "bad_size",
        &[
            "bad_size.toml:4:14: `contexts.prod.sources.mlflow.max_answer`: \"32 megs\" is no size; expected a size such as \"32MiB\"",
        ],
    ),
    (
        "bad_version_map",
        &[
            "bad_version_map.toml:5:15: `contexts.prod.deployments.fraud.version_map`: \"strip_v\" is no version map; expected \"equal\", \"strip-v\", \"version-tag\" or { regex = \"…\" }; did you mean \"strip-v\"?",
        ],
    ),
    (
        "bad_word",
        &[
            "bad_word.toml:2:11: `console.symbols`: \"utf8\" is none of the choices; expected \"auto\", \"unicode\" or \"ascii\"",
            "bad_word.toml:3:9: `console.color`: \"TrueColour\" is none of the choices; expected \"auto\", \"never\", \"16\", \"256\" or \"truecolor\"; did you mean \"truecolor\"?",
        ],
    ),
    (
        "duplicate_across",
        &[
            "duplicate_across.toml:4:1: `contexts.prod.deployments.ml` has the name of a source, at duplicate_across.toml:1; expected names that are unique in the context",
        ],
    ),
    (
        "duplicate_key",
        &["duplicate_key.toml:3:1: not TOML: duplicate key"],
    ),
    (
        "duplicate_source",
        &[
            "duplicate_source.toml:4:1: `contexts.prod.sources.mlflow` is there twice, first at duplicate_source.toml:1; expected names that are unique in the context",
        ],
    ),
    (
        "empty_context",
        &[
            "empty_context.toml:1:11: warning: context `prod` has no sources; expected [[contexts.prod.sources]] or [[contexts.prod.deployments]]",
        ],
    ),
    (
        "headers",
        &[
            "headers.toml:5:1: the header `Authorization` carries credentials; expected them in `auth`",
            "headers.toml:6:1: the header `Host` is set by `host_header`; did you mean `host_header`?",
            "headers.toml:7:1: \"X Team\" is no header name; expected letters, digits and hyphens",
            "headers.toml:8:1: warning: the header `X-Api-Key` looks like a secret written into the file; expected credentials in `auth`, and no one else able to read this file",
            "headers.toml:9:10: `contexts.prod.sources.mlflow.headers.X-Note`: the header's value holds characters that HTTP does not allow; expected visible ASCII",
        ],
    ),
    (
        "insecure",
        &[
            "insecure.toml:4:9: warning: `contexts.prod.sources.mlflow.tls` accepts any certificate, so anyone may answer; expected `ca_file` with the server's authority",
        ],
    ),
    (
        "missing",
        &[
            "missing.toml:1:1: `contexts.prod.sources.1` has no `name`; expected a name",
            "missing.toml:1:1: `contexts.prod.sources.1` has no `url`; expected an http or https URL",
            "missing.toml:3:1: `contexts.prod.deployments.fraud` has no `kind`; expected \"v2\", \"tfserving\", \"bentoml\" or \"mlflow-serve\"",
            "missing.toml:3:1: `contexts.prod.deployments.fraud` has no `url`; expected an http or https URL",
        ],
    ),
    (
        "models_key",
        &[
            "models_key.toml:2:1: unknown key `ownr` in `models.fraud`; did you mean `owner`?",
            "models_key.toml:3:11: `models.fraud.max_age`: \"soon\" is no duration; expected a duration such as \"10s\", \"5m\" or \"90d\"",
        ],
    ),
    (
        "no_context",
        &[
            "nothing says which servers to look at; expected --mlflow URL, MLFLOW_TRACKING_URI, or a context in no_context.toml; `quarterdeck demo` needs none",
        ],
    ),
    (
        "reserved_context",
        &["reserved_context.toml:1:12: the context name `env` is reserved; expected another name"],
    ),
    (
        "secret_inline",
        &[
            "secret_inline.toml:4:45: warning: `contexts.prod.sources.mlflow.auth.basic.password` is written into the file; expected { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }",
        ],
    ),
    (
        "secret_over_http",
        &[
            "secret_over_http.toml:3:7: warning: `contexts.prod.sources.mlflow` sends credentials over plain http; expected an https URL",
        ],
    ),
    (
        "secret_reference",
        &[
            "secret_reference.toml:4:21: unknown key `envv` in `contexts.prod.sources.a.auth.bearer`; expected { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }; did you mean `env`?",
            "secret_reference.toml:8:27: `contexts.prod.sources.b.auth.bearer.env` is no variable's name; expected { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }",
            "secret_reference.toml:12:31: `contexts.prod.sources.c.auth.bearer.command` is text; expected { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }",
            "secret_reference.toml:16:19: `contexts.prod.sources.d.auth.bearer` does not say where the secret is; expected { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }",
        ],
    ),
    (
        "serving_as_source",
        &[
            "serving_as_source.toml:3:8: `contexts.prod.sources.fraud.kind`: \"v2\" is none of the choices; expected \"mlflow\"; did you mean [[contexts.prod.deployments]]?",
        ],
    ),
    (
        "several_contexts",
        &[
            "several_contexts.toml: there are several contexts and none is chosen; expected --context or `context` as one of prod, staging",
        ],
    ),
    (
        "syntax",
        &[
            "syntax.toml:2:9: not TOML: string values must be quoted, expected literal string",
            "syntax.toml:3:15: not TOML: unclosed table, expected `]`",
        ],
    ),
    (
        "unknown_context",
        &[
            "unknown_context.toml:1:11: there is no context \"prd\"; expected one of prod; did you mean \"prod\"?",
        ],
    ),
    (
        "unknown_key",
        &[
            "unknown_key.toml:4:1: unknown key `tiemout` in `contexts.prod.sources.mlflow`; did you mean `timeout`?",
        ],
    ),
    (
        "unknown_key_elsewhere",
        &[
            "unknown_key_elsewhere.toml:1:1: unknown key `theme` at the top; expected `theme` in [console]",
        ],
    ),
    (
        "unknown_key_far",
        &[
            "unknown_key_far.toml:5:1: unknown key `zebra` in `console`; expected one of theme, symbols, color, mouse",
        ],
    ),
    (
        "unknown_table",
        &[
            "unknown_table.toml:1:2: `context` is a table; expected a name; did you mean `contexts`?",
        ],
    ),
    (
        "url_credentials",
        &[
            "url_credentials.toml:3:7: `contexts.prod.sources.mlflow.url`: the URL holds credentials; expected them in `auth`, for example { basic = { user = \"ana\", password = { env = \"ML_PASSWORD\" } } }",
        ],
    ),
    (
        "url_databricks",
        &[
            "url_databricks.toml:3:7: `contexts.prod.sources.mlflow.url`: Databricks registries are not supported; expected the http URL of an MLflow server",
        ],
    ),
    (
        "url_query",
        &[
            "url_query.toml:3:7: `contexts.prod.sources.mlflow.url`: the URL has a query or a fragment; expected a base URL",
        ],
    ),
    (
        "url_scheme",
        &[
            "url_scheme.toml:3:7: `contexts.prod.sources.mlflow.url`: \"ftp://ml.test\" does not begin with http:// or https://; expected an http or https URL",
        ],
    ),
    (
        "url_store",
        &[
            "url_store.toml:3:7: `contexts.prod.sources.mlflow.url`: `sqlite` names a store, not a server; expected the http URL of a server: start one on that store with `mlflow server --backend-store-uri …`",
        ],
    ),
    (
        "url_without_scheme",
        &[
            "url_without_scheme.toml:3:7: `contexts.prod.sources.mlflow.url`: \"ml.test:5000\" does not begin with http:// or https://; expected an http or https URL; did you mean http://ml.test:5000?",
        ],
    ),
    (
        "writes_boolean",
        &[
            "writes_boolean.toml:2:10: `contexts.prod.writes` is a boolean; expected \"off\", \"armed\" or \"confirm\"; did you mean \"off\"?",
        ],
    ),
    (
        "wrong_type_duration",
        &[
            "wrong_type_duration.toml:4:9: `contexts.prod.sources.mlflow.every` is a whole number; expected a duration such as \"10s\", \"5m\" or \"90d\"; did you mean \"10s\"?",
        ],
    ),
    (
        "wrong_type_flag",
        &[
            "wrong_type_flag.toml:2:9: `console.mouse` is text; expected true or false; did you mean true?",
            "wrong_type_flag.toml:6:12: `contexts.prod.sources.mlflow.required` is a whole number; expected true or false",
        ],
    ),
    (
        "wrong_type_list",
        &[
            "wrong_type_list.toml:1:1: `contexts.prod.sources` is a table; expected a list of tables: `[[contexts.NAME.sources]]`; did you mean [[contexts.prod.sources]]?",
        ],
    ),
    (
        "wrong_type_text",
        &[
            "wrong_type_text.toml:5:11: `contexts.prod.deployments.fraud.follows` is a whole number; expected \"@ALIAS\", a version such as \"7\", or \"none\"; did you mean \"7\"?",
            "wrong_type_text.toml:6:11: `contexts.prod.deployments.fraud.version` is a whole number; expected a name; did you mean \"5\"?",
        ],
    ),
];

#[test]
fn every_mistake_has_its_message() {
    let mut failures = String::new();
    for (name, want) in MISTAKES {
        let file = format!("{name}.toml");
        let text = std::fs::read_to_string(root().join("tests/config").join(&file)).expect(name);
        let loaded = load_text(&file, &text, &Overrides::default(), &Environment::of([]));
        let got = said(&loaded);
        if got != *want {
            let _ = writeln!(failures, "    (\n        \"{name}\",\n        &[");
            for line in &got {
                let _ = writeln!(failures, "            {line:?},");
            }
            let _ = writeln!(failures, "        ],\n    ),");
        }
        assert_eq!(
            loaded.settings.is_some(),
            loaded.errors().next().is_none(),
            "{name}: settings are there exactly without errors"
        );
    }
    assert!(failures.is_empty(), "what was said instead:\n{failures}");
}

#[test]
fn every_bad_file_is_in_the_table() {
    let mut files: Vec<String> = std::fs::read_dir(root().join("tests/config"))
        .expect("the folder is part of the project")
        .map(|f| f.expect("readable").path())
        .map(|p| {
            p.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    files.sort();
    let mut known: Vec<String> = MISTAKES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    known.sort();
    assert_eq!(files, known);
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.toml");
    let asked = Overrides {
        config: Some(missing.clone()),
        ..Overrides::default()
    };
    assert_eq!(
        said(&load(&asked, &Environment::of([]))),
        [format!(
            "--config: {}: there is no such file; expected a readable settings file",
            missing.display()
        )]
    );

    let latin = folder.path().join("config.toml");
    std::fs::write(&latin, b"[console]\ntheme = \"gr\xfcn\"\n").expect("written");
    let environment = Environment::of([]).with_folder(folder.path());
    assert_eq!(
        said(&load(&Overrides::default(), &environment)),
        [format!(
            "{0}: {0}: line 2 is not UTF-8; expected a readable settings file",
            latin.display()
        )]
    );
}

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
fn the_example_is_accepted_and_means_what_it_says() {
    let text = std::fs::read_to_string(root().join("assets/config.example.toml")).expect("there");
    let environment = Environment::of([("ML_PASSWORD", "x")]);
    let loaded = load_text("config.toml", &text, &Overrides::default(), &environment);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let settings = loaded.settings.expect("usable");
    assert_eq!(settings.context, "prod");
    assert_eq!(settings.keys["models.open"], ["enter", "l"]);
    let prod = &settings.contexts["prod"];
    assert_eq!(prod.writes, Writes::Off);
    assert!(prod.protected);
    let names: Vec<&str> = prod.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["mlflow", "fraud-eu", "fraud-batch"]);
    assert_eq!(prod.sources[0].every, Duration::from_secs(10));
    assert_eq!(
        prod.sources[1].kind,
        SourceKind::Serving(DeploymentKind::V2)
    );
    assert_eq!(prod.sources[1].every, Duration::from_secs(5));
    assert!(!prod.sources[2].required);
    assert_eq!(
        prod.sources[0].auth,
        Auth::Basic {
            user: SecretRef::Inline("quarterdeck".to_owned()),
            password: SecretRef::Env("ML_PASSWORD".to_owned()),
        }
    );
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

fn flags(mlflow: Option<&str>, serving: &[&str]) -> Overrides {
    Overrides {
        mlflow: mlflow.map(str::to_owned),
        serving: serving.iter().map(|s| (*s).to_owned()).collect(),
        ..Overrides::default()
    }
}

#[test]
fn flags_make_a_context_without_a_file() {
    let overrides = flags(
        Some("http://127.0.0.1:5000/"),
        &[
            "fraud=v2+http://127.0.0.1:8080",
            "churn=mlflow-serve+http://127.0.0.1:8081/",
        ],
    );
    let loaded = load(&overrides, &Environment::of([]));
    assert_eq!(said(&loaded), Vec::<String>::new());
    let settings = loaded.settings.expect("usable");
    assert_eq!(settings.context, "flags");
    let context = &settings.contexts["flags"];
    assert_eq!((context.writes, context.protected), (Writes::Off, true));
    let urls: Vec<&str> = context.sources.iter().map(|s| s.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "http://127.0.0.1:5000",
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8081"
        ]
    );
    assert_eq!(context.deployments[1].kind, DeploymentKind::MlflowServe);
}

#[test]
fn a_wrong_flag_says_how_it_is_written() {
    const WANTED: &str = "; expected NAME=KIND+URL, such as fraud=v2+http://127.0.0.1:8080";
    for (serving, want) in [
        ("v2+http://h.test", format!("--serving: an endpoint without a name{WANTED}")),
        ("fraud=http://h.test", format!("--serving: endpoint `fraud` has no kind{WANTED}")),
        (
            "fraud=v3+http://h.test",
            "--serving: endpoint `fraud`: there is no kind \"v3\"; expected v2, tfserving, bentoml, mlflow-serve; did you mean \"v2\"?".to_owned(),
        ),
        (
            "fraud=v2+h.test:80",
            "--serving: endpoint `fraud`: \"h.test:80\" does not begin with http:// or https://; expected an http or https URL; did you mean http://h.test:80?".to_owned(),
        ),
    ] {
        let loaded = load(&flags(None, &[serving]), &Environment::of([]));
        assert_eq!(said(&loaded), [want], "{serving}");
    }
    let twice = load(
        &flags(None, &["a=v2+http://h.test", "a=v2+http://i.test"]),
        &Environment::of([]),
    );
    assert_eq!(
        said(&twice),
        [
            "--serving: the name `a` is given twice; expected a name for each server (`mlflow` is the name of --mlflow)"
        ]
    );
}

#[test]
fn credentials_in_a_flag_become_auth_and_leave_the_url() {
    let overrides = flags(Some("https://ana:hunter2@ml.test"), &[]);
    let loaded = load(&overrides, &Environment::of([]));
    assert_eq!(
        said(&loaded),
        [
            "--mlflow: warning: the URL holds credentials, which other users of this machine can read; expected a settings file with `auth`, or MLflow's variables"
        ]
    );
    let settings = loaded.settings.as_ref().expect("usable");
    let source = &settings.contexts["flags"].sources[0];
    assert_eq!(source.url, "https://ml.test");
    assert_eq!(
        source.auth,
        Auth::Basic {
            user: SecretRef::Inline("ana".to_owned()),
            password: SecretRef::Inline("hunter2".to_owned()),
        }
    );
    no_secret(&loaded, &overrides);
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

const URI: (&str, &str) = ("MLFLOW_TRACKING_URI", "https://ml.test");
const USER: (&str, &str) = ("MLFLOW_TRACKING_USERNAME", "ana");
const PASSWORD: (&str, &str) = ("MLFLOW_TRACKING_PASSWORD", "hunter2");
const TOKEN: (&str, &str) = ("MLFLOW_TRACKING_TOKEN", "hunter2");

fn from_env(variables: &[(&str, &str)]) -> Loaded {
    load(
        &Overrides::default(),
        &Environment::of(variables.iter().copied()),
    )
}

#[test]
fn mlflows_variables_are_read_as_its_client_reads_them() {
    let basic = Auth::Basic {
        user: SecretRef::Env("MLFLOW_TRACKING_USERNAME".to_owned()),
        password: SecretRef::Env("MLFLOW_TRACKING_PASSWORD".to_owned()),
    };
    let bearer = Auth::Bearer(SecretRef::Env("MLFLOW_TRACKING_TOKEN".to_owned()));
    for (variables, want) in [
        (&[URI][..], Auth::None),
        (&[URI, USER, PASSWORD], basic.clone()),
        (&[URI, USER, PASSWORD, TOKEN], basic),
        (&[URI, USER, TOKEN], bearer.clone()),
        (&[URI, TOKEN], bearer),
        (&[URI, USER], Auth::None),
    ] {
        let loaded = from_env(variables);
        let settings = loaded.settings.as_ref().expect("usable");
        assert_eq!(
            settings.contexts["env"].sources[0].auth, want,
            "{variables:?}"
        );
        no_secret(&loaded, &Overrides::default());
    }
    let loaded = from_env(&[
        URI,
        ("MLFLOW_TRACKING_SERVER_CERT_PATH", "/etc/ca.pem"),
        ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/etc/me.pem"),
        ("MLFLOW_WORKSPACE", "risk"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "30"),
    ]);
    let settings = loaded.settings.expect("usable");
    let source = &settings.contexts["env"].sources[0];
    assert_eq!(source.tls.ca_file, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(source.tls.client_cert, Some(PathBuf::from("/etc/me.pem")));
    assert_eq!(source.workspace.as_deref(), Some("risk"));
    assert_eq!(source.timeout, Duration::from_secs(30));
    let insecure = from_env(&[URI, ("MLFLOW_TRACKING_INSECURE_TLS", "true")]);
    assert_eq!(insecure.diagnostics[0].kind, Kind::Insecure);
    assert!(
        insecure.settings.expect("usable").contexts["env"].sources[0]
            .tls
            .insecure
    );
}

#[test]
fn what_mlflows_variables_ask_in_vain_is_said() {
    for (variables, want) in [
        (
            &[("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")][..],
            "MLFLOW_TRACKING_URI: `sqlite` names a store, not a server; expected the http URL of a server: start one on that store with `mlflow server --backend-store-uri …`",
        ),
        (
            &[("MLFLOW_TRACKING_URI", "databricks")],
            "MLFLOW_TRACKING_URI: Databricks registries are not supported; expected the http URL of an MLflow server",
        ),
        (
            &[URI, ("MLFLOW_TRACKING_AWS_SIGV4", "true")],
            "MLFLOW_TRACKING_AWS_SIGV4: signing for AWS (SigV4) is not supported; expected a user with a password, or a token",
        ),
        (
            &[URI, ("MLFLOW_TRACKING_AUTH", "kubernetes")],
            "MLFLOW_TRACKING_AUTH: authentication plugins are not supported; expected a user with a password, or a token",
        ),
        (
            &[URI, ("MLFLOW_REGISTRY_URI", "https://other.test")],
            "MLFLOW_REGISTRY_URI: warning: a registry apart from the tracker is not read; models are shown from MLFLOW_TRACKING_URI; expected a settings file with both servers as sources",
        ),
        (
            &[URI, USER],
            "MLFLOW_TRACKING_USERNAME: warning: there is a user and no password, so neither is sent; expected MLFLOW_TRACKING_PASSWORD too",
        ),
        (
            &[
                URI,
                ("MLFLOW_TRACKING_INSECURE_TLS", "true"),
                ("MLFLOW_TRACKING_SERVER_CERT_PATH", "/etc/ca.pem"),
            ],
            "MLFLOW_TRACKING_INSECURE_TLS: it contradicts MLFLOW_TRACKING_SERVER_CERT_PATH, as MLflow says too; expected one of the two",
        ),
        (
            &[URI, ("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon")],
            "MLFLOW_HTTP_REQUEST_TIMEOUT: warning: it is no timeout; expected whole seconds, from 1 to 86400",
        ),
    ] {
        assert_eq!(said(&from_env(variables)), [want]);
    }
    assert!(
        from_env(&[URI, ("MLFLOW_REGISTRY_URI", "https://ml.test/")])
            .diagnostics
            .is_empty()
    );
}

#[test]
fn mlflows_variables_do_not_touch_a_named_context() {
    let environment = Environment::of([
        URI,
        USER,
        PASSWORD,
        ("MLFLOW_TRACKING_AWS_SIGV4", "true"),
        ("MLFLOW_WORKSPACE", "risk"),
    ]);
    let loaded = load_text("c.toml", GOOD, &Overrides::default(), &environment);
    assert_eq!(said(&loaded), Vec::<String>::new());
    let settings = loaded.settings.expect("usable");
    let want = SourceSettings::new("mlflow", SourceKind::Mlflow, "https://ml.test");
    assert_eq!(settings.contexts["prod"].sources, [want]);
    assert!(
        !settings.contexts.contains_key("env"),
        "it cannot be entered"
    );
}

#[test]
fn mlflows_credentials_go_only_to_their_own_uri() {
    let environment = Environment::of([URI, TOKEN]);
    for (url, want) in [
        ("https://other.test", Auth::None),
        ("https://ml.test/prefix", Auth::None),
        ("http://ml.test", Auth::None),
        (
            "https://ML.test:443/",
            Auth::Bearer(SecretRef::Env("MLFLOW_TRACKING_TOKEN".to_owned())),
        ),
        (
            "https://bob:pw@ml.test",
            Auth::Basic {
                user: SecretRef::Inline("bob".to_owned()),
                password: SecretRef::Inline("pw".to_owned()),
            },
        ),
    ] {
        let settings = load(&flags(Some(url), &[]), &environment)
            .settings
            .expect(url);
        assert_eq!(settings.contexts["flags"].sources[0].auth, want, "{url}");
    }
}

#[test]
fn the_credentials_file_is_used_by_reference() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join(".mlflow")).expect("made");
    let file = home.path().join(".mlflow/credentials");
    std::fs::write(
        &file,
        "[other]\nmlflow_tracking_username = no\n[mlflow]\n# mine\nMLFLOW_TRACKING_USERNAME = ana\nmlflow_tracking_password = hunter2\n",
    )
    .expect("written");
    let environment = Environment::of([URI]).with_home(home.path());
    let loaded = load(&Overrides::default(), &environment);
    let settings = loaded.settings.as_ref().expect("usable");
    let ini = |key: &str| SecretRef::Ini {
        file: file.clone(),
        key: key.to_owned(),
    };
    assert_eq!(
        settings.contexts["env"].sources[0].auth,
        Auth::Basic {
            user: ini("mlflow_tracking_username"),
            password: ini("mlflow_tracking_password"),
        }
    );
    let password = [
        "contexts", "env", "sources", "mlflow", "auth", "basic", "password",
    ];
    let origin = loaded.origin(&password).expect("set").to_string();
    assert_eq!(origin, format!("{}:6", file.display()));
    no_secret(&loaded, &Overrides::default());
}

/// The secret of these tests is nowhere in what is printed, logged or answered.
fn no_secret(loaded: &Loaded, overrides: &Overrides) {
    let shown = show(loaded);
    let checked = check(loaded, &Environment::of([PASSWORD, TOKEN]));
    for text in [
        format!("{loaded:?}"),
        format!("{:?}", loaded.settings),
        format!("{overrides:?}"),
        shown.lines().join("\n"),
        shown.to_json().to_string(),
        checked.to_json().to_string(),
        said(loaded).join("\n"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn no_bad_file_gives_its_secret_away() {
    for (name, _) in MISTAKES {
        let file = root().join("tests/config").join(format!("{name}.toml"));
        let text = std::fs::read_to_string(file).expect(name);
        let loaded = read(&text);
        let shown = show(&loaded);
        for text in [
            format!("{loaded:?}"),
            shown.lines().join("\n"),
            shown.to_json().to_string(),
            said(&loaded).join("\n"),
        ] {
            assert!(!text.contains("hunter2"), "{name}: {text}");
        }
    }
    assert!(!format!("{:?}", Environment::of([PASSWORD])).contains("hunter2"));
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
fn callers_check_keys_and_themes_at_their_place() {
    let text = format!(
        "{GOOD}[keys]\n\"models.opne\" = \"x\"\nmodels.open = [\"enter\",\n  \"ctrl-\"]\n[console]\ntheme = \"drak\"\n"
    );
    let mut loaded = read(&text);
    loaded.check_theme(&["dark", "light", "mono"]);
    assert_eq!(
        said(&loaded),
        [
            "c.toml:9:9: warning: there is no theme \"drak\"; `auto` is used; expected auto, dark, light, mono; did you mean \"dark\"?"
        ]
    );
    assert_eq!(
        loaded.settings.as_ref().expect("usable").console.theme,
        "auto"
    );
    loaded.check_keys(&|id, chord| match (id, chord) {
        ("models.open", None | Some("enter")) => Ok(()),
        (_, Some(chord)) => Err(Problem::new(Kind::BadValue, format!("no key \"{chord}\""))),
        (id, None) => Err(Problem::new(Kind::UnknownKey, format!("no command `{id}`"))),
    });
    assert_eq!(
        &said(&loaded)[..2],
        [
            "c.toml:5:1: no command `models.opne`",
            "c.toml:7:3: no key \"ctrl-\""
        ]
    );
    assert!(loaded.settings.is_none());
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
        loaded.check_keys(&|_, _| Ok(()));
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
