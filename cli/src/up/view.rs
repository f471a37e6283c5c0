//! What `prpc up` shows: a table that stays in its place below the log lines, or only lines where there is no terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use prpc_broker::Backlog;

use super::worker::{Line, Seen, State};
use crate::connect::Place;
use crate::listing::table;
use crate::queue::age;

/// Clears from the cursor to the end of the screen.
const CLEAR: &str = "\x1b[J";

/// The screen.
#[derive(Debug)]
pub(super) struct View {
    live: bool,
    heading: String,
    /// Lines of the table that stands below the last line now.
    drawn: Vec<String>,
    served: Option<(Instant, u64)>,
}

impl View {
    /// Says where the queue is.
    pub(super) fn new(place: &Place, own_redis: bool) -> Self {
        let view = Self {
            live: io::stdout().is_terminal(),
            heading: format!("queue {} on {}", place.queue, place.url),
            drawn: Vec::new(),
            served: None,
        };
        let bold = Style::new().bold();
        anstream::println!("{bold}{}{bold:#}", view.heading);
        if own_redis {
            anstream::println!("a Redis server of this run only: its data goes with it");
        }
        anstream::println!("call it from another terminal: prpc call FUNCTION ARG… --broker {}", place.url);
        view
    }

    /// A line of a worker.
    pub(super) fn print(&mut self, line: &Line) {
        let color = AnsiColor::Cyan.on_default();
        self.above(&format!("{color}worker {}{color:#} | {}", line.worker, line.text));
    }

    /// A line of our own.
    pub(super) fn say(&mut self, text: &str) {
        self.above(text);
    }

    /// Draws the table anew.
    pub(super) fn draw(&mut self, seen: &[(u32, Seen)], wanted: u32, backlog: Option<Backlog>) {
        if self.live {
            let rate = self.rate(seen);
            self.drawn_instead(lines(&self.heading, seen, wanted, backlog, rate));
        }
    }

    /// Leaves the screen to others; the last table stays.
    pub(super) fn close(&mut self) {
        self.drawn.clear();
    }

    fn above(&mut self, text: &str) {
        let table = std::mem::take(&mut self.drawn);
        let up = up(table.len());
        anstream::print!("{up}{text}\n");
        self.drawn_instead(table);
    }

    fn drawn_instead(&mut self, table: Vec<String>) {
        let mut screen = up(self.drawn.len());
        for line in &table {
            screen.push_str(line);
            screen.push('\n');
        }
        anstream::print!("{screen}");
        // A terminal that is gone shows nothing.
        let _ = io::stdout().flush();
        self.drawn = table;
    }

    /// Calls a second since the last time; a worker that is gone or restarted is no negative rate.
    fn rate(&mut self, seen: &[(u32, Seen)]) -> u64 {
        let (now, served) = (Instant::now(), seen.iter().map(|(_, seen)| seen.served).sum::<u64>());
        let (before, had) = self.served.replace((now, served)).unwrap_or((now, served));
        let seconds = now.duration_since(before).as_secs_f64();
        if seconds > 0.0 { (served.saturating_sub(had) as f64 / seconds).round() as u64 } else { 0 }
    }
}

/// To the beginning of the table, and the table away.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A{CLEAR}") }
}

/// The table, line by line.
fn lines(
    heading: &str,
    seen: &[(u32, Seen)],
    wanted: u32,
    backlog: Option<Backlog>,
    rate: u64,
) -> Vec<String> {
    let ready = seen.iter().filter(|(_, seen)| seen.state == State::Ready).count();
    let queue = match backlog {
        Some(backlog) => format!(
            "{} waiting   {} in work   oldest {}",
            backlog.undelivered,
            backlog.in_flight,
            age(backlog.oldest_age)
        ),
        None => "the broker does not answer".into(),
    };
    let rows = seen.iter().map(|(number, seen)| {
        let state = match seen.state {
            State::Starting => "starting",
            State::Ready => "ready",
            State::NotReady => "not ready",
            State::Ending => "ending",
            State::Ended => "ended",
        };
        [
            number.to_string(),
            state.to_owned(),
            format!("{}/{}", seen.busy, seen.slots),
            seen.served.to_string(),
            seen.restarts.to_string(),
        ]
    });
    let workers = table(["worker", "state", "busy", "served", "restarts"], rows);
    let mut lines = vec![String::new(), heading.to_owned()];
    lines.push(format!("{queue}   {rate} calls/s   {ready} of {wanted} workers ready"));
    lines.extend(workers.lines().map(str::to_owned));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_queue_and_workers() {
        let seen = [
            (1, Seen { state: State::Ready, busy: 3, slots: 4, served: 120, ..Seen::default() }),
            (4, Seen { state: State::Starting, ..Seen::default() }),
        ];
        let backlog = Backlog { undelivered: 12, in_flight: 3, ..Backlog::default() };
        let lines = lines("queue orders", &seen, 2, Some(backlog), 60);
        assert_eq!(
            lines,
            [
                "",
                "queue orders",
                "12 waiting   3 in work   oldest -   60 calls/s   1 of 2 workers ready",
                "worker   state      busy   served   restarts",
                "1        ready      3/4    120      0",
                "4        starting   0/0    0        0",
            ]
        );
    }
}
