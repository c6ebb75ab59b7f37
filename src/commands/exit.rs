//! How a command ends: one table of exit codes, and failures that say what happened and what to do.

use std::fmt;
use std::process::ExitCode;

use crate::config::Diagnostic;
use crate::domain::level::Level;

/// How the process ends. The numbers are stable: scripts match on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Something of our own is broken.
    Internal,
    /// Wrong arguments or settings.
    Usage,
    /// Somebody else had changed it since it was read, and nothing was written; or right after.
    Changed,
    /// A gate, a policy, a mode, a right or a server refused it.
    Refused,
    /// No needed source answered.
    NoAnswer,
    /// Nobody can tell yet how it ended.
    OutcomeUnknown,
    /// Applied, wholly or in part, and the world has not followed.
    NotConverged,
    /// The worst level, as `--check` asks.
    Checked(Level),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Changed => 3,
            Self::Refused => 4,
            Self::NoAnswer => 5,
            Self::OutcomeUnknown => 6,
            Self::NotConverged => 7,
            Self::Checked(level) => level.exit_code(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what it was asked. Its texts hold no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, where, and what to do: one line each.
    pub lines: Vec<String>,
}

impl Failure {
    /// Wrong arguments or settings.
    pub fn usage(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            lines: vec![what.into()],
        }
    }

    /// Something of our own, or of this machine.
    pub fn internal(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Internal,
            lines: vec![what.into()],
        }
    }

    /// A gate, a policy, a mode, a right or a server refuses it.
    pub fn refused(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            lines: vec![what.into()],
        }
    }

    /// No needed source answered.
    pub fn no_answer(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::NoAnswer,
            lines: vec![what.into()],
        }
    }

    /// Settings that cannot be used: each mistake at its place.
    pub fn settings<'a>(found: impl IntoIterator<Item = &'a Diagnostic>) -> Self {
        let lines = found.into_iter().map(ToString::to_string).collect();
        Self {
            exit: Exit::Usage,
            lines,
        }
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn advice(mut self, what: impl Into<String>) -> Self {
        self.lines.push(what.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_scripts_know() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Internal, 1),
            (Exit::Usage, 2),
            (Exit::Changed, 3),
            (Exit::Refused, 4),
            (Exit::NoAnswer, 5),
            (Exit::OutcomeUnknown, 6),
            (Exit::NotConverged, 7),
            (Exit::Checked(Level::Crit), 20),
            (Exit::Checked(Level::Unknown), 30),
            (Exit::Checked(Level::Warn), 10),
            (Exit::Checked(Level::Info), 0),
            (Exit::Checked(Level::Ok), 0),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
