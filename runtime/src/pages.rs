//! `/live /ready /startup /metrics /status` on one port.

use std::sync::Arc;

use axum::extract::State as Extracted;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use prpc_broker::Broker;
use prpc_contract::status::{FunctionStatus, PodStatus};

use crate::metrics::Metrics;
use crate::state::State;

/// What the pages show.
#[derive(Debug)]
pub struct Pages<B> {
    /// For the broker's counters.
    pub broker: B,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// State.
    pub state: Arc<State>,
    /// Name of this consumer.
    pub instance: String,
    /// Name of the queue.
    pub queue: String,
    /// Calls at a time.
    pub slots: u32,
    /// The program's functions.
    pub functions: Vec<FunctionStatus>,
}

/// The pages' routes. They exist once the program is loaded, so `/startup` and `/live` need no state.
pub fn routes<B: Broker>(pages: Pages<B>) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/startup", get(|| async { "started\n" }))
        .route("/ready", get(ready::<B>))
        .route("/metrics", get(metrics::<B>))
        .route("/status", get(status::<B>))
        .with_state(Arc::new(pages))
}

async fn ready<B: Broker>(Extracted(pages): Extracted<Arc<Pages<B>>>) -> impl IntoResponse {
    let reason = if pages.state.is_draining() {
        "draining\n"
    } else if !pages.broker.is_connected() {
        "the broker cannot be reached\n"
    } else if !pages.state.is_ready() {
        "no worker host is ready\n"
    } else {
        return (StatusCode::OK, "ready\n");
    };
    (StatusCode::SERVICE_UNAVAILABLE, reason)
}

async fn metrics<B: Broker>(Extracted(pages): Extracted<Arc<Pages<B>>>) -> impl IntoResponse {
    pages.metrics.connected.set(pages.broker.is_connected().into());
    let page = pages.metrics.page(pages.broker.counters().snapshot());
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page)
}

async fn status<B: Broker>(Extracted(pages): Extracted<Arc<Pages<B>>>) -> Json<PodStatus> {
    Json(PodStatus {
        instance: pages.instance.clone(),
        queue: pages.queue.clone(),
        slots: pages.slots,
        busy: pages.state.busy(),
        served: pages.state.served(),
        busy_seconds: pages.state.busy_time().as_secs_f64(),
        functions: pages.functions.clone(),
        draining: pages.state.is_draining(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
