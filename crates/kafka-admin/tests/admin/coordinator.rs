//! A group's coordinator that is not where it was: with injected faults, because real brokers cannot be told when to move one, and
//! with brokers that are killed.

use prpc_contract::names::QueueNames;
use prpc_kafka_admin::{Error, Sampler, Wanted, Watched};
use prpc_testbed::{KafkaServer, KafkaUser};
use rdkafka::ClientConfig;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::records::PATIENCE;

#[tokio::test]
async fn a_coordinator_that_has_moved_is_told_and_found_again() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("moving", 1, 1).unwrap();
    let mut config = ClientConfig::new();
    let admin =
        Admin::new(config.set("bootstrap.servers", cluster.bootstrap_servers()), None, GROUP).unwrap();
    let at = partition("moving", 0);
    let committed = async || admin.committed(&[("g".into(), vec![at.clone()])]).await.pop().unwrap();
    until("the group is seen", async || committed().await.is_ok()).await;
    for code in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    ] {
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[code]);
        assert!(matches!(committed().await, Err(Error::Unreachable(_))), "{code:?}");
        until("the group is seen again", async || committed().await.is_ok()).await;
    }
}

#[tokio::test]
async fn a_coordinator_that_comes_back_after_everybody_has_given_up_does_no_harm() {
    let cluster = MockCluster::new(2).unwrap();
    cluster.create_topic("waiting", 1, 2).unwrap();
    cluster.coordinator(MockCoordinator::Group("late".into()), 2).unwrap();
    let mut config = ClientConfig::new();
    let admin =
        Admin::new(config.set("bootstrap.servers", cluster.bootstrap_servers()), None, GROUP).unwrap();
    let quick = admin.within(std::time::Duration::from_millis(500));
    let asked = [("late".to_owned(), vec![partition("waiting", 0)])];
    until("the group is seen", async || quick.committed(&asked).await.pop().unwrap().is_ok()).await;
    for _ in 0..3 {
        cluster.broker_down(2).unwrap();
        for _ in 0..3 {
            let failed = quick.committed(&asked).await.pop().unwrap();
            assert!(matches!(failed, Err(Error::Unreachable(_))), "{failed:?}");
        }
        cluster.broker_up(2).unwrap();
        until("the group is seen again", async || quick.committed(&asked).await.pop().unwrap().is_ok()).await;
    }
}

#[tokio::test]
async fn a_cluster_that_loses_a_node_is_measured_on() {
    let mut server = KafkaServer::start_cluster(3);
    let config = server.client(KafkaUser::ADMIN).into_iter().collect();
    let mut sampler = Sampler::new(&config, None, "moved").unwrap();
    let queue = Watched { names: QueueNames::new(&"moved".parse().unwrap()), group: "moved".into() };
    let wanted = Wanted {
        names: queue.names.clone(),
        group: queue.group.clone(),
        partitions: 6,
        feedback_partitions: 1,
        replication: None,
    };
    until("the queue is prepared", async || sampler.admin().prepare(&wanted).await.is_ok()).await;
    let producer: BaseProducer = config.create().unwrap();
    for call in 0..12 {
        let record = BaseRecord::<(), str>::to(&queue.names.native).partition(call % 6).payload("x");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let mut waiting = async || {
        let seen =
            sampler.sample(std::slice::from_ref(&queue), std::time::Instant::now()).await.pop().unwrap();
        seen.map(|sample| sample.waiting)
    };
    until("all are seen", async || waiting().await == Ok(12)).await;
    server.kill_node(0);
    until("the others take over", async || waiting().await == Ok(12)).await;
}
