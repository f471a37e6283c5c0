//! The definition as an API server sees it: its form, and what it refuses with which words.

use kube::core::cel::Validator;
use prpc_api::custom_resource_definition;
use serde_json::{Value, json};

fn schema() -> Value {
    custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Calls `look` with the path of every schema below `schema`.
fn walk(path: &str, schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    look(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, look);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            walk(&format!("{path}{mark}"), &schema[key], look);
        }
    }
}

#[test]
fn the_committed_definition_is_what_the_types_say() {
    let committed = include_str!("../../../crds/prpcqueues.yaml");
    let committed: Value = serde_saphyr::from_str(committed).unwrap();
    assert_eq!(committed, custom_resource_definition(), "run `make crds`");
    let chart: Value =
        serde_saphyr::from_str(include_str!("../../../charts/prpc/files/crds/prpcqueues.yaml")).unwrap();
    assert_eq!(chart, committed, "run `make crds`");
    assert_eq!(include_str!("../../../docs/reference.md"), prpc_api::reference(), "run `make crds`");
}

#[test]
fn the_definition_is_small_enough_for_kubectl_apply() {
    let size = custom_resource_definition().to_string().len();
    assert!(size < 100_000, "{size}");
}

#[test]
fn every_field_is_explained() {
    walk("", &schema(), &mut |path, schema| {
        let own = path.starts_with(".spec") || path.starts_with(".status");
        let element = path.ends_with("[]") || path.ends_with("{}");
        let foreign = path.starts_with(".status.conditions");
        assert!(!own || element || foreign || schema["description"].is_string(), "{path}");
    });
}

#[test]
fn every_text_and_list_of_the_spec_is_bounded() {
    walk("", &schema(), &mut |path, schema| {
        if !path.starts_with(".spec") {
            return;
        }
        let (bound, bounded) = match schema["type"].as_str() {
            Some("string") => ("maxLength", schema["maxLength"].is_u64() || schema["enum"].is_array()),
            Some("array") => ("maxItems", schema["maxItems"].is_u64()),
            Some("object") if schema["additionalProperties"].is_object() => {
                ("maxProperties", schema["maxProperties"].is_u64())
            }
            _ => return,
        };
        assert!(bounded, "{path} has no {bound}: {schema}");
    });
}

#[test]
fn every_rule_has_words_of_its_own() {
    let mut rules = 0;
    walk("", &schema(), &mut |path, schema| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            assert!(rule["message"].as_str().is_some_and(|message| message.len() > 20), "{path}: {rule}");
            rules += 1;
        }
    });
    assert!(rules >= 16, "{rules}");
}

fn queue() -> Value {
    json!({
        "apiVersion": "prpc.dev/v1alpha1", "kind": "PrpcQueue", "metadata": {"name": "orders"},
        "spec": {
            "broker": {"redis": {"url": "redis://redis:6379/0"}},
            "function": {"image": "orders:1", "app": "orders.main:app", "runtime": "Inject"},
            "worker": {}, "delivery": {}, "rollout": {}, "podTemplate": {}, "deletionPolicy": "Retain", "replicas": 1,
            "scaling": {"mode": "Managed", "minReplicas": 0, "maxReplicas": 20},
        }
    })
}

fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (name, value) in change {
                if value.is_null() {
                    into.remove(name);
                } else {
                    merge(into.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, change) => *into = change.clone(),
    }
}

fn changed(change: &Value) -> Value {
    let mut queue = queue();
    merge(&mut queue, change);
    queue
}

fn messages(object: &Value, old: Option<&Value>) -> Vec<String> {
    match Validator::new().validate(&schema(), object, old) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}

