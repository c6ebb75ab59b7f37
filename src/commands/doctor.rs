//! `doctor`: tests sources, wiring, settings, state and terminal, and says what to do about each
//! finding.

mod machine;
mod servers;
mod signals;

use serde_json::{Value, json};

use super::documents;
use super::exit::{Exit, Failure};
use super::output::Table;
use super::session::{Base, Session, answered};
use crate::cli::Global;
use crate::runtime::clock::Clock;
use crate::runtime::headless::Options;

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Somebody should look.
    Doubt,
    /// Something does not work.
    Error,
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "info",
            Self::Doubt => "warn",
            Self::Error => "error",
        }
    }

    fn sgr(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Note => "36",
            Self::Doubt => "33",
            Self::Error => "1;31",
        }
    }
}

/// One thing that was tested.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Finding {
    weight: Weight,
    /// `settings`, `source mlflow`, `wiring`, `state`, `terminal`.
    area: String,
    /// What was tested: `reach`, `tls`, `auth`, `version`, …
    test: &'static str,
    /// What was found.
    text: String,
    /// What to do; empty where nothing has to be done.
    advice: String,
}

impl Finding {
    fn new(weight: Weight, area: &str, test: &'static str, found: impl Into<String>) -> Self {
        Self {
            weight,
            area: area.to_owned(),
            test,
            text: found.into(),
            advice: String::new(),
        }
    }

    fn good(area: &str, test: &'static str, found: impl Into<String>) -> Self {
        Self::new(Weight::Good, area, test, found)
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

/// Runs `doctor`. Settings that cannot be used are a finding like others.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(global: &Global) -> Result<Exit, Failure> {
    let base = Base::load(global, global.demo);
    let mut found = machine::settings(&base);
    let mut exit = Exit::Done;
    let out = base.out;
    let mut context = String::new();
    match Session::open(global).await {
        Ok(session) => {
            context = session.name().to_owned();
            let options = Options {
                probe: true,
                runs: 0,
                ..Options::default()
            };
            let collected = session.look_at(&options).await;
            found.extend(servers::sources(&collected));
            found.extend(signals::signals(&collected, session.deadline).await);
            found.extend(servers::wiring(&collected.fleet));
            if !answered(&collected.fleet) {
                exit = Exit::NoAnswer;
            }
        }
        // The mistakes are among the findings already.
        Err(failure) => exit = failure.exit,
    }
    found.extend(machine::state());
    found.extend(machine::terminal(&base));
    if exit == Exit::Done && found.iter().any(|f| f.weight == Weight::Error) {
        exit = Exit::Internal;
    }
    let count = |weight: Weight| found.iter().filter(|f| f.weight == weight).count();
    let (errors, doubts) = (count(Weight::Error), count(Weight::Doubt));
    if out.json {
        out.document(&documents::document(
            "doctor",
            json!({
                "context": context,
                "generated_at": Clock::default().wall().rfc3339(),
                "errors": errors,
                "warnings": doubts,
                "findings": found.iter().map(document).collect::<Vec<_>>(),
            }),
        ))?;
        return Ok(exit);
    }
    let mut table = Table::new(&["", "WHERE", "TEST", "FOUND"]);
    for finding in &found {
        table.row(vec![
            out.cell(finding.weight.word(), finding.weight.sgr()),
            finding.area.as_str().into(),
            finding.test.into(),
            finding.text.as_str().into(),
        ]);
        if !finding.advice.is_empty() {
            let arrow = out.own("→");
            let advice = format!("{arrow} {}", finding.advice);
            table.row(vec!["".into(), "".into(), "".into(), advice.into()]);
        }
    }
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    out.print(&format!(
        "{}\n{}, {}",
        table.render(),
        plural(errors, "error"),
        plural(doubts, "warning")
    ))?;
    Ok(exit)
}

fn document(finding: &Finding) -> Value {
    json!({
        "level": finding.weight.word(),
        "where": finding.area,
        "test": finding.test,
        "text": finding.text,
        "advice": Some(&finding.advice).filter(|a| !a.is_empty()),
    })
}
