//! The fleet as its users see it: facts in, views out.
