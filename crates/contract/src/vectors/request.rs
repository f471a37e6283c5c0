//! Responsibility: cases of requests: run, answered with an error, or set aside.

use std::time::UNIX_EPOCH;

use super::case::Case;
use super::described;
use crate::json::{Limits, Tape};
use crate::message::{Family, Outcome, Refusal, ReplyTo, read_reply};

pub(super) fn check(family: Family, case: &Case) -> Result<(), String> {
    let read = described::request(family, &case.bytes()?);
    match (case.text("expect"), read) {
        ("run", Ok(found)) => {
            let expected = case.message("value").ok_or("the case has no value")?;
            described::same(&found, &expected)
        }
        ("error-reply", Err(refusal)) => {
            same_reason(&refusal, case)?;
            error_reply(refusal.reply_to.as_ref().ok_or("it should be answered")?, &refusal, case)
        }
        ("dead-letter", Err(refusal)) => {
            same_reason(&refusal, case)?;
            match &refusal.reply_to {
                None => Ok(()),
                Some(reply_to) if reply_to.id().to_string() == case.text("may_reply") => Ok(()),
                Some(reply_to) => Err(format!("it should be set aside, not answered to {}", reply_to.id())),
            }
        }
        ("run", Err(refusal)) => Err(format!("it should be run, not refused: {}", refusal.fault)),
        (expected, Ok(_)) => Err(format!("it should not be run but end as {expected}")),
        (expected, _) => Err(format!("the outcome {expected:?} is not known")),
    }
}

fn same_reason(refusal: &Refusal, case: &Case) -> Result<(), String> {
    let expected = case.text("reason");
    if refusal.fault.reason.as_str() == expected {
        return Ok(());
    }
    Err(format!("the reason should be {expected}, not {}", refusal.fault))
}

fn error_reply(reply_to: &ReplyTo, refusal: &Refusal, case: &Case) -> Result<(), String> {
    let limits = Limits::default();
    let mut answer = Vec::new();
    reply_to.write(Outcome::Error(&refusal.error_text()), UNIX_EPOCH, &mut answer);
    let reply =
        read_reply(reply_to.family(), &answer, &limits).map_err(|fault| format!("its answer: {fault}"))?;
    if reply.id.to_string() != case.text("message_id") {
        return Err(format!("the answer should go to {}, not {}", case.text("message_id"), reply.id));
    }
    if reply.outcome.is_ok() {
        return Err("the answer should be an error".into());
    }
    let tape = Tape::read(&answer, &limits).map_err(|fault| fault.to_string())?;
    let class = tape.root().get("py/object").and_then(|class| class.as_str()).unwrap_or_default();
    if class != case.text("class") {
        return Err(format!("the class of the answer should be {}, not {class}", case.text("class")));
    }
    Ok(())
}
