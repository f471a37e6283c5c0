//! `prpc dead`: calls that were given up.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use prpc_broker::{Broker as _, DeadLetter};
use prpc_contract::vectors;
use serde::Serialize;

use crate::connect::{Address, Place};
use crate::failure::{Exit, Failure, printable};
use crate::listing::table;
use crate::queue::age;

/// A list of dead letters.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    /// At most so many
    #[arg(long, default_value = "50")]
    limit: NonZeroUsize,
    /// Only those older than this one
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

/// One dead letter.
#[derive(Debug, clap::Args)]
pub(crate) struct OneArguments {
    /// Id of the dead letter, as `prpc dead list` shows it
    id: String,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    at_ms: u64,
    family: &'static str,
    entry: String,
    reason: String,
    attempts: u32,
    size: u64,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

pub(crate) async fn list(arguments: ListArguments) -> Result<(), Failure> {
    let place = arguments.address.find()?;
    let letters = place.broker()?.dead_letters(arguments.before.as_deref(), arguments.limit).await;
    let letters = letters.map_err(|error| place.failure(&error))?;
    if arguments.json {
        let shown: Vec<_> = letters.iter().map(|letter| shown(letter, false)).collect();
        anstream::println!("{}", serde_json::json!(shown));
    } else if letters.is_empty() {
        anstream::eprintln!("no dead letters in {}", place.queue);
    } else {
        anstream::println!(
            "{}",
            table(["id", "age", "form", "attempts", "size", "reason"], letters.iter().map(row))
        );
    }
    Ok(())
}

pub(crate) async fn show(arguments: OneArguments) -> Result<(), Failure> {
    let place = arguments.address.find()?;
    let letter = place.broker()?.dead_letter(&arguments.id).await.map_err(|error| place.failure(&error))?;
    let letter = letter.ok_or_else(|| missing(&place, &arguments.id))?;
    if arguments.json {
        anstream::println!("{}", serde_json::json!(shown(&letter, true)));
    } else {
        anstream::println!("{}", table(["id", "age", "form", "attempts", "size", "reason"], [row(&letter)]));
        anstream::println!("\n{}", printable(&String::from_utf8_lossy(&letter.body)));
        if let Ok(text) = vectors::describe(&letter.body) {
            anstream::println!("\n{text}");
        }
    }
    Ok(())
}

pub(crate) async fn retry(arguments: OneArguments) -> Result<(), Failure> {
    let place = arguments.address.find()?;
    place.broker()?.retry_dead_letter(&arguments.id).await.map_err(|error| match error {
        prpc_broker::Error::NotFound => missing(&place, &arguments.id),
        error => place.failure(&error),
    })?;
    anstream::eprintln!("{} is in the queue {} again", arguments.id, place.queue);
    Ok(())
}

pub(crate) async fn drop(arguments: OneArguments) -> Result<(), Failure> {
    let place = arguments.address.find()?;
    let dropped =
        place.broker()?.drop_dead_letter(&arguments.id).await.map_err(|error| place.failure(&error))?;
    if !dropped {
        return Err(missing(&place, &arguments.id));
    }
    anstream::eprintln!("{} is removed", arguments.id);
    Ok(())
}

fn missing(place: &Place, id: &str) -> Failure {
    Failure::new(Exit::Failed, format!("there is no dead letter {id:?}"))
        .place(format!("queue {} on {}", place.queue, place.url))
        .fix("see which there are: prpc dead list")
}

fn row(letter: &DeadLetter) -> [String; 6] {
    let since = SystemTime::UNIX_EPOCH + Duration::from_millis(letter.at_ms);
    [
        letter.id.clone(),
        age(Some(since.elapsed().unwrap_or_default())),
        letter.family.to_string(),
        letter.attempts.to_string(),
        letter.size.to_string(),
        printable(&letter.reason),
    ]
}

fn shown(letter: &DeadLetter, with_message: bool) -> Shown {
    Shown {
        id: letter.id.clone(),
        at_ms: letter.at_ms,
        family: letter.family.as_str(),
        entry: letter.entry.clone(),
        reason: letter.reason.clone(),
        attempts: letter.attempts,
        size: letter.size,
        truncated: letter.truncated(),
        message: with_message.then(|| String::from_utf8_lossy(&letter.body).into_owned()),
    }
}
