//! `prpc-operator ping`: one call of a queue, as `helm test` makes it from inside of the cluster.

use std::env;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use prpc_broker::{AnyCaller, BrokerConfig, Error, Url};
use prpc_contract::json::Limits;
use prpc_contract::message::{ClassPath, Family, MessageId, Request, read_reply};
use prpc_contract::names::{QueueName, QueueNames};
use prpc_contract::settings::Settings;

/// Time for a pod to start, where the queue sleeps.
const LIMIT: Duration = Duration::from_secs(60);

/// Calls `ping` of the queue that `PRPC_QUEUE_NAME` on `PRPC_URL_BROKER` names, which every program answers.
///
/// # Errors
/// What is wrong with the variables or the broker, or that there is no answer.
pub fn ping() -> anyhow::Result<()> {
    let said = |name: &str| env::var(name).ok().filter(|text| !text.is_empty());
    let url: Url =
        said("PRPC_URL_BROKER").context("PRPC_URL_BROKER is missing: set the broker's address")?.parse()?;
    let queue = said("PRPC_QUEUE_NAME").map_or_else(|| Ok(QueueName::default()), |name| name.parse())?;
    let kafka = Settings::from_env(|name| env::var(name).ok())?.kafka;
    let config = BrokerConfig::at(url.clone(), QueueNames::new(&queue), said("PRPC_GROUP_NAME"), &kafka)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let started = Instant::now();
    runtime.block_on(call(config)).with_context(|| format!("the queue {queue} on {url}"))?;
    println!("{queue} on {url} answered after {} ms", started.elapsed().as_millis());
    Ok(())
}

async fn call(config: BrokerConfig) -> anyhow::Result<()> {
    let request = Request {
        function: "ping".into(),
        args: Vec::new(),
        kwargs: Vec::new(),
        id: MessageId::random(),
        created: SystemTime::now(),
    };
    let (id, body) =
        (request.id.to_string(), request.write_native(ClassPath::Prpc).map_err(|text| anyhow!(text))?);
    let caller = AnyCaller::connect(config).await?;
    caller.send(Family::Native, &id, Bytes::from(body)).await?;
    let answer = match caller.wait(Family::Native, &id, Some(LIMIT)).await {
        Err(Error::Timeout) => {
            Err(anyhow!("no answer within {LIMIT:?}: does a pod serve it? kubectl get prpcqueues -A"))
        }
        answer => Ok(answer?),
    }?;
    let reply = read_reply(Family::Native, &answer, &Limits::default())
        .map_err(|fault| anyhow!("the answer cannot be read: {fault}"))?;
    reply.outcome.map(drop).map_err(|text| anyhow!("the call failed: {text}"))
}
