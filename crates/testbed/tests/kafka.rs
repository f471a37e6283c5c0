//! Kafka as tests get it: it answers, keeps what it has, and lets in who may come in.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prpc_testbed::{Certificates, KafkaServer, KafkaUser, Operation, Resource, Sasl, Tls};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseProducer, DeliveryResult, FutureProducer, FutureRecord, Producer as _, ProducerContext,
    ThreadedProducer,
};

const LIMIT: Duration = Duration::from_secs(60);

fn config(server: &KafkaServer, user: KafkaUser) -> ClientConfig {
    config_of(server.client(user))
}

fn config_of(settings: Vec<(String, String)>) -> ClientConfig {
    let mut config: ClientConfig = settings.into_iter().collect();
    config.set("group.id", "readers").set("auto.offset.reset", "earliest");
    config
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn create(config: &ClientConfig, topic: &str, copies: i32) {
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(copies));
    let done = admin.create_topics([&topic], &AdminOptions::new().operation_timeout(Some(LIMIT))).await;
    done.unwrap().remove(0).unwrap();
}

async fn write(config: &ClientConfig, topic: &str, value: &str) -> Result<(), KafkaError> {
    let producer: FutureProducer = config.create().unwrap();
    let record = FutureRecord::<(), str>::to(topic).payload(value);
    producer.send(record, LIMIT).await.map(|_| ()).map_err(|(error, _)| error)
}

fn read(config: &ClientConfig, topic: &str) -> Vec<u8> {
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    until("a record", || {
        let record = consumer.poll(Duration::from_millis(100))?.ok()?;
        Some(record.payload()?.to_vec())
    })
}

/// How many brokers the server tells about, or why not.
fn brokers(config: &ClientConfig, limit: Duration) -> Result<usize, KafkaError> {
    // Producers have a thread that logs in with a token.
    let client: FutureProducer = config.create()?;
    Ok(client.client().fetch_metadata(None, limit)?.brokers().len())
}

fn lets_in(server: &KafkaServer, user: KafkaUser) {
    assert_eq!(brokers(&config(server, user), LIMIT).unwrap(), 1, "{user:?}");
}

/// Keeps what goes wrong with a client.
#[derive(Default)]
struct Errors(Mutex<String>);

impl ClientContext for Errors {
    fn error(&self, error: KafkaError, reason: &str) {
        writeln!(self.0.lock().unwrap(), "{error}: {reason}").unwrap();
    }
}

impl ProducerContext for Errors {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

fn keeps_out(settings: &[(String, String)], change: &[(&str, &str)], why: &str) {
    let mut config = config_of(settings.to_vec());
    for (key, value) in change {
        config.set(*key, *value);
    }
    let client: BaseProducer<Errors> = config.create_with_context(Errors::default()).unwrap();
    until(why, || {
        client.poll(Duration::from_millis(20));
        client.context().0.lock().unwrap().contains(why).then_some(())
    });
}

#[tokio::test]
async fn what_was_accepted_survives_a_kill_and_an_orderly_end() {
    let mut server = KafkaServer::start();
    let (address, config) = (server.bootstrap(), config(&server, KafkaUser::ADMIN));
    create(&config, "kept", 1).await;
    write(&config, "kept", "yes").await.unwrap();
    server.kill();
    server.restart();
    server.stop();
    server.restart();
    assert_eq!(server.bootstrap(), address);
    assert_eq!(read(&config, "kept"), b"yes");
}

#[tokio::test]
async fn the_shared_server_is_one_and_topics_are_not_made_by_use() {
    let server = KafkaServer::shared();
    assert_eq!(server.bootstrap(), KafkaServer::shared().bootstrap());
    let mut config = config(server, KafkaUser::ADMIN);
    config.set("topic.metadata.propagation.max.ms", "1");
    let error = write(&config, "nowhere", "lost").await.unwrap_err();
    let unknown = [RDKafkaErrorCode::UnknownTopic, RDKafkaErrorCode::UnknownTopicOrPartition];
    assert!(unknown.map(Some).contains(&error.rdkafka_error_code()), "{error}");
    create(&config, "somewhere", 1).await;
    write(&config, "somewhere", "found").await.unwrap();
    assert_eq!(read(&config, "somewhere"), b"found");
}

#[tokio::test]
async fn one_of_three_nodes_may_go_away() {
    let mut server = KafkaServer::start_cluster(3);
    let config = config(&server, KafkaUser::ADMIN);
    until("three brokers", || (brokers(&config, LIMIT).ok()? == 3).then_some(()));
    create(&config, "kept", 3).await;
    server.kill_node(0);
    write(&config, "kept", "yes").await.unwrap();
    assert_eq!(read(&config, "kept"), b"yes");
    server.restart_node(0);
    until("three brokers again", || (brokers(&config, LIMIT).ok()? == 3).then_some(()));
}

#[tokio::test]
async fn properties_of_a_tests_own_win() {
    let server =
        KafkaServer::with(&[("auto.create.topics.enable", "true"), ("message.max.bytes", "2000")]).start();
    let config = config(&server, KafkaUser::ADMIN);
    write(&config, "made-by-use", "yes").await.unwrap();
    let error = write(&config, "made-by-use", &"long ".repeat(1000)).await.unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::MessageSizeTooLarge), "{error}");
}

