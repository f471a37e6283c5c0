//! The children of a queue, on the fields that matter.

use clap::Parser as _;
use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::{Value, json};

use super::*;
use crate::arguments::Arguments;
use crate::controller::queue::queue_at;
use crate::controller::resolve::Access;
use prpc_api::spec::SecretRole;

fn queue(change: &Value) -> Queue {
    queue_at(change, Access::open())
}

fn options() -> Options {
    Arguments::parse_from(["prpc-operator", "--runtime-image", "prpc-runtime:1"]).options
}

fn children_of(change: &Value) -> Children {
    children(&queue(change), 3, &options()).unwrap()
}

fn pod(children: &Children) -> &PodSpec {
    children.deployment.spec.as_ref().unwrap().template.spec.as_ref().unwrap()
}

fn worker(children: &Children) -> &Container {
    &pod(children).containers[0]
}

fn variable<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    container.env.as_ref().unwrap().iter().find(|variable| variable.name == name)?.value.as_deref()
}

#[test]
fn every_child_belongs_to_the_queue() {
    let children =
        children_of(&json!({"networkPolicy": {"mode": "Managed"}, "observability": {"podMonitor": true}}));
    let metadata = [
        &children.deployment.metadata,
        &children.surroundings.disruption_budget.metadata,
        &children.surroundings.network_policy.as_ref().unwrap().metadata,
        &children.surroundings.pod_monitor.as_ref().unwrap().metadata,
    ];
    for metadata in metadata {
        assert_eq!(metadata.name.as_deref(), Some("orders-worker"));
        let owner = &metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!((owner.uid.as_str(), owner.controller), ("u-1", Some(true)));
        assert_eq!(metadata.labels.as_ref().unwrap()[labels::QUEUE], "orders");
    }
}

#[test]
fn what_was_not_asked_for_is_not_made() {
    let children = children_of(&json!({}));
    assert!(children.surroundings.network_policy.is_none() && children.surroundings.pod_monitor.is_none());
}

#[test]
fn the_selector_stays_the_same_whatever_the_spec_says() {
    let select = |change| children_of(&change).deployment.spec.unwrap().selector.match_labels.unwrap();
    let changed = json!({"podTemplate": {"labels": {"team": "checkout"}}, "queueName": "other"});
    assert_eq!(select(json!({})), select(changed));
}

#[test]
fn the_runtime_is_told_what_the_spec_says() {
    let children = children_of(&json!({
        "worker": {"type": "process", "concurrency": 8, "timeout": "1m30s", "recycling": {"maxMemoryMiB": 512}},
        "delivery": {"maxAttempts": 5},
    }));
    let worker = worker(&children);
    for (name, value) in [
        ("PRPC_APP", "orders.main:app"),
        ("PRPC_URL_BROKER", "redis://redis:6379/0"),
        ("PRPC_QUEUE_NAME", "orders"),
        ("PRPC_WORKER_TYPE", "process"),
        ("PRPC_CONCURRENCY", "8"),
        ("PRPC_TIMEOUT_SEC", "90"),
        ("PRPC_MAX_ATTEMPTS", "5"),
        ("PRPC_MAX_MEMORY_PER_CHILD_MIB", "512"),
        ("PRPC_GRACE_PERIOD_SEC", "95"),
        ("PRPC_PAGES_ADDRESS", "0.0.0.0:9464"),
    ] {
        assert_eq!(variable(worker, name), Some(value), "{name}");
    }
    assert_eq!(pod(&children).termination_grace_period_seconds, Some(105));
}

