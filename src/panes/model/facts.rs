//! What is known of one version, as lines: where it came from, whether it could be made again, what
//! goes in and out, and what that changes for callers of the champion.

use super::Page;
use crate::domain::fleet::PackageState;
use crate::domain::key::{RunKey, VersionKey};
use crate::domain::model::{Field, ModelVersion, Package, VersionStatus};
use crate::domain::rules::reproducible::Truth;
use crate::domain::rules::signature;
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::{age, span as duration};
use crate::panes::Cx;
use crate::ui::paint::{Span, span};
use crate::ui::symbols::Symbols;
use crate::ui::text;
use crate::ui::theme::Role;

/// One line.
pub(super) type Line = Vec<Span<'static>>;

/// The columns that labels take.
const LABEL: usize = 13;

/// Everything known of a version, in lines at most `width` columns wide where they are prose.
pub(super) fn lines(
    page: &Page<'_>,
    version: &ModelVersion,
    cx: &Cx<'_>,
    symbols: &Symbols,
    width: u16,
) -> Vec<Line> {
    let mut out = Vec::new();
    status(version, symbols, &mut out);
    prose("", &version.description, width, Role::Text, &mut out);
    against_champion(page, version, cx, symbols, &mut out);
    lineage(page, version, cx, symbols, &mut out);
    reproducible(version, cx, symbols, &mut out);
    datasets(page, version, cx, &mut out);
    package(page, version, cx, &mut out);
    tags(version, &mut out);
    out
}

fn heading(title: impl Into<std::borrow::Cow<'static, str>>, out: &mut Vec<Line>) {
    if !out.is_empty() {
        out.push(Vec::new());
    }
    out.push(vec![span(Role::Header, title)]);
}

fn labelled(label: &str, value: Line) -> Line {
    let mut line = vec![span(Role::Label, text::pad(label, LABEL))];
    line.extend(value);
    line
}

fn plain(label: &str, value: impl Into<String>) -> Line {
    labelled(label, vec![span(Role::Text, value.into())])
}

fn prose(label: &str, words: &Clean, width: u16, role: Role, out: &mut Vec<Line>) {
    let indent = if label.is_empty() { 0 } else { LABEL };
    let room = usize::from(width).saturating_sub(indent).max(20);
    for (n, line) in text::wrap(words.as_str(), room).into_iter().enumerate() {
        let value = vec![span(role, line)];
        if indent == 0 {
            out.push(value);
        } else {
            out.push(labelled(if n == 0 { label } else { "" }, value));
        }
    }
}

fn status(version: &ModelVersion, symbols: &Symbols, out: &mut Vec<Line>) {
    let (role, glyph, word) = match &version.status {
        VersionStatus::Ready => return,
        VersionStatus::Pending => (
            Role::Warn,
            symbols.level(crate::domain::level::Level::Warn),
            "still being registered".to_owned(),
        ),
        VersionStatus::Failed => (
            Role::Crit,
            symbols.verdict[1],
            "registration failed".to_owned(),
        ),
        VersionStatus::Other(word) => (Role::Unknown, "?", format!("status {word}")),
    };
    let mut line = vec![span(role, format!("{glyph} {word}"))];
    if !version.status_message.is_empty() {
        line.push(span(Role::Text, format!(": {}", version.status_message)));
    }
    out.push(line);
}

fn lineage(
    page: &Page<'_>,
    version: &ModelVersion,
    cx: &Cx<'_>,
    symbols: &Symbols,
    out: &mut Vec<Line>,
) {
    heading("LINEAGE", out);
    match &version.run {
        None => out.push(labelled(
            "run",
            vec![
                span(Role::Unknown, "? "),
                span(Role::Text, "the registry names no run for this version"),
            ],
        )),
        Some(key) => run_lines(page, key, cx, symbols, out),
    }
    if !version.source.is_empty() {
        out.push(labelled(
            "source",
            vec![span(Role::Dim, version.source.to_string())],
        ));
    }
}

