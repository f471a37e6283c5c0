//! What holds for every value and every input of the native form.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use proptest::prelude::*;
use prpc_contract::fault::Reason;
use prpc_contract::message::{
    Call, ClassPath, Family, Limits, MessageId, Outcome, Refusal, Request, decode, read_reply,
};
use prpc_contract::value::{Date, DateTime, Time, TimeDelta, Value, Zone, unique};

fn native(body: impl Into<Bytes>) -> Result<Call, Refusal> {
    decode(Family::Native, &body.into(), &Limits::default(), UNIX_EPOCH)
}

fn zone() -> impl Strategy<Value = Zone> {
    let fixed = (-1..1_i64, 0..86_400_i64, 0..1_000_000_i64, proptest::option::of(".{0,5}"));
    prop_oneof![
        Just(Zone::UTC),
        fixed.prop_filter_map("24 hours or more", |(days, seconds, micros, name)| {
            Zone::fixed(TimeDelta::new(days, seconds, micros)?, name)
        }),
        "[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}".prop_map(|name| Zone::named(&name).unwrap()),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    (1..=9999_u16, 1..=12_u8, 1..=31_u8)
        .prop_filter_map("no such day", |(year, month, day)| Date::new(year, month, day))
}

fn time() -> impl Strategy<Value = Time> {
    (0..24_u8, 0..60_u8, 0..60_u8, 0..1_000_000_u32)
        .prop_map(|(hour, minute, second, micro)| Time::new(hour, minute, second, micro).unwrap())
}

fn hashable() -> impl Strategy<Value = Value> {
    let aware = || proptest::option::of(zone().prop_map(Box::new));
    let int = || {
        prop_oneof![
            any::<i64>().prop_map(Value::Int),
            "-?[1-9][0-9]{20,60}".prop_map(|text| Value::int(&text))
        ]
    };
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        int(),
        any::<f64>().prop_map(Value::Float),
        ".{0,20}".prop_map(Value::Str),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        (date(), time(), aware()).prop_map(|(date, time, zone)| Value::DateTime(DateTime {
            date,
            time,
            zone
        })),
        date().prop_map(Value::Date),
        (time(), aware()).prop_map(|(time, zone)| Value::Time(time, zone)),
        (-999_999_999..1_000_000_000_i64, 0..86_400_i64, 0..1_000_000_i64).prop_map(
            |(days, seconds, micros)| Value::TimeDelta(TimeDelta::new(days, seconds, micros).unwrap())
        ),
        zone().prop_map(|zone| Value::Zone(Box::new(zone))),
        prop_oneof![
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?",
            "-?[1-9]E\\+[1-9][0-9]{0,3}",
            "-?Infinity",
            "NaN"
        ]
        .prop_map(|text| Value::Decimal(text.into())),
        (any::<f64>(), any::<f64>()).prop_map(|(real, imaginary)| Value::Complex(real, imaginary)),
        (int(), int(), int())
            .prop_filter("step 0", |(.., step)| *step != Value::Int(0))
            .prop_map(|(start, stop, step)| Value::Range(Box::new([start, stop, step]))),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Tuple),
            proptest::collection::vec(inner, 0..5).prop_map(|items| Value::FrozenSet(unique(items))),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    hashable().prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Tuple),
            proptest::collection::btree_map("(py/x|.{0,10})", inner, 0..6).prop_map(Value::dict),
            proptest::collection::vec(hashable(), 0..6).prop_map(|items| Value::Set(unique(items))),
        ]
    })
}

fn request(args: Vec<Value>, kwargs: Vec<(String, Value)>) -> Request {
    Request {
        function: "f".into(),
        args,
        kwargs,
        id: MessageId::random(),
        created: UNIX_EPOCH + Duration::from_micros(1_730_894_400_123_456),
    }
}

