//! Tests of the adapter: against scripted servers on loopback, recorded answers, and, where the
//! environment names them, real servers.

mod live;
