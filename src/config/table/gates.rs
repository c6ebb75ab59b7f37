//! The keys of gates.

use super::{Row, Section, Shape, row};

const CONSEQUENCES: Shape = Shape::OneOf(&["block", "reason", "warn"]);

/// A gate.
pub(super) static GATE: Section = Section {
    title: "[gates.NAME] or [contexts.NAME.gates.NAME]",
    doc: "What a version has to show before an alias moves to it. A gate counts where a list names it: `gates` of a policy, `gates` of a model, or the tag `quarterdeck.gates` of a registered model. These are there without a table, and a table of the same name stands in for them: `ready`, `performance`, `signature`, `reproducible`, `data-drift`, `consistency`, `fairness`, `latency`, `errors`, `training-age`. A context's own gate beats a shared one of the same name. A tag `quarterdeck.gate.NAME` adds demands to a rule and takes none away.",
    groups: &[KEYS],
};

const KEYS: &[Row] = &[
    row(
        "evidence",
        Shape::Text,
        "What it looks at: `run-metric:NAME` (of the run that made the version; `NAME*` for groups), `model-metric:NAME` (of the logged model), `quality` (the model's `metric`, else a customary one), `version-tag:KEY`, `run-tag:KEY`, `signal:MEASURE` (what monitoring measures of the version), `signature`, `reproducibility`, `consistency` (does serving send what the version needs), `size` of the package, `training-age`, `status`, `approval`.",
    )
    .needed(),
    row(
        "rule",
        Shape::Text,
        "What it demands; several with commas must all hold. Numbers: `>= 0.9`, `<= 300ms`, `<= 500MiB`, `<= 30 %`; against the version that holds the alias: `drop <= 0.005` (worse by, whichever way is worse), `drop <= 1 %` (of its value), `rise <= 20ms`. A logged metric is compared only where both were evaluated on a dataset of the same name and digest; else the gate is unknown. Tags: `present`, `= passed`, `= passed | waived`, `!= failed`, `>= 3`, `age <= 30d`. `signature`: `compatible` (no input removed, retyped or newly required; the usual) or `identical`. `reproducibility`: `complete` (the usual) or some of `git, data, model, environment`. `training-age`: `<= 30d`. `approval`: `claimed` (the usual) or `verified`, and `age <= 3d`. `consistency`: `consistent`. `status`: `= ready`.",
    ),
    row(
        "method",
        Shape::Text,
        "Signals: only readings of this drift method or fairness metric.",
    ),
    row(
        "part",
        Shape::Text,
        "Signals: only this feature, metric or group. Without it: each, and the worst decides.",
    ),
    row(
        "rows",
        Shape::Text,
        "Run metrics: the metric that holds the rows behind it; `NAME*` for groups.",
    ),
    row(
        "min_n",
        Shape::Count,
        "Under so many rows it is unknown. Without it: for signals `min_samples` of the policy.",
    ),
    row(
        "on_fail",
        CONSEQUENCES,
        "What follows where it fails: `block` (no reason helps), `reason` (somebody gives one), `warn` (it is told).",
    )
    .or("reason"),
    row(
        "on_unknown",
        CONSEQUENCES,
        "What follows where nobody can tell. An approval that nobody can check has at least the weight of one that fails.",
    )
    .or("reason"),
];
