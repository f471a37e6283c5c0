//! The way in: messages from the broker become calls for the dispatcher, or endings at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use prpc_broker::{Consumer, Delivery, Holder};
use prpc_contract::json::Limits;
use prpc_contract::message::{Call, Family, Refusal, decode};
use prpc_contract::value::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::call::{Ending, Job};
use crate::dispatch::Event;
use crate::load::Load;
use crate::metrics::Metrics;
use crate::program::Program;

/// What a name in a request stands for.
#[derive(Debug, Clone)]
enum Target {
    /// A function of the program, by its place.
    Function(usize),
    /// A function that every server answers itself, with this value (section 8 of the wire protocol).
    System(Value),
}

/// Turns deliveries into calls and endings. Clones share everything.
#[derive(Debug, Clone)]
pub struct Admission {
    targets: Arc<HashMap<String, Target>>,
    max_attempts: u32,
    events: mpsc::UnboundedSender<Event>,
    endings: mpsc::UnboundedSender<Ending>,
    load: Arc<Load>,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// For the functions of this program.
    #[must_use]
    pub fn new(
        program: &Program,
        max_attempts: u32,
        events: mpsc::UnboundedSender<Event>,
        endings: mpsc::UnboundedSender<Ending>,
        load: Arc<Load>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let names = program.functions.iter().enumerate();
        let mut targets: HashMap<_, _> =
            names.map(|(at, function)| (function.name.clone(), Target::Function(at))).collect();
        targets.insert("ping".into(), Target::System(Value::str("pong")));
        targets.insert("get_function_server".into(), Target::System(function_list(program)));
        Self { targets: Arc::new(targets), max_attempts, events, endings, load, metrics }
    }

    /// Admits what the broker delivered.
    pub fn admit(&self, deliveries: Vec<Delivery>) {
        self.load.taken(deliveries.len(), deliveries.iter().map(|delivery| delivery.body.len()).sum());
        let received = SystemTime::now();
        for family in Family::ALL {
            let count = deliveries.iter().filter(|delivery| delivery.receipt.family == family).count();
            if count > 0 {
                self.metrics.received(family.as_str(), count as u64);
            }
        }
        let mut jobs = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match self.judge(delivery, received) {
                Ok(job) => jobs.push(job),
                Err(ending) => self.end(*ending),
            }
        }
        if !jobs.is_empty() {
            // The dispatcher outlives the intake.
            let _ = self.events.send(Event::Calls(jobs));
        }
    }

    fn judge(&self, delivery: Delivery, received: SystemTime) -> Result<Job, Box<Ending>> {
        let Delivery { receipt, body, .. } = delivery;
        let dead = |receipt, reason, body, reply| {
            self.metrics.dead(reason);
            Box::new(Ending::DeadLetter { receipt, reason, body, reply })
        };
        let call = match decode(receipt.family, &body, &Limits::default(), received) {
            Ok(call) => call,
            Err(refusal) => {
                self.metrics.rejected();
                let text = refusal.error_text();
                let Refusal { fault, reply_to } = refusal;
                tracing::warn!(entry = receipt.id, family = %receipt.family, %fault, "a message is not a request");
                return Err(match reply_to {
                    Some(reply_to) => Box::new(Ending::Answer { receipt, reply_to, outcome: Err(text) }),
                    None => dead(receipt, fault.reason.as_str(), body, None),
                });
            }
        };
        if receipt.attempts > 1 {
            self.metrics.redelivered("visibility");
        }
        if receipt.attempts > self.max_attempts {
            let text =
                format!("the call was given up after {} attempts without an outcome", self.max_attempts);
            return Err(dead(receipt, "max_attempts", body, Some((call.reply_to, text))));
        }
        match self.targets.get(&call.function) {
            Some(Target::Function(function)) => {
                let Call { arguments, reply_to, .. } = call;
                Ok(Job { function: *function, arguments, receipt, reply_to, body })
            }
            Some(Target::System(value)) => {
                Err(Box::new(Ending::Answer { receipt, reply_to: call.reply_to, outcome: Ok(value.clone()) }))
            }
            None => {
                self.metrics.rejected();
                let text = format!("func name '{}' not found in server", call.function);
                Err(Box::new(Ending::Answer { receipt, reply_to: call.reply_to, outcome: Err(text) }))
            }
        }
    }

    fn end(&self, ending: Ending) {
        // The receiver outlives the intake.
        let _ = self.endings.send(ending);
        self.load.ended(1);
    }
}

/// The answer to `get_function_server`: `ping`, then the program's functions (section 8.2).
fn function_list(program: &Program) -> Value {
    let ping = Value::dict([
        ("func_name", Value::str("ping")),
        ("func_args", Value::List(Vec::new())),
        ("func_kwargs", Value::List(Vec::new())),
    ]);
    Value::List(
        std::iter::once(ping)
            .chain(program.functions.iter().filter_map(|function| function.entry.clone()))
            .collect(),
    )
}

/// Takes from the broker until `stop` is cancelled. Whatever was taken is admitted.
///
/// # Errors
/// When the broker refuses for good.
pub async fn run<C: Consumer>(
    mut consumer: C,
    admission: Admission,
    stop: CancellationToken,
) -> prpc_broker::Result<()> {
    let holder = consumer.holder();
    loop {
        let room = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            room = admission.load.room() => room,
        };
        let taken = tokio::select! {
            biased; // the read is always begun, so that there is one to interrupt
            taken = consumer.take(room) => taken,
            () = stop.cancelled() => {
                // The read in progress may hold messages already: it is told to return, and waited for.
                let (told, taken) = tokio::join!(holder.interrupt(), consumer.take(room));
                if let Err(error) = told {
                    tracing::warn!(%error, "the blocking read could not be interrupted");
                }
                taken
            }
        };
        admission.admit(taken?);
    }
}