#[test]
fn a_usual_queue_is_accepted() {
    assert_eq!(messages(&queue(), None), [""; 0]);
    assert_eq!(messages(&queue(), Some(&queue())), [""; 0]);
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    for (change, words) in [
        (json!({"metadata": {"name": "n".repeat(53)}}), "at most 52 characters"),
        (json!({"spec": {"queueName": "raw_x"}}), "must not begin with raw_"),
        (json!({"spec": {"broker": {"redis": {"url": null}}}}), "exactly one of url and urlSecretRef"),
        (
            json!({"spec": {"broker": {"redis": {"urlSecretRef": {"name": "s", "key": "k"}}}}}),
            "exactly one of url and urlSecretRef",
        ),
        (
            json!({"spec": {"broker": {"redis": {"url": "redis://:pw@redis:6379/0"}}}}),
            "belongs into a Secret",
        ),
        (json!({"spec": {"function": {"image": null}}}), "image is needed in a cluster"),
        (json!({"spec": {"function": {"app": "orders"}}}), "write module:attribute"),
        (json!({"spec": {"function": {"app": "orders main:app"}}}), "write module:attribute"),
        (json!({"spec": {"worker": {"type": "process", "concurrency": 65}}}), "at most 64 processes"),
        (json!({"spec": {"delivery": {"visibilityTimeout": "29s"}}}), "at least twice heartbeatInterval"),
        (
            json!({"spec": {"delivery": {"visibilityTimeout": "45s", "heartbeatInterval": "23s"}}}),
            "at least twice heartbeatInterval",
        ),
        (json!({"spec": {"scaling": {"minReplicas": 21}}}), "must not be greater than maxReplicas"),
        (
            json!({"spec": {"scaling": {"fallback": {"replicas": 21}}}}),
            "fallback.replicas must not be greater",
        ),
        (
            json!({"spec": {"scaling": {"schedules": [{"name": "a", "start": "08:00", "end": "18:00", "minReplicas": 21}]}}}),
            "minReplicas of a schedule must not be greater",
        ),
        (
            json!({"spec": {"scaling": {"schedules": [{"name": "a", "start": "08:00", "end": "18:00"}]}}}),
            "a schedule without minReplicas and maxReplicas changes nothing",
        ),
        (json!({"spec": {"replicas": 21}}), "must not be greater than scaling.maxReplicas"),
        (
            json!({"spec": {"rollout": {"drainTimeout": "10s"}, "worker": {"timeout": "20s"}}}),
            "must not be shorter than worker.timeout",
        ),
        (
            json!({"spec": {"deletionPolicy": "Purge", "confirmPurge": "other"}}),
            "confirm it with confirmPurge",
        ),
        (json!({"spec": {"deletionPolicy": "Purge"}}), "confirm it with confirmPurge"),
        (
            json!({"spec": {"podTemplate": {"labels": {"prpc.dev/queue": "x"}}}}),
            "labels that begin with prpc.dev/",
        ),
        (json!({"spec": {"podTemplate": {"annotations": {"prpc.dev/x": "x"}}}}), "annotations that begin"),
        (
            json!({"spec": {"podTemplate": {"env": [{"name": "PRPC_APP", "value": "x"}]}}}),
            "variables that begin with PRPC_",
        ),
        (json!({"spec": {"podTemplate": {"env": [{"name": "A"}]}}}), "exactly one of value and valueFrom"),
        (json!({"spec": {"podTemplate": {"envFrom": [{}]}}}), "exactly one of secretRef and configMapRef"),
        (
            json!({"spec": {"podTemplate": {"envFrom": [{"prefix": "PRPC_", "secretRef": {"name": "s"}}]}}}),
            "variables that begin with PRPC_",
        ),
        (
            json!({"spec": {"podTemplate": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}}}),
            "needs a volume of its name",
        ),
        (
            json!({"spec": {"podTemplate": {"volumes": [{"name": "prpc", "emptyDir": {}}]}}}),
            "taken by the runtime",
        ),
        (
            json!({"spec": {"podTemplate": {"volumes": [{"name": "prpc-token", "emptyDir": {}}]}}}),
            "taken by the runtime",
        ),
        (
            json!({"spec": {"podTemplate": {
                "volumes": [{"name": "a", "emptyDir": {}}], "volumeMounts": [{"name": "a", "mountPath": "/prpc-token"}]
            }}}),
            "mountPath must be absolute",
        ),
        (
            json!({"spec": {"podTemplate": {
                "volumes": [{"name": "a", "emptyDir": {}}], "volumeMounts": [{"name": "a", "mountPath": "/prpc/bin"}]
            }}}),
            "mountPath must be absolute",
        ),
    ] {
        let messages = messages(&changed(&change), None);
        assert!(messages.len() == 1 && messages[0].contains(words), "{change}: {messages:?}");
    }
}

/// A queue on Kafka with this login and encryption.
fn on_kafka(security: &Value) -> Value {
    let kafka = json!({"bootstrapServers": ["kafka:9093"], "security": security, "topics": {"feedbackPartitions": 4}});
    changed(&json!({"spec": {"broker": {"redis": null, "kafka": kafka}}}))
}

