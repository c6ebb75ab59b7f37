//! A source that does as it is told, for tests of whatever runs sources.
