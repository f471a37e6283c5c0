//! Why pods do not take calls, in the words of whoever must act; and what the program's functions are.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::build::{CONTAINER, selector_text};
use super::error::Error;
use super::queue::Queue;

/// Longer messages of the kubelet or of a program are cut.
const LONGEST: usize = 600;

/// Why pods do not take calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Looks at the pods, unless all that are wanted are ready and new.
pub(super) async fn look(
    client: &Client,
    queue: &Queue,
    live: &Deployment,
) -> Result<Option<Problem>, Error> {
    if Count::of(live).is_complete() {
        return Ok(None);
    }
    if let Some(problem) = refused(live) {
        return Ok(Some(problem));
    }
    let pods = Api::<Pod>::namespaced(client.clone(), &queue.namespace)
        .list(&ListParams::default().labels(&selector_text(queue)).limit(100))
        .await
        .map_err(|source| Error::Read {
            what: format!("the pods of {}/{}", queue.namespace, queue.name),
            source,
        })?;
    Ok(diagnose(&pods.items, &queue.image))
}

/// What a Deployment's status counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) wanted: i32,
    pub(super) there: i32,
    pub(super) updated: i32,
    pub(super) ready: i32,
    /// Whether the counts are about the present spec.
    pub(super) current: bool,
}

impl Count {
    pub(super) fn of(live: &Deployment) -> Self {
        let status = live.status.clone().unwrap_or_default();
        Self {
            wanted: live.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            there: status.replicas.unwrap_or_default(),
            updated: status.updated_replicas.unwrap_or_default(),
            ready: status.ready_replicas.unwrap_or_default(),
            current: status.observed_generation >= live.metadata.generation,
        }
    }

    /// Whether there is exactly what is wanted, all of it new and ready.
    pub(super) const fn is_complete(&self) -> bool {
        self.current && self.there == self.wanted && self.updated == self.wanted && self.ready == self.wanted
    }
}

/// The API server does not let the pods be created: quota, admission.
fn refused(live: &Deployment) -> Option<Problem> {
    let conditions = live.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    let said = failure.message.as_deref().unwrap_or("no reason given");
    Some(Problem {
        reason: "PodsRefused",
        message: format!(
            "pods cannot be created: {}. Change the quota or policy of the namespace, or spec.podTemplate.",
            short(said)
        ),
    })
}

/// The most telling problem of all pods. Those on their way out do not count.
fn diagnose(pods: &[Pod], image: &str) -> Option<Problem> {
    let starting = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    starting
        .filter_map(|pod| problem(pod, image))
        .max_by_key(|(weight, _)| *weight)
        .map(|(_, problem)| problem)
}

fn problem(pod: &Pod, image: &str) -> Option<(u8, Problem)> {
    let name = pod.name_any();
    let status = pod.status.as_ref()?;
    let unschedulable = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unschedulable {
        let said = short(condition.message.as_deref().unwrap_or("no node fits"));
        return Some((
            1,
            Problem {
                reason: "Unschedulable",
                message: format!(
                    "pod {name} fits on no node: {said} Add nodes, or lower spec.podTemplate.resources."
                ),
            },
        ));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.filter_map(|container| blocked(&name, container, image)).max_by_key(|(weight, _)| *weight)
}

fn blocked(pod: &str, container: &ContainerStatus, image: &str) -> Option<(u8, Problem)> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        let said = short(waiting.message.as_deref().unwrap_or_default());
        let problem = |reason, message| Some((4, Problem { reason, message }));
        match waiting.reason.as_deref().unwrap_or_default() {
            "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull"
            | "ImageInspectError" => {
                let own = if container.name == CONTAINER { image } else { &container.image };
                let next = if container.name == CONTAINER {
                    "Check spec.function.image and spec.function.imagePullSecrets."
                } else {
                    "Check the operator's runtime image."
                };
                return problem("ImagePullFailed", format!("pod {pod} cannot pull {own}: {said} {next}"));
            }
            "CreateContainerConfigError"
                if said.contains("ecret") || said.contains("onfigmap") || said.contains("key") =>
            {
                return problem(
                    "SecretMissing",
                    format!("pod {pod} waits: {said}. Create what is missing; the pod goes on by itself."),
                );
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                return problem(
                    "ContainerStartFailed",
                    format!(
                        "pod {pod} cannot start its container: {said}. Check spec.function and spec.podTemplate."
                    ),
                );
            }
            _ => {}
        }
    }
    let ended = state
        .terminated
        .as_ref()
        .or(container.last_state.as_ref().and_then(|last| last.terminated.as_ref()))?;
    if container.ready || ended.exit_code == 0 {
        return None;
    }
    if ended.reason.as_deref() == Some("OOMKilled") {
        let message = format!(
            "pod {pod} used more memory than it may. Raise spec.podTemplate.resources.limits.memory, or lower spec.worker.concurrency."
        );
        return Some((3, Problem { reason: "OutOfMemory", message }));
    }
    let log = ended.message.as_deref().unwrap_or_default();
    let error = log.lines().find_map(|line| line.strip_prefix("error: "));
    match error {
        Some(error) if error.starts_with("the program cannot be loaded") => {
            let message = format!(
                "pod {pod}: {}. Check spec.function.app and the image; kubectl logs {pod} shows the traceback.",
                short(error)
            );
            Some((3, Problem { reason: "AppImportFailed", message }))
        }
        error => {
            let said = error
                .or_else(|| log.lines().last())
                .map_or_else(String::new, |line| format!(": {}", short(line)));
            let message = format!(
                "pod {pod} ended with exit code {}{said}. kubectl logs {pod} --previous shows more.",
                ended.exit_code
            );
            Some((2, Problem { reason: "CrashLooping", message }))
        }
    }
}

