//! What `docs/scaling.md` shows is what the simulation says.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::fs;
use std::path::Path;

use prpc_simulation::page::{compute, replaced};

#[test]
fn the_page_and_its_drawings_are_what_is_computed() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let computed = compute().unwrap();
    let page = fs::read_to_string(docs.join("scaling.md")).unwrap();
    assert_eq!(replaced(&page, &computed.text).unwrap(), page, "run `make plots`");
    for (name, drawing) in computed.drawings {
        let found = fs::read_to_string(docs.join("images/scaling").join(&name)).unwrap();
        assert!(found == drawing, "{name} is another one: run `make plots`");
    }
}
