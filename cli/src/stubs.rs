//! `prpc stubs`: a Python module with one function for each function of the queue, as the protocol's section 8.3 has it.
//!
//! The list comes from whoever answers on the queue and becomes source that a client imports, so nothing is pasted that
//! is not a name or an expression of a closed grammar: an entry outside it is left out with a warning.

mod expression;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::AnsiColor;
use prpc_contract::value::{Value, repr};

use crate::arguments::duration;
use crate::connect::Address;
use crate::failure::{Exit, Failure, printable};
use crate::functions;

/// Where the stubs go.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file to write; - for standard output
    #[arg(short, long = "out", value_name = "FILE", default_value = "server_func.py")]
    out: PathBuf,
    /// How long to wait for a worker
    #[arg(long, env = "PRPC_CALL_TIMEOUT", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    address: Address,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let entries = functions::entries(&arguments.address.find()?, arguments.timeout).await?;
    let stubs = write(&entries);
    for warning in &stubs.left_out {
        let yellow = AnsiColor::Yellow.on_default().bold();
        anstream::eprintln!("{yellow}warning:{yellow:#} {}", printable(warning));
    }
    if arguments.out.as_os_str() == "-" {
        anstream::print!("{}", stubs.text);
        return Ok(());
    }
    std::fs::write(&arguments.out, &stubs.text).map_err(|error| {
        Failure::new(Exit::Failed, format!("the stubs cannot be written: {error}"))
            .place(arguments.out.display().to_string())
            .fix("give another file: --out FILE")
    })?;
    anstream::eprintln!("{}: {} functions", arguments.out.display(), entries.len() - stubs.left_out.len());
    Ok(())
}

/// The module and what is missing from it.
#[derive(Debug)]
struct Stubs {
    text: String,
    left_out: Vec<String>,
}

fn write(entries: &[Value]) -> Stubs {
    let mut stubs = Stubs {
        text: "from prpc.app_client import AwaitableTask \nfrom typing import * \n\n\n".into(),
        left_out: vec![],
    };
    for entry in entries {
        match function(entry) {
            // Writing to a string cannot fail.
            Ok(source) => {
                let _ = write!(stubs.text, "{source} \n\n\n");
            }
            Err(reason) => {
                let name = entry.get("func_name").map_or_else(|| "an entry without name".into(), repr);
                stubs.left_out.push(format!("{name} is left out: {reason}"));
            }
        }
    }
    stubs.text.push_str("\n\n");
    stubs
}

/// The definition of one function, or why there can be none.
fn function(entry: &Value) -> Result<String, String> {
    let name = identifier(entry.get("func_name"), "the function")?;
    let (args, kwargs) = (parameters(entry, "func_args")?, parameters(entry, "func_kwargs")?);
    let mut names: Vec<_> = args.iter().chain(&kwargs).map(|parameter| parameter.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two arguments have the same name".into());
    }
    let head =
        args.iter().chain(&kwargs).map(|parameter| parameter.source.as_str()).collect::<Vec<_>>().join(", ");
    let mut optional = args.iter().chain(&kwargs).map(|parameter| parameter.optional);
    if optional.by_ref().any(|optional| optional) && optional.any(|optional| !optional) {
        return Err("an argument without default follows one with default".into());
    }
    let mut by_position = args.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
    if args.len() == 1 {
        // Without the comma it would be no tuple.
        by_position.push(',');
    }
    let by_name =
        kwargs.iter().map(|parameter| format!("'{0}': {0}", parameter.name)).collect::<Vec<_>>().join(", ");
    Ok(format!("def {name}({head}):\n\treturn AwaitableTask('{name}', ({by_position}), {{{by_name}}})"))
}

struct Parameter<'a> {
    name: &'a str,
    source: String,
    optional: bool,
}

fn parameters<'a>(entry: &'a Value, member: &str) -> Result<Vec<Parameter<'a>>, String> {
    match entry.get(member) {
        Some(Value::List(list)) => list.iter().map(parameter).collect(),
        _ => Err(format!("{member} is not a list")),
    }
}

fn parameter(entry: &Value) -> Result<Parameter<'_>, String> {
    let name = identifier(entry.get("name"), "an argument")?;
    let (default, annotation) = (entry.get("default"), entry.get("annotation"));
    let source = match (default, annotation) {
        (None, None) => name.to_owned(),
        (Some(default), None) => format!("{name}={}", literal(name, default)?),
        (None, Some(annotation)) => match annotation.as_str() {
            Some(text) if expression::is_annotation(text) => format!("{name}:{text}"),
            _ => return Err(format!("the annotation of {name} is not understood: {}", repr(annotation))),
        },
        (Some(_), Some(_)) => return Err(format!("{name} has a default and an annotation")),
    };
    Ok(Parameter { name, source, optional: default.is_some() })
}

