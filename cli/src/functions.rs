//! `prpc functions`: what a queue's workers offer.

use std::time::Duration;

use prpc_contract::value::{Value, repr};

use crate::arguments::duration;
use crate::call;
use crate::connect::{Address, Place};
use crate::described;
use crate::failure::{Exit, Failure, printable};
use crate::listing::table;

/// A look at the functions.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long to wait for a worker
    #[arg(long, env = "PRPC_CALL_TIMEOUT", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let list = entries(&arguments.address.find()?, arguments.timeout).await?;
    if arguments.json {
        anstream::println!("{}", described::write(&Value::List(list)));
    } else {
        let rows = list.iter().map(|entry| [printable(name(entry)), printable(&signature(entry))]);
        anstream::println!("{}", table(["function", "arguments"], rows));
    }
    Ok(())
}

/// What the workers answer when they are asked for their functions, one entry each.
pub(crate) async fn entries(place: &Place, timeout: Duration) -> Result<Vec<Value>, Failure> {
    match call::result(place, "get_function_server", vec![], vec![], timeout).await? {
        Value::List(entries) => Ok(entries),
        other => Err(Failure::new(Exit::Failed, format!("the list of functions is a {}", other.type_name()))
            .place(place.url.to_string())
            .fix("check that only PRPC workers read this queue")),
    }
}

fn name(entry: &Value) -> &str {
    entry.get("func_name").and_then(Value::as_str).unwrap_or("?")
}

/// The arguments as in a Python definition.
fn signature(entry: &Value) -> String {
    let of = |member: &str| match entry.get(member) {
        Some(Value::List(parameters)) => parameters.as_slice(),
        _ => &[],
    };
    let parameters = of("func_args").iter().chain(of("func_kwargs"));
    format!("({})", parameters.map(parameter).collect::<Vec<_>>().join(", "))
}

fn parameter(parameter: &Value) -> String {
    let text = |member: &str| parameter.get(member).and_then(Value::as_str);
    let mut shown = text("name").unwrap_or("?").to_owned();
    if let Some(annotation) = text("annotation") {
        shown = format!("{shown}: {annotation}");
    }
    if let Some(default) = parameter.get("default") {
        // A text is source by the protocol's rules.
        let default = default.as_str().map_or_else(|| repr(default), str::to_owned);
        shown = format!("{shown}={default}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_shown_as_a_python_definition() {
        let entry = described::read(
            r#"{"func_name": "summ", "func_args": [{"name": "a", "annotation": "int | float"}, {"name": "b"}],
                "func_kwargs": [{"name": "z", "default": {"$float": "0.5"}}, {"name": "t", "default": "'x'"}]}"#,
        )
        .unwrap();
        assert_eq!((name(&entry), signature(&entry).as_str()), ("summ", "(a: int | float, b, z=0.5, t='x')"));
    }

    #[test]
    fn an_entry_of_another_shape_is_shown_as_far_as_it_goes() {
        assert_eq!((name(&Value::None), signature(&Value::None).as_str()), ("?", "()"));
    }
}
