//! `prpc message`: looking into messages, and checking this program against test vectors.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use prpc_contract::vectors;

use crate::failure::{Exit, Failure, printable};

/// One message.
#[derive(Debug, clap::Args)]
pub(crate) struct DecodeArguments {
    /// File with the message, a request or a reply of either form; - for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
}

/// Test vectors.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArguments {
    /// Files of test vectors
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn decode(arguments: &DecodeArguments) -> Result<(), Failure> {
    let body = content(&arguments.file)?;
    let described = vectors::describe(&body).map_err(|fault| {
        Failure::new(Exit::Failed, format!("not a message: {fault}"))
            .place(arguments.file.display().to_string())
            .fix("give the text of one message as it stands in the stream or the reply key")
    })?;
    anstream::println!("{described}");
    Ok(())
}

pub(crate) fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for file in &arguments.files {
        let shown = file.display();
        let report = vectors::check(&content(file)?).map_err(|error| {
            Failure::new(Exit::Failed, format!("not a file of test vectors: {error}"))
                .place(shown.to_string())
        })?;
        for failure in &report.failures {
            anstream::eprintln!("{shown}: {}", printable(&failure.to_string()));
        }
        passed += report.passed;
        skipped += report.skipped;
        failed += report.failures.len();
    }
    if skipped > 0 {
        anstream::eprintln!("{skipped} skipped: generated stubs, and values that no message can hold");
    }
    anstream::println!("{passed} passed, {failed} failed");
    if failed > 0 { Err(Failure::reported(Exit::Failed)) } else { Ok(()) }
}

fn content(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = if file.as_os_str() == "-" {
        let mut content = Vec::new();
        std::io::stdin().lock().read_to_end(&mut content).map(|_| content)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot be read: {error}"))
            .place(file.display().to_string())
            .fix("name another file")
    })
}
