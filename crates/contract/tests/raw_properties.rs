//! What holds for every value and every input of the raw form.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod values;

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use proptest::prelude::*;
use prpc_contract::json::Tape;
use prpc_contract::message::{
    Call, Family, Limits, MessageId, Outcome, Refusal, Request, decode, read_reply,
};
use prpc_contract::payload;
use prpc_contract::raw::write_request;
use prpc_contract::value::{Moment, Value};
use values::{any_value, plain_value};

const ID: &str = "c0ffee00-1234-4abc-8def-0123456789ab";

fn raw(body: impl Into<Bytes>) -> Result<Call, Refusal> {
    decode(Family::Raw, &body.into(), &Limits::default(), UNIX_EPOCH + Duration::from_micros(1_500_000))
}

fn answer(call: &Call, outcome: Outcome<'_>) -> String {
    let mut out = Vec::new();
    call.reply_to.write(outcome, UNIX_EPOCH + Duration::from_secs(2), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_reply_has_the_members_of_the_protocol_in_their_order() {
    let body = format!(
        r#"{{"trace": 1, "message_id": "urn:uuid:{ID}", "func_kwargs": {{"k": [1.0, Infinity]}}, "func_args": [NaN, -0.0, "é"], "func_name": "f"}}"#
    );
    let call = raw(body).unwrap();
    assert_eq!(
        answer(&call, Outcome::Result(&Value::Tuple(vec![Value::Int(3)]))),
        r#"{"func_name": "f", "func_args": [null, -0.0, "\u00e9"], "func_kwargs": {"k": [1.0, null]}, "message_id": {"hex": "c0ffee0012344abc8def0123456789ab"}, "date_create_message": "1970-01-01T00:00:01.500000+00:00", "result": [3], "exception_info": null, "date_done_message": "1970-01-01T00:00:02+00:00"}"#
    );
    let (args, _) = call.arguments.values().unwrap();
    assert!(matches!(args[0], Value::Float(number) if number.is_nan()));
}

#[test]
fn a_result_that_json_cannot_hold_becomes_an_error_that_names_it() {
    let call = raw(format!(r#"{{"func_name": "f", "message_id": "{ID}"}}"#)).unwrap();
    let answer = answer(&call, Outcome::Result(&Value::List(vec![Value::Complex(1.0, 2.0)])));
    assert!(
        answer.contains(r#""result": null, "exception_info": "cannot send a complex as JSON""#),
        "{answer}"
    );
}

#[test]
fn the_answer_to_a_refused_request_repeats_what_can_be_used() {
    let refusal =
        raw(format!(r#"{{"func_name": 5, "func_args": [1], "func_kwargs": [], "message_id": "{ID}"}}"#))
            .unwrap_err();
    let mut out = Vec::new();
    refusal.reply_to.unwrap().write(Outcome::Error("no"), UNIX_EPOCH, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with(r#"{"func_name": "", "func_args": [1], "func_kwargs": {}, "message_id": {"#),
        "{text}"
    );
}

#[test]
fn a_text_over_a_limit_is_answered_if_its_id_can_be_found() {
    for argument in [
        "[".repeat(600) + &"]".repeat(600),
        "7".repeat(4301),
        r#""\ud800""#.into(),
        "1,".repeat(1_000_000) + "1",
    ] {
        let refusal =
            raw(format!(r#"{{"func_name": "f", "func_args": [{argument}], "message_id": "{ID}"}}"#))
                .unwrap_err();
        assert_eq!(refusal.reply_to.unwrap().id().to_string(), ID);
    }
    assert!(raw(format!(r#"{{"message_id": "{ID}", "func_name": }}"#)).unwrap_err().reply_to.is_none());
}

#[test]
fn a_reply_that_is_none_is_refused() {
    let call = raw(format!(r#"{{"func_name": "f", "message_id": "{ID}"}}"#)).unwrap();
    let good = answer(&call, Outcome::Result(&Value::None));
    assert!(read_reply(Family::Raw, good.as_bytes(), &Limits::default()).is_ok());
    for (from, to, reason) in [
        (r#""result": null, "#, "", "missing"),
        (r#", "date_done_message": "1970-01-01T00:00:02+00:00""#, "", "missing"),
        (r#""1970-01-01T00:00:02+00:00""#, "null", "field"),
        (r#""1970-01-01T00:00:02+00:00""#, r#""yesterday""#, "field"),
        (r#"{"hex": "c0ffee0012344abc8def0123456789ab"}"#, "7", "field"),
        (r#""func_args": []"#, r#""func_args": {}"#, "field"),
        (r#""func_kwargs": {}"#, r#""func_kwargs": null"#, "field"),
        (r#""exception_info": null"#, r#""exception_info": 1"#, "field"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        let fault = read_reply(Family::Raw, changed.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(fault.reason.as_str(), reason, "{changed}");
    }
    assert_eq!(
        read_reply(Family::Raw, b"[]", &Limits::default()).unwrap_err().reason.as_str(),
        "not-message"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn plain_values_go_there_and_back_unchanged(
        function in ".{0,40}",
        args in proptest::collection::vec(plain_value(), 0..4),
        kwargs in proptest::collection::btree_map(".{1,8}", plain_value(), 0..4),
        result in plain_value(),
    ) {
        let id = MessageId::random();
        let kwargs: Vec<_> = kwargs.into_iter().collect();
        let request =
            Request { function: function.clone(), args: args.clone(), kwargs: kwargs.clone(), id, created: UNIX_EPOCH };
        let call = raw(write_request(&request).unwrap()).unwrap();
        prop_assert_eq!(&call.function, &function);
        prop_assert_eq!(call.arguments.values(), Ok((args.clone(), kwargs.clone())));

        let answer = answer(&call, Outcome::Result(&result));
        let reply = read_reply(Family::Raw, answer.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(reply.outcome, Ok(result));
        prop_assert_eq!((reply.id, reply.function), (id, function));
        prop_assert_eq!((reply.args, reply.kwargs), (Value::List(args), Value::dict(kwargs)));
        prop_assert_eq!(reply.created, Moment::from_micros(1_500_000).to_utc());
    }

    #[test]
    fn any_result_becomes_a_reply_of_strict_json(result in any_value()) {
        let call = raw(format!(r#"{{"func_name": "f", "message_id": "{ID}"}}"#)).unwrap();
        let answer = answer(&call, Outcome::Result(&result));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok() || answer.contains("e+"), "{}", answer);
        prop_assert!(read_reply(Family::Raw, answer.as_bytes(), &Limits::default()).is_ok());
    }

    #[test]
    fn whatever_json_an_argument_is_the_reply_repeats_it(value in plain_value()) {
        let mut text = Vec::new();
        payload::write(&value, &mut text);
        // Written with tags where a name looks like one; here they are data.
        let text = String::from_utf8(text).unwrap();
        let body = format!(r#"{{"func_name": "f", "func_args": [{text}], "message_id": "{ID}"}}"#);
        let answer = answer(&raw(body).unwrap(), Outcome::Error("no"));
        let repeated = Tape::read(answer.as_bytes(), &Limits::default()).unwrap();
        let repeated = payload::read(repeated.root().get("func_args").unwrap(), false).unwrap();
        let sent = payload::read(Tape::read(text.as_bytes(), &Limits::default()).unwrap().root(), false).unwrap();
        prop_assert_eq!(repeated, Value::List(vec![sent]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_whatsoever_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..65_536)) {
        let _ = raw(bytes.clone());
        let _ = read_reply(Family::Raw, &bytes, &Limits::default());
    }

    #[test]
    fn no_pieces_of_a_request_do_harm(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("{".to_owned()), Just("}".to_owned()), Just("[".to_owned()), Just("]".to_owned()),
                Just(",".to_owned()), Just(":".to_owned()), Just("\"message_id\"".to_owned()),
                Just("\"func_name\"".to_owned()), Just("\"func_args\"".to_owned()), Just(format!("\"{ID}\"")),
                Just("\"\\ud800\"".to_owned()), Just("1e999".to_owned()), Just("\\".to_owned()), ".{0,3}",
            ],
            0..40,
        ),
    ) {
        let _ = raw(pieces.concat());
    }
}
