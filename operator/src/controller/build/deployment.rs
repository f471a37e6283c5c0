//! The Deployment of the workers.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, KeyToPath,
    LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    SeccompProfile, SecretKeySelector, SecretVolumeSource, SecurityContext, TopologySpreadConstraint, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use prpc_api::spec::{SecretRole, Unsatisfiable};
use prpc_contract::labels;

use super::runtime::Runtime;
use super::{all_labels, metadata, same, selector};
use crate::arguments::Options;
use crate::controller::error::Error;
use crate::controller::queue::{Queue, TOKEN_FILE};
use crate::controller::resolve::Access;

/// The container with the user's program.
pub(in crate::controller) const CONTAINER: &str = "worker";
/// The volume with the token of OAUTHBEARER.
const TOKEN: &str = "prpc-token";
/// The name of the port with the pages.
pub(super) const PAGES: &str = "pages";
/// Nobody.
const USER: i64 = 65_532;
/// What the kubelet waits beyond the runtime's own limit before it kills.
const BEYOND_DRAIN: i64 = 10;
/// A program may take so many seconds to import.
const LONGEST_START: i32 = 600;

/// The Deployment with so many replicas.
pub(super) fn deployment(queue: &Queue, replicas: u32, options: &Options) -> Result<Deployment, Error> {
    let rollout = &queue.spec.rollout;
    let update = RollingUpdateDeployment {
        max_unavailable: Some(rollout.max_unavailable.clone().unwrap_or(IntOrString::Int(0))),
        max_surge: Some(rollout.max_surge.clone().unwrap_or_else(|| IntOrString::String("25%".into()))),
    };
    Ok(Deployment {
        metadata: metadata(queue),
        spec: Some(DeploymentSpec {
            replicas: Some(i32::try_from(replicas).unwrap_or(i32::MAX)),
            selector: selector(queue),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".into()),
                rolling_update: Some(update),
            }),
            revision_history_limit: Some(3),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels(queue)),
                    annotations: Some(annotations(queue)).filter(|annotations| !annotations.is_empty()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(queue, options)?),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    })
}

fn pod_labels(queue: &Queue) -> BTreeMap<String, String> {
    let mut labels = queue.spec.pod_template.labels.clone();
    labels.extend(all_labels(queue));
    labels
}

fn annotations(queue: &Queue) -> BTreeMap<String, String> {
    let mut annotations = queue.spec.pod_template.annotations.clone();
    if let Access::Known { fingerprint: Some(fingerprint), .. } = &queue.access {
        annotations.insert(labels::SECRETS.to_owned(), fingerprint.clone());
    }
    annotations
}

fn pod(queue: &Queue, options: &Options) -> Result<PodSpec, Error> {
    let template = &queue.spec.pod_template;
    let runtime = Runtime::of(queue.spec.function.runtime, options);
    let security = template.security_context.unwrap_or_default();
    let mut volumes: Vec<Volume> = same("volumes", &template.volumes)?;
    volumes.extend(runtime.volume);
    volumes.extend(token(queue).map(|(volume, _)| volume));
    let pull_secrets = queue.spec.function.image_pull_secrets.iter();
    Ok(PodSpec {
        init_containers: runtime.init_container.map(|copies| vec![copies]),
        containers: vec![worker(queue, runtime.command, runtime.mount)?],
        volumes: some(volumes),
        image_pull_secrets: some(
            pull_secrets.map(|secret| LocalObjectReference { name: secret.name.clone() }).collect(),
        ),
        service_account_name: template.service_account_name.clone(),
        // A program that needs the API server gets its token with an account of its own.
        automount_service_account_token: Some(template.service_account_name.is_some()),
        enable_service_links: Some(false),
        node_selector: Some(template.node_selector.clone()).filter(|labels| !labels.is_empty()),
        tolerations: some(same("tolerations", &template.tolerations)?),
        topology_spread_constraints: Some(spread(queue)),
        priority_class_name: template.priority_class_name.clone(),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(security.run_as_user.unwrap_or(USER)),
            run_as_group: Some(security.run_as_group.unwrap_or(USER)),
            fs_group: security.fs_group,
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        termination_grace_period_seconds: Some(
            i64::try_from(queue.drain.as_secs()).unwrap_or(i64::MAX - BEYOND_DRAIN) + BEYOND_DRAIN,
        ),
        ..PodSpec::default()
    })
}

