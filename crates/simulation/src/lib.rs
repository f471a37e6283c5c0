//! A queue on paper: calls come, replicas start, take calls and end, and the real [`prpc_scaling::Scaler`] decides how many.
//!
//! A simulation of one event after the other, on a clock of its own, and the same for the same seed. It compares rules, not
//! products: a cluster has noise of its own. `make plots` draws what `docs/scaling.md` shows.

pub mod figures;
mod fleet;
pub mod keda;
pub mod page;
pub mod plot;
pub mod prpc;
pub mod scenarios;
pub mod setup;
pub mod traffic;
pub mod world;

pub use crate::figures::{Figures, Record};
pub use crate::setup::{Rule, Setup, Trouble};
pub use crate::world::run;
