//! How many replicas a queue needs: pure decisions, and the loop that applies them to any fleet.
//!
//! Knows neither Kubernetes nor a broker: the operator scales pods with it, `prpc up` local processes, and the simulation
//! replicas that are none. `docs/scaling.md` tells a user what happens here.
//!
//! [`Scaler`] is the state machine of one queue: after every look it learns (`learnt`), asks the
//! rule ([`recommend`]), and lets what speaks against a change hold it back (`guards`).

mod behavior;
mod capacity;
mod decision;
mod effect;
mod flow;
mod follow;
mod guards;
mod health;
mod history;
mod lately;
mod learnt;
mod memory;
mod moment;
mod observed;
mod policy;
mod recommend;
mod scaler;
mod schedule;
mod settle;
mod starts;
mod told;
mod window;

pub use behavior::{Amount, Rules, Select, Step};
pub use decision::{Decision, Reason};
pub use follow::{Backlog, Fleet, follow};
pub use memory::{Memory, Scaled};
pub use moment::Moment;
pub use observed::{Failure, Load, Observed, Replicas, Sample, Work};
pub use policy::{Bounds, Effectiveness, Fallback, Policy, Share, Target};
pub use recommend::{Known, Limit, Rates, Recommendation, recommend};
pub use scaler::Scaler;
pub use schedule::Schedule;
pub use told::{Diary, Told};
