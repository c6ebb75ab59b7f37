//! The keys of monitoring: what its sources are asked for, and the limits of signals.

use super::{ANY, Row, SECOND, SHARE, Section, Shape, row};
use crate::domain::signal::Measure;

/// The words of the measures.
static MEASURES: [&str; Measure::ALL.len()] = {
    let mut words = [""; Measure::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Measure::ALL[at].word();
        at += 1;
    }
    words
};

pub(super) static SIGNAL_POLICY: Section = Section {
    title: "[contexts.NAME.policy.signals]",
    doc: "The limits of signals. A line that a source states for one of its series beats these.",
    groups: &[&[
        row(
            "lines",
            Shape::Measures(&LINES),
            "From where on a measure is worth a warning or critical: `lines.error-ratio = { warn = 0.01, crit = 0.03 }`. A measure named here has these lines and no others; an empty table takes them away. Unnamed ones keep: error-ratio 0.01 and 0.03, latency-p95 and latency-mean 0.5 and 1, latency-p99 1 and 2 (seconds), saturation 0.9 and 0.98, drift-share 0.3 and 0.5, feature-drift 0.1, prediction-drift 0.1 and 0.25, target-drift 0.1, null-share 0.05 and 0.2, fairness 0.8.",
        ),
        row(
            "min_samples",
            Shape::Count,
            "Scores from fewer rows get no verdict.",
        )
        .or("500"),
        row(
            "bins",
            Shape::Count,
            "How many bins a drift score is taken to have where nobody says: for the noise floor.",
        )
        .or("10"),
        row(
            "job_stale_after",
            Shape::Duration(SECOND),
            "A drift or quality job that has not run for so long is an incident of its own.",
        )
        .or("26h"),
        row(
            "sample_stale_after",
            Shape::Duration(SECOND),
            "A sample older than this is stale.",
        )
        .or("5m"),
        row(
            "min_label_coverage",
            Shape::Number(SHARE),
            "The share of predictions whose label has come under which realised quality gets no verdict.",
        )
        .or("0.5"),
        row(
            "traffic_floor",
            Shape::Number(SHARE),
            "Traffic under this share of the hours before counts as lost.",
        )
        .or("0.2"),
        row(
            "latency_budget",
            Shape::Number(SHARE),
            "The share of requests that may be slower than the latency line.",
        )
        .or("0.05"),
        row(
            "skew_window",
            Shape::Duration(SECOND),
            "Drift that was there within this time of a version's first minute is training/serving skew.",
        )
        .or("1h"),
    ]],
};

pub(super) static LINES: Section = Section {
    title: "lines.MEASURE",
    doc: "Where a measure becomes worth a warning, and where critical, in the measure's own unit: shares from 0 to 1, times in seconds.",
    groups: &[LEVELS],
};

/// From where on a number is how bad.
const LEVELS: &[Row] = &[
    row("warn", Shape::Number(ANY), "Worth a warning from here on."),
    row("crit", Shape::Number(ANY), "Critical from here on."),
];

/// What a monitoring source is asked for.
pub(super) const MONITORING: &[Row] = &[
    row(
        "presets",
        Shape::Words,
        "Prometheus: the presets to ask for. Without it: those whose metrics the server holds. `assets/docs/presets.md` lists them.",
    ),
    row(
        "selector",
        Shape::Text,
        "Prometheus, Alertmanager: more matchers for each query, such as `namespace=\"prod\"`.",
    ),
    row(
        "models",
        Shape::NameMap,
        "How its model names become the registry's: `{ \"fraud_svc\" = \"fraud-detector\", regex = \"^(.*)-svc$\" }`. Names of the table first, then the regular expression's first group, else the name itself.",
    ),
    row(
        "model_label",
        Shape::Name,
        "The label, tag or metadata key that names the model where a preset does not say.",
    ),
    row(
        "version_label",
        Shape::Name,
        "The label, tag or metadata key that names the version there.",
    ),
    row(
        "history",
        Shape::Duration(SECOND),
        "How far back its records are read for what was served, written and marked before.",
    ),
    row(
        "utc_offset",
        Shape::Name,
        "Evidently: how far the clock of its stamps, which have no zone, is ahead of UTC: `+02:00`. Without it: not at all.",
    ),
    row(
        "tags",
        Shape::Words,
        "Grafana: tags that annotations and dashboards must all bear.",
    ),
    row(
        "window",
        Shape::Duration(SECOND),
        "Prometheus: what rates are taken over, `$win` in queries; at least four scrape intervals.",
    ),
    row(
        "signals",
        Shape::List(&SIGNAL),
        "Prometheus: signals of your own, and changes to those of presets.",
    ),
];

static SIGNAL: Section = Section {
    title: "[[contexts.NAME.sources.signals]]",
    doc: "A signal of a Prometheus source. With `preset` it changes that preset's signal of the same measure and part, or adds one to it; what it does not say stays as it was. In queries `$sel` stands for the source's `selector` (write `{$sel}` or `{code=\"500\",$sel}`), `$win` for its `window`. `assets/docs/presets.md` has the rest.",
    groups: &[
        &[
            row("preset", Shape::Name, "The preset it belongs to."),
            row("measure", Shape::OneOf(&MEASURES), "What it measures.").needed(),
            row(
                "query",
                Shape::Query,
                "The query, one for all models. Needed, unless the preset has one.",
            ),
            row(
                "by_version",
                Shape::Query,
                "The same query, split by version as well.",
            ),
            row(
                "unit",
                Shape::OneOf(&[
                    "score",
                    "ratio",
                    "seconds",
                    "per-second",
                    "count",
                    "p-value",
                    "stamp",
                ]),
                "How it is written. Without it: the measure's own.",
            ),
            row(
                "direction",
                Shape::OneOf(&["high-is-bad", "low-is-bad", "neither"]),
                "Which way is bad. Without it: the drift method's, else the measure's.",
            ),
        ],
        LEVELS,
        &[
            row(
                "scale",
                Shape::Number(ANY),
                "What the answer is multiplied by: `0.001` for milliseconds.",
            ),
            row(
                "labels",
                Shape::Table(&LABELS),
                "Which labels of the answer name what.",
            ),
            row(
                "method",
                Shape::Text,
                "The drift method or fairness metric, where no label names it.",
            ),
            row(
                "part",
                Shape::Text,
                "The feature, metric or group, where no label names it.",
            ),
            row(
                "absent",
                Shape::OneOf(&["zero", "no-traffic", "no-data"]),
                "What it means that a model which the preset knows has no series.",
            ),
            row(
                "threshold",
                Shape::Query,
                "A query for the line of each series.",
            ),
            row(
                "written",
                Shape::Query,
                "A query for when its writer last ran, in seconds since the epoch.",
            ),
            row("samples", Shape::Query, "A query for the rows behind it."),
            row(
                "reference",
                Shape::Query,
                "A query for the rows of its reference.",
            ),
        ],
    ],
};

static LABELS: Section = Section {
    title: "labels",
    doc: "Which labels of an answer name what.",
    groups: &[&[
        row("model", Shape::Name, "The model."),
        row("version", Shape::Name, "Its version."),
        row("part", Shape::Name, "The feature, metric or group."),
        row(
            "method",
            Shape::Name,
            "The drift method or fairness metric.",
        ),
    ]],
};
