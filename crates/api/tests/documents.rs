//! Every queue that is shown somewhere is one that an API server takes.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::fs;
use std::path::{Path, PathBuf};

use kube::core::cel::Validator;
use prpc_api::{Manifest, custom_resource_definition};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}

/// The YAML documents of manifests and of code blocks in pages.
fn documents() -> Vec<(PathBuf, String)> {
    let (mut yaml, mut pages) = (Vec::new(), vec![root().join("README.md")]);
    files(&root().join("examples"), "yaml", &mut yaml);
    files(&root().join("docs"), "md", &mut pages);
    files(&root().join("charts"), "md", &mut pages);
    let mut texts = Vec::new();
    for path in yaml {
        let text = fs::read_to_string(&path).unwrap();
        texts.extend(text.split("\n---\n").map(|document| (path.clone(), document.to_owned())));
    }
    for path in pages {
        let text = fs::read_to_string(&path).unwrap();
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        texts.extend(blocks.map(|block| (path.clone(), block.to_owned())));
    }
    texts
}

#[test]
fn every_queue_that_is_shown_is_valid() {
    let schema = &custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut queues = 0;
    for (path, text) in documents() {
        if !text.contains("kind: PrpcQueue") || text.contains("kind: HorizontalPodAutoscaler") {
            continue;
        }
        let manifest = Manifest::from_yaml(&text);
        let manifest = manifest.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        // With the defaults, as the API server has them before it applies the rules.
        let object = serde_json::to_value(&manifest).unwrap();
        let refused = Validator::new().validate(schema, &object, None);
        assert!(refused.is_ok(), "{}: {refused:?}", path.display());
        queues += 1;
    }
    assert!(queues >= 4, "{queues}");
}
