//! A Kubernetes API server in this process, for the controller's triggers, order of writes, retries and end.
//!
//! What it does not do: an apply is a merge of JSON (a field that is left out stays, nobody owns a field), nothing is
//! defaulted, validated or authorized, objects are told apart by plural and not by group, and a watch lasts until the past
//! is forgotten. A real server does these, in `tests/cluster`.

mod store;
mod wire;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use http::Request;
use http_body_util::{BodyExt as _, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower::BoxError;

use store::{Next, Store, key};
use wire::{Answer, Target, Verb, failed, list, ok, partial, status};

/// The server. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct FakeApi(Arc<Server>);

#[derive(Default)]
struct Server {
    state: Mutex<State>,
    /// The version that was written last; watches wait for it.
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    store: Store,
    requests: Vec<(Instant, String)>,
    faults: Vec<Fault>,
}

struct Fault {
    line: String,
    times: usize,
    effect: Effect,
}

#[derive(Clone, Copy)]
enum Effect {
    Code(u16),
    Delay(Duration),
}

impl FakeApi {
    /// A client of this server, which repeats requests as the one of the program does.
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, BoxError>(server.answer(request).await) }
        });
        let retry = crate::client::retry().expect("pauses that make sense");
        Client::new(tower::ServiceBuilder::new().layer(retry).service(service), "default")
    }

    /// Answers the next requests whose line (`PATCH deployments/orders-worker`) contains `line` with a code.
    pub(crate) fn fail(&self, times: usize, line: &str, code: u16) {
        self.trouble(times, line, Effect::Code(code));
    }

    /// Answers the next request whose line contains `line` so much later.
    pub(crate) fn delay(&self, line: &str, pause: Duration) {
        self.trouble(1, line, Effect::Delay(pause));
    }

    fn trouble(&self, times: usize, line: &str, effect: Effect) {
        if times == 0 {
            return;
        }
        self.state().faults.push(Fault { line: line.to_owned(), times, effect });
    }

    /// Takes all faults away.
    pub(crate) fn heal(&self) {
        self.state().faults.clear();
    }

    /// Whether every fault has been met.
    pub(crate) fn is_faultless(&self) -> bool {
        self.state().faults.is_empty()
    }

    /// Forgets the past: every watch ends with 410, and whoever goes on from there is told to list anew.
    pub(crate) fn forget(&self) {
        self.change(Store::forget);
    }

    /// The lines of all requests, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.iter().map(|(_, line)| line.clone()).collect()
    }

    /// When requests came whose line contains `line`.
    pub(crate) fn times(&self, line: &str) -> Vec<Instant> {
        let state = self.state();
        state.requests.iter().filter(|(_, request)| request.contains(line)).map(|(at, _)| *at).collect()
    }

    /// The reasons of all events, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
        self.state().store.history("events").map(reason).collect()
    }

    /// The version of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.state().store.version
    }

    /// One object.
    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state().store.get(&key(plural, namespace, name)).cloned()
    }

    /// Merges something into an object, or makes it, as somebody else than the operator does.
    pub(crate) fn put(&self, plural: &str, namespace: &str, name: &str, change: &Value) {
        self.change(|store| store.write(key(plural, namespace, name), change));
    }

    /// What the Deployment controller reports: all that are wanted are there, `ready` of them ready.
    pub(crate) fn set_deployment_status(&self, namespace: &str, name: &str, ready: u32) {
        let live = self.get("deployments", namespace, name).unwrap_or_default();
        let (wanted, generation) = (&live["spec"]["replicas"], &live["metadata"]["generation"]);
        let status = json!({"status": {
            "replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready, "observedGeneration": generation
        }});
        self.put("deployments", namespace, name, &status);
    }

    /// Deletes an object with what it owns, or marks it if it has finalizers.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.change(|store| store.delete(&key(plural, namespace, name)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut state = self.state();
        let outcome = change(&mut state.store);
        self.0.version.send_replace(state.store.version);
        outcome
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let Some(target) = Target::of(&parts.method, &parts.uri, &parts.headers) else { return failed(405) };
        match self.note(target.line()) {
            Some(Effect::Code(code)) => return failed(code),
            Some(Effect::Delay(pause)) => sleep(pause).await,
            None => {}
        }
        let Ok(body) = body.collect().await else { return failed(400) };
        let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        self.serve(target, body).unwrap_or_else(failed)
    }

    /// Keeps the line of a request; returns what is to go wrong with it.
    fn note(&self, line: String) -> Option<Effect> {
        let mut state = self.state();
        let fault = state.faults.iter().position(|fault| line.contains(&fault.line));
        state.requests.push((Instant::now(), line));
        let fault = &mut state.faults[fault?];
        fault.times -= 1;
        let effect = fault.effect;
        state.faults.retain(|fault| fault.times > 0);
        Some(effect)
    }

    fn serve(&self, target: Target, mut body: Value) -> Result<Answer, u16> {
        let place = key(&target.plural, &target.namespace, &target.name);
        let live = self.state().store.get(&place).cloned();
        Ok(match target.verb {
            Verb::Watch => self.watch(target),
            Verb::List => {
                let state = self.state();
                list(&target, state.store.version, state.store.all(&target).collect())
            }
            Verb::Get => ok(&partial(live.ok_or(404_u16)?, target.partial)),
            Verb::Post => {
                let name = body["metadata"]["name"].as_str().ok_or(422_u16)?.to_owned();
                let place = key(&target.plural, &target.namespace, &name);
                if self.state().store.get(&place).is_some() {
                    return Err(409);
                }
                ok(&self.change(|store| store.write(place, &body)))
            }
            Verb::Patch => {
                let live = match live {
                    None if !target.apply || target.status => return Err(404),
                    live => live.unwrap_or_default(),
                };
                let expected = &body["metadata"]["resourceVersion"];
                if expected.is_string() && *expected != live["metadata"]["resourceVersion"] {
                    return Err(409);
                }
                if target.status {
                    body = json!({"status": body["status"]});
                } else if let Some(body) = body.as_object_mut() {
                    body.remove("status");
                }
                ok(&self.change(|store| store.write(place, &body)))
            }
            Verb::Delete => {
                live.ok_or(404_u16)?;
                self.change(|store| store.delete(&place));
                ok(&status(200, "Success"))
            }
        })
    }

    /// Sends what changes from the wanted version on.
    fn watch(&self, target: Target) -> Answer {
        let since = target.since.unwrap_or_else(|| self.version());
        let start = (self.clone(), target, self.0.version.subscribe(), Some(since));
        let events = stream::unfold(start, |(server, target, mut versions, since)| async move {
            loop {
                let next = server.state().store.next(&target, since?);
                match next {
                    Next::Event(version, event) => {
                        return Some((event, (server, target, versions, Some(version))));
                    }
                    Next::Forgotten(event) => return Some((event, (server, target, versions, None))),
                    Next::Nothing => versions.changed().await.ok()?,
                }
            }
        });
        let lines = events.map(|event| Ok::<_, Infallible>(wire::line(&event)));
        Answer::new(StreamBody::new(lines).boxed_unsync())
    }
}

/// Waits for something to be so.
pub(crate) async fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(Duration::from_secs(120), what, condition).await;
}

/// Waits so long for something to be so.
pub(crate) async fn until_within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
