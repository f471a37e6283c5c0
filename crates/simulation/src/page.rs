//! The part of `docs/scaling.md` that is computed: drawings and tables.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use crate::figures::{Figures, Record};
use crate::keda::{Keda, Metric, ScaledObject};
use crate::plot::draw;
use crate::prpc::{Prpc, quick, usual};
use crate::scenarios::{Scenario, all, burst, steady};
use crate::setup::{Rule, Setup};
use crate::world::run;

/// Where the computed part of the page begins and ends.
pub const BEGIN: &str = "<!-- computed by `make plots` -->\n";
/// See [`BEGIN`].
pub const END: &str = "<!-- end of what is computed -->\n";

/// How often we look, if nothing is said.
const POLL: Duration = Duration::from_secs(2);
/// The value for each replica: our default for replicas with four slots.
const TARGET: u32 = 20;

/// What is computed.
pub struct Computed {
    /// The part of the page between the marks.
    pub text: String,
    /// Names and contents of the drawings.
    pub drawings: Vec<(String, String)>,
}

/// Runs everything.
///
/// # Errors
/// What the library for drawing says.
pub fn compute() -> Result<Computed, Box<dyn Error>> {
    let mut text =
        String::from("| situation | PRPC | PRPC, backlog only | KEDA + HPA, lag | KEDA + HPA, length |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    let (mut drawings, mut pictures) = (Vec::new(), String::new());
    for scenario in all() {
        let Scenario { name, title, setup, min, max } = &scenario;
        let plain = Setup { signals: false, ..setup.clone() };
        let prpc = |setup: &Setup| run(setup, &mut Prpc::new(usual(*min, *max), POLL, setup.replicas));
        let keda = |metric| run(setup, &mut Keda::new(ScaledObject::defaults(metric, TARGET, *min, *max)));
        let records = [prpc(setup), prpc(&plain), keda(Metric::Lag), keda(Metric::Length)];
        let cells = records.each_ref().map(|record| cell(record, Duration::ZERO));
        writeln!(text, "| [{title}](#{name}) | {} |", cells.join(" | "))?;
        drawings.push((format!("{name}.svg"), draw(&scenario, &records[0], &records[2])?));
        write!(pictures, "\n<a id=\"{name}\"></a>\n![{title}](images/scaling/{name}.svg)\n")?;
    }
    write!(text, "\n{}{pictures}", quick_table()?)?;
    Ok(Computed { text, drawings })
}

/// The two figures that a cluster is measured with, with replicas that start as fast as there.
fn quick_table() -> Result<String, Box<dyn Error>> {
    let mut text = String::from(
        "| settings for bursts | 10 000 calls at once | 60 calls/s for 5 min; waits after the first 30 s |\n",
    );
    text.push_str("| --- | --- | --- |\n");
    let keda = |metric| ScaledObject::defaults(metric, 5, 0, 20).fast();
    let mut row = |name: &str, rule: &dyn Fn() -> Box<dyn Rule>| {
        let start = Duration::from_millis(1500);
        let cells = [
            cell(&run(&Setup { start, ..burst(10_000) }, &mut *rule()), Duration::ZERO),
            cell(&run(&Setup { start, ..steady() }, &mut *rule()), Duration::from_secs(30)),
        ];
        writeln!(text, "| {name} | {} |", cells.join(" | "))
    };
    row("PRPC", &|| Box::new(Prpc::new(quick(20), POLL, 0)))?;
    row("PRPC, woken by the first call", &|| Box::new(Prpc::new(quick(20), POLL, 0).woken()))?;
    row("KEDA + HPA, lag", &|| Box::new(Keda::new(keda(Metric::Lag))))?;
    row("KEDA + HPA, length", &|| Box::new(Keda::new(keda(Metric::Length))))?;
    Ok(text)
}

fn cell(record: &Record, begin: Duration) -> String {
    let Figures { wait_p95, wait_max, replica_seconds, reversals, highest, .. } = record.figures(begin);
    format!("{wait_p95:.2} / {wait_max:.1} s, {replica_seconds:.0}, {reversals}, {highest}")
}

/// The page with its computed part replaced; `None` if the marks are not there.
#[must_use]
pub fn replaced(page: &str, computed: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{computed}\n{END}{after}"))
}
