//! The address of a broker, which may hold a password and so is never shown as it is.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A broker's address. `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Takes an address; it is checked when a broker is made of it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The address with its password.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("rediss://") || self.0.starts_with("valkeys://")
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() { Err(Error::Url("it is empty".into())) } else { Ok(Self::new(text)) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").map_or(("", self.0.as_str()), |(s, r)| (s, r));
        // The last `@`: everything before it is name and password, whatever characters they have.
        let Some((user, place)) = rest.rsplit_once('@') else {
            // Parameters can hold secrets too (`unix://…?pass=`).
            let place = rest.split('?').next().unwrap_or_default();
            return if scheme.is_empty() { f.write_str(place) } else { write!(f, "{scheme}://{place}") };
        };
        let place = place.split('?').next().unwrap_or_default();
        let user = user.split_once(':').map_or(user, |(name, _)| name);
        if !scheme.is_empty() {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{user}:***@{place}")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("redis://host:6379/0", "redis://host:6379/0"),
            ("redis://:s3cret@host/0", "redis://:***@host/0"),
            ("rediss://user:s3cret@host:1", "rediss://user:***@host:1"),
            ("redis://user:s3:c@ret@host", "redis://user:***@host"),
            ("redis+unix:///x.sock?pass=s3cret", "redis+unix:///x.sock"),
            ("host:9092", "host:9092"),
        ] {
            let url = Url::new(url);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3"), "{url:?}");
        }
    }
}