/// A request whose only argument by position is given as text.
fn with_argument(text: &str) -> String {
    let document = request(vec![Value::str("here")], Vec::new()).write_native(ClassPath::Prpc).unwrap();
    String::from_utf8(document).unwrap().replacen(r#""here""#, text, 1)
}

fn reason(document: String) -> Reason {
    native(document).expect_err("it should be refused").fault.reason
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_request_arrives_as_it_was_made(
        function in ".{0,40}",
        args in proptest::collection::vec(any_value(), 0..4),
        kwargs in proptest::collection::btree_map("[a-z]{1,8}", any_value(), 0..4),
    ) {
        let kwargs: Vec<_> = kwargs.into_iter().collect();
        let request = Request { function: function.clone(), ..request(args, kwargs) };
        let call = native(request.write_native(ClassPath::Main).unwrap()).unwrap();
        prop_assert_eq!(call.function, function);
        prop_assert_eq!(call.args, request.args);
        prop_assert_eq!(call.kwargs, request.kwargs);
        prop_assert_eq!(call.reply_to.id(), request.id);
    }

    #[test]
    fn a_result_arrives_as_it_was_returned(value in any_value()) {
        let call = native(request(vec![value.clone()], Vec::new()).write_native(ClassPath::Prpc).unwrap()).unwrap();
        let mut reply = Vec::new();
        call.reply_to.write(Outcome::Result(&value), UNIX_EPOCH, &mut reply);
        let reply = read_reply(Family::Native, &reply, &Limits::default()).unwrap();
        prop_assert_eq!(reply.outcome, Ok(value.clone()));
        prop_assert_eq!(reply.args, Value::Tuple(vec![value]));
    }

    #[test]
    fn no_bytes_end_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..65_536)) {
        let _ = native(bytes);
    }

    #[test]
    fn no_damage_to_a_request_ends_the_reader(
        value in any_value(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = request(vec![value.clone(), value], Vec::new()).write_native(ClassPath::Prpc).unwrap();
        for (from, to, byte) in damage {
            let (from, to) = (from.index(body.len()), to.index(body.len()));
            match byte % 3 {
                0 => body[from] = byte,
                1 => body.truncate(from.max(1)),
                _ => {
                    let piece = body[from.min(to)..from.max(to)].to_vec();
                    body.splice(from..from, piece);
                }
            }
        }
        if let Err(Refusal { reply_to: Some(reply_to), .. }) = native(body) {
            let mut reply = Vec::new();
            reply_to.write(Outcome::Error(""), UNIX_EPOCH, &mut reply);
            prop_assert!(read_reply(Family::Native, &reply, &Limits::default()).is_ok());
        }
    }
}

