//! Ways to log in that need more than a setting.

use prpc_kafka_admin::{Error, Token};
use prpc_testbed::{KafkaServer, KafkaUser, Sasl};
use rdkafka::ClientConfig;

use super::*;

#[tokio::test]
async fn a_token_opens_the_door_and_a_better_one_opens_it_later() {
    let server = KafkaServer::setup().sasl(Sasl::OauthBearer).start();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", server.bootstrap())
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "OAUTHBEARER");
    let hour = std::time::Duration::from_secs(3600);
    let good = KafkaUser::WORKER.token("kafka", hour);
    let admin = Admin::new(&config, Some(Token::new(good.clone())), GROUP).unwrap();
    assert_eq!(admin.topics(&names(["any"])).await.unwrap()["any"], Ok(None));

    // One that ends soon is asked for again, and the next one may be good.
    let token = Token::new(KafkaUser::WORKER.token("mail", std::time::Duration::from_secs(6)));
    let admin =
        Admin::new(&config, Some(token.clone()), GROUP).unwrap().within(std::time::Duration::from_secs(2));
    let refused = admin.topics(&names(["any"])).await.unwrap_err();
    assert!(matches!(&refused, Error::Authentication(_)), "{refused:?}");
    token.take_over(&Token::new(good));
    until("the better one is taken", async || admin.topics(&names(["any"])).await.is_ok()).await;
}
