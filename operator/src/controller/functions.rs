//! The program's functions, as a pod tells them. Nothing depends on it: what cannot be had is left out.

use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use prpc_api::status::FunctionStatus;
use prpc_contract::labels::PAGES_PORT;
use prpc_contract::status::PodStatus;
use prpc_service::page;

use super::build::selector_text;
use super::queue::Queue;

/// A pod that does not answer by then is not waited for.
const LIMIT: Duration = Duration::from_secs(2);
/// The most of them in a status.
const MOST: usize = 100;

/// Asks a pod that takes calls.
pub(super) async fn ask(client: &Client, queue: &Queue) -> Vec<FunctionStatus> {
    match tokio::time::timeout(LIMIT, try_ask(client, queue)).await {
        Ok(Some(functions)) => functions,
        _ => {
            tracing::debug!(queue = queue.name, "no pod tells its functions");
            Vec::new()
        }
    }
}

async fn try_ask(client: &Client, queue: &Queue) -> Option<Vec<FunctionStatus>> {
    let pods = Api::<Pod>::namespaced(client.clone(), &queue.namespace)
        .list(&ListParams::default().labels(&selector_text(queue)).limit(20))
        .await
        .ok()?;
    let ready = pods.items.iter().find_map(|pod| {
        let status = pod.status.as_ref()?;
        let conditions = status.conditions.as_ref()?;
        let is_ready =
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        if is_ready { status.pod_ip.as_ref()?.parse().ok() } else { None }
    })?;
    let (_, body) = page::get(SocketAddr::new(ready, PAGES_PORT), "/status").await.ok()?;
    let page: PodStatus = serde_json::from_slice(&body).ok()?;
    let functions = page.functions.into_iter().take(MOST);
    Some(functions.map(|function| FunctionStatus { name: function.name, worker: function.worker }).collect())
}