fn run_lines(page: &Page<'_>, key: &RunKey, cx: &Cx<'_>, symbols: &Symbols, out: &mut Vec<Line>) {
    let id = key.id.clean();
    if cx.fleet.is_run_gone(key) {
        out.push(labelled(
            "run",
            vec![
                span(Role::Crit, format!("{} broken  ", symbols.verdict[1])),
                span(Role::Text, format!("the tracker does not hold run {id}")),
            ],
        ));
        return;
    }
    let Some(run) = page.run(key, cx) else {
        let words = match page.fault(key) {
            Some(fault) => vec![
                span(Role::Unknown, "? "),
                span(Role::Text, format!("run {id} cannot be read: {fault}")),
            ],
            None => vec![span(Role::Dim, format!("run {id} is being read"))],
        };
        out.push(labelled("run", words));
        return;
    };
    let name = if run.name.is_empty() {
        id.to_string()
    } else {
        run.name.to_string()
    };
    let took = run
        .ended
        .map(|e| format!(" in {}", duration(e.since(run.started))));
    let bad = matches!(
        run.status,
        crate::domain::run::RunStatus::Failed | crate::domain::run::RunStatus::Killed
    );
    let mut value = vec![
        span(Role::Text, name),
        span(
            if bad { Role::Warn } else { Role::Dim },
            format!("  {}{}", run.status.word(), took.unwrap_or_default()),
        ),
    ];
    if run.deleted {
        value.push(span(Role::Warn, "  deleted in the tracker"));
    }
    out.push(labelled("run", value));
    let experiment = cx.fleet.experiment(&run.experiment).map_or_else(
        || format!("number {}", run.experiment.id.clean()),
        |h| h.fact.name.to_string(),
    );
    out.push(plain("experiment", experiment));
    let by = if run.user.is_empty() {
        String::new()
    } else {
        format!(" by {}", run.user)
    };
    out.push(labelled(
        "started",
        vec![
            span(Role::Text, format!("{}Z{by}", run.started.day_minute())),
            span(
                Role::Dim,
                format!("  {} ago", age(cx.now.wall.since(run.started))),
            ),
        ],
    ));
}

/// Glyph and role of a claim's truth: only a checked one looks like it.
fn truth(truth: Truth, symbols: &Symbols) -> (&'static str, Role) {
    match truth {
        Truth::Verified => (symbols.verdict[0], Role::Ok),
        Truth::Claimed => (
            symbols.known(crate::domain::deployment::Known::Declared),
            Role::Text,
        ),
        Truth::Missing => ("?", Role::Unknown),
        Truth::Broken => (symbols.verdict[1], Role::Crit),
    }
}

fn reproducible(version: &ModelVersion, cx: &Cx<'_>, symbols: &Symbols, out: &mut Vec<Line>) {
    let Some(claims) = cx.fleet.reproducibility(&version.key) else {
        return;
    };
    heading("REPRODUCIBLE", out);
    for claim in &claims {
        let (glyph, role) = truth(claim.truth, symbols);
        out.push(labelled(
            claim.what,
            vec![
                span(
                    role,
                    format!("{glyph} {}", text::pad(claim.truth.word(), 9)),
                ),
                span(Role::Text, claim.text.to_string()),
            ],
        ));
    }
}

fn datasets(page: &Page<'_>, version: &ModelVersion, cx: &Cx<'_>, out: &mut Vec<Line>) {
    let Some(run) = version.run.as_ref().and_then(|key| page.run(key, cx)) else {
        return;
    };
    heading("DATASETS", out);
    if run.datasets.is_empty() {
        out.push(vec![span(Role::Dim, "the run logged none")]);
    }
    for set in run.datasets.iter() {
        let context = if set.context.is_empty() {
            "–"
        } else {
            set.context.as_str()
        };
        let from: Vec<&str> = [set.source_kind.as_str(), set.source.as_str()]
            .into_iter()
            .filter(|s| !s.is_empty())
            .collect();
        out.push(labelled(
            context,
            vec![
                span(Role::Text, set.name.to_string()),
                span(Role::Dim, format!("  {}  {}", set.digest, from.join(" "))),
            ],
        ));
    }
}

fn package(page: &Page<'_>, version: &ModelVersion, cx: &Cx<'_>, out: &mut Vec<Line>) {
    heading("SIGNATURE", out);
    let read = match cx.fleet.package(&version.key) {
        Some(PackageState::Read(package)) => package,
        Some(PackageState::Unreadable) => {
            out.push(vec![
                span(Role::Unknown, "? "),
                span(
                    Role::Text,
                    "the model's package cannot be read: signature and environment are not known",
                ),
            ]);
            return;
        }
        None => {
            let words = match page.package_fault(&version.key) {
                Some(fault) => vec![
                    span(Role::Unknown, "? "),
                    span(
                        Role::Text,
                        format!("the model's package was not read: {fault}"),
                    ),
                ],
                None => vec![span(Role::Dim, "the model's package is being read")],
            };
            out.push(words);
            return;
        }
    };
    match &read.signature {
        None => out.push(vec![
            span(Role::Unknown, "? "),
            span(Role::Text, "none was logged: callers cannot be checked"),
        ]),
        Some(own) => {
            fields("in", &own.inputs, out);
            fields("out", &own.outputs, out);
            fields("parameter", &own.params, out);
        }
    }
    flavors(read, out);
}

