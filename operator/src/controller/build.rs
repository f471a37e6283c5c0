//! From the model to every object that is to exist. Needs no cluster.

mod deployment;
mod runtime;
mod surroundings;

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use prpc_contract::labels;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;
use super::queue::Queue;
use crate::arguments::Options;
pub(super) use deployment::CONTAINER;
pub(super) use surroundings::{Surroundings, surroundings};

/// Everything that is to exist for a queue.
pub(super) struct Children {
    pub(super) deployment: Deployment,
    pub(super) surroundings: Surroundings,
}

/// The children of a queue with so many replicas.
pub(super) fn children(queue: &Queue, replicas: u32, options: &Options) -> Result<Children, Error> {
    Ok(Children {
        deployment: deployment::deployment(queue, replicas, options)?,
        surroundings: surroundings(queue),
    })
}

/// What selects the pods of a queue. Cannot change in a Deployment that exists.
pub(super) fn selector_labels(queue: &Queue) -> BTreeMap<String, String> {
    [(labels::NAME, labels::WORKER), (labels::INSTANCE, &queue.name)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// The same as a text, as the scale subresource has it.
pub(super) fn selector_text(queue: &Queue) -> String {
    let pairs = selector_labels(queue).into_iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

fn selector(queue: &Queue) -> LabelSelector {
    LabelSelector { match_labels: Some(selector_labels(queue)), ..LabelSelector::default() }
}

fn all_labels(queue: &Queue) -> BTreeMap<String, String> {
    let mut all = selector_labels(queue);
    for (key, value) in [
        (labels::MANAGED_BY, labels::OPERATOR),
        (labels::PART_OF, labels::PRPC),
        (labels::QUEUE, &queue.name),
    ] {
        all.insert(key.to_owned(), value.to_owned());
    }
    all
}

fn metadata(queue: &Queue) -> ObjectMeta {
    ObjectMeta {
        name: Some(queue.children_name()),
        namespace: Some(queue.namespace.clone()),
        labels: Some(all_labels(queue)),
        owner_references: Some(vec![queue.owner.clone()]),
        ..ObjectMeta::default()
    }
}

/// A part of the spec as Kubernetes' own type, whose fields have the same names.
fn same<T: DeserializeOwned>(path: &str, part: &impl Serialize) -> Result<T, Error> {
    serde_json::to_value(part)
        .and_then(serde_json::from_value)
        .map_err(|error| Error::Invalid(format!("spec.podTemplate.{path}: {error}")))
}

#[cfg(test)]
mod tests;
