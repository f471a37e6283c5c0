//! `prpc call`: one call, its result on standard output.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant, SystemTime};

use anstyle::Style;
use bytes::Bytes;
use prpc_contract::json::Limits;
use prpc_contract::message::{ClassPath, Family, MessageId, Reply, Request, read_reply};
use prpc_contract::value::{Value, repr};

use crate::arguments::duration;
use crate::connect::{Address, Place};
use crate::described;
use crate::failure::{Exit, Failure, printable};

/// One call.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the function
    function: String,
    /// Arguments by position: JSON, or text where it is no JSON. JSON may say what it lacks: {"$tuple": [1]}
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,
    /// An argument by name
    #[arg(long = "kw", value_name = "NAME=ARG", value_parser = pair)]
    kwargs: Vec<(String, String)>,
    /// How long to wait for the answer
    #[arg(long, env = "PRPC_CALL_TIMEOUT", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let place = arguments.address.find()?;
    let args = arguments.args.iter().map(|text| value(text)).collect();
    let kwargs = arguments.kwargs.iter().map(|(name, text)| (name.clone(), value(text))).collect();
    let started = Instant::now();
    let result = result(&place, &arguments.function, args, kwargs, arguments.timeout).await?;
    let took = started.elapsed();
    if arguments.json {
        anstream::println!("{}", described::write(&result));
    } else {
        anstream::println!("{}", repr(&result));
    }
    if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() {
        let dim = Style::new().dimmed();
        anstream::eprintln!("{dim}{} ms{dim:#}", took.as_millis());
    }
    Ok(())
}

/// Calls and waits; an error reply becomes a failure.
pub(crate) async fn result(
    place: &Place,
    function: &str,
    args: Vec<Value>,
    kwargs: Vec<(String, Value)>,
    timeout: Duration,
) -> Result<Value, Failure> {
    let request = Request {
        function: function.to_owned(),
        args,
        kwargs,
        id: MessageId::random(),
        created: SystemTime::now(),
    };
    let body = request.write_native(ClassPath::Prpc).map_err(|text| {
        Failure::new(Exit::Usage, format!("the call cannot be sent: {text}")).fix("correct the argument")
    })?;
    let (caller, id) = (place.caller().await?, request.id.to_string());
    caller.send(Family::Native, &id, Bytes::from(body)).await.map_err(|error| place.failure(&error))?;
    let answer = match caller.wait(Family::Native, &id, Some(timeout)).await {
        Ok(answer) => answer,
        Err(prpc_broker::Error::Timeout) => return Err(place.unanswered(timeout).await),
        Err(error) => return Err(place.failure(&error)),
    };
    let reply = read_reply(Family::Native, &answer, &Limits::default()).map_err(|fault| {
        Failure::new(Exit::Failed, format!("the answer cannot be read: {fault}"))
            .place(format!("call {} of {function}", request.id))
            .fix("check that worker and command are of the same version: prpc --version")
    })?;
    outcome(reply)
}

fn outcome(reply: Reply) -> Result<Value, Failure> {
    reply.outcome.map_err(|text| {
        let failure = Failure::new(Exit::Failed, format!("the call failed: {}", printable(&text)));
        let unknown = text.ends_with("not found in server");
        if unknown { failure.fix("list what there is: prpc functions") } else { failure }
    })
}

/// JSON, else text.
fn value(text: &str) -> Value {
    described::read(text).unwrap_or_else(|| Value::str(text))
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=ARG")?;
    if name.is_empty() {
        Err("the name is missing: write NAME=ARG")
    } else {
        Ok((name.to_owned(), value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_json_or_else_text() {
        for (text, expected) in [
            ("2", Value::Int(2)),
            ("-0.5", Value::Float(-0.5)),
            ("true", Value::Bool(true)),
            ("null", Value::None),
            ("Anna", Value::str("Anna")),
            ("", Value::str("")),
            (r#""2""#, Value::str("2")),
            ("[1, \"a\"]", Value::List(vec![Value::Int(1), Value::str("a")])),
            (r#"{"$tuple": [1]}"#, Value::Tuple(vec![Value::Int(1)])),
            ("[1,", Value::str("[1,")),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn a_named_argument_is_cut_at_its_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }
}
