//! A source as one who acts: looks and executes, whatever its type. A source that acts is another one
//! than the one that polls, so that a poll that hangs holds no write back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::Fault;
use crate::domain::settings::Context;
use crate::runtime::sources::make;
use crate::sources::Source;
use crate::sources::any::AnySource;

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One who looks and executes.
pub trait Doer: Send + Sync {
    /// See [`Source::look`].
    fn look<'a>(&'a self, act: &'a Act) -> Later<'a, Result<Sighting, Fault>>;
    /// See [`Source::execute`].
    fn execute<'a>(&'a self, ticket: &'a Ticket) -> Later<'a, Delivery>;
}

impl Doer for AnySource {
    fn look<'a>(&'a self, act: &'a Act) -> Later<'a, Result<Sighting, Fault>> {
        Box::pin(Source::look(self, act))
    }

    fn execute<'a>(&'a self, ticket: &'a Ticket) -> Later<'a, Delivery> {
        Box::pin(Source::execute(self, ticket))
    }
}

/// Makes the source of this place in the context's list, to act.
///
/// # Errors
/// When the settings cannot make it.
pub async fn doer(settings: &Arc<Context>, index: usize) -> Result<Arc<dyn Doer>, Fault> {
    Ok(Arc::new(make(settings, index).await?))
}