#[test]
fn the_deepest_message_and_the_deepest_chain_of_references_need_no_more_stack_than_a_thread_has() {
    // The message and its tuple are open around the argument.
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(native(with_argument(&deep(509))).is_ok());
    assert_eq!(reason(with_argument(&deep(510))), Reason::TooDeep);

    let frozen = r#"{"py/reduce": [{"py/type": "builtins.frozenset"}, {"py/tuple": [["#;
    let sets = format!("{}1{}", frozen.repeat(101), "]]}]}".repeat(101));
    assert!(native(with_argument(&sets)).is_ok());

    // Number 1 is the outermost list, 2 its first element: each element holds the one before it.
    let chain = |length: usize| {
        let links: Vec<_> = (1..length).map(|n| format!(r#"[{{"py/id": {}}}]"#, n + 1)).collect();
        with_argument(&format!("[[], {}]", links.join(", ")))
    };
    assert!(native(chain(500)).is_ok());
    assert_eq!(reason(chain(600)), Reason::Expansion);
}

#[test]
fn what_references_and_sets_multiply_is_refused_before_it_takes_long() {
    let lists: Vec<_> = (2..25)
        .map(|number| format!("[{}]", vec![format!(r#"{{"py/id": {number}}}"#); 8].join(", ")))
        .collect();
    assert_eq!(reason(with_argument(&format!("[[1], {}]", lists.join(", ")))), Reason::Expansion);

    let set = |items: &str| {
        format!(r#"{{"py/reduce": [{{"py/type": "builtins.frozenset"}}, {{"py/tuple": [[{items}]]}}]}}"#)
    };
    let numbers: Vec<_> = (0..100_000).map(|number| number.to_string()).collect();
    let nested = (0..90).fold(set(&numbers.join(", ")), |inner, number| set(&format!("{inner}, {number}")));
    assert_eq!(reason(with_argument(&nested)), Reason::Expansion);
    assert!(native(with_argument(&set(&set(&numbers.join(", "))))).is_ok());
}

#[test]
fn a_result_is_sent_up_to_the_depth_that_clients_read() {
    let nested = |levels: usize| (0..levels).fold(Value::Int(1), |core, _| Value::List(vec![core]));
    let call = native(request(Vec::new(), Vec::new()).write_native(ClassPath::Prpc).unwrap()).unwrap();
    let outcome = |value: &Value| {
        let mut reply = Vec::new();
        call.reply_to.write(Outcome::Result(value), UNIX_EPOCH, &mut reply);
        read_reply(Family::Native, &reply, &Limits::default()).unwrap().outcome
    };
    assert!(outcome(&nested(200)).is_ok());
    for refused in [
        nested(201),
        Value::dict([("py/tuple", Value::None)]),
        Value::List(vec![Value::int(&"9".repeat(4301))]),
        Value::List(vec![Value::None; 1_000_000]),
    ] {
        assert!(outcome(&refused).unwrap_err().starts_with("cannot send "));
    }
    assert_eq!(outcome(&Value::dict([("py/foo", Value::None)])), Ok(Value::dict([("py/foo", Value::None)])));
}

#[test]
fn an_error_without_a_text_is_still_an_error() {
    let call = native(request(Vec::new(), Vec::new()).write_native(ClassPath::Prpc).unwrap()).unwrap();
    let mut reply = Vec::new();
    call.reply_to.write(Outcome::Error(""), UNIX_EPOCH, &mut reply);
    let reply = read_reply(Family::Native, &reply, &Limits::default()).unwrap();
    assert_eq!(reply.outcome, Err("error".to_owned()));
}

#[test]
fn an_answer_to_a_refused_request_repeats_what_was_understood_before_the_fault() {
    let document = request(vec![Value::Int(7)], vec![("a".into(), Value::str("here"))]);
    let document = String::from_utf8(document.write_native(ClassPath::Main).unwrap()).unwrap();
    let refusal = native(document.replacen(r#""here""#, r#"{"py/type": "os.system"}"#, 1)).unwrap_err();
    let mut reply = Vec::new();
    refusal.reply_to.expect("it has an id").write(Outcome::Error("no"), UNIX_EPOCH, &mut reply);
    let reply = read_reply(Family::Native, &reply, &Limits::default()).unwrap();
    assert_eq!((reply.function.as_str(), reply.args), ("f", Value::Tuple(vec![Value::Int(7)])));
    assert_eq!(reply.kwargs, Value::Dict(Vec::new()));
    assert_eq!(refusal.fault.reason, Reason::Tag);
}

#[test]
fn a_refused_request_without_a_literal_id_cannot_be_answered() {
    let document = with_argument(r#"{"py/object": "uuid.UUID", "hex": "c0ffee0012344abc8def0123456789ab"}"#);
    let start = document.find(r#""message_id": "#).unwrap() + 14;
    let end = start + document[start..].find('}').unwrap() + 1;
    let referring = format!("{}{}{}", &document[..start], r#"{"py/id": 1}"#, &document[end..]);
    let call = native(referring.clone()).unwrap();
    assert_eq!(call.reply_to.id().to_string(), "c0ffee00-1234-4abc-8def-0123456789ab");
    let refused = referring.replace(r#""date_done_message": null"#, r#""date_done_message": 1"#);
    let refusal = native(refused).unwrap_err();
    assert_eq!(refusal.fault.reason, Reason::AlreadyDone);
    assert!(refusal.reply_to.is_none());
}
