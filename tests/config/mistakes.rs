//! Every bad file with exactly what is said of it.

use super::*;

/// Every bad file of `tests/config` with everything that is said of it.
const MISTAKES: &[(&str, &[&str])] = &[
    (
        "auth_both",
        &[
            "auth_both.toml:4:1: `contexts.prod.sources.mlflow.auth` is both basic and bearer; expected one of them",
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
        "auth_text",
        &[
            "auth_text.toml:4:8: `contexts.prod.sources.a.auth` is text; expected a table with basic, bearer, login",
            "auth_text.toml:8:18: `contexts.prod.sources.b.auth.basic` is text; expected a table with user, password",
            "auth_text.toml:11:7: `contexts.prod.sources.c.url`: the URL does not begin with http:// or https://; expected an http or https URL",
        ],
    ),
    (
        "bad_alias",
        &[
            "bad_alias.toml:2:12: `contexts.prod.policy.champion`: \"@champion\" begins with @; expected the alias itself; did you mean \"champion\"?",
        ],
    ),
    (
        "bad_context_name",
        &[
            "bad_context_name.toml:1:11: `context`: the name \" prod\" begins or ends with a space; did you mean \"prod\"?",
            "bad_context_name.toml:2:14: `contexts.\"prod\"`: the name \" prod\" begins or ends with a space; did you mean \"prod\"?",
            "bad_context_name.toml:5:9: `models.\"\"`: the text is empty; expected some text, or no such key",
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
        "bad_gates",
        &[
            "bad_gates.toml:5:17: `contexts.prod.policy.gates`: there is no gate \"fairnes\"; expected one of auc, consistency, data-drift, errors, fairness, latency, none, performance, ready, reproducible, rows, signature, size, training-age; did you mean \"fairness\"?",
            "bad_gates.toml:7:10: `contexts.prod.models.churn.gates`: there is no gate \"nope\"; expected one of auc, consistency, data-drift, errors, fairness, latency, none, performance, ready, reproducible, rows, signature, size, training-age; did you mean \"none\"?",
            "bad_gates.toml:9:12: `gates.latency.evidence`: \"latency-p59\" is no measure; expected one of requests, error-ratio, latency-p50, latency-p95, latency-p99, latency-mean, queue, saturation, prediction-mean, positive-share, prediction-rows, feature-drift, drift-share, prediction-drift, target-drift, quality-realised, quality-estimated, label-coverage, fairness, null-share, feature-mean, importance, samples, reference-samples, last-run; did you mean \"signal:latency-p50\"?",
            "bad_gates.toml:12:12: `gates.auc.evidence`: \"run_metric:auc\" is no evidence; expected run-metric:NAME, model-metric:NAME, version-tag:KEY, run-tag:KEY, signal:MEASURE, quality, signature, reproducibility, consistency, size, training-age, status or approval; did you mean \"run-metric:auc\"?",
            "bad_gates.toml:16:8: `gates.errors.rule`: \"<= 300ms\" is no rule for signal:error-ratio; expected limits such as \"<= 30 %\", \"<= 0.3\" or \"rise <= 1 %\" (points over the champion), joined by commas",
            "bad_gates.toml:17:11: `gates.errors.on_fail`: \"explode\" is none of the choices; expected \"block\", \"reason\" or \"warn\"",
            "bad_gates.toml:18:8: `gates.size` has no `rule`; expected limits such as \"<= 500MiB\" or \"rise <= 20 %\", joined by commas",
            "bad_gates.toml:18:8: warning: the gate `size` is in no list of gates: only the tag quarterdeck.gates can ask for it; expected its name in `gates` of a policy or of a model",
            "bad_gates.toml:20:8: `gates.none` has no `evidence`; expected text",
            "bad_gates.toml:20:8: warning: the gate `none` is in no list of gates: only the tag quarterdeck.gates can ask for it; expected its name in `gates` of a policy or of a model",
            "bad_gates.toml:24:1: `gates.signature.min_n` means nothing here; expected it with evidence = \"signal:…\", or \"run-metric:…\" with `rows`",
            "bad_gates.toml:25:1: `gates.signature.method` means nothing here; expected it with evidence = \"signal:…\"",
            "bad_gates.toml:26:8: warning: the gate `rows` is in no list of gates: only the tag quarterdeck.gates can ask for it; expected its name in `gates` of a policy or of a model",
            "bad_gates.toml:28:8: `gates.rows.rule`: \"drop >= 0.1\" is no rule for run-metric:auc; expected limits such as \">= 0.9\", \"drop <= 0.005\" or \"drop <= 1 %\" (against the champion), joined by commas; the number is in the metric's own unit; did you mean \"drop <= 0.1\"?",
        ],
    ),
    (
        "bad_hook_pipelines",
        &[
            "bad_hook_pipelines.toml:10:12: `contexts.none.hooks.a.pipeline`: the context has nothing that runs it; expected a source with kind = \"airflow\"",
            "bad_hook_pipelines.toml:12:10: `contexts.none.hooks.b.source`: no source \"af\" runs pipelines; expected a source with kind = \"airflow\"",
            "bad_hook_pipelines.toml:22:12: `contexts.one.hooks.both` has a `command` and a `pipeline`; expected one of the two",
            "bad_hook_pipelines.toml:25:12: `contexts.one.hooks.empty.pipeline` names no pipeline; expected its id: \"deploy_model\"",
            "bad_hook_pipelines.toml:26:21: `contexts.one.hooks.neither` does nothing; expected the `command` or the `pipeline` that brings a version to serving",
            "bad_hook_pipelines.toml:29:1: warning: `contexts.one.hooks.sourced.source` means nothing here; expected it with a `pipeline`",
            "bad_hook_pipelines.toml:32:12: `contexts.one.hooks.typed.pipeline` is a whole number; expected text; did you mean \"5\"?",
            "bad_hook_pipelines.toml:45:12: `contexts.two.hooks.which` does not say where the pipeline is; expected `source`, one of af-eu, af-us",
            "bad_hook_pipelines.toml:48:10: `contexts.two.hooks.wrong.source`: no source \"af-ue\" runs pipelines; expected one of af-eu, af-us; did you mean \"af-eu\"?",
        ],
    ),
    (
        "bad_hooks",
        &[
            "bad_hooks.toml:7:8: `contexts.prod.deployments.a.hook`: there is no hook \"deply\"; expected one of deploy, nothing; did you mean \"deploy\"?",
            "bad_hooks.toml:12:11: `contexts.prod.deployments.b` has no `hook`; expected the name of the hook that brings a version there",
            "bad_hooks.toml:18:8: warning: `contexts.prod.deployments.c.hook` means nothing here; expected it with rollout = \"hook\"",
            "bad_hooks.toml:22:1: `contexts.prod.hooks.nothing.command` names no program; expected the program and its arguments: [\"./deploy\", \"--now\"]",
            "bad_hooks.toml:28:8: `contexts.test.deployments.d.hook`: there is no hook \"deploy\"; expected it as [contexts.test.hooks.deploy]",
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
        "column",
        &[
            "column.toml:1:30: unknown key `zebra` in `console`; expected one of theme, symbols, color, mouse",
        ],
    ),
    (
        "duplicate_across",
        &[
            "duplicate_across.toml:4:1: `contexts.prod.deployments.ml` has the name of a source, at duplicate_across.toml:1; expected names that are unique in the context",
        ],
    ),
    (
        "duplicate_binding",
        &[
            "duplicate_binding.toml:3:8: `models.open` has keys twice, first at duplicate_binding.toml:2; expected one list of keys",
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
        "monitoring",
        &[
            "monitoring.toml:4:1: `contexts.prod.sources.ml.tenant` means nothing for a source of the kind mlflow; expected it with kind = \"prometheus\" or \"alertmanager\"",
            "monitoring.toml:5:1: `contexts.prod.sources.ml.models` means nothing for a source of the kind mlflow; expected it with kind = \"prometheus\", \"alertmanager\", \"evidently\" or \"grafana\"",
            "monitoring.toml:10:22: `contexts.prod.sources.prom.presets`: there is no preset \"tfservin\"; did you mean \"tfserving\"?",
            "monitoring.toml:11:20: `contexts.prod.sources.prom.models.regex`: the regular expression has no group; expected a group around the name, such as \"^(.*)-svc$\"",
            "monitoring.toml:11:33: `contexts.prod.sources.prom.models.a` is a whole number; expected text; did you mean \"5\"?",
            "monitoring.toml:12:1: `contexts.prod.sources.prom.workspace` means nothing for a source of the kind prometheus; expected it with kind = \"mlflow\"",
            "monitoring.toml:14:11: `contexts.prod.sources.prom.signals.1.measure`: \"latency-p59\" is none of the choices; expected \"requests\", \"error-ratio\", \"latency-p50\", \"latency-p95\", \"latency-p99\", \"latency-mean\", \"queue\", \"saturation\", \"prediction-mean\", \"positive-share\", \"prediction-rows\", \"feature-drift\", \"drift-share\", \"prediction-drift\", \"target-drift\", \"quality-realised\", \"quality-estimated\", \"label-coverage\", \"fairness\", \"null-share\", \"feature-mean\", \"importance\", \"samples\", \"reference-samples\" or \"last-run\"; did you mean \"latency-p50\"?",
            "monitoring.toml:17:11: `contexts.prod.sources.prom.signals.2` has no `query`; expected a query: no preset's signal has this measure and part",
            "monitoring.toml:19:10: `contexts.prod.sources.prom.signals.3.preset`: `presets` leaves \"vllm\" out; expected it among `presets`, or no `presets`",
            "monitoring.toml:22:10: `contexts.prod.sources.prom.signals.4.preset`: there is no preset \"kserv\"; did you mean \"kserve\"?",
            "monitoring.toml:29:8: `contexts.prod.sources.prom.signals.5`: warn 2 > crit 1, so nothing would ever be worth a warning alone; expected warn before crit",
            "monitoring.toml:30:9: `contexts.prod.sources.prom.signals.5.scale` is text; expected a number; did you mean 0.001?",
            "monitoring.toml:31:1: `contexts.prod.sources.drift` has no `url`; expected an http or https URL, or `path` with a folder of reports",
            "monitoring.toml:38:1: `contexts.prod.sources.drift-2` has both `url` and `path`; expected one of the two",
            "monitoring.toml:39:14: `contexts.prod.sources.drift-2.utc_offset`: \"CET\" is no offset; expected hours and minutes, such as \"+02:00\"",
            "monitoring.toml:41:17: `contexts.prod.policy.signals.traffic_floor`: 20 is not possible here; expected a number from 0 to 1",
            "monitoring.toml:42:7: `eror-ratio` in `contexts.prod.policy.signals.lines` is no measure; did you mean `error-ratio`?",
            "monitoring.toml:43:35: `contexts.prod.policy.signals.lines.error-ratio`: warn 0.2 > crit 0.1, so nothing would ever be worth a warning alone; expected warn before crit",
            "monitoring.toml:45:26: `models.fraud.importances.amount`: 4 is not possible here; expected a number from 0 to 1",
            "monitoring.toml:45:37: `models.fraud.importances.age` is text; expected a number from 0 to 1; did you mean 0.2?",
            "monitoring.toml:46:30: warning: `models.fraud.floors.zeal`: its name does not tell whether more of it is better; it is taken as the least; expected `ceilings` for a metric of which less is better",
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
        "secret_syntax",
        &[
            "secret_syntax.toml:3:57: not TOML: invalid basic string, expected `\"`",
            "secret_syntax.toml:4:1: not TOML: missing comma between key-value pairs, expected `,`",
            "secret_syntax.toml:4:35: not TOML: unclosed inline table, expected `}`",
            "secret_syntax.toml:4:35: not TOML: invalid literal string, expected `'`",
        ],
    ),
    (
        "serving_as_source",
        &[
            "serving_as_source.toml:3:8: `contexts.prod.sources.fraud.kind`: \"v2\" is none of the choices; expected \"mlflow\", \"prometheus\", \"alertmanager\", \"evidently\", \"grafana\" or \"airflow\"; did you mean [[contexts.prod.deployments]]?",
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
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
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
    loaded.check_keys(|keys| {
        assert_eq!(keys["models.open"], ["enter", "ctrl-"]);
        [
            ("models.opne", "there is no such command"),
            ("models.open", "`ctrl-` is no key"),
            ("app.quit", "`enter` is also a key of models.open"),
        ]
        .map(|(id, why)| (id.to_owned(), why.to_owned()))
        .to_vec()
    });
    assert_eq!(
        &said(&loaded)[..3],
        [
            "c.toml:5:1: keys of `models.opne`: there is no such command",
            "c.toml:6:16: keys of `app.quit`: `enter` is also a key of models.open",
            "c.toml:7:3: keys of `models.open`: `ctrl-` is no key",
        ]
    );
    assert!(loaded.settings.is_none());
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
