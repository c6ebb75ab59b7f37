//! Which module speaks for which kind of source.

use super::Source;
use super::airflow::Airflow;
use super::alertmanager::Alertmanager;
use super::evidently::Evidently;
use super::grafana::Grafana;
use super::mlflow::Mlflow;
use super::prometheus::Prometheus;
use super::serving::{Bentoml, MlflowServe, Serving, Tfserving, V2};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::DeploymentKind;
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
/// When the settings cannot make a source: a URL, a certificate, a deployment that is not there.
pub fn with_source<V: Visitor>(
    settings: &SourceSettings,
    deployments: &[DeploymentSettings],
    visitor: V,
) -> Result<V::Out, Fault> {
    match settings.kind {
        SourceKind::Mlflow => Ok(visitor.visit(Mlflow::new(settings)?)),
        SourceKind::Prometheus => Ok(visitor.visit(Prometheus::new(settings)?)),
        SourceKind::Alertmanager => Ok(visitor.visit(Alertmanager::new(settings)?)),
        SourceKind::Evidently => Ok(visitor.visit(Evidently::new(settings)?)),
        SourceKind::Grafana => Ok(visitor.visit(Grafana::new(settings)?)),
        SourceKind::Airflow => Ok(visitor.visit(Airflow::new(settings)?)),
        SourceKind::Serving(kind) => {
            let deployment = own(settings, deployments)?;
            Ok(match kind {
                DeploymentKind::V2 => visitor.visit(Serving::<V2>::new(settings, deployment)?),
                DeploymentKind::Tfserving => {
                    visitor.visit(Serving::<Tfserving>::new(settings, deployment)?)
                }
                DeploymentKind::Bentoml => {
                    visitor.visit(Serving::<Bentoml>::new(settings, deployment)?)
                }
                DeploymentKind::MlflowServe => {
                    visitor.visit(Serving::<MlflowServe>::new(settings, deployment)?)
                }
            })
        }
    }
}

/// The deployment that a serving source polls: the one that bears its name.
fn own<'a>(
    settings: &SourceSettings,
    deployments: &'a [DeploymentSettings],
) -> Result<&'a DeploymentSettings, Fault> {
    deployments
        .iter()
        .find(|deployment| deployment.name == settings.name)
        .ok_or_else(|| {
            Fault::new(
                FaultKind::Config,
                &settings.url,
                &format!(
                    "no deployment is called {}, as this source is",
                    settings.name
                ),
            )
        })
}
