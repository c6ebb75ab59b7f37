//! Details on demand: one question, one answer.
