//! How a monitoring system's names become the registry's: the settings' table and expression, ready
//! for use.

use regex_lite::Regex;

use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::Key;
use crate::domain::signal::NameMap;

/// The longest name of a model, in bytes: what is longer is none that a registry holds.
const LONGEST: usize = 1_024;

/// A name map whose expression is compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    table: Vec<(String, String)>,
    regex: Option<Regex>,
}

impl Names {
    /// # Errors
    /// [`FaultKind::Config`] when the expression is none.
    pub(super) fn new(map: &NameMap) -> Result<Self, Fault> {
        let compile = |text: &str| {
            Regex::new(text).map_err(|why| {
                let why = format!("the expression for model names cannot be used: {why}");
                Fault::new(FaultKind::Config, "", &why)
            })
        };
        Ok(Self {
            table: map.table.clone(),
            regex: map.regex.as_deref().map(compile).transpose()?,
        })
    }

    /// The registry's name; the monitoring's own where nothing maps it. `None` for what is no name.
    pub(super) fn model(&self, theirs: &str) -> Option<Key> {
        if theirs.trim().is_empty() || theirs.len() > LONGEST {
            return None;
        }
        if let Some(ours) = self.listed(theirs) {
            return Some(ours);
        }
        let found = self.regex.as_ref().and_then(|regex| {
            let groups = regex.captures(theirs)?;
            Some(groups.get(1)?.as_str())
        });
        Some(Key::new(
            found.filter(|name| !name.is_empty()).unwrap_or(theirs),
        ))
    }

    /// The registry's name of a name that the table lists.
    pub(super) fn listed(&self, theirs: &str) -> Option<Key> {
        let row = self.table.iter().find(|(name, _)| name == theirs)?;
        Some(Key::new(&row.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_comes_first_then_the_expression_then_the_name_itself() {
        let names = Names::new(&NameMap {
            table: vec![("fraud-svc".to_owned(), "fraud-detector".to_owned())],
            regex: Some("^(.*)-svc$".to_owned()),
        })
        .expect("an expression");
        for (theirs, ours) in [
            ("fraud-svc", Some("fraud-detector")),
            ("churn-svc", Some("churn")),
            ("-svc", Some("-svc")),
            ("eta", Some("eta")),
            (" ", None),
            (&"x".repeat(50_000), None),
        ] {
            assert_eq!(names.model(theirs), ours.map(Key::new), "{theirs:.20}");
        }
        let broken = NameMap {
            regex: Some("(".to_owned()),
            ..NameMap::default()
        };
        assert_eq!(
            Names::new(&broken).expect_err("no expression").kind,
            FaultKind::Config
        );
    }
}
