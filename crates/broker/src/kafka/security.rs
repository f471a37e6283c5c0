//! How to get in: encryption and login, and what librdkafka calls them.

use std::fmt;
use std::path::PathBuf;

use prpc_contract::settings::KafkaSettings;
use rdkafka::ClientConfig;

use crate::error::{Error, Result};

/// Encryption and login of a connection to Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    tls: Option<Tls>,
    sasl: Option<Sasl>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tls {
    ca: Option<Pem>,
    /// Certificate and private key.
    client: Option<(Pem, Pem)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sasl {
    Password { mechanism: String, user: String, password: Secret },
    Bearer { token_file: PathBuf },
}

/// A PEM document, or the place of one.
#[derive(Clone, PartialEq, Eq)]
enum Pem {
    Text(String),
    File(String),
}

#[derive(Clone, PartialEq, Eq)]
struct Secret(String);

impl Security {
    /// From the variables `PRPC_KAFKA_SECURITY_PROTOCOL`, `PRPC_KAFKA_SASL_*` and `PRPC_KAFKA_SSL_*`.
    ///
    /// # Errors
    /// What is missing or does not fit, with the variable to change.
    pub fn from_settings(settings: &KafkaSettings) -> Result<Self> {
        let protocol = settings.security_protocol.as_deref().unwrap_or("PLAINTEXT");
        let (tls, sasl) = (protocol.ends_with("SSL"), protocol.starts_with("SASL_"));
        let security = Self {
            tls: tls.then(|| Tls::from_settings(settings)).transpose()?,
            sasl: sasl.then(|| Sasl::from_settings(settings)).transpose()?,
        };
        let unused = |given: bool, variables: &str, kind: &str| {
            if given {
                return Err(Error::Security(format!(
                    "{variables} is set, but PRPC_KAFKA_SECURITY_PROTOCOL={protocol} does not use {kind}: \
                     correct the protocol, or unset the variable"
                )));
            }
            Ok(())
        };
        let certificates = [&settings.ssl_ca, &settings.ssl_certificate, &settings.ssl_key];
        unused(!tls && certificates.iter().any(|pem| pem.is_some()), "PRPC_KAFKA_SSL_*", "TLS")?;
        let logins = [&settings.sasl_username, &settings.sasl_password, &settings.sasl_token_file];
        unused(!sasl && logins.iter().any(|login| login.is_some()), "PRPC_KAFKA_SASL_*", "a login")?;
        Ok(security)
    }

    /// Where the token is, for OAUTHBEARER.
    pub(super) fn token_file(&self) -> Option<&PathBuf> {
        match &self.sasl {
            Some(Sasl::Bearer { token_file }) => Some(token_file),
            _ => None,
        }
    }

    /// Adds it to a client's configuration. The token of OAUTHBEARER is the client's own affair.
    pub fn apply(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(tls) = &self.tls {
            tls.apply(config);
        }
        match &self.sasl {
            Some(Sasl::Password { mechanism, user, password }) => {
                config.set("sasl.mechanism", mechanism).set("sasl.username", user);
                config.set("sasl.password", &password.0);
            }
            Some(Sasl::Bearer { .. }) => {
                config.set("sasl.mechanism", "OAUTHBEARER");
            }
            None => {}
        }
    }
}

impl Tls {
    fn from_settings(settings: &KafkaSettings) -> Result<Self> {
        let pem = |text: &Option<String>| text.clone().map(Pem::from);
        let client = match (pem(&settings.ssl_certificate), pem(&settings.ssl_key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(missing("PRPC_KAFKA_SSL_KEY", "the certificate's private key")),
            (None, Some(_)) => {
                return Err(missing("PRPC_KAFKA_SSL_CERTIFICATE", "the private key's certificate"));
            }
        };
        Ok(Self { ca: pem(&settings.ssl_ca), client })
    }

    fn apply(&self, config: &mut ClientConfig) {
        match &self.ca {
            Some(ca) => ca.apply(config, "ssl.ca.pem", "ssl.ca.location"),
            // The library's own place is that of the machine it was built on.
            None => {
                config.set("ssl.ca.location", "probe");
            }
        }
        if let Some((certificate, key)) = &self.client {
            certificate.apply(config, "ssl.certificate.pem", "ssl.certificate.location");
            key.apply(config, "ssl.key.pem", "ssl.key.location");
        }
    }
}

impl Sasl {
    fn from_settings(settings: &KafkaSettings) -> Result<Self> {
        let mechanism = settings
            .sasl_mechanism
            .clone()
            .ok_or_else(|| missing("PRPC_KAFKA_SASL_MECHANISM", "the way to log in"))?;
        if mechanism == "OAUTHBEARER" {
            let file = settings.sasl_token_file.as_ref();
            let token_file = file.ok_or_else(|| missing("PRPC_KAFKA_SASL_TOKEN_FILE", "the token"))?.into();
            return Ok(Self::Bearer { token_file });
        }
        let user = settings.sasl_username.clone();
        let password = settings.sasl_password.clone();
        Ok(Self::Password {
            mechanism,
            user: user.ok_or_else(|| missing("PRPC_KAFKA_SASL_USERNAME", "the user"))?,
            password: Secret(password.ok_or_else(|| missing("PRPC_KAFKA_SASL_PASSWORD", "the password"))?),
        })
    }
}

fn missing(variable: &str, what: &str) -> Error {
    Error::Security(format!("{what} is missing: set {variable}"))
}

impl Pem {
    fn apply(&self, config: &mut ClientConfig, as_text: &str, as_file: &str) {
        match self {
            Self::Text(text) => config.set(as_text, text),
            Self::File(path) => config.set(as_file, path),
        };
    }
}

impl From<String> for Pem {
    fn from(text: String) -> Self {
        if text.contains("-----BEGIN ") { Self::Text(text) } else { Self::File(text) }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("…"),
            Self::File(path) => f.write_str(path),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> KafkaSettings {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).into());
        prpc_contract::settings::Settings::from_env(lookup).unwrap().kafka
    }

    fn config(pairs: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        Security::from_settings(&settings(pairs)).unwrap().apply(&mut config);
        config
    }

    #[test]
    fn nothing_said_is_a_plain_connection() {
        assert_eq!(config(&[]).get("security.protocol"), Some("plaintext"));
    }

    #[test]
    fn certificates_are_texts_or_files() {
        let text = "-----BEGIN CERTIFICATE-----\n…";
        let config = config(&[
            ("PRPC_KAFKA_SECURITY_PROTOCOL", "SSL"),
            ("PRPC_KAFKA_SSL_CA", text),
            ("PRPC_KAFKA_SSL_CERTIFICATE", "/tls/tls.crt"),
            ("PRPC_KAFKA_SSL_KEY", "/tls/tls.key"),
        ]);
        assert_eq!(config.get("ssl.ca.pem"), Some(text));
        assert_eq!(config.get("ssl.certificate.location"), Some("/tls/tls.crt"));
        assert_eq!(config.get("ssl.key.location"), Some("/tls/tls.key"));
    }

    #[test]
    fn a_login_is_complete_and_never_shown() {
        let pairs = [
            ("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
            ("PRPC_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
            ("PRPC_KAFKA_SASL_USERNAME", "orders"),
            ("PRPC_KAFKA_SASL_PASSWORD", "s3cret"),
        ];
        assert_eq!(config(&pairs).get("sasl.password"), Some("s3cret"));
        let security = Security::from_settings(&settings(&pairs)).unwrap();
        assert!(!format!("{security:?}").contains("s3cret"));
        assert!(!format!("{:?}", settings(&pairs)).contains("s3cret"));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        for (pairs, variable) in [
            (&[("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")][..], "PRPC_KAFKA_SASL_MECHANISM"),
            (
                &[
                    ("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                    ("PRPC_KAFKA_SASL_MECHANISM", "PLAIN"),
                    ("PRPC_KAFKA_SASL_USERNAME", "u"),
                ],
                "PRPC_KAFKA_SASL_PASSWORD",
            ),
            (
                &[
                    ("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                    ("PRPC_KAFKA_SASL_MECHANISM", "OAUTHBEARER"),
                ],
                "PRPC_KAFKA_SASL_TOKEN_FILE",
            ),
            (
                &[("PRPC_KAFKA_SECURITY_PROTOCOL", "SSL"), ("PRPC_KAFKA_SSL_CERTIFICATE", "/c")],
                "PRPC_KAFKA_SSL_KEY",
            ),
            (&[("PRPC_KAFKA_SSL_CA", "/ca")], "PRPC_KAFKA_SECURITY_PROTOCOL"),
            (&[("PRPC_KAFKA_SASL_USERNAME", "u")], "PRPC_KAFKA_SECURITY_PROTOCOL"),
        ] {
            let error = Security::from_settings(&settings(pairs)).unwrap_err().to_string();
            assert!(error.contains(variable), "{error}");
        }
    }
}
