//! Every native vector of the wire protocol, read as a server and as a client would.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prpc_contract::json::Tape;
use prpc_contract::message::{
    Call, ClassPath, Family, Limits, Outcome, Refusal, ReplyTo, Request, decode, read_reply,
};
use prpc_contract::tagged;
use prpc_contract::value::{DateTime, Value};
use serde_json::{Value as Json, json};

const REQUESTS: &str = include_str!("vectors/request.json");
const REPLIES: &str = include_str!("vectors/reply.json");

fn vectors(text: &str) -> Vec<Json> {
    serde_json::from_str(text).unwrap()
}

fn text<'a>(case: &'a Json, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_default()
}

fn bytes(case: &Json) -> Bytes {
    if let Some(text) = case["bytes"].as_str() {
        return text.to_owned().into();
    }
    if let Some(encoded) = case["bytes_b64"].as_str() {
        return STANDARD.decode(encoded).unwrap().into();
    }
    let runs = case["bytes_rle"].as_array().unwrap();
    let repeat = |run: &Json| run[0].as_str().unwrap().repeat(run[1].as_u64().unwrap() as usize);
    runs.iter().map(repeat).collect::<String>().into()
}

/// A description with every `$nest` written out.
fn unnested(description: &Json) -> Json {
    match description {
        Json::Array(items) => items.iter().map(unnested).collect(),
        Json::Object(members) => {
            match members.get("$nest") {
                Some(nest) => (0..nest["depth"].as_u64().unwrap()).fold(nest["core"].clone(), |core, _| {
                    match nest["kind"].as_str().unwrap() {
                        "list" => json!([core]),
                        "tuple" => json!({ "$tuple": [core] }),
                        _ => json!({ "a": core }),
                    }
                }),
                None => members.iter().map(|(name, value)| (name.clone(), unnested(value))).collect(),
            }
        }
        scalar => scalar.clone(),
    }
}

fn value(description: &Json) -> Value {
    tagged::read(&unnested(description).to_string()).unwrap()
}

fn datetime(description: &Json) -> DateTime {
    match value(description) {
        Value::DateTime(moment) => moment,
        other => panic!("not a datetime: {other:?}"),
    }
}

fn system_time(moment: &DateTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(moment.moment().unwrap().micros() as u64)
}

fn native(body: &Bytes) -> Result<Call, Refusal> {
    decode(Family::Native, body, &Limits::default(), UNIX_EPOCH)
}

fn reply_to(body: &Bytes) -> ReplyTo {
    native(body).unwrap().reply_to
}

fn written(reply_to: &ReplyTo, outcome: Outcome<'_>, done: SystemTime) -> String {
    let mut out = Vec::new();
    reply_to.write(outcome, done, &mut out);
    String::from_utf8(out).unwrap()
}

/// The document without its last three members.
fn head(document: &str) -> &str {
    let tape = Tape::read(document.as_bytes(), &Limits::default()).unwrap();
    let start = document.len() - document.trim_start_matches('\u{feff}').len();
    &document[start..tape.member_offset(6).unwrap()]
}

fn request_of(reply: &str) -> Bytes {
    let rest = r#""result": null, "exception_info": null, "date_done_message": null}"#;
    format!("{}{rest}", head(reply)).into()
}

