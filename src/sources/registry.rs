//! Which module speaks for which kind of source.
