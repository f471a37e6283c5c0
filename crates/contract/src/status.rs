//! Responsibility: what a pod tells about itself on its page `/status`, as JSON.

use serde::{Deserialize, Serialize};

/// The page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Name of the consumer.
    pub instance: String,
    /// Name of the queue.
    pub queue: String,
    /// Calls at a time.
    pub slots: u32,
    /// Calls that run now.
    pub busy: u64,
    /// Calls that ended since the start.
    pub served: u64,
    /// Time that all calls together ran since the start.
    pub busy_seconds: f64,
    /// The program's functions, in order of registration.
    pub functions: Vec<FunctionStatus>,
    /// Whether no more calls are taken.
    pub draining: bool,
    /// Version of the runtime.
    pub version: String,
}

/// One function of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionStatus {
    /// What callers call it.
    pub name: String,
    /// How it is run: `thread`, `process` or `async`.
    pub worker: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_reads_back_as_it_was_written() {
        let status = PodStatus {
            instance: "pod-1".into(),
            queue: "task_prpc".into(),
            slots: 4,
            busy: 2,
            served: 17,
            busy_seconds: 0.25,
            functions: vec![FunctionStatus { name: "summ".into(), worker: "thread".into() }],
            draining: false,
            version: "0.1.0".into(),
        };
        let page = serde_json::to_string(&status).unwrap();
        let expected = r#"{"instance":"pod-1","queue":"task_prpc","slots":4,"busy":2,"served":17,"busySeconds":0.25,"functions":[{"name":"summ","worker":"thread"}],"draining":false,"version":"0.1.0"}"#;
        assert_eq!(page, expected);
        assert_eq!(serde_json::from_str::<PodStatus>(&page).unwrap(), status);
    }

    #[test]
    fn members_of_a_newer_version_are_passed_over() {
        let page = r#"{"instance":"i","queue":"q","slots":1,"busy":0,"served":0,"busySeconds":0,"functions":[],"draining":true,"version":"9","more":[1]}"#;
        assert!(serde_json::from_str::<PodStatus>(page).unwrap().draining);
    }
}
