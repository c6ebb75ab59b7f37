//! The HTTP client that every adapter shares: deadlines, size limits, authentication, redaction and
//! the translation of failures into faults. It can read, and write with a ticket; nothing else.

mod auth;
mod body;
mod client;
mod fault;
mod hidden;
mod login;
mod path;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_tls;

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, HOST, HeaderMap, LAST_MODIFIED, LOCATION, SERVER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use self::auth::Credentials;
pub use self::body::Body;
use self::fault::{Sent, from_status, from_transport};
use self::hidden::Hidden;
use super::routes::{Method, ReadRoute};
use crate::domain::action::{Delivery, Ticket, WriteMethod};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::SourceSettings;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most same-origin redirects that one read follows.
const REDIRECT_LIMIT: usize = 5;
/// The most bytes of an error answer that are read: its first sentences are all that is shown.
const ERROR_BODY_LIMIT: u64 = 64 * 1024;

/// A source's HTTP client.
pub struct Http {
    name: String,
    base: Url,
    client: Client,
    credentials: Credentials,
    host_header: Option<reqwest::header::HeaderValue>,
    timeout: Duration,
    /// The deadline of a write: who asks often for signs of life gives up sooner than who changes something.
    write_timeout: Duration,
    max_answer: u64,
}

/// What goes with a route.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Query parameters, raw; repeated names are sent repeatedly.
    pub query: Vec<(&'static str, String)>,
    /// A JSON body.
    pub body: Option<serde_json::Value>,
}

/// Why a write has no answer.
#[derive(Debug)]
pub enum Unsent {
    /// It was never sent, or the server refused it: nothing has changed.
    Refused(Fault),
    /// It may have reached the server: only looking tells.
    Unclear(Fault),
}

impl From<Unsent> for Delivery {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Refused(fault) => Self::Refused(fault),
            Unsent::Unclear(fault) => Self::Unclear(fault),
        }
    }
}

