//! Mistakes and doubts found in the settings: where, what, what was expected, what was probably meant.

use std::fmt;
use std::sync::Arc;

use crate::domain::text::{Clean, without_credentials};

/// Where a value was given; a mistake in it is reported there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// A place in a file. Line 0 means the file as a whole.
    File {
        /// The file as the user would name it.
        file: Arc<str>,
        /// The line, from 1.
        line: u32,
        /// The column in characters, from 1.
        column: u32,
    },
    /// An environment variable.
    Variable(String),
    /// A command-line flag.
    Flag(String),
    /// Follows from how the context was made: contexts from flags or variables are protected.
    Implicit,
    /// Nobody set it.
    Default,
}

impl Origin {
    /// A file as a whole.
    pub fn whole(file: &str) -> Self {
        Self::File {
            file: Arc::from(file),
            line: 0,
            column: 0,
        }
    }

    /// The layer's stable word, as in JSON.
    pub fn layer(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Variable(_) => "variable",
            Self::Flag(_) => "flag",
            Self::Implicit => "implicit",
            Self::Default => "default",
        }
    }

    /// File, line, column, and the name of the variable or flag; `null` where it has none.
    pub fn to_json(&self) -> serde_json::Value {
        let (file, line, column, name) = match self {
            Self::File { file, line, column } => {
                (Some(file.to_string()), Some(*line), Some(*column), None)
            }
            Self::Variable(name) | Self::Flag(name) => (None, None, None, Some(name.clone())),
            Self::Implicit | Self::Default => (None, None, None, None),
        };
        serde_json::json!({
            "layer": self.layer(),
            "file": file.map(|f| Clean::text(&f).as_str().to_owned()),
            "line": line.filter(|l| *l > 0),
            "column": column.filter(|c| *c > 0),
            "name": name,
        })
    }
}

/// `FILE:LINE`, the variable, the flag, `implicit` or `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line: 0, .. } => f.write_str(Clean::text(file).as_str()),
            Self::File { file, line, .. } => write!(f, "{}:{line}", Clean::text(file)),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
            Self::Implicit => f.write_str("implicit"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Whether the settings can be used in spite of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The settings cannot be used.
    Error,
    /// They can, and somebody should look.
    Warning,
}

impl Severity {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What kind of finding it is. The word is stable: scripts match on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The file cannot be read.
    Unreadable,
    /// The file is not TOML.
    Syntax,
    /// A key that nothing reads.
    UnknownKey,
    /// A value of another type.
    WrongType,
    /// A value of the right type that means nothing.
    BadValue,
    /// A key that has to be there.
    Missing,
    /// The same name twice.
    Duplicate,
    /// Two settings that contradict each other.
    Conflict,
    /// A secret that others can read, or that is not there.
    Secret,
    /// A connection that others can read or forge.
    Insecure,
    /// Something that works elsewhere and not here.
    Unsupported,
    /// Nothing says what to show.
    NoContext,
}

impl Kind {
    /// The stable word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown-key",
            Self::WrongType => "wrong-type",
            Self::BadValue => "bad-value",
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Secret => "secret",
            Self::Insecure => "insecure",
            Self::Unsupported => "unsupported",
            Self::NoContext => "no-context",
        }
    }
}

/// A finding without its place: what parsers of single values return.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What kind.
    pub kind: Kind,
    /// What is wrong, without any secret.
    pub what: String,
    /// What was expected, empty where `what` says it.
    pub expected: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A finding of a kind.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            expected: String::new(),
            suggestion: None,
        }
    }

    /// Says what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Says what was probably meant.
    #[must_use]
    pub fn meant(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// The same finding at its place, as an error.
    pub fn at(self, place: &Origin) -> Diagnostic {
        Diagnostic::new(Severity::Error, place, &self)
    }

    /// The same finding at its place, as a warning.
    pub fn doubt_at(self, place: &Origin) -> Diagnostic {
        Diagnostic::new(Severity::Warning, place, &self)
    }
}

/// One finding, ready to be printed. Its texts hold no credentials and no control characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Whether the settings can be used in spite of it.
    pub severity: Severity,
    /// What kind of finding.
    pub kind: Kind,
    /// Where.
    pub place: Origin,
    /// What is wrong.
    pub what: Clean,
    /// What was expected; may be empty.
    pub expected: Clean,
    /// What was probably meant.
    pub suggestion: Option<Clean>,
}

impl Diagnostic {
    fn new(severity: Severity, place: &Origin, problem: &Problem) -> Self {
        let clean = |text: &str| Clean::limited(&without_credentials(text), 400);
        Self {
            severity,
            kind: problem.kind,
            place: place.clone(),
            what: clean(&problem.what),
            expected: clean(&problem.expected),
            suggestion: problem.suggestion.as_deref().map(clean),
        }
    }

    /// Whether it makes the settings unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// What, what was expected and what was meant, without the place.
    pub fn text(&self) -> String {
        let mut text = self.what.as_str().to_owned();
        if !self.expected.is_empty() {
            text = format!("{text}; expected {}", self.expected);
        }
        if let Some(meant) = &self.suggestion {
            text = format!("{text}; did you mean {meant}?");
        }
        text
    }

    /// The finding as a JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "severity": self.severity.word(),
            "kind": self.kind.word(),
            "place": self.place.to_json(),
            "what": self.what.as_str(),
            "expected": Some(self.expected.as_str()).filter(|e| !e.is_empty()),
            "suggestion": self.suggestion.as_ref().map(Clean::as_str),
            "text": self.text(),
        })
    }
}

/// `FILE:LINE:COLUMN: what; expected …; did you mean …?`; a warning says so after the place.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Origin::File { line, column, .. } if *line > 0 => {
                write!(f, "{}:{column}: ", self.place)?;
            }
            Origin::Default | Origin::Implicit => {}
            place => write!(f, "{place}: ")?,
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.text())
    }
}