#[test]
fn requests_are_run_answered_with_an_error_or_recorded_as_the_vectors_say() {
    for case in vectors(REQUESTS) {
        let name = text(&case, "name");
        let body = bytes(&case);
        match (text(&case, "expect"), native(&body)) {
            ("run", Ok(call)) => assert_runs(name, &case, call),
            ("error-reply", Err(refusal)) => {
                assert_eq!(refusal.fault.reason.as_str(), text(&case, "reason"), "{name}");
                let reply_to = refusal.reply_to.as_ref().expect(name);
                assert_eq!(reply_to.id().to_string(), text(&case, "message_id"), "{name}");
                let reply = written(reply_to, Outcome::Error(&refusal.error_text()), UNIX_EPOCH);
                let class = format!(r#"{{"py/object": "{}", "#, text(&case, "class"));
                assert!(reply.starts_with(&class), "{name}: {reply}");
                let reply = read_reply(Family::Native, reply.as_bytes(), &Limits::default()).expect(name);
                assert_eq!(reply.id, reply_to.id(), "{name}");
                let reason = format!("invalid request: {}", text(&case, "reason"));
                assert_eq!(reply.outcome, Err(reason), "{name}");
            }
            ("dead-letter", Err(refusal)) => {
                assert_eq!(refusal.fault.reason.as_str(), text(&case, "reason"), "{name}");
                let id = refusal.reply_to.map(|reply_to| reply_to.id().to_string());
                assert_eq!(id.as_deref(), case["may_reply"].as_str(), "{name}");
            }
            (expected, found) => panic!("{name} should be {expected}: {found:?}"),
        }
    }
}

fn assert_runs(name: &str, case: &Json, call: Call) {
    let message = &case["value"]["$message"];
    assert_eq!(call.function, text(message, "func_name"), "{name}");
    assert_eq!(call.reply_to.family(), Family::Native);
    assert_eq!(call.reply_to.id().to_string(), text(&message["message_id"], "$uuid"), "{name}");
    let (Value::List(args) | Value::Tuple(args)) = value(&message["func_args"]) else { panic!("{name}") };
    let (found, kwargs) = call.arguments.values().expect(name);
    assert_eq!(found, args, "{name}");
    assert_eq!(Value::dict(kwargs), value(&message["func_kwargs"]), "{name}");

    let reply = written(&call.reply_to, Outcome::Result(&Value::Int(1)), UNIX_EPOCH);
    let class = Tape::read(reply.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(class.root().get("py/object").unwrap().as_str(), message["class"].as_str(), "{name}");
    let echo = read_reply(Family::Native, reply.as_bytes(), &Limits::default()).expect(name);
    assert_eq!(echo.function, call.function, "{name}");
    assert_eq!(echo.args, value(&message["func_args"]), "{name}");
    assert_eq!(echo.kwargs, value(&message["func_kwargs"]), "{name}");
    assert_eq!(echo.created, datetime(&message["date_create_message"]), "{name}");
    assert_eq!(echo.id, call.reply_to.id(), "{name}");
    assert_eq!(echo.outcome, Ok(Value::Int(1)), "{name}");
}

#[test]
fn a_client_reads_what_the_vectors_say() {
    for case in vectors(REPLIES) {
        let name = text(&case, "name");
        let message = &case["value"]["$message"];
        for document in [Some(text(&case, "bytes")), case["expanded"].as_str()].into_iter().flatten() {
            let reply = read_reply(Family::Native, document.as_bytes(), &Limits::default()).expect(name);
            assert_eq!(reply.id.to_string(), message["message_id"]["$uuid"].as_str().unwrap(), "{name}");
            assert_eq!(reply.function, text(message, "func_name"), "{name}");
            assert_eq!(reply.args, value(&message["func_args"]), "{name}");
            assert_eq!(reply.kwargs, value(&message["func_kwargs"]), "{name}");
            assert_eq!(reply.created, datetime(&message["date_create_message"]), "{name}");
            assert_eq!(reply.done, datetime(&message["date_done_message"]), "{name}");
            let outcome = match message["exception_info"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(value(&message["result"])),
            };
            assert_eq!(reply.outcome, outcome, "{name}");
        }
    }
}

#[test]
fn replies_are_written_byte_for_byte_as_the_original_writes_them_without_references() {
    for case in vectors(REPLIES) {
        let name = text(&case, "name");
        let full = case["expanded"].as_str().unwrap_or(text(&case, "bytes"));
        let held = case.get("server_value").unwrap_or(&case["value"]);
        let message = &held["$message"];
        let result = value(&message["result"]);
        let outcome = message["exception_info"].as_str().map_or(Outcome::Result(&result), Outcome::Error);
        let done = system_time(&datetime(&message["date_done_message"]));

        let copied = request_of(full);
        assert_eq!(written(&reply_to(&copied), outcome, done), full, "{name}");

        let afresh = String::from_utf8(copied.to_vec()).unwrap().replacen('{', r#"{"unknown": 1, "#, 1);
        assert_eq!(written(&reply_to(&afresh.into()), outcome, done), full, "{name}");
    }
}

#[test]
fn what_stands_before_the_result_is_copied_without_a_byte_order_mark() {
    for case in vectors(REQUESTS) {
        let body = bytes(&case);
        if text(&case, "expect") == "run"
            && body.ends_with(br#""result": null, "exception_info": null, "date_done_message": null}"#)
        {
            let document = std::str::from_utf8(&body).unwrap();
            let reply = written(&reply_to(&body), Outcome::Result(&Value::None), UNIX_EPOCH);
            let tape = Tape::read(document.as_bytes(), &Limits::default()).unwrap();
            let all_known = tape.root().members().unwrap().len() == 9;
            assert_eq!(all_known, reply.starts_with(head(document)), "{}", text(&case, "name"));
        }
    }
}

#[test]
fn requests_are_written_byte_for_byte_as_the_original_writes_them() {
    let mut compared = 0;
    for case in vectors(REQUESTS) {
        let is_plain = case["jsonpickle"].is_string() && !text(&case, "bytes").contains("py/id");
        let message = &case["value"]["$message"];
        let arguments = (value(&message["func_args"]), &message["func_kwargs"]);
        let (true, (Value::Tuple(args), kwargs)) = (is_plain && text(&case, "expect") == "run", arguments)
        else {
            continue;
        };
        let Value::Dict(kwargs) = value(kwargs) else { panic!("{case}") };
        let request = Request {
            function: text(message, "func_name").to_owned(),
            args,
            kwargs: kwargs
                .into_iter()
                .map(|(name, value)| (name.as_str().unwrap().to_owned(), value))
                .collect(),
            id: message["message_id"]["$uuid"].as_str().unwrap().parse().unwrap(),
            created: system_time(&datetime(&message["date_create_message"])),
        };
        let class = ClassPath::from_path(text(message, "class")).unwrap();
        let document = String::from_utf8(request.write_native(class).unwrap()).unwrap();
        assert_eq!(document, text(&case, "bytes"), "{}", text(&case, "name"));
        compared += 1;
    }
    assert!(compared > 50, "only {compared} requests were compared");
}