/// What a request carries.
#[derive(Clone, Copy)]
enum Sending<'a> {
    None,
    Json(&'a serde_json::Value),
    /// Encoded as a form.
    Form(&'a str),
}

/// An answer with a status below 400.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type, lower case, without parameters.
    pub content_type: String,
    /// The `Server` header, raw: clean it before it is shown.
    pub server: String,
    /// The whole body, within the size limit.
    pub body: Body,
    /// The server's clock, from its `Date` header.
    pub server_time: Option<Millis>,
    /// When what it sent last changed, from `Last-Modified`: files have it.
    pub modified: Option<Millis>,
    /// From sending the request to the end of the headers.
    pub took: Duration,
    /// `GET https://host/path`, without credentials and query: for error texts.
    pub place: String,
    /// What the fault of a body that cannot be read must not repeat.
    hidden: Hidden,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("name", &self.name)
            .field("base", &self.base())
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Builds the client: certificates are read here, secrets at the first request.
    ///
    /// # Errors
    /// [`FaultKind::Config`] when the URL or a certificate file cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        let base = client::base_url(&settings.url)?;
        Ok(Self {
            name: settings.name.clone(),
            client: client::build(settings, &base)?,
            base,
            credentials: Credentials::new(settings.auth.clone(), &settings.headers),
            host_header: client::host_header(settings)?,
            timeout: settings.timeout,
            write_timeout: settings.timeout,
            max_answer: settings.max_answer,
        })
    }

    /// Gives writes a deadline of their own.
    #[must_use]
    pub fn write_within(self, timeout: Duration) -> Self {
        Self {
            write_timeout: timeout,
            ..self
        }
    }

    /// The base URL in normal form: host in lower case, no default port, no credentials, no trailing
    /// slash. What identities are made of.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends a read. Statuses from 400 on become faults; same-origin redirects are followed; a read
    /// is sent once more if a kept-alive connection was closed under it. A POST without a body carries
    /// an empty JSON object.
    pub async fn read(&self, route: &ReadRoute, call: Call) -> Result<Reply, Fault> {
        let (method, path) = route.line();
        let mut url = self.join(&path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let body = call.body.as_ref().map_or(Sending::None, Sending::Json);
        self.read_from(method, &url, body).await
    }

    /// Sends a read whose parameters travel in the body, as a form: for those too long for a URL.
    pub async fn read_form(
        &self,
        route: &ReadRoute,
        form: &[(&'static str, String)],
    ) -> Result<Reply, Fault> {
        let (method, path) = route.line();
        let url = self.join(&path);
        let mut encoded = url.clone();
        encoded.set_query(None);
        encoded.query_pairs_mut().extend_pairs(form);
        let body = Sending::Form(encoded.query().unwrap_or_default());
        self.read_from(method, &url, body).await
    }

    async fn read_from(
        &self,
        method: Method,
        url: &Url,
        body: Sending<'_>,
    ) -> Result<Reply, Fault> {
        let reply = self.renewing(method, url, body).await;
        reply.map_err(|fault| self.redact(fault))
    }

    /// Takes what must not be repeated out of a fault.
    fn redact(&self, fault: Fault) -> Fault {
        self.credentials.hidden().out_of_fault(fault)
    }

    /// One read, and once more after a refusal if there are new credentials to be had.
    async fn renewing(&self, method: Method, url: &Url, body: Sending<'_>) -> Result<Reply, Fault> {
        match self.authorised(method, url, body).await {
            Err(fault) if fault.kind == FaultKind::Auth => {
                // A token command or file may have something newer; the same secret is not tried
                // again, so that a wrong password cannot lock an account by being repeated.
                if self.credentials.renewed(self).await? {
                    self.authorised(method, url, body).await
                } else {
                    Err(fault)
                }
            }
            other => other,
        }
    }

    /// Sends the request of a ticket, once, following no redirect: the only door to anything that
    /// changes a server.
    ///
    /// # Errors
    /// With the fault and whether the request may have reached the server.
    pub async fn write(&self, ticket: &Ticket) -> Result<Reply, Unsent> {
        let sent = self.send_write(ticket).await;
        sent.map_err(|unsent| match unsent {
            Unsent::Refused(fault) => Unsent::Refused(self.redact(fault)),
            Unsent::Unclear(fault) => Unsent::Unclear(self.redact(fault)),
        })
    }

    async fn send_write(&self, ticket: &Ticket) -> Result<Reply, Unsent> {
        let Some(request) = ticket.request() else {
            let detail = "this step sends no request";
            return Err(Unsent::Refused(Fault::new(
                FaultKind::Unsupported,
                self.base(),
                detail,
            )));
        };
        let (method, path) = request.route.line();
        let url = self.join(&path);
        let place = place_of(method.word(), &url);
        if request.waits() {
            let detail = "not sent: an earlier step gave no identity to send it with";
            let fault = Fault::new(FaultKind::NotFound, &place, detail);
            return Err(Unsent::Refused(fault));
        }
        let auth = self
            .credentials
            .header(self)
            .await
            .map_err(Unsent::Refused)?;
        let mut builder = match method {
            WriteMethod::Post => self.client.post(url),
            WriteMethod::Patch => self.client.patch(url),
            WriteMethod::Delete => self.client.delete(url),
        };
        if let Some(value) = auth {
            builder = builder.header(reqwest::header::AUTHORIZATION, value);
        }
        if let Some(host) = &self.host_header {
            builder = builder.header(HOST, host.clone());
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let sent = Instant::now();
        let deadline = sent + self.write_timeout;
        let response = match timeout(self.write_timeout, builder.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                // What could not connect was never sent; anything later may have arrived.
                let never = error.is_connect() || error.is_builder();
                let fault = match from_transport(&error, &place) {
                    Sent::Closed(fault) | Sent::Failed(fault) => fault,
                };
                return Err(if never {
                    Unsent::Refused(fault)
                } else {
                    Unsent::Unclear(fault)
                });
            }
            Err(_) => {
                let fault = late(&place, "no answer", self.write_timeout);
                return Err(Unsent::Unclear(fault));
            }
        };
        let status = response.status();
        if is_redirect(status) {
            // A gateway in front of the server answered: whether it passed the request on is open.
            let detail = format!("status {status}: a write follows no redirect");
            return Err(Unsent::Unclear(Fault::new(
                FaultKind::Redirected,
                &place,
                &detail,
            )));
        }
        let took = sent.elapsed();
        let refused = status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
        match self.finish(response, took, place, deadline).await {
            Ok(reply) => Ok(reply),
            // A failing server may have written before it failed, whatever its status.
            Err(fault) if refused && !matches!(fault.kind, FaultKind::Server(_)) => {
                Err(Unsent::Refused(fault))
            }
            Err(fault) => Err(Unsent::Unclear(fault)),
        }
    }

    /// Joins a route to the base URL, keeping the base's own path prefix.
    fn join(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// One read with the credentials at hand, following redirects within the origin.
    async fn authorised(
        &self,
        method: Method,
        url: &Url,
        body: Sending<'_>,
    ) -> Result<Reply, Fault> {
        let header = self.credentials.header(self).await?;
        let mut url = url.clone();
        for _ in 0..=REDIRECT_LIMIT {
            let place = place(method, &url);
            let deadline = Instant::now() + self.timeout;
            let (response, took) = self
                .send(method, &url, body, header.as_ref(), &place, deadline)
                .await?;
            if is_redirect(response.status()) {
                url = self.redirected(&url, &response, &place)?;
                continue;
            }
            return self.finish(response, took, place, deadline).await;
        }
        Err(Fault::new(
            FaultKind::Redirected,
            &place(method, &url),
            &format!("more than {REDIRECT_LIMIT} redirects in a row"),
        ))
    }

    /// Sends, and sends once more if the connection was closed before an answer began: a server may
    /// close an idle kept-alive connection at the moment it is used again.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Sending<'_>,
        auth: Option<&reqwest::header::HeaderValue>,
        place: &str,
        deadline: Instant,
    ) -> Result<(Response, Duration), Fault> {
        let mut again = true;
        loop {
            let mut request = match method {
                Method::Get => self.client.get(url.clone()),
                Method::Post => self.client.post(url.clone()),
            };
            if let Some(value) = auth {
                request = request.header(reqwest::header::AUTHORIZATION, value.clone());
            }
            if let Some(host) = &self.host_header {
                request = request.header(HOST, host.clone());
            }
            request = match body {
                Sending::Json(json) => request.json(json),
                Sending::Form(form) => request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.to_owned()),
                // Servers insist on a content type, and on a length, for a POST without content.
                Sending::None if method == Method::Post => {
                    request.header(CONTENT_TYPE, "application/json").body("{}")
                }
                Sending::None => request,
            };
            let sent = Instant::now();
            let left = deadline.saturating_duration_since(sent);
            match timeout(left, request.send()).await {
                Ok(Ok(response)) => return Ok((response, sent.elapsed())),
                Ok(Err(error)) => match from_transport(&error, place) {
                    Sent::Closed(_) if again => again = false,
                    Sent::Closed(fault) | Sent::Failed(fault) => return Err(fault),
                },
                Err(_) => return Err(late(place, "no answer", self.timeout)),
            }
        }
    }

    /// Reads the body and judges the status.
    async fn finish(
        &self,
        response: Response,
        took: Duration,
        place: String,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        let status = response.status();
        let headers = response.headers().clone();
        let content_type = content_type(&headers);
        let server_time = server_time(&headers);
        let failed = status.as_u16() >= 400;
        let left = deadline.saturating_duration_since(Instant::now());
        let read = if failed {
            timeout(left, body::first(response, ERROR_BODY_LIMIT)).await
        } else {
            timeout(left, body::whole(response, self.max_answer, &place)).await
        };
        let body = match read {
            Ok(Ok(body)) => body,
            Ok(Err(fault)) => return Err(fault),
            // The status of a failure is worth more than the rest of its page.
            Err(_) if failed => Body::default(),
            Err(_) => return Err(late(&place, "the answer did not end", self.timeout)),
        };
        if failed {
            let hidden = self.credentials.hidden();
            let body = body.whole();
            let fault = from_status(status, &headers, &content_type, &body, &place, hidden);
            return Err(fault);
        }
        if fault::is_login_page(&content_type, body.start()) {
            return Err(Fault::new(
                FaultKind::Auth,
                &place,
                "a login page answered: the request did not reach the server behind it",
            ));
        }
        Ok(Reply {
            status: status.as_u16(),
            content_type,
            server: text_header(&headers, SERVER.as_str()),
            body,
            server_time,
            modified: fault::http_date(&text_header(&headers, LAST_MODIFIED.as_str())),
            took,
            place,
            hidden: self.credentials.hidden().clone(),
        })
    }

    /// Where a redirect leads, if it stays within the origin.
    fn redirected(&self, from: &Url, response: &Response, place: &str) -> Result<Url, Fault> {
        let location = text_header(response.headers(), LOCATION.as_str());
        let status = response.status().as_u16();
        let Ok(mut to) = from.join(&location) else {
            return Err(Fault::new(
                FaultKind::Redirected,
                place,
                &format!("status {status} to a location that is no URL"),
            ));
        };
        if fault::is_login_path(&to) {
            return Err(Fault::new(
                FaultKind::Auth,
                place,
                &format!(
                    "redirected to a login page at {}",
                    to.origin().ascii_serialization()
                ),
            ));
        }
        if to.origin() != self.base.origin() {
            return Err(Fault::new(
                FaultKind::Redirected,
                place,
                &format!(
                    "status {status} to {}: another origin is not followed",
                    to.origin().ascii_serialization()
                ),
            ));
        }
        client::strip_user(&mut to);
        Ok(to)
    }
}

fn late(place: &str, what: &str, limit: Duration) -> Fault {
    let detail = format!("{what} within {}", crate::domain::time::span(limit));
    Fault::new(FaultKind::Timeout, place, &detail)
}

impl Reply {
    /// A good answer in JSON, for tests of what reads it.
    #[cfg(test)]
    pub(super) fn of_json(body: &str, place: &str) -> Self {
        Self {
            status: 200,
            content_type: "application/json".to_owned(),
            server: String::new(),
            body: body.as_bytes().to_vec().into(),
            server_time: None,
            modified: None,
            took: Duration::ZERO,
            place: place.to_owned(),
            hidden: Hidden::new(&[]),
        }
    }

    /// Decodes the body as JSON; a fault names the JSON path.
    ///
    /// # Errors
    /// [`FaultKind::Decode`], saying so when the body is HTML.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        // The path is looked for only after a failure, since tracking it costs time.
        let decoded = self.body.json();
        decoded.map_err(|error| self.undecoded(&error))
    }

    /// The body as text, if it is UTF-8.
    ///
    /// # Errors
    /// [`FaultKind::Decode`] for anything else.
    pub fn text(&self) -> Result<String, Fault> {
        String::from_utf8(self.body.whole().into_owned()).map_err(|_| {
            Fault::new(
                FaultKind::Decode {
                    path: Clean::empty(),
                },
                &self.place,
                "the answer is not UTF-8 text",
            )
        })
    }

    /// Why and where the body could not be decoded.
    fn undecoded(&self, error: &serde_json::Error) -> Fault {
        let body = &*self.body.whole();
        if fault::is_html(&self.content_type, body) {
            let words = fault::first_words(&self.content_type, body, &self.hidden);
            let path = Clean::empty();
            let what = format!("HTML, not JSON: {words}");
            return Fault::new(FaultKind::Decode { path }, &self.place, &what);
        }
        let path = path::at(body, error.line(), error.column());
        let what = match &path {
            _ if body.is_empty() => "the answer is empty".to_owned(),
            // It quotes what it could not take.
            Some(_) => self.hidden.out_of(&error.to_string()),
            None => "something follows the end of the JSON".to_owned(),
        };
        let path = Clean::limited(&path.unwrap_or_default(), 200);
        Fault::new(FaultKind::Decode { path }, &self.place, &what)
    }
}

/// `GET https://host/path`: no user, no query.
fn place(method: Method, url: &Url) -> String {
    let verb = match method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    place_of(verb, url)
}

/// `GET https://host/path`, without credentials and query.
fn place_of(verb: &str, url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    client::strip_user(&mut shown);
    format!("{verb} {shown}")
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn text_header(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
        .unwrap_or_default()
}

fn content_type(headers: &HeaderMap) -> String {
    text_header(headers, CONTENT_TYPE.as_str())
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn server_time(headers: &HeaderMap) -> Option<Millis> {
    fault::http_date(&text_header(headers, DATE.as_str()))
}
