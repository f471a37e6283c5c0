//! The PRPC wire contract: what two programs must agree on, independent of brokers and workers.

pub mod fault;
mod iso;
pub mod json;
pub mod labels;
pub mod message;

pub mod names;
pub mod native;
pub mod payload;
pub mod raw;
pub mod settings;
pub mod status;
pub mod tagged;
pub mod value;
pub mod vectors;
