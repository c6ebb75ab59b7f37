//! Reading answers piece by piece within a limit, so that no answer can take more memory than that.

use reqwest::Response;

use super::fault::{Sent, from_transport};
use crate::domain::fault::{Fault, FaultKind};

/// The whole body, or a fault as soon as it is known to exceed `limit`. A length that the server
/// states is believed for refusing early, never for reserving memory.
pub(super) async fn whole(
    mut response: Response,
    limit: u64,
    place: &str,
) -> Result<Vec<u8>, Fault> {
    let too_large = || {
        Fault::new(
            FaultKind::TooLarge { limit },
            place,
            "the answer is larger than this source may send",
        )
    };
    if response.content_length().is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) => {
                if body.len() as u64 + chunk.len() as u64 > limit {
                    return Err(too_large());
                }
                body.extend_from_slice(&chunk);
            }
            Err(error) => {
                let (Sent::Closed(fault) | Sent::Failed(fault)) = from_transport(&error, place);
                let detail = format!("after {} bytes: {}", body.len(), fault.detail);
                return Err(Fault::new(fault.kind, place, &detail));
            }
        }
    }
}

/// The first `limit` bytes; whatever goes wrong after them, or before, is left out.
pub(super) async fn first(mut response: Response, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = usize::try_from(limit).unwrap_or(usize::MAX) - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body)
}
