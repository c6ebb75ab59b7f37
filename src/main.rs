//! Quarterdeck: the terminal operations console for machine-learning models.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One TLS provider for the whole process. A second installation is refused, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    quarterdeck::commands::main()
}
