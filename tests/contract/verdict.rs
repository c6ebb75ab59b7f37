//! The outcome of a check, what a target may lack, and the table that a suite ends with.

use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;

use quarterdeck::domain::fault::Fault;

/// Something a server may not have. A target declares it with a reason, and a check that needs it
/// says so; a lack that no check meets is an error of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    /// Models and versions cannot be made and deleted over HTTP.
    MakingModels,
    /// Runs cannot be made over HTTP.
    MakingRuns,
    /// New versions cannot appear.
    NewVersions,
    /// No run has an infinite metric.
    Infinities,
    /// No run was killed and resumed.
    Resumed,
    /// No model is kept apart from its run.
    LoggedModels,
    /// Any host name is accepted.
    HostCheck,
    /// The server does not list what a user may do.
    Rights,
    /// Routes that do not exist are not told from those that are forbidden.
    PlainRoutes,
    /// The endpoint has no model names.
    ModelNames,
    /// The model cannot be put to rest and woken.
    Resting,
    /// The endpoint loads nothing when asked to.
    Repository,
    /// The endpoint cannot be given another version.
    OtherVersion,
    /// The endpoint cannot tell its version.
    Versions,
}

/// Why a check did not hold.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It does not hold.
    Broken(String),
    /// The target lacks what it needs.
    NotOffered(Lack),
}

/// The outcome of a check.
pub(crate) type Verdict = Result<(), Stop>;

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Broken(format!("unexpected fault: {}", fault.line()))
    }
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::Broken(text)
    }
}

/// Fails the check with words unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::verdict::Stop::Broken(format!($($words)+)));
        }
    };
}

/// A check under its name.
pub(crate) struct Check<T> {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a T) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>,
}

/// Lists checks by their functions' names.
#[macro_export]
macro_rules! checks {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        vec![$($crate::verdict::Check {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |target| Box::pin($crate::$module::$name(target)),
        }),+]
    };
}

/// Runs every check, prints the table past the test harness's capture, and fails if one is broken.
pub(crate) async fn hold<T>(
    title: &str,
    target: &T,
    lacks: &[(Lack, &'static str)],
    checks: Vec<Check<T>>,
) {
    let (table, broken) = examine(title, target, lacks, &checks).await;
    say(&table);
    assert!(broken.is_empty(), "{title}: broken: {broken:?}\n{table}");
}

/// Runs every check; gives the table and the names of those that are broken.
pub(crate) async fn examine<T>(
    title: &str,
    target: &T,
    lacks: &[(Lack, &'static str)],
    checks: &[Check<T>],
) -> (String, Vec<&'static str>) {
    let mut table = format!("contract: {title}\n");
    let mut broken = Vec::new();
    let mut met = Vec::new();
    for check in checks {
        let line = match (check.run)(target).await {
            Ok(()) => "holds".to_owned(),
            Err(Stop::NotOffered(lack)) => match lacks.iter().find(|(known, _)| *known == lack) {
                Some((_, reason)) => {
                    met.push(lack);
                    format!("not offered by this server: {reason}")
                }
                None => {
                    broken.push(check.name);
                    format!("BROKEN: the target does not declare that it lacks {lack:?}")
                }
            },
            Err(Stop::Broken(words)) => {
                broken.push(check.name);
                format!("BROKEN: {words}")
            }
        };
        let _ = writeln!(table, "  {:<52} {line}", check.name);
    }
    for (lack, _) in lacks {
        if !met.contains(lack) {
            broken.push("declared lacks");
            let _ = writeln!(
                table,
                "  BROKEN: the target declares a lack of {lack:?} that no check met"
            );
        }
    }
    (table, broken)
}

/// Prints to the real standard error: the harness would keep a passing test's words to itself.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