/// One line without control characters, not too long.
fn short(text: &str) -> String {
    let line: String =
        text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(LONGEST).collect();
    line.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "orders-1"}, "status": status})).unwrap()
    }

    fn container(name: &str, state: &Value, last: &Value) -> Value {
        json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 1, "state": state, "lastState": last})
    }

    fn seen(state: &Value, last: &Value) -> Problem {
        let status = json!({"containerStatuses": [container("worker", state, last)]});
        diagnose(&[pod(&json!({})), pod(&status)], "shop/orders:1").unwrap()
    }

    #[test]
    fn every_way_to_fail_has_a_reason_and_a_next_step() {
        let waiting =
            |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
        let ended = |code: i32, reason: &str, message: &str| json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
        let back_off = waiting("CrashLoopBackOff", "back-off 10s restarting failed container");
        let log = "{\"level\":\"INFO\"}\nerror: the program cannot be loaded: ModuleNotFoundError: No module named 'orders'\nTraceback";
        for (state, last, reason, words) in [
            (
                waiting("ImagePullBackOff", "not found"),
                json!({}),
                "ImagePullFailed",
                ["shop/orders:1", "spec.function.image"],
            ),
            (
                waiting("CreateContainerConfigError", "secret \"redis\" not found"),
                json!({}),
                "SecretMissing",
                ["redis", "goes on by itself"],
            ),
            (
                waiting("RunContainerError", "exec: no such file"),
                json!({}),
                "ContainerStartFailed",
                ["no such file", "spec.function"],
            ),
            (back_off.clone(), ended(137, "OOMKilled", ""), "OutOfMemory", ["memory", "limits.memory"]),
            (
                back_off.clone(),
                ended(1, "Error", log),
                "AppImportFailed",
                ["No module named 'orders'", "spec.function.app"],
            ),
            (back_off, ended(3, "Error", "boom"), "CrashLooping", ["exit code 3: boom", "kubectl logs"]),
        ] {
            let problem = seen(&state, &last);
            assert_eq!(problem.reason, reason, "{problem:?}");
            assert!(words.iter().all(|word| problem.message.contains(word)), "{problem:?}");
        }
    }

    #[test]
    fn a_pod_without_a_node_says_so() {
        let status = json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available."}]});
        assert_eq!(diagnose(&[pod(&status)], "i").unwrap().reason, "Unschedulable");
    }

    #[test]
    fn what_a_program_printed_is_one_short_line() {
        let problem = seen(
            &json!({"terminated": {"exitCode": 1, "message": format!("a\n\u{1b}[31m{}", "x".repeat(5000))}}),
            &json!({}),
        );
        assert!(problem.message.len() < 1000 && !problem.message.contains('\u{1b}'), "{problem:?}");
    }

    #[test]
    fn a_pod_on_its_way_out_is_no_problem() {
        let mut leaving = pod(
            &json!({"containerStatuses": [container("worker", &json!({"terminated": {"exitCode": 1}}), &json!({}))]}),
        );
        leaving.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::now()));
        assert_eq!(diagnose(&[leaving], "i"), None);
    }
}