/// The source of a default: a text is source already.
fn literal(name: &str, default: &Value) -> Result<String, String> {
    let source = default.as_str().map_or_else(|| repr(default), str::to_owned);
    if expression::is_literal(&source) {
        Ok(source)
    } else {
        Err(format!("the default of {name} is no Python literal: {}", repr(default)))
    }
}

fn identifier<'a>(name: Option<&'a Value>, what: &str) -> Result<&'a str, String> {
    let name = name.and_then(Value::as_str).ok_or_else(|| format!("{what} has no name"))?;
    if expression::is_identifier(name) { Ok(name) } else { Err(format!("{name:?} is not a name in Python")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::described;

    const VECTORS: &str = include_str!("../../crates/contract/tests/vectors/stubs.json");

    #[test]
    fn the_stubs_of_the_vectors_are_written_as_the_vectors_have_them() {
        let cases: Vec<serde_json::Value> = serde_json::from_str(VECTORS).unwrap();
        for case in &cases {
            let fixed = case["expect"] == "fixed";
            let (value, bytes) = if fixed { ("fixed_value", "fixed_bytes") } else { ("value", "bytes") };
            let entry = described::read(&case[value].to_string()).unwrap();
            assert_eq!(function(&entry).as_deref(), Ok(case[bytes].as_str().unwrap()), "{}", case["name"]);
        }
        assert!(cases.len() > 20);
    }

    fn entry(text: &str) -> Value {
        described::read(text).unwrap()
    }

    #[test]
    fn a_module_is_laid_out_as_the_original_lays_it_out() {
        let ping = entry(r#"{"func_name": "ping", "func_args": [], "func_kwargs": []}"#);
        let stubs = write(&[ping]);
        assert_eq!(
            stubs.text,
            "from prpc.app_client import AwaitableTask \nfrom typing import * \n\n\n\
             def ping():\n\treturn AwaitableTask('ping', (), {}) \n\n\n\n\n"
        );
    }

    #[test]
    fn a_single_argument_is_sent_as_a_tuple() {
        let one = entry(r#"{"func_name": "f", "func_args": [{"name": "a"}], "func_kwargs": []}"#);
        assert!(function(&one).unwrap().contains("'f', (a,), {}"));
    }

    #[test]
    fn an_entry_that_would_break_the_module_or_run_code_is_left_out_and_the_rest_stays() {
        let good = r#"{"func_name": "good", "func_args": [], "func_kwargs": []}"#;
        for bad in [
            r#"{"func_name": "a b", "func_args": [], "func_kwargs": []}"#,
            r#"{"func_name": "class", "func_args": [], "func_kwargs": []}"#,
            r#"{"func_name": "f", "func_args": [{"name": "a"}, {"name": "a"}], "func_kwargs": []}"#,
            r#"{"func_name": "f", "func_args": [{"name": "a", "annotation": "app.Custom"}], "func_kwargs": []}"#,
            r#"{"func_name": "f", "func_args": [{"name": "a", "annotation": "print('x')"}], "func_kwargs": []}"#,
            r#"{"func_name": "f", "func_args": [], "func_kwargs": [{"name": "a", "default": "text"}]}"#,
            r#"{"func_name": "f", "func_args": [], "func_kwargs": [{"name": "a", "default": "__import__('os')"}]}"#,
            r#"{"func_name": "f", "func_args": [], "func_kwargs": [{"name": "a", "default": "1):\n\tpass\nprint((1"}]}"#,
            r#"{"func_name": "f", "func_args": [], "func_kwargs": [{"name": "a", "default": {"$decimal": "1.5"}}]}"#,
            r#"{"func_name": "f", "func_args": [], "func_kwargs": [{"name": "a", "default": 1, "annotation": "int"}]}"#,
            r#"{"func_name": "f", "func_args": [], "func_kwargs": [{"name": "a", "default": 1}, {"name": "b"}]}"#,
            r#"{"func_name": "f"}"#,
            "7",
        ] {
            let stubs = write(&[entry(bad), entry(good)]);
            assert_eq!(stubs.left_out.len(), 1, "{bad}");
            assert_eq!(stubs.text, write(&[entry(good)]).text, "{bad}");
        }
    }
}
