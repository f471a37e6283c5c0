//! Values in host frames and tagged descriptions: what is written reads back, and is what the Python side writes.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod values;

use proptest::prelude::*;
use prpc_contract::fault::{Fault, Reason};
use prpc_contract::json::{Limits, Tape};
use prpc_contract::value::Value;
use prpc_contract::{payload, tagged};
use values::any_value;

const PAIRS: &str = include_str!("payload.json");
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 1024, values: 1 << 20, digits: 4300 };

fn written(value: &Value) -> (String, bool) {
    let mut out = Vec::new();
    let tagged = payload::write(value, &mut out);
    (String::from_utf8(out).unwrap(), tagged)
}

fn read(text: &str, tagged: bool) -> Result<Value, Fault> {
    payload::read(Tape::read(text.as_bytes(), &LIMITS).unwrap().root(), tagged)
}

#[test]
fn value_and_text_stand_for_each_other_as_on_the_python_side() {
    let pairs: Vec<(serde_json::Value, String)> = serde_json::from_str(PAIRS).unwrap();
    for (description, text) in pairs {
        let value = tagged::read(&description.to_string()).unwrap();
        let (found, tagged) = written(&value);
        assert_eq!(found, text);
        assert_eq!(read(&text, tagged), Ok(value.clone()), "{text}");
        assert_eq!(tagged::write(&value), description);
    }
}

#[test]
fn without_tags_an_object_is_a_dict_whatever_its_names() {
    let text = r#"{"$tuple":[1],"a":{"$int":"5"}}"#;
    let inner = Value::dict([("$int", Value::str("5"))]);
    let expected = Value::dict([("$tuple", Value::List(vec![Value::Int(1)])), ("a", inner)]);
    assert_eq!(read(text, false), Ok(expected));
}

#[test]
fn long_texts_are_read_from_where_they_are() {
    let texts = |position, length| (position < 9).then(|| format!("{position}+{length}"));
    let read = |text: &str| payload::read_with(Tape::read(text.as_bytes(), &LIMITS).unwrap().root(), &texts);
    let expected = Value::Tuple(vec![Value::str("0+5"), Value::dict([("a", Value::str("8+1"))])]);
    assert_eq!(read(r#"{"$tuple":[{"$text":[0,5]},{"a":{"$text":[8,1]}}]}"#), Ok(expected));
    for text in [
        r#"{"$text":[9,1]}"#, r#"{"$text":[0]}"#, r#"{"$text":[0,1,2]}"#, r#"{"$text":[0,-1]}"#,
        r#"{"$text":["0",1]}"#, r#"{"$text":"a"}"#,
    ] {
        assert_eq!(read(text).map_err(|fault| fault.reason), Err(Reason::Form), "{text}");
    }
}

#[test]
fn an_object_is_a_tag_only_by_the_name_of_its_first_member() {
    for text in
        [r#"{"a":1,"$tuple":[1]}"#, r#"{"$unknown":1}"#, r#"{"$":1}"#, r#"{"name":null,"$timezone":[0,0,0]}"#]
    {
        assert!(matches!(read(text, true), Ok(Value::Dict(_))), "{text}");
    }
}

#[test]
fn a_tag_with_content_that_it_cannot_have_is_refused() {
    for text in [
        r#"{"$int":5}"#,
        r#"{"$int":""}"#,
        r#"{"$int":"-"}"#,
        r#"{"$int":"-0"}"#,
        r#"{"$int":"007"}"#,
        r#"{"$float":"1"}"#,
        r#"{"$complex":["1.0"]}"#,
        r#"{"$complex":["1.0","1.0","1.0"]}"#,
        r#"{"$decimal":"1e5"}"#,
        r#"{"$decimal":1}"#,
        r#"{"$range":[1,2]}"#,
        r#"{"$range":[1,2,0]}"#,
        r#"{"$range":[1,2,1.0]}"#,
        r#"{"$tuple":1}"#,
        r#"{"$set":[[1]]}"#,
        r#"{"$frozenset":[{}]}"#,
        r#"{"$dict":[["a"]]}"#,
        r#"{"$dict":[["a",1,2]]}"#,
        r#"{"$dict":[[[],1]]}"#,
        r#"{"$dict":{}}"#,
        r#"{"$bytes":"0"}"#,
        r#"{"$bytes":"0g"}"#,
        r#"{"$bytes":"é"}"#,
        r#"{"$uuid":"1"}"#,
        r#"{"$datetime":"2024-02-30T00:00:00","tz":null}"#,
        r#"{"$datetime":"2024-02-29T00:00:00","tz":1}"#,
        r#"{"$datetime":"2024-02-29T00:00:00","tz":{"$zone":"../etc"}}"#,
        r#"{"$date":"2024-2-9"}"#,
        r#"{"$time":"1:2:3"}"#,
        r#"{"$timedelta":[0,86400,0]}"#,
        r#"{"$timedelta":[0,0]}"#,
        r#"{"$timedelta":[0,0,0,0]}"#,
        r#"{"$timezone":[1,0,0],"name":null}"#,
        r#"{"$timezone":[0,0,0],"name":1}"#,
        r#"{"$zone":"a b"}"#,
    ] {
        assert_eq!(read(text, true).map_err(|fault| fault.reason), Err(Reason::Form), "{text}");
    }
}

#[test]
fn the_deepest_text_is_read_and_written_on_a_small_stack() {
    let deepest = || {
        for (open, close) in
            [("[", "]"), (r#"{"a":"#, "}"), (r#"{"$tuple":["#, "]}"), (r#"{"$dict":[["$",1],["a","#, "]]}")]
        {
            let levels = LIMITS.depth / open.matches(['[', '{']).count().min(3);
            let text = open.repeat(levels) + "1" + &close.repeat(levels);
            let Ok(tape) = Tape::read(text.as_bytes(), &LIMITS) else { continue };
            let value = payload::read(tape.root(), true).unwrap();
            assert_eq!(written(&value).0, text);
            let _ = tagged::write(&value);
        }
    };
    // Threads of the runtime have 2 MiB.
    std::thread::Builder::new().stack_size(2 << 20).spawn(deepest).unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_a_frame_holds_reads_back_the_same(value in any_value()) {
        let (text, tagged) = written(&value);
        prop_assert_eq!(read(&text, tagged), Ok(value.clone()));
        prop_assert_eq!(read(&text, true), Ok(value));
    }

    #[test]
    fn a_description_reads_back_the_same(value in any_value()) {
        prop_assert_eq!(tagged::read(&tagged::write(&value).to_string()), Ok(value));
    }

    #[test]
    fn a_text_of_any_tags_is_read_or_refused(
        text in "(\\{\"\\$(tuple|set|dict|range|int|time|zone|timezone|datetime)\":|\\[|\\]|\\}|1|\"a\"|,|null){1,20}",
    ) {
        if let Ok(tape) = Tape::read(text.as_bytes(), &LIMITS) {
            let _ = payload::read(tape.root(), true);
        }
    }
}
