//! The command line. In a pod everything comes from the environment.

use std::net::SocketAddr;

use prpc_api::spec::PullPolicy;

/// Runs Python functions behind queues, as many workers as the backlog needs.
#[derive(Debug, clap::Parser)]
#[command(name = "prpc-operator", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Ask for a page; succeeds if the answer is 200. For tests in images without other tools.
    Probe {
        /// Such as http://prpc-operator:8080/ready
        url: String,
    },
    /// Call `ping` of the queue that PRPC_QUEUE_NAME on PRPC_URL_BROKER names, and wait for the answer
    Ping,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Namespaces whose queues are served, separated by commas; all if empty
    #[arg(
        long,
        env = "PRPC_WATCH_NAMESPACES",
        value_delimiter = ',',
        default_value = "",
        hide_default_value = true
    )]
    pub namespaces: Vec<String>,
    /// Image that holds the runtime
    #[arg(long, env = "PRPC_RUNTIME_IMAGE", default_value = "")]
    pub runtime_image: String,
    /// When that image is pulled
    #[arg(long, env = "PRPC_RUNTIME_IMAGE_PULL_POLICY", default_value = "IfNotPresent", value_parser = pull_policy)]
    pub runtime_image_pull_policy: PullPolicy,
    /// How it comes into pods whose queue has `function.runtime: Inject`
    #[arg(long, env = "PRPC_RUNTIME_INJECTION", default_value = "InitContainer")]
    pub runtime_injection: Injection,
    /// Where /live, /ready and /metrics are served
    #[arg(long, env = "PRPC_PAGES_ADDRESS", default_value = "0.0.0.0:8080")]
    pub pages: SocketAddr,
    /// Name of the Lease that one replica holds
    #[arg(long, env = "PRPC_LEASE_NAME", default_value = "prpc-operator")]
    pub lease: String,
    /// Namespace of the Lease
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub lease_namespace: String,
    /// Name of this replica
    #[arg(long, env = "POD_NAME", default_value_t = format!("prpc-operator-{}", std::process::id()))]
    pub identity: String,
}

/// How the runtime comes into a pod whose image has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Injection {
    /// An init container copies it.
    InitContainer,
    /// Its image is mounted: one container less to start. Needs Kubernetes 1.35 (before, the feature gate `ImageVolume`) and
    /// nodes that mount images.
    ImageVolume,
}

fn pull_policy(text: &str) -> Result<PullPolicy, String> {
    [PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never]
        .into_iter()
        .find(|policy| policy.as_str() == text)
        .ok_or_else(|| "write Always, IfNotPresent or Never".into())
}

impl Options {
    /// One entry for each watch: a namespace, or `None` for all of them.
    #[must_use]
    pub fn scopes(&self) -> Vec<Option<String>> {
        let named: Vec<_> =
            self.namespaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        if named.is_empty() {
            vec![None]
        } else {
            named.into_iter().map(|name| Some(name.to_owned())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_namespace_means_all_of_them() {
        for (text, scopes) in [("", vec![None]), ("a", vec![Some("a")]), ("a, b", vec![Some("a"), Some("b")])]
        {
            let options = Arguments::parse_from(["prpc-operator", "--namespaces", text]).options;
            let scopes: Vec<_> = scopes.into_iter().map(|scope| scope.map(str::to_owned)).collect();
            assert_eq!(options.scopes(), scopes, "{text:?}");
        }
    }
}
