//! Replies that are published as well.

use prpc_broker::{Broker, Consumer, Family, Holder, RedisBroker, Reply, Settlement, Url};
use redis::{Client, PushInfo, PushKind, Value, cmd};
use tokio::sync::mpsc;

use crate::contract::{Place, take};
use crate::deadline::ends;
use crate::redis_place::RedisPlace;

const CHANNEL: &str = "prpc_push_0";

/// Requests that name the channel, answered with replies of these sizes by a worker.
async fn answer(place: &RedisPlace, broker: &RedisBroker, sizes: &[usize]) {
    broker.prepare().await.unwrap();
    for size in sizes {
        let id = size.to_string();
        place.add(Family::Native, &[("message", id.as_bytes()), ("push", CHANNEL.as_bytes())]).await;
    }
    let mut consumer = broker.consumer("first").await.unwrap();
    let settlements = take(&mut consumer, sizes.len()).await.into_iter().map(|delivery| {
        let message_id = String::from_utf8(delivery.body.to_vec()).unwrap();
        let body = "x".repeat(message_id.parse().unwrap()).into();
        Settlement::Answer { receipt: delivery.receipt, reply: Reply { message_id, body } }
    });
    consumer.holder().settle(settlements.collect()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_reply_is_published_on_the_channel_that_its_request_names() {
    let place = RedisPlace::start();
    let (pushed, mut pushes) = mpsc::unbounded_channel::<PushInfo>();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(pushed);
    let client = Client::open(format!("redis://127.0.0.1:{}?protocol=resp3", place.server.port())).unwrap();
    let mut listener = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    listener.subscribe(CHANNEL).await.unwrap();

    answer(&place, &place.broker(), &[100_000, 3]).await;
    let message = loop {
        let push = ends(pushes.recv()).await.unwrap();
        if push.kind == PushKind::Message {
            break push;
        }
    };
    let bulk = |text: &str| Value::BulkString(text.into());
    assert_eq!(message.data, [bulk(CHANNEL), bulk("prpc_feedback_queue_3\nxxx")]);
    assert!(place.reply(Family::Native, "3").await.is_some());
    assert!(place.reply(Family::Native, "100000").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_may_not_publish_answers_all_the_same() {
    let mut place = RedisPlace::start();
    cmd("ACL")
        .arg(&["SETUSER", "quiet", "on", ">s3cret", "~prpc_*", "+@all", "resetchannels"])
        .exec_async(&mut place.connection().await)
        .await
        .unwrap();
    place.config.url = Url::new(format!("redis://quiet:s3cret@127.0.0.1:{}", place.server.port()));
    let broker = place.broker();
    for size in [1, 2] {
        answer(&place, &broker, &[size]).await;
        assert!(place.reply(Family::Native, &size.to_string()).await.is_some());
    }
    assert_eq!(broker.counters().snapshot().settle_retries, 0);
}
