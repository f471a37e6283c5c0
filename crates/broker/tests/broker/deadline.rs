//! Waiting for what must happen.

use std::future::Future;
use std::time::{Duration, Instant};

/// Nothing in these tests takes as long, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Asks until there is an answer.
pub(crate) async fn eventually<T, Fut>(what: &str, mut ask: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what}: not within {DEADLINE:?}");
}

/// The outcome of something that must end.
pub(crate) async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("ends within the deadline")
}
