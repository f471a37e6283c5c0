//! The certificates to trust where nobody says which: the system's or, because the operator's image has none, those of Mozilla.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prpc_contract::settings::KafkaSettings;
use rdkafka::ClientConfig;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Where systems that have them keep them together, Debian's and Red Hat's.
const SYSTEM: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Trusts somebody where the settings name nobody and the system knows nobody.
pub(super) fn apply(security: &KafkaSettings, config: &mut ClientConfig) {
    let encrypted = security.security_protocol.as_ref().is_some_and(|protocol| protocol.ends_with("SSL"));
    let known = || SYSTEM.iter().any(|file| Path::new(file).exists());
    if encrypted && security.ssl_ca.is_none() && !known() {
        config.remove("ssl.ca.location").set("ssl.ca.pem", mozilla());
    }
}

fn mozilla() -> String {
    let mut pem = String::new();
    for certificate in TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(certificate);
        for line in text.as_bytes().chunks(64) {
            // It is base64, and writing to a String cannot fail.
            let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::producer::BaseProducer;

    #[test]
    fn librdkafka_takes_all_certificates_and_refuses_what_is_none() {
        let with = |pem: &str| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", "127.0.0.1:1").set("security.protocol", "ssl");
            config.set("ssl.ca.pem", pem).create::<BaseProducer>().map(|_| ())
        };
        let all = mozilla();
        assert!(all.matches("-----BEGIN CERTIFICATE-----").count() > 100);
        assert!(with(&all).is_ok());
        assert!(with(&all.replace("MII", "xxx")).is_err());
    }

    #[test]
    fn who_names_somebody_trusts_nobody_else() {
        let named = KafkaSettings {
            security_protocol: Some("SASL_SSL".into()),
            ssl_ca: Some("pem".into()),
            ..KafkaSettings::default()
        };
        for security in [named, KafkaSettings::default()] {
            let mut config = ClientConfig::new();
            apply(&security, &mut config);
            assert_eq!(config.get("ssl.ca.pem"), None);
        }
    }
}
