//! What every long-running program of PRPC has: logs, pages, an orderly end.
//!
//! Nothing here knows queues, brokers or Kubernetes.

pub mod logging;
pub mod page;
pub mod shutdown;
