//! Quarterdeck.
fn main() {}
