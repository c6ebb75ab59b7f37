//! Which module speaks for which kind of source.

use super::Source;
use super::mlflow::Mlflow;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::{DeploymentSettings, SourceKind, SourceSettings};

/// What is done with a source once its type is known. Sources have no common object type; whoever
/// needs one, such as the runtime that spawns an actor for each, visits it.
pub trait Visitor {
    /// What comes of the visit.
    type Out;

    /// Takes the source.
    fn visit<S: Source>(self, source: S) -> Self::Out;
}

/// Makes the source that `settings` describe and hands it to `visitor`. `deployments` are those of
/// the whole context: a serving source finds its own among them.
///
/// # Errors
/// When the settings cannot make a source: a URL, a certificate, a kind that is not built in.
pub fn with_source<V: Visitor>(
    settings: &SourceSettings,
    deployments: &[DeploymentSettings],
    visitor: V,
) -> Result<V::Out, Fault> {
    match settings.kind {
        SourceKind::Mlflow => Ok(visitor.visit(Mlflow::new(settings)?)),
        // Serving endpoints: `super::serving`, with the deployment that bears the source's name.
        SourceKind::Serving(kind) => {
            let _ = deployments;
            Err(Fault::new(
                FaultKind::Unsupported,
                &settings.url,
                &format!("{kind} endpoints are not built in"),
            ))
        }
    }
}
