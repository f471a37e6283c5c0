//! Test vectors of the protocol (appendix A), and the description of any message in their terms.
//!
//! Responsibility: which case a message codec fails. For people who check a server or a client of their own.

mod case;
mod described;
mod reply;
mod request;

use serde_json::Value as Json;

use crate::fault::Fault;
use crate::json::{Limits, Tape};
use crate::message::Family;
use crate::payload;
use crate::value::Value;
use case::Case;

/// What became of the cases of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that this program's codecs meet.
    pub passed: usize,
    /// Cases that no message codec can be asked about: generated stubs, values outside the protocol.
    pub skipped: usize,
    /// The other cases, each by its name with what is different.
    pub failures: Vec<String>,
}

/// Runs the cases of a file of vectors against this program's codecs.
///
/// # Errors
/// The text is no array of cases.
pub fn check(text: &[u8]) -> Result<Report, String> {
    let tape = Tape::read(text, &Limits::default()).map_err(|fault| fault.to_string())?;
    let Value::List(cases) = payload::read(tape.root(), true).map_err(|fault| fault.to_string())? else {
        return Err("an array of cases was expected".into());
    };
    let mut report = Report::default();
    for case in cases {
        let case = Case(case);
        match run(&case) {
            Ok(true) => report.passed += 1,
            Ok(false) => report.skipped += 1,
            Err(difference) => report.failures.push(format!("{}: {difference}", case.text("name"))),
        }
    }
    Ok(report)
}

/// False if there is nothing to run.
fn run(case: &Case) -> Result<bool, String> {
    match case.text("direction") {
        "request" => request::check(Family::Native, case).map(|()| true),
        "raw_request" => request::check(Family::Raw, case).map(|()| true),
        "reply" => reply::check_native(case).map(|()| true),
        "raw_reply" => reply::check_raw(case),
        "stubs" => Ok(false),
        other => Err(format!("the direction {other:?} is not known")),
    }
}

/// The tagged description `{"$message": {…}}` of one message, a request or a reply of either family.
///
/// # Errors
/// The text is no message, or one that must be refused.
pub fn describe(message: &[u8]) -> Result<Json, Fault> {
    described::any(message).map(|members| described::to_json(&members))
}
