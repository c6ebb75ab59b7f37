//! What this server version and this token may do.