fn worker(queue: &Queue, command: Vec<String>, runtime: Option<VolumeMount>) -> Result<Container, Error> {
    let template = &queue.spec.pod_template;
    let mut mounts: Vec<VolumeMount> = same("volumeMounts", &template.volume_mounts)?;
    mounts.extend(runtime);
    mounts.extend(token(queue).map(|(_, mount)| mount));
    let mut env = environment(queue);
    env.extend(same::<Vec<EnvVar>>("env", &template.env)?);
    Ok(Container {
        name: CONTAINER.into(),
        image: Some(queue.image.clone()),
        image_pull_policy: queue.spec.function.image_pull_policy.map(|policy| policy.as_str().into()),
        command: Some(command),
        env: Some(env),
        env_from: some(same("envFrom", &template.env_from)?),
        ports: Some(vec![ContainerPort {
            name: Some(PAGES.into()),
            container_port: labels::PAGES_PORT.into(),
            ..ContainerPort::default()
        }]),
        resources: template.resources.as_ref().map(|resources| same("resources", resources)).transpose()?,
        volume_mounts: some(mounts),
        // The import of the program is a part of the start. At once nothing listens yet: that look would only be a warning in every
        // pod's events.
        startup_probe: Some(Probe {
            initial_delay_seconds: Some(1),
            period_seconds: Some(1),
            failure_threshold: Some(LONGEST_START),
            ..probe("/startup")
        }),
        readiness_probe: Some(Probe { period_seconds: Some(3), ..probe("/ready") }),
        liveness_probe: Some(Probe {
            period_seconds: Some(10),
            failure_threshold: Some(6),
            ..probe("/live")
        }),
        security_context: Some(restricted()),
        // The end of the log is where the reason for a failed start is.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        ..Container::default()
    })
}

/// What the runtime is told. The user's own variables come after it and cannot have the same names.
fn environment(queue: &Queue) -> Vec<EnvVar> {
    let from = |name: &str, source| EnvVar { name: name.into(), value: None, value_from: Some(source) };
    let mut env: Vec<_> = queue
        .settings
        .to_env()
        .into_iter()
        .map(|(name, value)| EnvVar { name: name.into(), value: Some(value), value_from: None })
        .collect();
    let pages = format!("0.0.0.0:{}", labels::PAGES_PORT);
    env.push(EnvVar { name: "PRPC_PAGES_ADDRESS".into(), value: Some(pages), value_from: None });
    let pod_name = ObjectFieldSelector { field_path: "metadata.name".into(), api_version: None };
    env.push(from(
        "PRPC_INSTANCE_NAME",
        EnvVarSource { field_ref: Some(pod_name), ..EnvVarSource::default() },
    ));
    for (role, key) in queue.spec.broker.secrets() {
        if let Some(name) = role.variable() {
            let key = SecretKeySelector { name: key.name.clone(), key: key.key.clone(), optional: None };
            let source = EnvVarSource { secret_key_ref: Some(key), ..EnvVarSource::default() };
            env.push(from(name, source));
        }
    }
    env
}

/// The token of OAUTHBEARER is a file, because the kubelet replaces that while the pod runs.
fn token(queue: &Queue) -> Option<(Volume, VolumeMount)> {
    let named = queue.spec.broker.secrets();
    let (_, key) = named.into_iter().find(|(role, _)| *role == SecretRole::Token)?;
    let (folder, file) = TOKEN_FILE.rsplit_once('/')?;
    let source = SecretVolumeSource {
        secret_name: Some(key.name.clone()),
        items: Some(vec![KeyToPath { key: key.key.clone(), path: file.into(), mode: None }]),
        ..SecretVolumeSource::default()
    };
    let volume = Volume { name: TOKEN.into(), secret: Some(source), ..Volume::default() };
    let mount = VolumeMount {
        name: TOKEN.into(),
        mount_path: folder.into(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    Some((volume, mount))
}

fn spread(queue: &Queue) -> Vec<TopologySpreadConstraint> {
    let constraint = |skew, key: &str, unsatisfiable: &str| TopologySpreadConstraint {
        max_skew: skew,
        topology_key: key.into(),
        when_unsatisfiable: unsatisfiable.into(),
        label_selector: Some(selector(queue)),
        ..TopologySpreadConstraint::default()
    };
    let wanted = &queue.spec.pod_template.topology_spread_constraints;
    if wanted.is_empty() {
        return vec![constraint(1, "kubernetes.io/hostname", "ScheduleAnyway")];
    }
    let word = |unsatisfiable| match unsatisfiable {
        Unsatisfiable::DoNotSchedule => "DoNotSchedule",
        Unsatisfiable::ScheduleAnyway => "ScheduleAnyway",
    };
    wanted.iter().map(|w| constraint(w.max_skew, &w.topology_key, word(w.when_unsatisfiable))).collect()
}

fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::String(PAGES.into()),
            ..HTTPGetAction::default()
        }),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

/// What the Pod Security Standard "restricted" asks of a container.
pub(super) fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        ..SecurityContext::default()
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}
