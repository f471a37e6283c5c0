//! `prpc queue`: how much work there is.

use std::time::Duration;

use prpc_broker::Broker as _;
use serde::Serialize;

use crate::connect::Address;
use crate::failure::Failure;
use crate::listing::table;

/// A look at the queue.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

#[derive(Serialize)]
struct Seen<'a> {
    queue: &'a str,
    broker: &'a str,
    undelivered: u64,
    in_flight: u64,
    oldest_age_seconds: Option<f64>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let place = arguments.address.find()?;
    let backlog = place.broker()?.measure().await.map_err(|error| place.failure(&error))?;
    let (queue, broker) = (place.queue.to_string(), place.url.to_string());
    if arguments.json {
        let seen = Seen {
            queue: &queue,
            broker: &broker,
            undelivered: backlog.undelivered,
            in_flight: backlog.in_flight,
            oldest_age_seconds: backlog.oldest_age.map(|age| age.as_secs_f64()),
        };
        anstream::println!("{}", serde_json::json!(seen));
    } else {
        let row =
            [queue, backlog.undelivered.to_string(), backlog.in_flight.to_string(), age(backlog.oldest_age)];
        anstream::println!("{}", table(["queue", "waiting", "in work", "oldest"], [row]));
    }
    Ok(())
}

/// An age as a person reads it; `-` if there is none.
pub(crate) fn age(age: Option<Duration>) -> String {
    let Some(age) = age else { return "-".into() };
    match age.as_secs() {
        0..10 => format!("{:.1} s", age.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_the_unit_of_its_size() {
        for (millis, shown) in [(1234, "1.2 s"), (60_000, "60 s"), (600_000, "10 min"), (8_000_000, "2 h")] {
            assert_eq!(age(Some(Duration::from_millis(millis))), shown);
        }
        assert_eq!(age(None), "-");
    }
}
