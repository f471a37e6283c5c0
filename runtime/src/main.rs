//! The runtime as a program: settings from the environment, SIGTERM drains.

use std::process::ExitCode;

use prpc_contract::settings::Settings;
use prpc_service::{logging, shutdown};

fn main() -> ExitCode {
    logging::start();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::from_env(|name| std::env::var(name).ok())?;
    // One thread: see ARCHITECTURE.md.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(prpc_runtime::run(settings, shutdown::on_signal()?).await?) })
}
