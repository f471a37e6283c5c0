//! With a real Kafka: the backlog decides, as far as there are partitions.

use prpc_contract::names::QueueNames;
use prpc_kafka_admin::{Admin, End, Partition};
use prpc_testbed::{KafkaServer, KafkaUser, Operation, Resource, Sasl, Tls};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::*;

/// A queue on a Kafka of a test, seen by somebody who may do anything.
pub(super) struct OnKafka {
    pub(super) names: QueueNames,
    config: ClientConfig,
    admin: Admin,
}

impl OnKafka {
    pub(super) fn new(server: &KafkaServer, name: &str) -> Self {
        let config: ClientConfig = server.client(KafkaUser::ADMIN).into_iter().collect();
        let admin = Admin::new(&config, None, "tests").unwrap();
        Self { names: QueueNames::new(&name.parse().unwrap()), config, admin }
    }

    /// Adds calls, one after the other to the first partitions.
    pub(super) fn call(&self, calls: i32, partitions: i32) {
        let producer: BaseProducer = self.config.create().unwrap();
        for call in 0..calls {
            let record =
                BaseRecord::<(), str>::to(&self.names.native).partition(call % partitions).payload("x");
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(Duration::from_secs(20)).unwrap();
    }

    async fn partitions(&self, topic: &str) -> Option<u32> {
        let topics = self.admin.topics(&[topic.to_owned()]).await.unwrap();
        topics[topic].clone().unwrap().map(|topic| topic.partitions)
    }

    /// All calls are answered, as if workers had done it.
    async fn answer_all(&self, group: &str) {
        let partitions = self.partitions(&self.names.native).await.unwrap();
        let all: Vec<_> =
            (0..partitions).map(|number| Partition { topic: self.names.native.clone(), number }).collect();
        let ends = self.admin.offsets(&all, End::Latest).await.unwrap();
        let ends: Vec<_> = ends.into_iter().map(|(partition, end)| (partition, end.unwrap())).collect();
        self.admin.seed(group, &ends).await.unwrap();
    }

    async fn committed(&self, group: &str, number: u32) -> Option<i64> {
        let all = self.admin.all_committed(group).await.unwrap();
        let at = Partition { topic: self.names.native.clone(), number };
        all.get(&at).cloned().and_then(Result::unwrap)
    }
}

fn spec(server: &KafkaServer, name: &str, partitions: u32) -> Value {
    json!({
        "queueName": name,
        "broker": {"kafka": {"bootstrapServers": [server.bootstrap()], "topics": {"partitions": partitions}}},
        "delivery": {"consumerGroup": format!("group_{name}")},
        "scaling": {"minReplicas": 0, "maxReplicas": 20, "backlogPerReplica": 1, "pollIntervalSeconds": 1},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_as_many_pods_as_the_backlog_asks_for_and_as_there_are_partitions() {
    let mut server = KafkaServer::start();
    let queue = OnKafka::new(&server, "capped");
    let world = World::with_queue(&spec(&server, "capped", 7));
    world.until_reason("ScaledToZero").await;
    assert_eq!(queue.partitions(&queue.names.native).await, Some(7));
    assert_eq!(queue.partitions(&queue.names.feedback_raw).await, Some(4));
    assert_eq!(queue.committed("group_capped", 6).await, Some(0));

    queue.call(3, 7);
    world.until_replicas(3).await;
    assert!(world.is("ScalingLimited", "False", "DesiredWithinRange"));
    queue.call(60, 7);
    world.until_replicas(7).await;
    until("the limit is told", || world.is("ScalingLimited", "True", "PartitionCount")).await;
    let [_, _, message] = world.condition("ScalingLimited").unwrap();
    assert!(message.contains("partitions"), "{message}");
    let decided = || world.queue().unwrap()["status"]["scaling"]["lastDecision"].as_str().unwrap().to_owned();
    assert!(decided().contains("limited to 7 by the number of partitions"), "{}", decided());
    until("the numbers", || world.queue().unwrap()["status"]["backlog"]["undelivered"] == 63).await;
    assert!(world.metrics.page().contains(r#"prpc_queue_partitions{namespace="shop",queue="orders"} 7"#));

    // More partitions are made while there are calls, and let more pods in, once those are ready that were wanted before.
    (0..7).for_each(|number| world.api.put("pods", SHOP, &format!("{WORKER}-{number}"), &pod()));
    put(&world.api, "orders", &spec(&server, "capped", 9));
    world.until_replicas(9).await;

    server.kill();
    until("it is told", || world.is("BrokerReachable", "False", UNREACHABLE)).await;
    assert_eq!(world.replicas(), Some(9));
    server.restart();
    until("it is well", || world.is("BrokerReachable", "True", "Connected")).await;
    assert_eq!(world.replicas(), Some(9));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_partitions_there_are_that_is_the_limit_unless_max_replicas_is_lower() {
    const MOST: u32 = 50;
    let server = KafkaServer::shared();
    let counts = [1, 2, 3, 5, 8, 16, 31, 49, 50, 51, 64];
    let api = FakeApi::default();
    for partitions in counts {
        let name = format!("wide{partitions}");
        let mut change = spec(server, &name, partitions);
        change["scaling"]["maxReplicas"] = json!(MOST);
        put(&api, &name, &change);
    }
    let world = World::start(api.clone());
    for partitions in counts {
        let name = format!("wide{partitions}");
        let queue = OnKafka::new(server, &name);
        until_async("its topic", async || queue.partitions(&queue.names.native).await == Some(partitions))
            .await;
        queue.call(300, i32::try_from(partitions).unwrap());
    }
    for partitions in counts {
        let name = format!("wide{partitions}-worker");
        let wanted = i64::from(partitions.min(MOST));
        let replicas = || api.get("deployments", SHOP, &name).unwrap()["spec"]["replicas"].as_i64();
        until(&format!("{wanted} replicas on {partitions} partitions"), || replicas() == Some(wanted)).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleeping_queue_whose_offsets_the_brokers_forget_loses_no_call_and_repeats_none() {
    let server = KafkaServer::shared();
    let queue = OnKafka::new(server, "asleep");
    let world = World::with_queue(&spec(server, "asleep", 1));
    world.until_reason("ScaledToZero").await;
    queue.call(5, 1);
    world.until_replicas(1).await;
    queue.answer_all("group_asleep").await;
    until("the backlog is gone", || world.queue().unwrap()["status"]["backlog"]["undelivered"] == 0).await;
    // As if the time of offsets.retention.minutes had passed.
    assert_eq!(queue.admin.delete_group("group_asleep").await, Ok(true));
    until_async("the group has its place again", async || {
        queue.committed("group_asleep", 0).await == Some(5)
    })
    .await;
    assert_eq!(world.queue().unwrap()["status"]["backlog"]["undelivered"], 0);
    queue.call(1, 1);
    until("the call is seen", || world.queue().unwrap()["status"]["backlog"]["undelivered"] == 1).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_retention_removed_are_told() {
    let server = KafkaServer::shared();
    let queue = OnKafka::new(server, "trimmed");
    let world = World::with_queue(&spec(server, "trimmed", 1));
    world.until_reason("ScaledToZero").await;
    queue.call(6, 1);
    let admin: rdkafka::admin::AdminClient<_> = queue.config.create().unwrap();
    let mut before = rdkafka::TopicPartitionList::new();
    before.add_partition_offset(&queue.names.native, 0, rdkafka::Offset::Offset(4)).unwrap();
    admin.delete_records(&before, &rdkafka::admin::AdminOptions::new()).await.unwrap();
    until_within(Duration::from_secs(120), "it is told", || world.is("BrokerReachable", "True", "CallsLost"))
        .await;
    let [_, _, message] = world.condition("BrokerReachable").unwrap();
    assert!(message.starts_with("4 calls were removed by retention"), "{message}");
    until("the event", || world.api.events().contains(&"CallsLost".to_owned())).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_on_kafka_that_is_to_be_drained_goes_when_all_is_answered() {
    let server = KafkaServer::shared();
    let queue = OnKafka::new(server, "drained");
    let mut change = spec(server, "drained", 2);
    change["deletionPolicy"] = json!("Drain");
    let world = World::with_queue(&change);
    world.until_reason("ScaledToZero").await;
    queue.call(3, 2);
    world.until_replicas(2).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    world.until_passes(1).await;
    assert!(world.queue().is_some());
    queue.answer_all("group_drained").await;
    until("the queue is gone", || world.queue().is_none()).await;
    assert_eq!(queue.partitions(&queue.names.native).await, Some(2));
    assert!(!world.api.events().contains(&"BrokerObjectsRetained".to_owned()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_on_kafka_that_is_to_be_purged_leaves_no_topic_and_no_group() {
    let server = KafkaServer::shared();
    let queue = OnKafka::new(server, "purged");
    let mut change = spec(server, "purged", 2);
    change["deletionPolicy"] = json!("Purge");
    let world = World::with_queue(&change);
    world.until_reason("ScaledToZero").await;
    queue.call(3, 2);
    world.until_replicas(2).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    until("the queue is gone", || world.queue().is_none()).await;
    let names = &queue.names;
    for topic in [&names.native, &names.raw, &names.feedback_native, &names.feedback_raw, &names.dead] {
        until_async(&format!("{topic} is gone"), async || queue.partitions(topic).await.is_none()).await;
    }
    assert_eq!(queue.admin.delete_group("group_purged").await, Ok(false));
    assert!(world.api.events().contains(&"BrokerObjectsPurged".to_owned()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_comes_from_secrets_and_every_right_that_is_missing_is_named() {
    let server = KafkaServer::setup().sasl(Sasl::ScramSha512).tls(Tls::Mutual).authorized().start();
    let worker = KafkaUser::WORKER;
    let client = server.certificates().client(worker.name);
    let key = |key: &str| json!({"name": "orders-kafka", "key": key});
    let mut change = spec(&server, "secured", 2);
    change["broker"]["kafka"]["security"] = json!({
        "tls": {"caSecretRef": key("ca.crt"), "certificateSecretRef": key("user.crt"), "keySecretRef": key("user.key")},
        "sasl": {"mechanism": "SCRAM-SHA-512", "username": worker.name, "passwordSecretRef": key("password")},
    });
    let world = World::with_queue(&change);
    let message = world.until_reason("SecretMissing").await;
    assert!(message.contains("Secret shop/orders-kafka does not exist"), "{message}");

    let file = |path: &std::path::Path| base64(&std::fs::read_to_string(path).unwrap());
    let secret = |password: &str| {
        json!({"data": {
            "ca.crt": file(&server.certificates().authority()),
            "user.crt": file(&client.certificate),
            "user.key": file(&client.key),
            "password": base64(password),
        }})
    };
    // A change of the queue is a reason to look at its Secrets at once.
    let mut attempts = 3;
    let mut put_secret = |secret: &Value| {
        world.api.put("secrets", SHOP, "orders-kafka", secret);
        attempts += 1;
        change["delivery"]["maxAttempts"] = json!(attempts);
        put(&world.api, "orders", &change);
    };
    let mut without = secret("");
    without["data"].as_object_mut().unwrap().remove("password");
    put_secret(&without);
    let missing = "has no usable key 'password'. Add the key with the password, or change \
                   spec.broker.kafka.security.sasl.passwordSecretRef.key.";
    until_within(RESYNC * 2, "the key", || world.condition("Ready").unwrap()[2].ends_with(missing)).await;

    put_secret(&secret("wr0ng"));
    until_within(RESYNC * 2, "the login", || world.is("BrokerReachable", "False", "AuthenticationFailed"))
        .await;
    put_secret(&secret(worker.password));
    until_within(RESYNC * 2, "the rights", || world.is("BrokerReachable", "False", "PermissionDenied")).await;

    // One after the other: what is named is given, until nothing is missing.
    let mut named = Vec::new();
    while !world.is("Ready", "True", "ScaledToZero") {
        let [_, reason, message] = world.condition("BrokerReachable").unwrap();
        if reason == "PermissionDenied" && !named.contains(&message) {
            assert!(message.starts_with("user worker has no right to "), "{message}");
            for part in
                message.split(". Give").next().unwrap().split("no right to ").nth(1).unwrap().split(", ")
            {
                let words: Vec<_> = part.split(' ').collect();
                let operation = match words[0] {
                    "CREATE" => Operation::Create,
                    "DESCRIBE" => Operation::Describe,
                    "READ" => Operation::Read,
                    "WRITE" => Operation::Write,
                    other => panic!("{other} is no right that a worker needs: {message}"),
                };
                let resource = match words[2] {
                    "topic" => Resource::Topic(words[3]),
                    _ => Resource::Group(words[3]),
                };
                server.allow(worker, operation, resource);
            }
            named.push(message);
        }
        assert!(named.len() < 30, "{named:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!named.is_empty());
    let text = format!("{:?}{:?}", world.queue(), world.deployment());
    assert!(!text.contains(worker.password) && !text.contains("PRIVATE KEY"), "{text}");
    world.end().await;
}

pub(super) async fn until_async(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(120), looks).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub(super) fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
