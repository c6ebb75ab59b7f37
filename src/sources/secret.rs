//! Secrets, fetched where the settings say they are, when a request needs them.

use secrecy::SecretString;

use crate::domain::fault::Fault;
use crate::domain::settings::SecretRef;

/// Fetches a secret: reads the variable or file, or runs the command.
pub async fn fetch(secret: &SecretRef) -> Result<SecretString, Fault> {
    use crate::domain::fault::FaultKind;
    let _ = secret;
    Err(Fault::new(FaultKind::Config, "", "not built yet"))
}
