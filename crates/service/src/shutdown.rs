//! Signals become one token that every task can wait for.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a program that was told to end at once, as shells report SIGINT.
const INTERRUPTED: i32 = 130;

/// Returns a token that is cancelled by the first SIGTERM or SIGINT.
///
/// A second SIGINT ends the process at once (a person pressed Ctrl-C again); a second SIGTERM changes nothing, because
/// orchestrators repeat it during an orderly end. Must be called inside a Tokio runtime.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let interrupts = signal(SignalKind::interrupt())?;
    let terminations = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    tokio::spawn(watch(interrupts, terminations, token.clone()));
    Ok(token)
}

async fn watch(mut interrupts: Signal, mut terminations: Signal, token: CancellationToken) {
    tokio::select! {
        _ = interrupts.recv() => tracing::info!("interrupted: finishing started calls; press Ctrl-C again to end at once"),
        _ = terminations.recv() => tracing::info!("terminating: finishing started calls"),
    }
    token.cancel();
    interrupts.recv().await;
    tracing::warn!("interrupted again: ending at once");
    std::process::exit(INTERRUPTED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn sigterm_cancels_the_token_and_the_process_goes_on() {
        let token = on_signal().unwrap();
        assert!(!token.is_cancelled());
        let id = std::process::id().to_string();
        for _ in 0..2 {
            assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        }
        tokio::time::timeout(Duration::from_secs(10), token.cancelled()).await.unwrap();
    }
}
