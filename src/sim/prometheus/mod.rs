//! A simulated Prometheus 2.42: its query API over the fleet's samples, and its alerting rules.

mod api;
mod ast;
mod eval;
mod functions;
mod histogram;
mod lex;
mod parse;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use self::api::{handle, metric, rfc3339};
pub(crate) use self::ast::Matcher;
