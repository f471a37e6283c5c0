//! The user's program.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The program whose functions are called, and the image that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = ("has(self.image)", "image is needed in a cluster: name the image that holds Python and the program"))]
pub struct Function {
    /// The image: Python 3.10 or newer and the program; nothing of PRPC needs to be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s]+$"))]
    pub image: Option<String>,
    /// What is run, from the image's working directory: `module:attribute`, such as `orders.main:app`; the path of a script that
    /// calls `app.start()`, such as `server.py`; or `-m module`.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = (
        "self.matches('^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$') || self.matches('^[^- \\\\t\\\\r\\\\n][^ \\\\t\\\\r\\\\n]*[.]py$') || self.matches('^-m [A-Za-z_][A-Za-z0-9_.]*$')",
        "write module:attribute, for example orders.main:app, or the path of a script, for example server.py, or -m module"
    ))]
    pub app: String,
    /// When the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,
    /// Secrets with the credentials of the image's registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalName>,
    /// Where the runtime comes from: `Inject` brings it into the pod at its start, `Image` takes the one that the image carries
    /// (`pip install prpc`), which starts faster.
    #[serde(default)]
    pub runtime: RuntimeSource,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// When the node has none.
    IfNotPresent,
    /// Never.
    Never,
}

impl PullPolicy {
    /// The word Kubernetes has for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Where the runtime comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RuntimeSource {
    /// The operator brings it into the pod.
    #[default]
    Inject,
    /// The image has it on its `PATH`.
    Image,
}

/// The name of an object in the namespace of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalName {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}
