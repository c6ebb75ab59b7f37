//! Tests of the client against hand-written servers on loopback.
