//! How the runtime comes into a pod.

use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, ImageVolumeSource, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use prpc_api::spec::RuntimeSource;

use super::deployment::restricted;
use crate::arguments::{Injection, Options};

/// The volume with the runtime, and where it is in the container.
const VOLUME: &str = "prpc";
const FOLDER: &str = "/prpc";

/// What a pod has for it.
#[derive(Default)]
pub(super) struct Runtime {
    /// What the container runs.
    pub(super) command: Vec<String>,
    pub(super) init_container: Option<Container>,
    pub(super) volume: Option<Volume>,
    pub(super) mount: Option<VolumeMount>,
}

impl Runtime {
    pub(super) fn of(source: RuntimeSource, options: &Options) -> Self {
        match source {
            RuntimeSource::Image => Self { command: command(&["prpc", "run"]), ..Self::default() },
            RuntimeSource::Inject => match options.runtime_injection {
                Injection::InitContainer => Self::copied(options),
                Injection::ImageVolume => Self::mounted(options),
            },
        }
    }

    fn copied(options: &Options) -> Self {
        let room = EmptyDirVolumeSource {
            size_limit: Some(Quantity("256Mi".into())),
            ..EmptyDirVolumeSource::default()
        };
        let init_container = Container {
            name: "runtime".into(),
            image: Some(options.runtime_image.clone()),
            image_pull_policy: Some(options.runtime_image_pull_policy.as_str().into()),
            command: Some(command(&["cp", "-r", "/opt/prpc/.", FOLDER])),
            volume_mounts: Some(vec![mount(None)]),
            security_context: Some(SecurityContext { read_only_root_filesystem: Some(true), ..restricted() }),
            ..Container::default()
        };
        Self {
            command: command(&["/prpc/bin/prpc-runtime"]),
            init_container: Some(init_container),
            volume: Some(Volume { empty_dir: Some(room), ..volume() }),
            mount: Some(mount(Some(true))),
        }
    }

    /// The image as a whole: not every container runtime that mounts images mounts a folder of one.
    fn mounted(options: &Options) -> Self {
        let image = ImageVolumeSource {
            reference: Some(options.runtime_image.clone()),
            pull_policy: Some(options.runtime_image_pull_policy.as_str().into()),
        };
        Self {
            command: command(&["/prpc/opt/prpc/bin/prpc-runtime"]),
            init_container: None,
            volume: Some(Volume { image: Some(image), ..volume() }),
            mount: Some(mount(Some(true))),
        }
    }
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn volume() -> Volume {
    Volume { name: VOLUME.into(), ..Volume::default() }
}

fn mount(read_only: Option<bool>) -> VolumeMount {
    VolumeMount { name: VOLUME.into(), mount_path: FOLDER.into(), read_only, ..VolumeMount::default() }
}
