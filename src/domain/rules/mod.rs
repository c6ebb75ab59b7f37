//! The rules: pure functions from facts, policy and the present to verdicts. Nothing else in the
//! program decides how bad something is.

pub mod blame;
pub mod converge;
pub mod freshness;
pub mod gates;
pub mod model;
pub mod next;
pub mod quality;
pub mod reproducible;
pub mod retrain;
pub mod scale;
pub mod signals;
pub mod signature;
pub mod skew;
