//! The token of OAUTHBEARER, read from its file whenever librdkafka needs one.

use std::error::Error;
use std::path::Path;

use prpc_kafka_admin::Token;

const LONGEST: u64 = 64 << 10;

/// Reads the file; its name is part of the error, its content is not.
pub(super) fn read(path: &Path) -> Result<Token, Box<dyn Error>> {
    let unusable = |what: &str| {
        let shown = path.display();
        Box::<dyn Error>::from(format!(
            "the token file {shown} cannot be used: {what}; check PRPC_KAFKA_SASL_TOKEN_FILE"
        ))
    };
    let size = std::fs::metadata(path).map_err(|error| unusable(&error.to_string()))?.len();
    if size > LONGEST {
        return Err(unusable("it is longer than 64 KiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty")),
        token => Ok(Token::new(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        for path in [Path::new("/nowhere/token"), empty.path()] {
            let error = read(path).err().unwrap().to_string();
            assert!(error.contains(path.to_str().unwrap()) && error.contains("PRPC_KAFKA_SASL_TOKEN_FILE"));
        }
    }
}
