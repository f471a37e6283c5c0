//! Draws what `docs/scaling.md` shows: `prpc-plots docs`, with the folder of the pages.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use prpc_simulation::page::{compute, replaced};

fn main() -> Result<(), Box<dyn Error>> {
    let docs =
        PathBuf::from(std::env::args_os().nth(1).ok_or("name the folder of the pages: prpc-plots docs")?);
    let computed = compute()?;
    let (images, page) = (docs.join("images/scaling"), docs.join("scaling.md"));
    fs::create_dir_all(&images)?;
    for (name, drawing) in &computed.drawings {
        fs::write(images.join(name), drawing)?;
    }
    let text = replaced(&fs::read_to_string(&page)?, &computed.text);
    fs::write(&page, text.ok_or("the marks of the computed part are not in scaling.md")?)?;
    Ok(())
}
