//! Tests of certificates against a TLS server on loopback.
