//! What a decision says.

use std::num::NonZeroU32;

use prpc_scaling::{Fallback, Load, Observed, Policy, Sample};

use super::{LOST, Queue, load, policy, signals, steady};

#[test]
fn a_decision_says_why() {
    let mut queue = Queue::new(policy(0, 5), 0);
    let grown = queue.decide(0, load(120, 12));
    assert_eq!(grown.to_string(), "120 waiting + 12 in work -> 14, limited to 5 by maxReplicas");
    let held = queue.decide(0, load(3, 4));
    assert_eq!(held.to_string(), "3 waiting + 4 in work -> 1, held at 5 by the scale-down window");
    assert_eq!(queue.decide(0, LOST).to_string(), "backlog unknown: held at 5");
    let kafka = Sample { partitions: NonZeroU32::new(3), ..Load { undelivered: 90, in_flight: 0 }.into() };
    let capped = queue.decide(2, Observed::Seen(kafka));
    assert_eq!(capped.to_string(), "90 waiting + 0 in work -> 9, limited to 3 by the number of partitions");
    let mut queue = Queue::new(Policy { fixed: Some(2), ..policy(0, 5) }, 2);
    let advice = queue.decide(0, load(30, 0));
    assert_eq!(advice.to_string(), "30 waiting + 0 in work -> 3; recommended only, 2 are set");
    let mut queue = Queue::new(Policy { fallback: Fallback::AtLeast(4), ..policy(0, 5) }, 2);
    let fallback = [0, 2, 4].map(|at| queue.decide(at, LOST));
    assert_eq!(fallback[2].to_string(), "backlog unknown for long: fallback AtLeast 4 -> 4");
}

#[test]
fn a_decision_with_rates_names_them() {
    let mut queue = steady(policy(0, 5));
    let grown = queue.decide(302, signals(1200, 8, 19_200, 160, 2).look());
    let text = grown.to_string();
    assert!(
        text.starts_with("1200 waiting + 8 in work, 93") && text.contains("/s in, 40/s per replica -> "),
        "{text}"
    );
    assert!(text.ends_with(", limited to 5 by maxReplicas"), "{text}");
}
