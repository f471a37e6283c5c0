//! Getting in: every way to log in and to encrypt works with its settings, and what is not allowed is said.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use prpc_broker::{
    AnyCaller, Broker as _, BrokerConfig, Consumer as _, Error, Family, Holder as _, KafkaBroker,
    KafkaConfig, QueueNames, Url,
};
use prpc_contract::settings::{KafkaSettings, Settings};
use prpc_testbed::{KafkaServer, KafkaUser, Operation, Resource, Sasl, Tls};

use crate::contract::{answer, room, take};
use crate::deadline::{DEADLINE, ends, eventually};

fn settings(variables: &[(&str, String)]) -> KafkaSettings {
    let variables: HashMap<_, _> = variables.iter().cloned().collect();
    Settings::from_env(|name| variables.get(name).cloned()).unwrap().kafka
}

fn config(server: &KafkaServer, variables: &[(&str, String)]) -> KafkaConfig {
    let names = QueueNames::new(&"orders".parse().unwrap());
    let config = KafkaConfig::new(Url::new(server.bootstrap()), names);
    let mut config = config.with_settings(&settings(variables)).unwrap();
    config.group = "orders".into();
    config
}

fn login(protocol: &str, sasl: Sasl, password: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PRPC_KAFKA_SECURITY_PROTOCOL", protocol.to_owned()),
        ("PRPC_KAFKA_SASL_MECHANISM", sasl.name().to_owned()),
        ("PRPC_KAFKA_SASL_USERNAME", KafkaUser::ADMIN.name.to_owned()),
        ("PRPC_KAFKA_SASL_PASSWORD", password.to_owned()),
    ]
}

/// From the queue's making to the reply at its caller.
async fn one_call_works(config: KafkaConfig) {
    let broker = KafkaBroker::new(config.clone()).unwrap();
    ends(broker.prepare()).await.unwrap();
    let caller = ends(AnyCaller::connect(BrokerConfig::Kafka(config))).await.unwrap();
    let id = "c0ffee00-1234-4abc-8def-0123456789ab";
    ends(caller.send(Family::Native, id, Bytes::from_static(id.as_bytes()))).await.unwrap();
    let mut consumer = ends(broker.consumer("a worker")).await.unwrap();
    let taken = take(&mut consumer, 1).await;
    let holder = consumer.holder();
    holder.settle(taken.into_iter().map(answer).collect()).await.unwrap();
    let reply = caller.wait(Family::Native, id, Some(DEADLINE)).await.unwrap();
    assert_eq!(reply, id);
    eventually("the backlog", || async { (broker.measure().await.ok()?.undelivered == 0).then_some(()) })
        .await;
    drop(consumer);
    ends(holder.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_gets_its_reply_without_any_login() {
    let server = KafkaServer::shared();
    let mut config = config(server, &[]);
    config.names = QueueNames::new(&"open".parse().unwrap());
    one_call_works(config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_sent_and_a_wrong_one_is_told() {
    let server = KafkaServer::setup().sasl(Sasl::Plain).start();
    let right = login("SASL_PLAINTEXT", Sasl::Plain, KafkaUser::ADMIN.password);
    one_call_works(config(&server, &right)).await;
    let wrong = login("SASL_PLAINTEXT", Sasl::Plain, "no");
    let error = ends(KafkaBroker::new(config(&server, &wrong)).unwrap().prepare()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(text) if text.contains("login")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_proved_over_an_encrypted_connection() {
    let server = KafkaServer::setup().sasl(Sasl::ScramSha512).tls(Tls::Server).start();
    let mut variables = login("SASL_SSL", Sasl::ScramSha512, KafkaUser::ADMIN.password);
    let authority = std::fs::read_to_string(server.certificates().authority()).unwrap();
    variables.push(("PRPC_KAFKA_SSL_CA", authority));
    one_call_works(config(&server, &variables)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown() {
    let server = KafkaServer::setup().tls(Tls::Mutual).start();
    let client = server.certificates().client(KafkaUser::ADMIN.name);
    let path = |path: &std::path::Path| path.display().to_string();
    let variables = [
        ("PRPC_KAFKA_SECURITY_PROTOCOL", "SSL".to_owned()),
        ("PRPC_KAFKA_SSL_CA", path(&server.certificates().authority())),
        ("PRPC_KAFKA_SSL_CERTIFICATE", path(&client.certificate)),
        ("PRPC_KAFKA_SSL_KEY", path(&client.key)),
    ];
    one_call_works(config(&server, &variables)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_read_from_its_file() {
    let server = KafkaServer::setup().sasl(Sasl::OauthBearer).start();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), KafkaUser::ADMIN.token("kafka", Duration::from_secs(300))).unwrap();
    let variables = [
        ("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT".to_owned()),
        ("PRPC_KAFKA_SASL_MECHANISM", "OAUTHBEARER".to_owned()),
        ("PRPC_KAFKA_SASL_TOKEN_FILE", file.path().display().to_string()),
    ];
    one_call_works(config(&server, &variables)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_is_named() {
    let server = KafkaServer::setup().sasl(Sasl::Plain).authorized().start();
    let admin = config(&server, &login("SASL_PLAINTEXT", Sasl::Plain, KafkaUser::ADMIN.password));
    KafkaBroker::new(admin).unwrap().prepare().await.unwrap();
    let worker = KafkaUser::WORKER;
    let mut variables = login("SASL_PLAINTEXT", Sasl::Plain, worker.password);
    variables[2].1 = worker.name.to_owned();
    let denied = |error: &Error, what: &str| assert!(error.to_string().contains(what), "{what}: {error}");

    let without = KafkaBroker::new(config(&server, &variables)).unwrap();
    denied(&ends(without.prepare()).await.unwrap_err(), "prpc_orders");
    for topic in ["prpc_orders", "prpc_raw_orders"] {
        server.allow(worker, Operation::Read, Resource::Topic(topic));
    }
    for topic in ["prpc_feedback_orders", "prpc_feedback_raw_orders", "prpc_dead_orders"] {
        server.allow(worker, Operation::Describe, Resource::Topic(topic));
    }
    server.allow(worker, Operation::Read, Resource::Group("orders"));
    let caller = KafkaBroker::new(config(&server, &variables)).unwrap();
    let mut consumer =
        eventually("the rights are known", || async { caller.consumer("a worker").await.ok() }).await;
    // What is read cannot be answered, and is left where it is.
    let sender = AnyCaller::connect(BrokerConfig::Kafka(config(
        &server,
        &login("SASL_PLAINTEXT", Sasl::Plain, KafkaUser::ADMIN.password),
    )))
    .await
    .unwrap();
    sender.send(Family::Native, "a", Bytes::from_static(b"a")).await.unwrap();
    let taken = take(&mut consumer, 1).await;
    let holder = consumer.holder();
    let outcome = ends(holder.settle(taken.into_iter().map(answer).collect())).await;
    denied(&outcome.unwrap_err(), "authorization");
    assert!(tokio::time::timeout(Duration::from_millis(300), consumer.take(room(1))).await.is_err());
    drop(consumer);
    ends(holder.leave()).await;
    assert_eq!(caller.measure().await.unwrap().undelivered, 1);
}
