//! Which rights a user lacks, before that shows as calls that are not answered.

use crate::client::Admin;
use crate::error::{Error, Result};
use crate::names::{Operation, Resource, Right};
use crate::raw::{Answer, Request};

impl Admin {
    /// Those of `wanted`, on topics and groups, that the brokers say this client does not have; [`Operation::Describe`] for what it
    /// may not even see. What the brokers do not tell is not missing.
    ///
    /// # Errors
    /// When the brokers cannot be asked.
    pub async fn missing(&self, wanted: &[Right]) -> Result<Vec<Right>> {
        let mut topics: Vec<String> = Vec::new();
        let mut groups: Vec<String> = Vec::new();
        for right in wanted {
            match &right.resource {
                Resource::Topic(name) => topics.push(name.clone()),
                Resource::Group(name) => groups.push(name.clone()),
                Resource::Cluster => {}
            }
        }
        let mut missing = Vec::new();
        let mut compare = |resource: &Resource, given: Option<Vec<Operation>>| {
            let Some(given) = given else { return };
            let lacks = |right: &&Right| right.resource == *resource && !given.contains(&right.operation);
            missing.extend(wanted.iter().filter(lacks).cloned());
        };
        let mut denied = Vec::new();
        for (name, topic) in self.describe(&each_once(topics), true).await? {
            match topic {
                Ok(Some(topic)) => compare(&Resource::Topic(name), topic.rights),
                Err(Error::Denied(right)) => denied.push(right),
                Ok(None) | Err(_) => {}
            }
        }
        let groups = each_once(groups);
        let requests = groups.iter().map(|name| Request::Group(name.clone()));
        let answers = self.ask_all(requests.collect()).await;
        for (name, answer) in groups.iter().zip(answers) {
            match answer {
                Ok(Answer::Group(found)) => compare(&Resource::Group(name.clone()), found.rights),
                Ok(_) => {}
                Err(fault) => match self.about_group(fault, Operation::Describe, name) {
                    Error::Denied(right) => denied.push(right),
                    Error::Refused(text) => tracing::debug!(group = name, text, "rights are not told"),
                    error => return Err(error),
                },
            }
        }
        missing.extend(denied);
        missing.sort_unstable();
        Ok(missing)
    }
}

fn each_once(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}
