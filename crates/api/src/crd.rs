//! The CustomResourceDefinition, as it is installed.

use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::queue::PrpcQueue;

/// The definition. Equal to `crds/prpcqueues.yaml`.
///
/// Every optional field comes out of the derivation as nullable. An explicit `null` would then count as set for the rules;
/// without the mark the API server removes it before they run.
#[must_use]
pub fn custom_resource_definition() -> Value {
    // The types hold nothing that JSON cannot.
    let mut definition = serde_json::to_value(PrpcQueue::crd()).unwrap_or_default();
    forbid_null(&mut definition);
    definition
}

fn forbid_null(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("nullable");
            if let Some(Value::Array(choices)) = members.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            members.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}
