//! Draws a situation: replicas, backlog and waiting time over time, ours beside KEDA's.

use std::error::Error;
use std::time::Duration;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::figures::Record;
use crate::scenarios::Scenario;

const SIZE: (u32, u32) = (760, 560);
/// A line has about so many points.
const POINTS: u64 = 250;
const OURS: RGBColor = RGBColor(31, 97, 181);
const THEIRS: RGBColor = RGBColor(214, 110, 20);

/// A line of each of two rules.
struct Pair {
    title: &'static str,
    ours: Vec<(f64, f64)>,
    theirs: Vec<(f64, f64)>,
}

/// The drawing, as SVG.
///
/// # Errors
/// What the library for drawing says.
pub fn draw(scenario: &Scenario, ours: &Record, theirs: &Record) -> Result<String, Box<dyn Error>> {
    let ends = scenario.setup.ends;
    let pair = |title, line: &dyn Fn(&Record) -> Vec<(f64, f64)>| Pair {
        title,
        ours: line(ours),
        theirs: line(theirs),
    };
    let pairs = [
        pair("replicas", &|record| replicas(record, ends)),
        pair("calls waiting or in work", &backlog),
        pair("waiting time of the calls that come then, 95 of 100, s", &waits),
    ];
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let title = format!("{} (simulated)", scenario.title);
        let root = root.titled(&title, ("sans-serif", 18))?;
        for (index, area) in root.split_evenly((pairs.len(), 1)).iter().enumerate() {
            panel(area, &pairs[index], ends, index == 0)?;
        }
        root.present()?;
    }
    Ok(text)
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    pair: &Pair,
    ends: Duration,
    legend: bool,
) -> Result<(), Box<dyn Error>> {
    // The legend has its place above the lines.
    let room = if legend { 1.6 } else { 1.08 };
    let highest = pair.ours.iter().chain(&pair.theirs).map(|(_, y)| *y).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(pair.title, ("sans-serif", 13))
        .margin_right(24)
        .x_label_area_size(22)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..ends.as_secs_f64(), 0.0..highest * room)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .y_labels(4)
        .x_label_formatter(&|x| format!("{x:.0} s"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    for (line, color, name) in [(&pair.theirs, THEIRS, "KEDA + HPA, lag"), (&pair.ours, OURS, "PRPC")] {
        chart
            .draw_series(LineSeries::new(line.iter().copied(), color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    if legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(TRANSPARENT)
            .draw()?;
    }
    Ok(())
}

/// A corner before and after each change.
fn replicas(record: &Record, ends: Duration) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for (at, replicas) in &record.changes {
        let at = at.as_secs_f64();
        line.extend(line.last().map(|(_, before)| (at, *before)));
        line.push((at, f64::from(*replicas)));
    }
    line.extend(line.last().map(|(_, before)| (ends.as_secs_f64(), *before)));
    line
}

/// The highest of each span.
fn backlog(record: &Record) -> Vec<(f64, f64)> {
    let span = span(record);
    let highest = |seconds: &[crate::figures::Second]| seconds.iter().map(|second| second.outstanding).max();
    let chunks = record.seconds.chunks(usize::try_from(span).unwrap_or(1)).enumerate();
    chunks.map(|(index, chunk)| ((index as u64 * span) as f64, highest(chunk).unwrap_or(0) as f64)).collect()
}

fn waits(record: &Record) -> Vec<(f64, f64)> {
    let span = span(record);
    let waits = record.waits_by(Duration::from_secs(span));
    waits.into_iter().enumerate().map(|(index, wait)| ((index as u64 * span) as f64, wait)).collect()
}

/// Seconds for each point.
fn span(record: &Record) -> u64 {
    (record.seconds.len() as u64).div_ceil(POINTS).max(1)
}
