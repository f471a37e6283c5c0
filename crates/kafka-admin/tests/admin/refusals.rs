//! What is told when the brokers are away or refuse.

use std::time::{Duration, Instant};

use prpc_kafka_admin::{End, Error, Operation, Resource, Right};
use rdkafka::ClientConfig;

use super::*;
use crate::kafka_server::{allow, config, worker};

fn orders() -> Admin {
    Admin::new(&worker(), None, GROUP).unwrap()
}

fn right(operation: Operation, resource: &Resource) -> Right {
    Right { operation, resource: resource.clone() }
}

fn denied<T>(operation: Operation, resource: &Resource) -> Result<T, Error> {
    Err(Error::Denied(right(operation, resource)))
}

fn topic_named(name: &str) -> Resource {
    Resource::Topic(name.to_owned())
}

#[tokio::test]
async fn brokers_that_are_away_are_told_within_the_limit() {
    let mut config = ClientConfig::new();
    let admin = Admin::new(config.set("bootstrap.servers", "127.0.0.1:1"), None, GROUP).unwrap();
    let began = Instant::now();
    let failed = admin.within(Duration::from_secs(1)).topics(&names(["any"])).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(matches!(&failed, Error::Unreachable(text) if text.contains("127.0.0.1:1")), "{failed:?}");
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let mut config = worker();
    let admin = Admin::new(config.set("sasl.password", "wr0ng"), None, GROUP).unwrap();
    let failed = admin.within(Duration::from_secs(2)).topics(&names(["any"])).await.unwrap_err();
    assert!(matches!(&failed, Error::Authentication(_)), "{failed:?}");
    assert!(!failed.to_string().contains("wr0ng"), "{failed}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_without_their_values() {
    let mut config = config();
    let refused =
        Admin::new(config.set("ssl.key.pem", "s3cret").set("security.protocol", "ssl"), None, GROUP)
            .unwrap_err();
    assert!(matches!(&refused, Error::Config(_)), "{refused:?}");
    assert!(!refused.to_string().contains("s3cret"), "{refused}");
}

#[tokio::test]
async fn what_the_user_may_not_do_is_named() {
    let (admin, orders) = (admin(), orders());
    created(&admin, "denied", 1).await;
    let (there, group, at) =
        (topic_named("denied"), Resource::Group("denied_group".into()), partition("denied", 0));

    assert_eq!(
        orders.topics(&names(["denied"])).await.unwrap()["denied"],
        denied(Operation::Describe, &there)
    );
    assert_eq!(
        orders.create_topics(&[topic("denied_new", 1)]).await.unwrap()["denied_new"],
        denied(Operation::Create, &topic_named("denied_new"))
    );
    assert_eq!(
        orders.committed(&[("denied_group".into(), vec![at.clone()])]).await.pop().unwrap().map(|_| ()),
        denied(Operation::Describe, &group)
    );

    allow(&[Operation::Describe], &there);
    allow(&[Operation::Describe], &group);
    until("the topic is seen", async || orders.topics(&names(["denied"])).await.unwrap()["denied"].is_ok())
        .await;
    assert_eq!(
        orders.grow(&[("denied".into(), 2)]).await.unwrap()["denied"],
        denied(Operation::Alter, &there)
    );
    assert_eq!(
        orders.delete_topics(&names(["denied"])).await.unwrap()["denied"],
        denied(Operation::Delete, &there)
    );
    until("the group is seen", async || {
        orders.committed(&[("denied_group".into(), vec![at.clone()])]).await.pop().unwrap().is_ok()
    })
    .await;
    assert_eq!(orders.seed("denied_group", &[(at, 0)]).await, denied(Operation::Read, &group));
    assert_eq!(orders.delete_group("denied_group").await, denied(Operation::Delete, &group));
}

#[tokio::test]
async fn what_one_topic_lacks_does_not_keep_the_others_from_an_answer() {
    let (admin, orders) = (admin(), orders());
    created(&admin, "open", 1).await;
    created(&admin, "closed", 1).await;
    allow(&[Operation::Describe], &topic_named("open"));
    until("the open one is seen", async || orders.topics(&names(["open"])).await.unwrap()["open"].is_ok())
        .await;
    let seen = orders.topics(&names(["open", "closed"])).await.unwrap();
    assert!(seen["open"].is_ok() && matches!(seen["closed"], Err(Error::Denied(_))), "{seen:?}");
    let open = partition("open", 0);
    assert_eq!(orders.offsets(std::slice::from_ref(&open), End::Latest).await.unwrap()[&open], Ok(0));
}

#[tokio::test]
async fn rights_that_are_missing_are_known_before_they_are_needed() {
    let (admin, orders) = (admin(), orders());
    created(&admin, "checked", 1).await;
    created(&admin, "checked_unseen", 1).await;
    let (there, unseen) = (topic_named("checked"), topic_named("checked_unseen"));
    let group = Resource::Group("checked_group".into());
    allow(&[Operation::Read], &there);
    allow(&[Operation::Describe], &group);
    let wanted = [
        right(Operation::Read, &there),
        right(Operation::Write, &there),
        right(Operation::Write, &unseen),
        right(Operation::Read, &group),
        right(Operation::Write, &topic_named("checked_nowhere")),
    ];
    until("reading is allowed", async || !orders.missing(&wanted[..1]).await.unwrap().contains(&wanted[0]))
        .await;
    let missing = orders.missing(&wanted).await.unwrap();
    assert_eq!(
        missing,
        [
            right(Operation::Read, &group),
            right(Operation::Write, &there),
            right(Operation::Describe, &topic_named("checked_nowhere")),
            right(Operation::Describe, &unseen),
        ]
    );
    assert_eq!(admin.missing(&wanted).await, Ok(Vec::new()));
}
