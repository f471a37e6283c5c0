//! The objects and their past.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::wire::{Target, partial, status};

/// Plural, namespace, name.
pub(super) type Key = (String, String, String);

pub(super) fn key(plural: &str, namespace: &str, name: &str) -> Key {
    (plural.to_owned(), namespace.to_owned(), name.to_owned())
}

struct Change {
    version: u64,
    plural: String,
    kind: &'static str,
    object: Value,
}

/// What a watch has to send.
pub(super) enum Next {
    Event(u64, Value),
    Forgotten(Value),
    Nothing,
}

#[derive(Default)]
pub(super) struct Store {
    pub(super) version: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<Change>,
    /// Versions before it are forgotten.
    oldest: u64,
}

impl Store {
    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The objects that a list asks for.
    pub(super) fn all(&self, target: &Target) -> impl Iterator<Item = &Value> {
        let wanted = |((plural, ..), object): &(&Key, &Value)| target.selects(plural, object);
        self.objects.iter().filter(wanted).map(|(_, object)| object)
    }

    /// All that was ever written of a kind.
    pub(super) fn history(&self, plural: &str) -> impl Iterator<Item = &Value> {
        self.history.iter().filter(move |change| change.plural == plural).map(|change| &change.object)
    }

    /// Merges a change into an object, or makes it.
    pub(super) fn write(&mut self, key: Key, change: &Value) -> Value {
        let old = self.objects.get(&key).cloned();
        let mut object = old.clone().unwrap_or_else(|| {
            let uid = format!("uid-{}", self.version);
            json!({"metadata": {"name": key.2, "namespace": key.1, "uid": uid, "generation": 0}})
        });
        merge(&mut object, change);
        if old.as_ref() == Some(&object) {
            return object;
        }
        if old.as_ref().is_none_or(|old| old["spec"] != object["spec"]) {
            next_generation(&mut object);
        }
        if object["metadata"]["deletionTimestamp"].is_string() && !has_finalizers(&object) {
            self.objects.insert(key.clone(), object.clone());
            self.remove(&key);
            return object;
        }
        self.record(&key, if old.is_some() { "MODIFIED" } else { "ADDED" }, &mut object);
        self.objects.insert(key, object.clone());
        object
    }

    /// Deletes an object, or marks it if it has finalizers.
    pub(super) fn delete(&mut self, key: &Key) {
        let Some(object) = self.objects.get(key) else { return };
        if !has_finalizers(object) {
            self.remove(key);
        } else if object["metadata"]["deletionTimestamp"].is_null() {
            let mut object = object.clone();
            object["metadata"]["deletionTimestamp"] =
                json!(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            next_generation(&mut object);
            self.record(key, "MODIFIED", &mut object);
            self.objects.insert(key.clone(), object);
        }
    }

    /// An object vanishes, and then what it owns.
    fn remove(&mut self, key: &Key) {
        let Some(mut object) = self.objects.remove(key) else { return };
        self.record(key, "DELETED", &mut object);
        let owned_by = |owned: &Value| {
            let owners = owned["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == object["metadata"]["uid"]))
        };
        let owned: Vec<_> =
            self.objects.iter().filter(|(_, owned)| owned_by(owned)).map(|(key, _)| key.clone()).collect();
        owned.iter().for_each(|key| self.delete(key));
    }

    fn record(&mut self, key: &Key, kind: &'static str, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let (plural, object) = (key.0.clone(), object.clone());
        self.history.push(Change { version: self.version, plural, kind, object });
    }

    pub(super) fn forget(&mut self) {
        self.oldest = self.version + 1;
        self.version += 1;
    }

    /// What follows on a version.
    pub(super) fn next(&self, target: &Target, since: u64) -> Next {
        if since < self.oldest {
            return Next::Forgotten(json!({"type": "ERROR", "object": status(410, "Failure")}));
        }
        let later =
            |change: &&Change| change.version > since && target.selects(&change.plural, &change.object);
        self.history.iter().find(later).map_or(Next::Nothing, |change| {
            let object = partial(change.object.clone(), target.partial);
            Next::Event(change.version, json!({"type": change.kind, "object": object}))
        })
    }
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}

fn next_generation(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    object["metadata"]["generation"] = json!(generation + 1);
}

/// As a merge patch does it. What the server itself writes is not taken from others.
fn merge(into: &mut Value, change: &Value) {
    let (Value::Object(into), Value::Object(change)) = (&mut *into, change) else {
        *into = change.clone();
        return;
    };
    for (name, value) in change {
        match (name.as_str(), value) {
            ("resourceVersion" | "generation" | "uid", _) if into.contains_key("resourceVersion") => {}
            (_, Value::Null) => drop(into.remove(name)),
            _ => merge(into.entry(name.clone()).or_insert(Value::Null), value),
        }
    }
}
