//! What every long-running program of PRPC has: logs and an orderly end.
//!
//! Nothing here knows queues, brokers or Kubernetes.

pub mod logging;
pub mod shutdown;
