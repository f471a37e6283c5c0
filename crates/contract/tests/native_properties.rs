//! What holds for every value and every input of the native form.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod values;

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use proptest::prelude::*;
use prpc_contract::fault::Reason;
use prpc_contract::message::{
    Arguments, Call, ClassPath, Family, Limits, MessageId, Outcome, Piece, Refusal, ReplyTo, Request, decode,
    read_reply,
};
use prpc_contract::value::Value;
use values::native_value;

fn native(body: impl Into<Bytes>) -> Result<Call, Refusal> {
    decode(Family::Native, &body.into(), &Limits::default(), UNIX_EPOCH)
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

/// A call and the beginning of its answer, or what is wrong with it.
fn understood(document: Vec<u8>) -> String {
    let head = |reply_to: &ReplyTo| {
        let mut reply = Vec::new();
        reply_to.write(Outcome::Result(&Value::None), UNIX_EPOCH, &mut reply);
        String::from_utf8(reply).unwrap()
    };
    match native(document) {
        Ok(call) => {
            format!("{} {:?} {}", call.function, call.arguments.values().unwrap(), head(&call.reply_to))
        }
        Err(Refusal { fault, reply_to }) => format!("{:?} {:?}", fault.reason, reply_to.as_ref().map(head)),
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
        args in proptest::collection::vec(native_value(), 0..4),
        kwargs in proptest::collection::btree_map("[a-z]{1,8}", native_value(), 0..4),
    ) {
        let kwargs: Vec<_> = kwargs.into_iter().collect();
        let request = Request { function: function.clone(), ..request(args, kwargs) };
        let call = native(request.write_native(ClassPath::Main).unwrap()).unwrap();
        prop_assert_eq!(call.function, function);
        prop_assert_eq!(call.arguments.values(), Ok((request.args, request.kwargs)));
        prop_assert_eq!(call.reply_to.id(), request.id);
    }

    #[test]
    fn it_does_not_matter_whether_a_request_is_written_in_the_usual_way(
        args in proptest::collection::vec(native_value(), 0..3),
        kwargs in proptest::collection::btree_map("[a-z]{1,8}", native_value(), 0..3),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..128_u8), 0..3),
    ) {
        let request = request(args, kwargs.into_iter().collect());
        let mut usual = request.write_native(ClassPath::Prpc).unwrap();
        for (place, byte) in changes {
            let place = place.index(usual.len());
            usual[place] = byte;
        }
        // A blank at the end is enough to be unusual.
        let unusual = [&usual[..], b" "].concat();
        prop_assert_eq!(understood(usual), understood(unusual));
    }

    #[test]
    fn a_reply_in_pieces_is_the_reply_in_one(
        result in prop_oneof![
            native_value().prop_map(Ok),
            "[ -~]{0,4}".prop_map(|text| Ok(Value::Str(text.repeat(9000)))),
            ".{0,4}".prop_map(|text| Ok(Value::Str(text.repeat(9000)))),
            ".{0,9}".prop_map(Err),
        ],
    ) {
        let reply_to = native(request(Vec::new(), Vec::new()).write_native(ClassPath::Prpc).unwrap()).unwrap().reply_to;
        let mut whole = Vec::new();
        reply_to.write(result.as_ref().map_or_else(|text| Outcome::Error(text), Outcome::Result), UNIX_EPOCH, &mut whole);
        let pieces = reply_to.reply(result, UNIX_EPOCH);
        prop_assert_eq!(pieces.len(), whole.len());
        prop_assert!(pieces.whole() == whole);
    }

    #[test]
    fn a_result_arrives_as_it_was_returned(value in native_value()) {
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
        value in native_value(),
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

/// The text of the arguments, and the long ones in it.
fn pieces(arguments: &Arguments) -> (String, Vec<String>) {
    let (mut text, mut long) = (Vec::new(), Vec::new());
    for piece in &arguments.pieces {
        match piece {
            Piece::Json(json) => text.extend_from_slice(json),
            Piece::Long { text: words, json } => {
                text.extend_from_slice(json);
                long.push(String::from_utf8(words.to_vec()).unwrap());
            }
        }
    }
    (String::from_utf8(text).unwrap(), long)
}

#[test]
fn arguments_without_tags_go_to_the_host_as_they_came() {
    let arguments = |text: &str| native(with_argument(text)).unwrap().arguments;
    for text in [r#"1 , {"a":[ 1e5, -0]}"#, r#""\u00e9\/""#, "1, NaN", r#"{"py_": 1}"#] {
        let found = arguments(text);
        assert_eq!(pieces(&found), (format!("[{text}],{{}}"), vec![]));
        assert!(!found.tagged);
    }
    assert_eq!(pieces(&arguments(r#"{"$set": [1]}"#)).0, r#"[{"$dict":[["$set",[1]]]}],{}"#);
    assert!(arguments(r#"{"$set": [1]}"#).tagged);
    assert_eq!(pieces(&arguments(r#"{"py/tuple": [1]}"#)).0, r#"[{"$tuple":[1]}],{}"#);
}

#[test]
fn long_texts_among_arguments_are_found_wherever_they_stand() {
    let (plain, escaped) = ("x".repeat(9000), "é\n".repeat(9000));
    let json = escaped.replace('é', r"\u00e9").replace('\n', r"\n");
    // A name is part of its object, however long.
    let text = format!(r#"[1, "{plain}"], {{"{plain}": "{json}"}}, "short""#);
    let body = with_argument(&text).replacen(
        r#""func_kwargs": {}"#,
        &format!(r#""func_kwargs": {{"k": "{plain}"}}"#),
        1,
    );
    let call = native(body).unwrap();
    let (found, long) = pieces(&call.arguments);
    assert_eq!(found, format!(r#"[{text}],{{"k": "{plain}"}}"#));
    assert_eq!(long, [plain.clone(), escaped.clone(), plain.clone()]);
    // What is written anew is looked through at the top only.
    let tagged =
        native(with_argument(&format!(r#"{{"py/tuple": ["{plain}"]}}, "{json}", "{plain}""#))).unwrap();
    assert_eq!(pieces(&tagged.arguments).1, [escaped.clone(), plain.clone()]);
    let (args, kwargs) = call.arguments.values().unwrap();
    assert_eq!(args[1], Value::dict([(plain.clone(), Value::Str(escaped))]));
    assert_eq!(kwargs, [("k".to_owned(), Value::Str(plain))]);
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
