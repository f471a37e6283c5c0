//! Every vector of the protocol, through the checker that people run.

use prpc_contract::json::{Limits, Tape};
use prpc_contract::message::MessageId;
use prpc_contract::{tagged, vectors};

const FILES: [(&str, &str, usize, usize); 5] = [
    ("request", include_str!("vectors/request.json"), 240, 0),
    ("reply", include_str!("vectors/reply.json"), 83, 0),
    ("raw_request", include_str!("vectors/raw_request.json"), 40, 0),
    ("raw_reply", include_str!("vectors/raw_reply.json"), 26, 5),
    ("stubs", include_str!("vectors/stubs.json"), 0, 31),
];

#[test]
fn the_codecs_meet_every_vector() {
    for (name, text, passed, skipped) in FILES {
        let report = vectors::check(text.as_bytes()).unwrap();
        assert_eq!(report.failures, Vec::<String>::new(), "{name}");
        assert_eq!((report.passed, report.skipped), (passed, skipped), "{name}");
    }
}

#[test]
fn a_vector_that_says_otherwise_is_reported_by_its_name() {
    for (name, text, from, to, words) in [
        (
            "run",
            FILES[2].1,
            r#""expect": "run""#,
            r#""expect": "dead-letter""#,
            "raw/minimal: it should not be run",
        ),
        (
            "reason",
            FILES[2].1,
            r#""reason": "not-message""#,
            r#""reason": "missing""#,
            "the reason should be missing, not not-message",
        ),
        (
            "value",
            FILES[2].1,
            r#"{"func_name": "f", "func_args": []"#,
            r#"{"func_name": "g", "func_args": []"#,
            r#"func_name should be "g", not "f""#,
        ),
        (
            "result",
            FILES[3].1,
            r#""result": -7, "exception_info": null, "date_done_message": {"#,
            r#""result": -8, "exception_info": null, "date_done_message": {"#,
            "raw_result/negative: the answer should be",
        ),
        ("direction", FILES[3].1, "raw_reply", "raw_replay", r#"the direction "raw_replay" is not known"#),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}");
        let failures = vectors::check(changed.as_bytes()).unwrap().failures;
        assert!(failures.len() == 1 && failures[0].contains(words), "{name}: {failures:?}");
    }
}

#[test]
fn a_file_of_something_else_is_refused() {
    for text in ["", "{}", "[", "7"] {
        assert!(vectors::check(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(vectors::check(b"[1]").unwrap().failures, [r#": the direction "" is not known"#]);
}

#[test]
fn a_message_is_described_as_its_vector_describes_it() {
    let mut compared = 0;
    for (file, text, ..) in FILES {
        let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        for case in cases {
            let (message, Some(bytes)) = (&case["value"]["$message"], case["bytes"].as_str()) else {
                continue;
            };
            if !message.is_object() || file == "raw_reply" {
                continue;
            }
            let described = vectors::describe(bytes.as_bytes()).unwrap();
            for (name, found) in described["$message"].as_object().unwrap() {
                // A set has no order, so texts may differ where values do not.
                let value = |description: &serde_json::Value| tagged::read(&description.to_string()).unwrap();
                if !message[name].to_string().contains("$nest") {
                    assert_eq!(value(found), value(&message[name]), "{name} of {}", case["name"]);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1000, "only {compared}");
}

#[test]
fn a_raw_reply_is_described_by_the_plain_values_it_holds() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(FILES[3].1).unwrap();
    let bytes = cases.iter().find(|case| case["name"] == "raw_result/tuple_nested").unwrap()["bytes"]
        .as_str()
        .unwrap();
    let described = vectors::describe(bytes.as_bytes()).unwrap();
    assert_eq!(described["$message"]["class"], serde_json::Value::Null);
    assert_eq!(described["$message"]["result"], serde_json::json!([1, [2, [3, []]], [4]]));
    let tape = Tape::read(bytes.as_bytes(), &Limits::default()).unwrap();
    let hex = tape.root().get("message_id").unwrap().get("hex").unwrap().as_str().unwrap();
    let id: MessageId = described["$message"]["message_id"]["$uuid"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.as_uuid().as_simple().to_string(), hex);
}

#[test]
fn what_is_no_message_is_not_described() {
    for (text, reason) in [
        ("", "not-json"),
        ("[]", "not-message"),
        ("{}", "missing"),
        (r#"{"py/object": "os.system"}"#, "not-message"),
    ] {
        assert_eq!(vectors::describe(text.as_bytes()).unwrap_err().reason.as_str(), reason, "{text}");
    }
}