#[test]
fn every_usual_way_into_kafka_is_accepted() {
    let key = |name: &str| json!({"name": "orders-kafka", "key": name});
    for security in [
        json!({}),
        json!({"tls": {}}),
        json!({"tls": {"caSecretRef": key("ca.crt")}}),
        json!({"tls": {"caSecretRef": key("ca.crt"), "certificateSecretRef": key("user.crt"), "keySecretRef": key("user.key")}}),
        json!({"sasl": {"mechanism": "PLAIN", "username": "orders", "passwordSecretRef": key("password")}}),
        json!({"tls": {}, "sasl": {
            "mechanism": "SCRAM-SHA-512", "usernameSecretRef": key("username"), "passwordSecretRef": key("password")
        }}),
        json!({"tls": {}, "sasl": {"mechanism": "OAUTHBEARER", "tokenSecretRef": key("token")}}),
    ] {
        assert_eq!(messages(&on_kafka(&security), None), [""; 0], "{security}");
    }
}

#[test]
fn a_way_into_kafka_that_is_not_complete_is_refused_with_what_is_missing() {
    let key = json!({"name": "s", "key": "k"});
    for (security, words) in [
        (json!({"tls": {"certificateSecretRef": key}}), "belong together"),
        (json!({"tls": {"keySecretRef": key}}), "belong together"),
        (json!({"sasl": {"mechanism": "PLAIN", "username": "orders"}}), "needs a user"),
        (json!({"sasl": {"mechanism": "SCRAM-SHA-256", "passwordSecretRef": key}}), "needs a user"),
        (
            json!({"sasl": {"mechanism": "PLAIN", "username": "o", "passwordSecretRef": key, "tokenSecretRef": key}}),
            "and no token",
        ),
        (
            json!({"sasl": {"mechanism": "PLAIN", "username": "o", "usernameSecretRef": key, "passwordSecretRef": key}}),
            "only one of username and usernameSecretRef",
        ),
        (json!({"sasl": {"mechanism": "OAUTHBEARER"}}), "needs tokenSecretRef"),
        (
            json!({"sasl": {"mechanism": "OAUTHBEARER", "tokenSecretRef": key, "username": "o"}}),
            "neither user nor password",
        ),
    ] {
        let messages = messages(&on_kafka(&security), None);
        assert!(messages.len() == 1 && messages[0].contains(words), "{security}: {messages:?}");
    }
}

#[test]
fn on_kafka_a_queue_can_be_named_as_a_topic_can() {
    for (name, fits) in
        [("orders.v2_x-y", true), ("orders/v2", false), ("\u{43f}\u{43e}\u{447}\u{442}\u{430}", false)]
    {
        let mut queue = on_kafka(&json!({}));
        queue["spec"]["queueName"] = json!(name);
        let messages = messages(&queue, None);
        assert_eq!(messages.is_empty(), fits, "{name}: {messages:?}");
    }
}

#[test]
fn partitions_are_not_taken_away() {
    let with = |partitions: Value| {
        let mut queue = on_kafka(&json!({}));
        queue["spec"]["broker"]["kafka"]["topics"] = partitions;
        queue
    };
    let old = with(json!({"partitions": 12}));
    assert_eq!(messages(&with(json!({"partitions": 13})), Some(&old)), [""; 0]);
    assert_eq!(messages(&with(json!({})), Some(&old)), [""; 0]);
    let messages = messages(&with(json!({"partitions": 11})), Some(&old));
    assert!(messages.len() == 1 && messages[0].contains("cannot be taken away"), "{messages:?}");
}

#[test]
fn what_may_not_change_is_refused_with_what_to_do_instead() {
    for (change, words) in [
        (json!({"spec": {"queueName": "other"}}), "queueName cannot be changed"),
        (
            json!({"spec": {"broker": {"redis": null, "kafka": {"bootstrapServers": ["k:9092"]}}}}),
            "the kind of broker cannot be changed",
        ),
    ] {
        let messages = messages(&changed(&change), Some(&queue()));
        assert!(messages.len() == 1 && messages[0].contains(words), "{change}: {messages:?}");
    }
    assert_eq!(messages(&changed(&json!({"spec": {"queueName": "orders"}})), Some(&queue())), [""; 0]);
}

#[test]
fn programs_are_named_as_modules_or_scripts() {
    for app in
        ["app:app", "orders.main:make.app", "server.py", "src/server.py", "-m orders.server", "/app/s.py"]
    {
        assert_eq!(messages(&changed(&json!({"spec": {"function": {"app": app}}})), None), [""; 0], "{app}");
    }
}