#[test]
#[should_panic(expected = "Invalid value none-of-them")]
fn a_server_that_does_not_start_is_told_about_with_what_it_said() {
    let _ = KafkaServer::with(&[("compression.type", "none-of-them")]).start();
}

#[test]
fn a_wrong_password_is_refused() {
    for sasl in [Sasl::Plain, Sasl::ScramSha256, Sasl::ScramSha512] {
        let server = KafkaServer::setup().sasl(sasl).start();
        lets_in(&server, KafkaUser::ADMIN);
        lets_in(&server, KafkaUser::WORKER);
        let settings = server.client(KafkaUser::WORKER);
        let others = KafkaUser::ADMIN.password;
        keeps_out(&settings, &[("sasl.password", others)], "Authentication failed");
        let silent = [("security.protocol", "PLAINTEXT")];
        keeps_out(&settings, &silent, "brokers are down");
    }
}

/// A client that has a token from somewhere.
struct Bearer(&'static str);

impl ClientContext for Bearer {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let lifetime = Duration::from_secs(60);
        let end = SystemTime::now().duration_since(UNIX_EPOCH)? + lifetime;
        let token = KafkaUser::WORKER.token(self.0, lifetime);
        let principal_name = KafkaUser::WORKER.name.to_owned();
        Ok(OAuthToken { token, principal_name, lifetime_ms: i64::try_from(end.as_millis())? })
    }
}

impl ProducerContext for Bearer {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[test]
fn a_token_of_another_scope_is_refused() {
    let server = KafkaServer::setup().sasl(Sasl::OauthBearer).start();
    lets_in(&server, KafkaUser::WORKER);
    let settings = server.client(KafkaUser::WORKER);
    let another = [("sasl.oauthbearer.config", "principal=worker scope=another")];
    keeps_out(&settings, &another, "scope");

    let config = config(&server, KafkaUser::WORKER);
    let client: ThreadedProducer<Bearer> = config.create_with_context(Bearer("kafka")).unwrap();
    assert_eq!(client.client().fetch_metadata(None, LIMIT).unwrap().brokers().len(), 1);
}

#[test]
fn an_encrypted_server_is_trusted_by_its_authority_and_may_ask_for_passwords_too() {
    let server = KafkaServer::setup().tls(Tls::Server).sasl(Sasl::ScramSha512).start();
    lets_in(&server, KafkaUser::WORKER);
    let settings = server.client(KafkaUser::WORKER);
    let folder = tempfile::tempdir().unwrap();
    let stranger = Certificates::new(folder.path()).authority();
    keeps_out(&settings, &[("ssl.ca.location", stranger.to_str().unwrap())], "certificate verify failed");
    keeps_out(&settings, &[("sasl.password", "wr0ng")], "Authentication failed");
}

#[tokio::test]
async fn a_certificate_is_a_name_that_rights_are_given_to() {
    let server = KafkaServer::setup().tls(Tls::Mutual).authorized().start();
    let (admin, worker) = (config(&server, KafkaUser::ADMIN), config(&server, KafkaUser::WORKER));
    create(&admin, "allowed", 1).await;
    create(&admin, "forbidden", 1).await;
    let none = server.client(KafkaUser::WORKER);
    let none: Vec<_> =
        none.into_iter().filter(|(key, _)| !key.contains("certificate") && !key.contains("key")).collect();
    keeps_out(&none, &[], "bad certificate");

    server.allow(KafkaUser::WORKER, Operation::Write, Resource::Topic("allowed"));
    server.allow(KafkaUser::WORKER, Operation::Read, Resource::Topics("allow"));
    server.allow(KafkaUser::WORKER, Operation::Read, Resource::Group("readers"));
    let end = Instant::now() + LIMIT;
    while let Err(error) = write(&worker, "allowed", "yes").await {
        assert!(Instant::now() < end, "{error}");
    }
    assert_eq!(read(&worker, "allowed"), b"yes");
    let error = write(&worker, "forbidden", "no").await.unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::TopicAuthorizationFailed), "{error}");
}
