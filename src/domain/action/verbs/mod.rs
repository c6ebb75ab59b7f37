//! The plans of each verb, made of the joined state: one file a verb, each a pure function from what is
//! known to a plan or to the reason why there is none.

pub mod undo;
