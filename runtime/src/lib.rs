//! The runtime of a worker pod: takes calls from the broker, runs them in worker hosts, answers.
//!
//! So far it holds the frames between the runtime and its hosts, and the choice of the host for a call; the decisions for the rest
//! are in `ARCHITECTURE.md`.

pub mod frame;
pub mod pool;
