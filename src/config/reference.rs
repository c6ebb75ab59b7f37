//! The printed reference of every key, from the one table.

use std::fmt::Write as _;

use super::layers::overridable;
use super::table::{OTHER_VARIABLES, ROOT, Section, Shape};
use super::value::describe;

/// What a value may look like, in one cell.
fn brief(shape: Shape) -> String {
    match shape {
        Shape::Table(inner) if !inner.title.starts_with('[') => {
            format!("table, see `{}`", inner.title)
        }
        Shape::Table(inner) | Shape::List(inner) => format!("`{}`", inner.title),
        Shape::Named(inner) => format!("tables, see `{}`", inner.title),
        Shape::Measures(inner) => format!("tables by measure, see `{}`", inner.title),
        Shape::NameMap => "table of texts, or `{ regex = … }`".to_owned(),
        Shape::OneOf(words) => words
            .iter()
            .map(|w| format!("`\"{w}\"`"))
            .collect::<Vec<_>>()
            .join(", "),
        Shape::Flag => "`true`, `false`".to_owned(),
        Shape::Duration(_) => "duration: `\"500ms\"`, `\"10s\"`, `\"1h30m\"`, `\"90d\"`".to_owned(),
        Shape::Secret { public: true } => "text or secret".to_owned(),
        Shape::Secret { public: false } => "secret".to_owned(),
        Shape::Headers => "table of texts".to_owned(),
        Shape::Keys => "table of key sequences".to_owned(),
        Shape::Words => "list of texts, or one".to_owned(),
        Shape::VersionMap => "text or `{ regex = … }`".to_owned(),
        Shape::Follows => "text".to_owned(),
        other => describe(other).replace('|', "\\|"),
    }
}

/// The reference as Markdown: `assets/docs/config.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# Settings\n\n\
         Generated from the program's own table of keys; do not edit.\n\n\
         Settings come from four layers: default, file, variable, flag; the later wins. `quarterdeck config path` \
         says which file is read, `config show` where each value came from, `config check` what is wrong with them.\n",
    );
    section(&ROOT, &mut Vec::new(), &mut out);
    out.push_str("\n## Variables and flags\n\n| variable | flag | sets |\n|---|---|---|\n");
    for (path, row) in overridable() {
        let _ = writeln!(
            out,
            "| `{}` | `{}` | `{}` |",
            row.variable,
            row.flag,
            path.join(".")
        );
    }
    for (name, doc) in OTHER_VARIABLES {
        let _ = writeln!(out, "| `{name}` | | {doc} |");
    }
    out.push_str(
        "\nThe context entered: `--context`; else the servers that `--mlflow`, `--serving`, `--prometheus`, `--alertmanager`, \
         `--evidently` and `--grafana` name; else \
         `QUARTERDECK_CONTEXT`; else `context` of the file; else the only one of the file; else `env`.\n\n\
         MLflow's own variables (`MLFLOW_TRACKING_URI`, `_USERNAME`, `_PASSWORD`, `_TOKEN`, `_INSECURE_TLS`, \
         `_SERVER_CERT_PATH`, `_CLIENT_CERT_PATH`, `MLFLOW_WORKSPACE`, `MLFLOW_HTTP_REQUEST_TIMEOUT`) and \
         `~/.mlflow/credentials` make the context `env` and nothing else; their credentials go only to the URI they \
         came with, also when `--mlflow` names the same one. User and password win over the token, as in MLflow's client.\n",
    );
    out
}

fn section(section_: &'static Section, seen: &mut Vec<&'static str>, out: &mut String) {
    if seen.contains(&section_.title) {
        return;
    }
    seen.push(section_.title);
    let _ = write!(
        out,
        "\n## {}\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
        if section_.title.starts_with("the") {
            section_.title.to_owned()
        } else {
            format!("`{}`", section_.title)
        },
        section_.doc
    );
    let mut inner = Vec::new();
    for row in section_.rows() {
        let default = match (row.required, row.default) {
            (true, _) => "(needed)".to_owned(),
            (_, "") => String::new(),
            (_, text) => format!("`{text}`"),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | {} |",
            row.key,
            brief(row.shape),
            row.doc.replace('|', "\\|")
        );
        if let Shape::Table(next) | Shape::Named(next) | Shape::List(next) | Shape::Measures(next) =
            row.shape
        {
            inner.push(next);
        }
    }
    // A context's own tables before those that are shared with it.
    inner.sort_by_key(|s| s.title.contains(" or "));
    for next in inner {
        section(next, seen, out);
    }
}
