//! Users, passwords and certificates.

use prpc_broker::{
    Broker, Caller, CallerConfig, Consumer, Error, Family, Holder, RedisBroker, RedisConfig, Url,
};
use prpc_testbed::RedisServer;

use crate::contract::{Place, answer, assert_all_settled, take};
use crate::deadline::ends;
use crate::redis_place::{RedisPlace, queue_names};

async fn one_call_works(config: RedisConfig) {
    let caller = CallerConfig {
        url: config.url.clone(),
        ca_file: config.ca_file.clone(),
        names: config.names.clone(),
    };
    let caller = Caller::connect(caller).await.unwrap();
    let broker = RedisBroker::new(config).unwrap();
    broker.prepare().await.unwrap();
    caller.send(Family::Native, "a", "a".into()).await.unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    let batch = take(&mut consumer, 1).await.into_iter().map(answer).collect();
    consumer.holder().settle(batch).await.unwrap();
    assert_eq!(ends(caller.wait(Family::Native, "a", None)).await.unwrap(), "a");
    assert_all_settled(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_password_needs_only_the_keys_of_the_queue() {
    let place = RedisPlace::start();
    let mut redis = place.connection().await;
    redis::cmd("ACL")
        .arg(&["SETUSER", "worker", "on", ">s3cret", "~prpc_*", "+@all", "-@admin"])
        .exec_async(&mut redis)
        .await
        .unwrap();
    let port = place.server.port();
    let url = |user: &str| Url::new(format!("redis://{user}@127.0.0.1:{port}"));
    one_call_works(RedisConfig { url: url("worker:s3cret"), ..place.config.clone() }).await;

    let broker = RedisBroker::new(RedisConfig { url: url("worker:wr0ng"), ..place.config.clone() }).unwrap();
    let error = broker.prepare().await.unwrap_err();
    assert!(matches!(&error, Error::Refused(text) if !text.contains("wr0ng")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_right_to_read_is_told() {
    let place = RedisPlace::start();
    place.broker().prepare().await.unwrap();
    let mut redis = place.connection().await;
    redis::cmd("ACL")
        .arg(&["SETUSER", "blind", "on", ">s3cret", "~prpc_*", "+@all", "-xreadgroup"])
        .exec_async(&mut redis)
        .await
        .unwrap();
    let url = Url::new(format!("redis://blind:s3cret@127.0.0.1:{}", place.server.port()));
    let broker = RedisBroker::new(RedisConfig { url, ..place.config.clone() }).unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    let taken = ends(consumer.take(crate::contract::room(1))).await;
    assert!(matches!(&taken, Err(Error::Refused(text)) if text.contains("permissions")), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_trusts_the_given_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = RedisServer::start_encrypted(&certificate, &key);
    let url = Url::new(server.encrypted_url());
    let mut config = RedisConfig::new(url, queue_names());
    config.ca_file = Some(certificate);
    one_call_works(config.clone()).await;

    let distrustful = RedisBroker::new(RedisConfig { ca_file: None, ..config.clone() }).unwrap();
    let error = distrustful.prepare().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let missing =
        RedisBroker::new(RedisConfig { ca_file: Some("/nowhere.pem".into()), ..config }).err().unwrap();
    assert!(matches!(&missing, Error::CaFile(text) if text.contains("/nowhere.pem")), "{missing}");
}
