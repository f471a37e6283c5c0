//! What a Python program says about itself when it was loaded. Reads documents; starts nothing.

use std::time::Duration;

use bytes::Bytes;
use prpc_contract::fault::Fault;
use prpc_contract::json::{Limits, Tape};
use prpc_contract::payload;
use prpc_contract::settings::Settings;
use prpc_contract::value::Value;

use crate::frame::{Frame, MAX_PAYLOAD};
use crate::pool::WorkerType;

/// The version of the host protocol that is spoken here.
pub const PROTOCOL: i64 = 2;

/// What a document of a host may hold: a host is not hostile, but it may be broken.
pub const HOST_LIMITS: Limits = Limits { bytes: MAX_PAYLOAD, depth: 1024, values: 16_000_000, digits: 4400 };

/// A registered function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// What callers call it.
    pub name: String,
    /// Its own worker type, if it named one.
    pub worker: Option<WorkerType>,
    /// Its entry in the answer to `get_function_server`; `None` if its name cannot stand in a generated file.
    pub entry: Option<Value>,
}

/// A loaded program.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// In order of registration; hosts know a function by its place here.
    pub functions: Vec<Function>,
    /// What its constructor was given.
    pub constructor: Settings,
    /// False when it started threads at import, so that it must not be forked.
    pub can_fork: bool,
}

/// Why a document of the template is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not a value.
    #[error("a document of the Python side cannot be read: {0}")]
    Fault(#[from] Fault),
    /// Not what the host protocol says.
    #[error(
        "the Python side does not follow the host protocol: {0}; use the same version of the package `prpc` and of the runtime"
    )]
    Protocol(&'static str),
}

/// The value of a frame.
///
/// # Errors
/// When it is not one.
pub fn value(frame: &Frame) -> Result<Value, Fault> {
    let payload: &Bytes = &frame.payload;
    payload::read(Tape::read(payload, &HOST_LIMITS)?.root(), frame.tagged)
}

/// Checks a HELLO.
///
/// # Errors
/// When it speaks another version.
pub fn check_hello(frame: &Frame) -> Result<(), Unreadable> {
    match value(frame)?.get("protocol") {
        Some(Value::Int(PROTOCOL)) => Ok(()),
        _ => Err(Unreadable::Protocol("it speaks another version")),
    }
}

/// Error and traceback of a FAILED.
///
/// # Errors
/// When it is not one.
pub fn failure(frame: &Frame) -> Result<(String, String), Unreadable> {
    let value = value(frame)?;
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((text("error"), text("traceback")))
}

impl Program {
    /// Reads a REGISTER.
    ///
    /// # Errors
    /// What is missing or wrong in it.
    pub fn read(frame: &Frame) -> Result<Self, Unreadable> {
        let value = value(frame)?;
        let Some(Value::List(functions)) = value.get("functions") else {
            return Err(Unreadable::Protocol("REGISTER without functions"));
        };
        let functions = functions.iter().map(function).collect::<Result<_, _>>()?;
        let constructor = constructor(
            value.get("constructor").ok_or(Unreadable::Protocol("REGISTER without constructor"))?,
        );
        let can_fork = matches!(value.get("can_fork"), Some(Value::Bool(true)));
        Ok(Self { functions, constructor, can_fork })
    }
}

fn function(value: &Value) -> Result<Function, Unreadable> {
    let name =
        value.get("name").and_then(Value::as_str).ok_or(Unreadable::Protocol("a function without name"))?;
    let worker = match value.get("worker") {
        None | Some(Value::None) => None,
        Some(worker) => Some(
            worker
                .as_str()
                .and_then(WorkerType::from_name)
                .ok_or(Unreadable::Protocol("a function of an unknown worker type"))?,
        ),
    };
    let entry = value.get("entry").ok_or(Unreadable::Protocol("a function without entry"))?;
    let entry = (*entry != Value::None).then(|| entry.clone());
    Ok(Function { name: name.to_owned(), worker, entry })
}

fn constructor(value: &Value) -> Settings {
    let text = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let seconds = match value.get("timeout") {
        Some(Value::Float(seconds)) => Some(*seconds),
        Some(Value::Int(seconds)) => u32::try_from(*seconds).ok().map(f64::from),
        _ => None,
    };
    let concurrency = match value.get("concurrency") {
        Some(Value::Int(count)) => u32::try_from(*count).ok(),
        _ => None,
    };
    Settings {
        broker: text("type_broker"),
        broker_url: text("broker_url"),
        queue: text("queue"),
        group: text("group"),
        worker: text("worker"),
        concurrency,
        timeout: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Kind;

    fn frame(payload: &'static str) -> Frame {
        Frame { kind: Kind::Register, tagged: false, payload: Bytes::from_static(payload.as_bytes()) }
    }

    #[test]
    fn a_program_is_its_functions_and_what_its_constructor_was_given() {
        let program = Program::read(&frame(
            r#"{"functions": [{"name": "f", "worker": null, "entry": {}}, {"name": "g", "worker": "async", "entry": null}],
                "constructor": {"type_broker": "redis", "broker_url": "redis://h", "worker": "thread", "concurrency": 4,
                                "timeout": 0.5, "queue": "q", "group": "g"}, "can_fork": true}"#,
        ))
        .unwrap();
        assert_eq!(program.functions[1].worker, Some(WorkerType::Async));
        assert_eq!((program.functions[0].entry.is_some(), &program.functions[1].entry), (true, &None));
        assert_eq!(program.constructor.timeout, Some(Duration::from_millis(500)));
        assert_eq!(program.constructor.concurrency, Some(4));
        assert!(program.can_fork);
    }

    #[test]
    fn documents_that_do_not_follow_the_protocol_are_refused() {
        for payload in [
            "[]",
            "{",
            r#"{"functions": [{}], "constructor": {}}"#,
            r#"{"functions": [{"name": "f", "worker": "fiber", "entry": {}}], "constructor": {}}"#,
            r#"{"functions": []}"#,
        ] {
            assert!(Program::read(&frame(payload)).is_err(), "{payload}");
        }
        assert!(check_hello(&frame(r#"{"protocol": 1}"#)).is_err());
    }
}
