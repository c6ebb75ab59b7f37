//! Contexts without a file: from flags and from MLflow's own variables.

use super::*;

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
            "--mlflow: warning: the URL holds credentials, which other users of this machine can read; expected a settings file with `auth`"
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
    let asked = load_text(
        "c.toml",
        "context = \"env\"\n",
        &Overrides::default(),
        &Environment::of([("MLFLOW_TRACKING_URI", "databricks")]),
    );
    assert_eq!(asked.diagnostics.len(), 1, "{:?}", said(&asked));
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
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("set");
        let report = check(&loaded, &environment);
        assert_eq!(report.summary(), "0 errors, 1 warning", "{report:?}");
    }
    let password = [
        "contexts", "env", "sources", "mlflow", "auth", "basic", "password",
    ];
    let origin = loaded.origin(&password).expect("set").to_string();
    assert_eq!(origin, format!("{}:6", file.display()));
    no_secret(&loaded, &Overrides::default());
}

const MONITORING: &str = r#"
[[contexts.prod.sources]]
name = "prom"
kind = "prometheus"
url = "https://mimir.test/prometheus"
tenant = "risk|fraud"
presets = ["kserve"]
selector = 'namespace="prod",'
models = { "fraud_svc" = "fraud", regex = "^(.*)-svc$" }
[[contexts.prod.sources.signals]]
preset = "kserve"
measure = "latency-p95"
warn = 0.2
[[contexts.prod.sources.signals]]
measure = "queue"
query = """
sum by (app) (
  waiting{$sel}
)"""
labels = { model = "app" }
[[contexts.prod.sources]]
name = "found"
kind = "prometheus"
url = "https://prom.test"
[[contexts.prod.sources]]
name = "drift"
kind = "evidently"
path = "reports"
utc_offset = "-03:30"
[contexts.prod.policy.signals]
min_samples = 50
lines.latency-p95 = { crit = 2 }
lines.queue = {}
[models.fraud]
lines.error-ratio = { warn = 0.002 }
importances = { amount = 0.4, "age (years)" = 1 }
floors = { auc = 0.8 }
job_every = "1h"
cadence = "30d"
"#;

#[test]
fn monitoring_sources_are_read_whole() {
    let loaded = load_text(
        "/etc/qd/c.toml",
        MONITORING,
        &Overrides::default(),
        &Environment::of([]),
    );
    assert_eq!(said(&loaded), Vec::<String>::new());
    let context = &loaded.settings.expect("usable").contexts["prod"];
    let [prom, found, drift] = context.sources.as_slice() else {
        panic!("three sources");
    };
    assert_eq!(prom.kind, SourceKind::Prometheus);
    assert_eq!(prom.every, Duration::from_secs(15));
    assert_eq!(prom.max_answer, 16 * 1024 * 1024);
    let tenant = ("X-Scope-OrgID".to_owned(), "risk|fraud".to_owned());
    assert_eq!(prom.headers, [tenant]);
    let monitoring = &prom.monitoring;
    assert!(monitoring.all);
    assert_eq!(monitoring.selector, "namespace=\"prod\"");
    assert_eq!(
        monitoring.models.table,
        [("fraud_svc".to_owned(), "fraud".to_owned())]
    );
    assert_eq!(monitoring.models.regex.as_deref(), Some("^(.*)-svc$"));
    let names: Vec<&str> = monitoring.presets.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["kserve", "settings"]);
    let plain = presets();
    let plain = plain.iter().find(|p| p.name == "kserve").expect("kserve");
    let kserve = &monitoring.presets[0];
    assert_eq!(kserve.signals.len(), plain.signals.len());
    for (changed, plain) in kserve.signals.iter().zip(&plain.signals) {
        assert_eq!(changed.query, plain.query);
        let warn = (plain.measure == Measure::LatencyP95).then_some(0.2);
        assert_eq!(changed.lines.warn, warn, "{}", plain.measure);
    }
    let own = &monitoring.presets[1].signals[0];
    assert_eq!(own.query, "sum by (app) ( waiting{$sel} )");
    assert_eq!(own.labels.model, "app");
    assert_eq!(own.labels.version, "version");
    assert!(!found.monitoring.all);
    assert_eq!(found.monitoring.presets.len(), plain_count());
    assert_eq!(
        drift.monitoring.folder.as_deref(),
        Some(Path::new("/etc/qd/reports"))
    );
    assert_eq!(drift.monitoring.utc_offset, -210);
    assert_eq!(drift.url, "file:///etc/qd/reports");
    let policy = &context.policy.signals;
    assert_eq!(policy.min_samples, 50);
    let line = |measure| {
        let lines: &quarterdeck::domain::signal::Lines = &policy.lines[&measure];
        (lines.warn, lines.crit)
    };
    assert_eq!(line(Measure::LatencyP95), (None, Some(2.0)));
    assert_eq!(line(Measure::Queue), (None, None));
    assert_eq!(line(Measure::ErrorRatio), (Some(0.01), Some(0.03)));
    let fraud = &context.models["fraud"];
    assert_eq!(fraud.lines[&Measure::ErrorRatio].warn, Some(0.002));
    let years = fraud.importances.get("age (years)");
    assert_eq!(years, Some(&1.0));
    assert_eq!(fraud.floors.get("auc"), Some(&0.8));
    assert_eq!(fraud.job_every, Some(Duration::from_secs(3_600)));
    assert_eq!(fraud.cadence, Some(Duration::from_secs(30 * 86_400)));
}

fn plain_count() -> usize {
    presets().len()
}

#[test]
fn monitoring_systems_can_be_named_by_flags() {
    let overrides = Overrides {
        mlflow: Some("https://ml.test".to_owned()),
        prometheus: Some("https://ana:hunter2@prom.test/prometheus/".to_owned()),
        alertmanager: Some("http://127.0.0.1:9093".to_owned()),
        evidently: Some("reports/daily".to_owned()),
        grafana: Some("nonsense".to_owned()),
        ..Overrides::default()
    };
    let loaded = load_text("c.toml", "", &overrides, &Environment::of([]));
    no_secret(&loaded, &overrides);
    assert_eq!(
        said(&loaded),
        [
            "--prometheus: warning: the URL holds credentials, which other users of this machine can read; expected a settings file with `auth`",
            "--grafana: \"nonsense\" is no URL: relative URL without a base; expected an http or https URL; did you mean http://nonsense?",
        ]
    );
    let overrides = Overrides {
        grafana: None,
        ..overrides
    };
    let loaded = load_text("c.toml", "", &overrides, &Environment::of([]));
    let flags = loaded.entered().expect("usable");
    let seen: Vec<(&str, SourceKind, &str)> = flags
        .sources
        .iter()
        .map(|s| (s.name.as_str(), s.kind, s.url.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("mlflow", SourceKind::Mlflow, "https://ml.test"),
            (
                "prometheus",
                SourceKind::Prometheus,
                "https://prom.test/prometheus"
            ),
            (
                "alertmanager",
                SourceKind::Alertmanager,
                "http://127.0.0.1:9093"
            ),
            ("evidently", SourceKind::Evidently, "file://reports/daily"),
        ]
    );
}

#[test]
fn the_reference_tells_the_default_lines() {
    let text = reference();
    let all: Vec<_> = Policy::default().signals.lines.into_iter().collect();
    for (measure, lines) in all {
        let shown = |line: Option<f64>| line.map(|l| l.to_string());
        assert!(text.contains(measure.word()), "{measure}");
        for line in [shown(lines.warn), shown(lines.crit)].into_iter().flatten() {
            assert!(text.contains(&line), "{measure} {line}");
        }
    }
}