#[test]
fn an_address_with_a_password_stays_in_its_secret() {
    let spec = json!({"broker": {"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}}});
    let access = known([(SecretRole::Url, "redis://:s3cret@redis")]);
    let children = children(&queue_at(&spec, access), 1, &options()).unwrap();
    let text = serde_json::to_string(&children.deployment).unwrap();
    assert!(!text.contains("s3cret"));
    assert!(text.contains(r#""secretKeyRef":{"key":"url","name":"redis"}"#), "{text}");
    assert!(text.contains(r#""prpc.dev/secrets":"0badf00d""#), "{text}");
}

fn known<const N: usize>(secrets: [(SecretRole, &str); N]) -> Access {
    Access::Known { secrets: secrets.into(), fingerprint: Some("0badf00d".into()) }
}

#[test]
fn a_pod_gets_everything_that_it_needs_for_kafka_and_no_secret_is_in_its_definition() {
    let key = |key: &str| json!({"name": "orders-kafka", "key": key});
    let spec = json!({"broker": {"kafka": {
        "bootstrapServers": ["a:9093", "b:9093"],
        "security": {
            "tls": {"caSecretRef": key("ca.crt"), "certificateSecretRef": key("user.crt"), "keySecretRef": key("user.key")},
            "sasl": {"mechanism": "SCRAM-SHA-512", "username": "orders", "passwordSecretRef": key("password")},
        },
        "topics": {"partitions": 7, "replicationFactor": 3},
    }}});
    let access = known([
        (SecretRole::Ca, "s3cret-1"),
        (SecretRole::Certificate, "s3cret-2"),
        (SecretRole::PrivateKey, "s3cret-3"),
        (SecretRole::Password, "s3cret-4"),
    ]);
    let children = children(&queue_at(&spec, access), 1, &options()).unwrap();
    let worker = worker(&children);
    for (name, value) in [
        ("PRPC_TYPE_BROKER", "kafka"),
        ("PRPC_URL_BROKER", "a:9093,b:9093"),
        ("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
        ("PRPC_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
        ("PRPC_KAFKA_SASL_USERNAME", "orders"),
        ("PRPC_KAFKA_QUEUE_TOPIC_NUMBER_PARTITIONS", "7"),
        ("PRPC_KAFKA_FEEDBACK_TOPIC_NUMBER_PARTITIONS", "4"),
        ("PRPC_KAFKA_REPLICATION_FACTOR", "3"),
    ] {
        assert_eq!(variable(worker, name), Some(value), "{name}");
    }
    let text = serde_json::to_string(&children.deployment).unwrap();
    for (name, key) in [
        ("PRPC_KAFKA_SSL_CA", "ca.crt"),
        ("PRPC_KAFKA_SSL_CERTIFICATE", "user.crt"),
        ("PRPC_KAFKA_SSL_KEY", "user.key"),
        ("PRPC_KAFKA_SASL_PASSWORD", "password"),
    ] {
        let reference = format!(
            r#"{{"name":"{name}","valueFrom":{{"secretKeyRef":{{"key":"{key}","name":"orders-kafka"}}}}}}"#
        );
        assert!(text.contains(&reference), "{name}: {text}");
    }
    assert!(!text.contains("s3cret") && text.contains(r#""prpc.dev/secrets":"0badf00d""#), "{text}");
}

#[test]
fn a_token_is_a_file_that_can_change_while_the_pod_runs() {
    let spec = json!({"broker": {"kafka": {
        "bootstrapServers": ["a:9093"],
        "security": {"tls": {}, "sasl": {
            "mechanism": "OAUTHBEARER", "tokenSecretRef": {"name": "orders-token", "key": "jwt"}
        }},
    }}});
    let secrets = [(SecretRole::Token, "s3cret")].into();
    let queue = queue_at(&spec, Access::Known { secrets, fingerprint: None });
    let children = children(&queue, 1, &options()).unwrap();
    assert_eq!(variable(worker(&children), "PRPC_KAFKA_SASL_TOKEN_FILE"), Some("/prpc-token/token"));
    let template = serde_json::to_value(&children.deployment).unwrap()["spec"]["template"].clone();
    let (volumes, mounts) =
        (&template["spec"]["volumes"], &template["spec"]["containers"][0]["volumeMounts"]);
    assert!(
        volumes.as_array().unwrap().contains(&json!({
            "name": "prpc-token", "secret": {"secretName": "orders-token", "items": [{"key": "jwt", "path": "token"}]}
        })),
        "{volumes}"
    );
    assert!(
        mounts
            .as_array()
            .unwrap()
            .contains(&json!({"name": "prpc-token", "mountPath": "/prpc-token", "readOnly": true})),
        "{mounts}"
    );
    // A part of a file does not follow its Secret, and pods are not replaced for a token.
    let text = template.to_string();
    assert!(
        !text.contains("subPath") && !text.contains("prpc.dev/secrets") && !text.contains("s3cret"),
        "{text}"
    );
}

#[test]
fn pods_meet_the_restricted_standard() {
    let children = children_of(&json!({}));
    let pod = pod(&children);
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!((security.run_as_non_root, security.run_as_user), (Some(true), Some(65_532)));
    assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    assert_eq!(pod.automount_service_account_token, Some(false));
    for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
        let security = container.security_context.as_ref().unwrap();
        assert_eq!(security.allow_privilege_escalation, Some(false), "{}", container.name);
        assert_eq!(
            security.capabilities.as_ref().unwrap().drop,
            Some(vec!["ALL".into()]),
            "{}",
            container.name
        );
    }
}

#[test]
fn an_image_with_the_runtime_needs_no_init_container() {
    let children = children_of(&json!({
        "function": {"image": "shop/orders:1", "app": "orders.main:app", "runtime": "Image"}
    }));
    assert!(pod(&children).init_containers.is_none() && pod(&children).volumes.is_none());
    assert_eq!(worker(&children).command.as_ref().unwrap(), &["prpc", "run"]);
}

#[test]
fn the_runtime_is_copied_or_its_image_is_mounted() {
    let copied = children_of(&json!({}));
    let copies = &pod(&copied).init_containers.as_ref().unwrap()[0];
    assert_eq!(copies.command.as_ref().unwrap(), &["cp", "-r", "/opt/prpc/.", "/prpc"]);
    assert_eq!(worker(&copied).command.as_ref().unwrap(), &["/prpc/bin/prpc-runtime"]);
    let words = ["prpc-operator", "--runtime-image", "prpc-runtime:1", "--runtime-injection", "ImageVolume"];
    let mounted = children(&queue(&json!({})), 3, &Arguments::parse_from(words).options).unwrap();
    let spec = serde_json::to_value(pod(&mounted)).unwrap();
    assert_eq!(spec.get("initContainers"), None);
    let image = json!({"reference": "prpc-runtime:1", "pullPolicy": "IfNotPresent"});
    assert_eq!(spec["volumes"], json!([{"name": "prpc", "image": image}]));
    let mount = json!({"name": "prpc", "mountPath": "/prpc", "readOnly": true});
    assert_eq!(spec["containers"][0]["volumeMounts"], json!([mount]));
    assert_eq!(worker(&mounted).command.as_ref().unwrap(), &["/prpc/opt/prpc/bin/prpc-runtime"]);
}

#[test]
fn the_pod_template_is_passed_on() {
    let children = children_of(&json!({"podTemplate": {
        "labels": {"team": "checkout"},
        "resources": {"requests": {"cpu": 1, "memory": "256Mi"}},
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "m", "readOnly": true}}],
        "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": true}],
        "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    }}));
    let template = serde_json::to_value(&children.deployment).unwrap()["spec"]["template"].clone();
    assert_eq!(template["metadata"]["labels"]["team"], "checkout");
    let container = &template["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"], json!({"cpu": "1", "memory": "256Mi"}));
    assert_eq!(
        container["volumeMounts"][0],
        json!({"name": "models", "mountPath": "/models", "readOnly": true})
    );
    assert_eq!(template["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "m");
    let spread = &template["spec"]["topologySpreadConstraints"];
    assert_eq!((&spread[0]["maxSkew"], spread.as_array().unwrap().len()), (&json!(2), 1));
}
