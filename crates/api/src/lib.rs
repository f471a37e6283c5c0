//! The resource `PrpcQueue`: what a user writes about a queue, what the operator reports, and the rules between them.
//!
//! Types and validation only; nothing here talks to a cluster or a broker. The doc comments are what `kubectl explain` shows.

// The derive of validation rules puts a hidden public struct beside each type.
#![allow(unreachable_pub)]

mod crd;
mod manifest;
mod queue;
mod read;
mod reference;
mod span;
pub mod spec;
pub mod status;

pub use crate::crd::custom_resource_definition;
pub use crate::manifest::{Manifest, Metadata};
pub use crate::queue::{PrpcQueue, PrpcQueueSpec};
pub use crate::read::InvalidManifest;
pub use crate::reference::reference;
pub use crate::span::Span;
