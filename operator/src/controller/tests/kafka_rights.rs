//! The rights on Kafka that the documents list are enough to serve and look after a queue, and end at the queue.

use std::num::NonZeroUsize;

use prpc_broker::{
    Broker as _, Consumer as _, Delivery, Family, Holder as _, KafkaBroker, KafkaConfig, Reply, Settlement,
    Url,
};
use prpc_contract::settings::KafkaSettings;
use prpc_kafka_admin::{Admin, Error};
use prpc_testbed::{KafkaServer, KafkaUser, Operation, Resource, Sasl};

use super::kafka::OnKafka;
use super::*;

const GUIDE: &str = include_str!("../../../../docs/operations.md");

/// Gives the user of workers what the lines of the guide give, for those that mention `Delete` or not.
fn give(server: &KafkaServer, delete: bool) {
    let lines = GUIDE.lines().filter_map(|line| line.strip_prefix("acl --"));
    for line in lines.filter(|line| line.contains("Delete") == delete) {
        let words: Vec<_> = line.split("--").map(str::trim).collect();
        let named = |kind: &str| words.iter().filter_map(|word| word.strip_prefix(kind)).collect::<Vec<_>>();
        for operation in named("operation ") {
            let operation = match operation {
                "Read" => Operation::Read,
                "Write" => Operation::Write,
                "Create" => Operation::Create,
                "Alter" => Operation::Alter,
                "Delete" => Operation::Delete,
                other => panic!("the guide gives {other}"),
            };
            for topic in named("topic ") {
                server.allow(KafkaUser::WORKER, operation, Resource::Topic(topic));
            }
            for group in named("group ") {
                server.allow(KafkaUser::WORKER, operation, Resource::Group(group));
            }
        }
    }
}

/// Takes one call.
async fn take(consumer: &mut prpc_broker::kafka::KafkaConsumer) -> Delivery {
    let taken = async {
        loop {
            if let Some(delivery) = consumer.take(NonZeroUsize::MIN).await.unwrap().pop() {
                return delivery;
            }
        }
    };
    timeout(Duration::from_secs(120), taken).await.expect("no call comes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listed_rights_end_at_the_queue() {
    let server = KafkaServer::setup().sasl(Sasl::Plain).authorized().start();
    give(&server, false);
    give(&server, true);
    let config = server.client(KafkaUser::WORKER).into_iter().collect();
    let admin = Admin::new(&config, None, "prpc_group_consumers").unwrap();
    let [own, mail] = ["prpc_orders", "prpc_mail"].map(str::to_owned);
    kafka::until_async("the own topic may be seen", async || {
        admin.topics(std::slice::from_ref(&own)).await.unwrap()[&own].is_ok()
    })
    .await;
    assert!(matches!(admin.topics(std::slice::from_ref(&mail)).await.unwrap()[&mail], Err(Error::Denied(_))));
    assert!(matches!(admin.delete_topics(&[mail]).await.unwrap()["prpc_mail"], Err(Error::Denied(_))));
    assert!(matches!(admin.all_committed("group_of_others").await, Err(Error::Denied(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listed_rights_are_enough_to_serve_and_look_after_a_queue() {
    let server = KafkaServer::setup().sasl(Sasl::Plain).authorized().start();
    let (queue, worker) = (OnKafka::new(&server, "orders"), KafkaUser::WORKER);
    give(&server, false);
    let mut change = json!({
        "broker": {"kafka": {
            "bootstrapServers": [server.bootstrap()],
            "security": {"sasl": {
                "mechanism": "PLAIN", "username": worker.name,
                "passwordSecretRef": {"name": "kafka", "key": "password"},
            }},
        }},
        "scaling": {"minReplicas": 0, "maxReplicas": 3, "pollIntervalSeconds": 1},
    });
    let api = FakeApi::default();
    api.put("secrets", SHOP, "kafka", &json!({"data": {"password": kafka::base64(worker.password)}}));
    put(&api, "orders", &change);
    let world = World::start(api);
    world.until_reason("ScaledToZero").await;
    assert!(world.is("BrokerReachable", "True", "Connected"), "{:?}", world.condition("BrokerReachable"));

    queue.call(3, 1);
    world.until_replicas(1).await;
    let settings = KafkaSettings {
        security_protocol: Some("SASL_PLAINTEXT".into()),
        sasl_mechanism: Some("PLAIN".into()),
        sasl_username: Some(worker.name.into()),
        sasl_password: Some(worker.password.into()),
        ..KafkaSettings::default()
    };
    let config = KafkaConfig::new(Url::new(server.bootstrap()), queue.names.clone());
    let broker = KafkaBroker::new(config.with_settings(&settings).unwrap()).unwrap();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("one").await.unwrap();
    let holder = consumer.holder();
    let (answered, given_up, handed_back) =
        (take(&mut consumer).await, take(&mut consumer).await, take(&mut consumer).await);
    let reply = Reply { message_id: "a".into(), body: "a".into() };
    let settlements = vec![
        Settlement::Answer { receipt: answered.receipt, reply },
        Settlement::DeadLetter {
            receipt: given_up.receipt,
            reason: "no request".into(),
            body: given_up.body,
            reply: None,
        },
        Settlement::HandBack { receipt: handed_back.receipt, started: false, body: handed_back.body },
    ];
    timeout(Duration::from_secs(120), holder.settle(settlements)).await.unwrap().unwrap();
    let again = take(&mut consumer).await;
    assert_eq!(again.receipt.family, Family::Native);
    let status = |field: &str| world.queue().unwrap()["status"]["backlog"][field].clone();
    until("the dead letter", || status("deadLetters") == 1).await;
    drop(consumer);
    holder.leave().await;
    until("one is left", || status("undelivered") == 1).await;
    let dead = broker.dead_letters(None, NonZeroUsize::MIN).await.unwrap();
    assert!(broker.drop_dead_letter(&dead[0].id).await.unwrap());
    until("it is dropped", || status("deadLetters") == 0).await;

    give(&server, true);
    change["deletionPolicy"] = json!("Purge");
    put(&world.api, "orders", &change);
    until("the finalizer", || world.queue().unwrap()["metadata"]["finalizers"] != Value::Null).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    until("the queue is gone", || world.queue().is_none()).await;
    assert!(world.api.events().contains(&"BrokerObjectsPurged".to_owned()));
    world.end().await;
}
