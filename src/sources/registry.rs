//! Which module speaks for which kind of source.

use super::airflow::Airflow;
use super::alertmanager::Alertmanager;
use super::any::AnySource;
use super::evidently::Evidently;
use super::grafana::Grafana;
use super::mlflow::Mlflow;
use super::prometheus::Prometheus;
use super::serving::{Bentoml, MlflowServe, Serving, Tfserving, V2};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::DeploymentKind;
use crate::domain::settings::{DeploymentSettings, SourceKind, SourceSettings};

/// Makes the source that `settings` describe. `deployments` are those of the whole context: a serving
/// source finds its own among them.
///
/// # Errors
/// When the settings cannot make a source: a URL, a certificate, a deployment that is not there.
pub fn make(
    settings: &SourceSettings,
    deployments: &[DeploymentSettings],
) -> Result<AnySource, Fault> {
    Ok(match settings.kind {
        SourceKind::Mlflow => AnySource::new(Mlflow::new(settings)?),
        SourceKind::Prometheus => AnySource::new(Prometheus::new(settings)?),
        SourceKind::Alertmanager => AnySource::new(Alertmanager::new(settings)?),
        SourceKind::Evidently => AnySource::new(Evidently::new(settings)?),
        SourceKind::Grafana => AnySource::new(Grafana::new(settings)?),
        SourceKind::Airflow => AnySource::new(Airflow::new(settings)?),
        SourceKind::Serving(kind) => {
            let deployment = own(settings, deployments)?;
            match kind {
                DeploymentKind::V2 => AnySource::new(Serving::<V2>::new(settings, deployment)?),
                DeploymentKind::Tfserving => {
                    AnySource::new(Serving::<Tfserving>::new(settings, deployment)?)
                }
                DeploymentKind::Bentoml => {
                    AnySource::new(Serving::<Bentoml>::new(settings, deployment)?)
                }
                DeploymentKind::MlflowServe => {
                    AnySource::new(Serving::<MlflowServe>::new(settings, deployment)?)
                }
            }
        }
    })
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
