//! The simulated fleet behind `quarterdeck demo`: real wire protocols on loopback.
