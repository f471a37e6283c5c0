//! Topics: made, grown, removed.

use prpc_kafka_admin::Error;

use super::*;

#[tokio::test]
async fn topics_are_made_once_and_seen_with_their_partitions() {
    let admin = admin();
    let made = admin.create_topics(&[topic("made_a", 3), topic("made_b", 1)]).await.unwrap();
    assert_eq!((&made["made_a"], &made["made_b"]), (&Ok(true), &Ok(true)));
    assert_eq!(admin.create_topics(&[topic("made_a", 9)]).await.unwrap()["made_a"], Ok(false));
    until("both are known", async || {
        let seen = admin.topics(&names(["made_a", "made_b", "made_never"])).await.unwrap();
        let count = |name: &str| seen[name].clone().unwrap().map(|topic| topic.partitions);
        assert_eq!(count("made_never"), None);
        (count("made_a"), count("made_b")) == (Some(3), Some(1))
    })
    .await;
}

#[tokio::test]
async fn a_topic_has_the_settings_it_was_made_with() {
    let admin = admin();
    let settings = vec![("retention.ms".into(), "-1".into()), ("cleanup.policy".into(), "compact".into())];
    let made =
        admin.create_topics(&[NewTopic { config: settings, ..topic("made_to_stay", 1) }]).await.unwrap();
    assert_eq!(made["made_to_stay"], Ok(true));
    let wrong = vec![("retention.ms".into(), "for ever".into())];
    let refused = admin.create_topics(&[NewTopic { config: wrong, ..topic("made_wrong", 1) }]).await.unwrap();
    assert!(
        matches!(&refused["made_wrong"], Err(Error::Refused(text)) if text.contains("retention.ms")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn topics_only_grow() {
    let admin = admin();
    created(&admin, "grown", 2).await;
    let grow = async |count| admin.grow(&[("grown".into(), count)]).await.unwrap()["grown"].clone();
    assert_eq!(grow(5).await, Ok(true));
    assert_eq!(grow(5).await, Ok(false));
    assert_eq!(grow(1).await, Ok(false));
    until("five partitions", async || {
        admin.topics(&names(["grown"])).await.unwrap()["grown"].clone().unwrap().unwrap().partitions == 5
    })
    .await;
    assert_eq!(
        admin.grow(&[("grown_never".into(), 5)]).await.unwrap()["grown_never"],
        Err(Error::NoTopic("grown_never".into()))
    );
}

#[tokio::test]
async fn a_topic_is_removed_once() {
    let admin = admin();
    created(&admin, "removed", 1).await;
    let remove = async || admin.delete_topics(&names(["removed"])).await.unwrap()["removed"].clone();
    assert_eq!(remove().await, Ok(true));
    until("it is gone", async || admin.topics(&names(["removed"])).await.unwrap()["removed"] == Ok(None))
        .await;
    assert_eq!(remove().await, Ok(false));
}

#[tokio::test]
async fn what_the_brokers_cannot_do_is_told_in_their_words() {
    let admin = admin();
    let copies = NewTopic { replication: Some(3), ..topic("made_thrice", 1) };
    let refused = admin.create_topics(&[copies, topic("made once", 1)]).await.unwrap();
    assert!(
        matches!(&refused["made_thrice"], Err(Error::Refused(text)) if text.contains("replication")),
        "{refused:?}"
    );
    assert!(matches!(&refused["made once"], Err(Error::Refused(_))), "{refused:?}");
}
