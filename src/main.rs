//! The web process and the operator's commands: `salon-core serve | migrate | doctor | tenant | keys | deadletter | …`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // ring is the only TLS provider in the tree; a second call, which can't happen here, would be the only error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    salon_core::cli::run(std::env::args_os()).await
}
