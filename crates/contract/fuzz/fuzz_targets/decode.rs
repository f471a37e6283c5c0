//! Any bytes as a request and as a reply of both families: no panic, and what is accepted can be answered.
//!
//! Run with `RUSTC_BOOTSTRAP=1 cargo fuzz run decode`.
#![no_main]

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use prpc_contract::message::{Family, Limits, Outcome, ReplyTo, decode, read_reply};

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    let limits = Limits::default();
    for family in Family::ALL {
        let _ = read_reply(family, &body, &limits);
        match decode(family, &body, &limits, UNIX_EPOCH) {
            Ok(call) => {
                let (args, _) = call.arguments.values().expect("what was decoded can be read");
                for value in &args {
                    answer(&call.reply_to, Outcome::Result(value));
                }
                answer(&call.reply_to, Outcome::Error(""));
            }
            Err(refusal) => {
                let text = refusal.error_text();
                if let Some(reply_to) = &refusal.reply_to {
                    answer(reply_to, Outcome::Error(&text));
                }
            }
        }
    }
});

fn answer(reply_to: &ReplyTo, outcome: Outcome<'_>) {
    let mut reply = Vec::new();
    reply_to.write(outcome, UNIX_EPOCH, &mut reply);
    let read = read_reply(reply_to.family(), &reply, &Limits::default());
    let read = read.unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(&reply)));
    assert_eq!(read.id, reply_to.id());
    if let Outcome::Error(_) = outcome {
        assert!(read.outcome.is_err());
    }
}
