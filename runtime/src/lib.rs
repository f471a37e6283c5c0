//! The data plane: takes calls from the broker, runs them in worker hosts, answers.
//!
//! ```text
//! broker ──intake──► dispatch ──frames──► host (Python) ──► function
//!    ▲                   │                       │
//!    └────answers◄───────┴───────◄───results─────┘
//! ```
//!
//! Nothing here knows Kubernetes, and Python never sees a broker's message.

pub mod answers;
pub mod call;
pub mod clock;
pub mod config;
pub mod container;
pub mod dispatch;
pub mod exits;
pub mod frame;
pub mod host;
pub mod intake;
pub mod keep;
pub mod lane;
pub mod load;
pub mod metrics;
pub mod pages;
pub mod pool;
pub mod program;
pub mod run;
pub mod state;
pub mod status_page;
pub mod template;
pub mod texts;

pub use run::{RunError, run};

/// The C library's allocator took a quarter of the runtime's time under load. Without huge pages (see Cargo.toml), of which an idle
/// runtime would hold 8 MB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
