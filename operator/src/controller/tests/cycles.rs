//! A thousand times from zero to one and back, on real brokers: no call is lost, and none is waited for in vain.
//!
//! Forty queues at once, each with a worker that takes calls only while its Deployment is to have pods.

use bytes::Bytes;
use prpc_broker::{
    AnyBroker, AnyCaller, Broker as _, BrokerConfig, Consumer as _, Delivery, Family, Holder as _, Reply,
    Settlement, Url,
};
use prpc_contract::names::QueueNames;
use prpc_contract::settings::KafkaSettings;
use prpc_testbed::{KafkaServer, RedisServer};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;

const QUEUES: usize = 40;
const CYCLES: usize = 25;
const PATIENCE: Duration = Duration::from_secs(120);
/// A pod that is told to end takes no more calls.
const TAKING: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cycles_on_redis_lose_no_call() {
    let server = RedisServer::start(&[]);
    let url = format!("{}/0", server.url());
    cycle(&url, &json!({"redis": {"url": url}})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cycles_on_kafka_lose_no_call() {
    let server = KafkaServer::start();
    let broker = json!({"kafka": {"bootstrapServers": [server.bootstrap()], "topics": {"partitions": 1}}});
    cycle(&server.bootstrap(), &broker).await;
}

async fn cycle(url: &str, broker: &Value) {
    let api = FakeApi::default();
    let names: Vec<String> = (0..QUEUES).map(|number| format!("cycle{number}")).collect();
    for name in &names {
        let scaling = json!({
            "minReplicas": 0, "maxReplicas": 3, "idleSeconds": 0, "pollIntervalSeconds": 1,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        });
        put(&api, name, &json!({"broker": broker, "scaling": scaling, "delivery": {"consumerGroup": name}}));
    }
    let world = World::start(api.clone());
    let mut queues = JoinSet::new();
    for name in names {
        let names = QueueNames::new(&name.parse().unwrap());
        let config =
            BrokerConfig::at(Url::new(url), names, Some(name.clone()), &KafkaSettings::default()).unwrap();
        queues.spawn(calls(api.clone(), name, config));
    }
    queues.join_all().await;
    world.end().await;
}

/// One call after the other, each when the queue has no pods.
async fn calls(api: FakeApi, name: String, config: BrokerConfig) {
    until(&format!("{name} sleeps"), || is_asleep(&api, &name)).await;
    let worker = tokio::spawn(work(api.clone(), name.clone(), config.clone()));
    let caller = AnyCaller::connect(config).await.unwrap();
    for call in 0..CYCLES {
        let sleeps = || !has_pods(&api, &name) && !has_pod(&api, &name);
        until(&format!("{name} sleeps before call {call}"), sleeps).await;
        let id = format!("{call:08x}-0000-4000-8000-000000000000");
        caller.send(Family::Native, &id, Bytes::from(id.clone())).await.unwrap();
        let answer = caller.wait(Family::Native, &id, Some(PATIENCE)).await;
        assert_eq!(answer.unwrap(), id, "{name}, call {call}");
    }
    worker.abort();
}

fn replicas(api: &FakeApi, name: &str) -> Option<i64> {
    api.get("deployments", SHOP, &format!("{name}-worker"))?["spec"]["replicas"].as_i64()
}

fn only_pod(name: &str) -> String {
    format!("{name}-worker-0")
}

fn has_pod(api: &FakeApi, name: &str) -> bool {
    api.get("pods", SHOP, &only_pod(name)).is_some()
}

fn is_asleep(api: &FakeApi, name: &str) -> bool {
    let conditions = api.get("prpcqueues", SHOP, name).map(|queue| queue["status"]["conditions"].clone());
    let conditions = conditions.as_ref().and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| one["reason"] == "ScaledToZero"))
}

fn has_pods(api: &FakeApi, name: &str) -> bool {
    replicas(api, name).is_some_and(|replicas| replicas > 0)
}

/// Answers what comes while there are pods.
async fn work(api: FakeApi, name: String, config: BrokerConfig) {
    let broker = AnyBroker::new(config).unwrap();
    let mut consumer = broker.consumer("a worker").await.unwrap();
    let holder = consumer.holder();
    loop {
        match (has_pods(&api, &name), has_pod(&api, &name)) {
            (true, false) => api.put("pods", SHOP, &only_pod(&name), &pod_of(&name)),
            (false, true) => api.delete("pods", SHOP, &only_pod(&name)),
            _ => {}
        }
        if !has_pod(&api, &name) {
            sleep(TAKING).await;
        } else if let Ok(taken) = timeout(TAKING, consumer.take(std::num::NonZeroUsize::MIN)).await {
            holder.settle(taken.unwrap().into_iter().map(answer).collect()).await.unwrap();
        }
    }
}

fn answer(delivery: Delivery) -> Settlement {
    let message_id = String::from_utf8_lossy(&delivery.body).into_owned();
    Settlement::Answer { receipt: delivery.receipt, reply: Reply { message_id, body: delivery.body.into() } }
}