/// What a version changes for those who use the champion now: nothing where it is the champion.
fn against_champion(
    page: &Page<'_>,
    version: &ModelVersion,
    cx: &Cx<'_>,
    symbols: &Symbols,
    out: &mut Vec<Line>,
) {
    let Some(champion) = page.champion() else {
        return;
    };
    if champion.key == version.key.version {
        return;
    }
    heading(format!("AGAINST {} (CHAMPION)", champion.text), out);
    if let Some((metric, higher)) = &page.state.metric
        && let (Some(own), Some(theirs)) = (page.quality(version, cx), page.champion_quality(cx))
    {
        let delta = own - theirs;
        let worse = delta != 0.0 && (delta > 0.0) != *higher;
        let mut value = vec![span(Role::Text, text::number(own))];
        if delta.is_finite() {
            let role = if worse { Role::Warn } else { Role::Text };
            value.push(span(role, format!("  {}", text::delta(delta))));
        }
        out.push(labelled(&text::cut(metric.as_str(), LABEL - 1, "…"), value));
    }
    let signature_of = |key: &VersionKey| match cx.fleet.package(key) {
        Some(PackageState::Read(package)) => package.signature.as_ref(),
        _ => None,
    };
    let key = VersionKey {
        model: version.key.model.clone(),
        version: champion.key.clone(),
    };
    let (Some(theirs), Some(own)) = (signature_of(&key), signature_of(&version.key)) else {
        out.push(labelled(
            "signature",
            vec![
                span(Role::Unknown, "? "),
                span(Role::Text, "not compared: one of the two is not known"),
            ],
        ));
        return;
    };
    let all = signature::compare(theirs, own);
    if all.is_empty() {
        out.push(plain("signature", "the same"));
    }
    for (n, difference) in all.iter().enumerate() {
        let (glyph, role, word) = if difference.breaking {
            (symbols.verdict[1], Role::Crit, "breaks  ")
        } else {
            (symbols.verdict[0], Role::Ok, "fits    ")
        };
        out.push(labelled(
            if n == 0 { "signature" } else { "" },
            vec![
                span(role, format!("{glyph} {word}")),
                span(Role::Text, symbols.plain(difference.text.as_str())),
            ],
        ));
    }
}

fn fields(label: &'static str, all: &[Field], out: &mut Vec<Line>) {
    let wide = all
        .iter()
        .map(|f| f.name.width())
        .max()
        .unwrap_or(0)
        .min(32);
    for (n, field) in all.iter().enumerate() {
        let name = if field.name.is_empty() {
            format!("#{}", n + 1)
        } else {
            field.name.to_string()
        };
        let optional = if field.required { "" } else { "  optional" };
        out.push(labelled(
            if n == 0 { label } else { "" },
            vec![
                span(Role::Text, text::pad(&name, wide)),
                span(Role::Dim, format!("  {}{optional}", field.kind)),
            ],
        ));
    }
}

fn flavors(package: &Package, out: &mut Vec<Line>) {
    heading("PACKAGE", out);
    let words = |all: &[Clean]| all.iter().map(Clean::as_str).collect::<Vec<_>>().join(", ");
    if !package.flavors.is_empty() {
        out.push(plain("flavors", words(&package.flavors)));
    }
    if !package.environment.is_empty() {
        out.push(plain("environment", words(&package.environment)));
    }
    let size = package.size.map(text::bytes);
    if let Some(size) = size {
        out.push(plain("size", size));
    }
    if !package.written_by.is_empty() {
        out.push(labelled(
            "written by",
            vec![span(Role::Dim, package.written_by.to_string())],
        ));
    }
}

fn tags(version: &ModelVersion, out: &mut Vec<Line>) {
    if version.tags.is_empty() {
        return;
    }
    heading("TAGS", out);
    let wide = version
        .tags
        .iter()
        .map(|(k, _)| k.width())
        .max()
        .unwrap_or(0)
        .clamp(LABEL - 2, 28);
    for (key, value) in version.tags.iter() {
        out.push(vec![
            span(Role::Label, text::pad(key.as_str(), wide + 2)),
            span(Role::Text, value.to_string()),
        ]);
    }
}

/// The quality metric of a run that is held.
pub(super) fn metric_of(run: &RunKey, metric: &Clean, cx: &Cx<'_>) -> Option<f64> {
    let runs = cx.fleet.runs();
    runs.row(runs.find(run)?)?
        .metric(runs.texts().find(metric.as_str())?)
}

/// The name of a run that is held.
pub(super) fn run_name(run: &RunKey, cx: &Cx<'_>) -> Option<Clean> {
    let runs = cx.fleet.runs();
    let name = runs.text(runs.row(runs.find(run)?)?.name);
    (!name.is_empty()).then(|| name.clone())
}

/// The whole run where it was read, else what the table of runs holds.
pub(super) fn held_run(whole: Option<&Run>, key: &RunKey, cx: &Cx<'_>) -> Option<Run> {
    whole.cloned().or_else(|| cx.fleet.runs().unpack(key))
}
