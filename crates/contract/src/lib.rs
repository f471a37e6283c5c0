//! What two programs of PRPC must agree on. No I/O.

pub mod settings;
