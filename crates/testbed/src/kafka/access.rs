//! Who may connect, and how they prove it: the properties of the server and the settings of its clients.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::certificates::Certificates;

/// Somebody whom secured servers know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KafkaUser {
    /// The name, also of the certificate.
    pub name: &'static str,
    /// The password.
    pub password: &'static str,
}

impl KafkaUser {
    /// May do everything.
    pub const ADMIN: Self = Self { name: "admin", password: "adm1n-s3cret" };
    /// May do what is allowed: nothing, where rights are looked at and none was given.
    pub const WORKER: Self = Self { name: "worker", password: "w0rker-s3cret" };
    const ALL: [Self; 2] = [Self::ADMIN, Self::WORKER];

    /// A token that [`Sasl::OauthBearer`] takes for so long, if the scope is `kafka`.
    #[must_use]
    pub fn token(self, scope: &str, lifetime: Duration) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (now, end) = (now.as_secs(), (now + lifetime).as_secs());
        let claims = format!(r#"{{"sub":"{}","scope":"{scope}","iat":{now},"exp":{end}}}"#, self.name);
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
    }
}

impl fmt::Debug for KafkaUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How users log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sasl {
    /// By a password as it is.
    Plain,
    /// By a proof that they know the password.
    ScramSha256,
    /// The same with a longer digest.
    ScramSha512,
    /// By a token without a signature, whose scope must have the word `kafka`.
    OauthBearer,
}

impl Sasl {
    /// Its name for servers and clients.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }

    fn login(self) -> String {
        const SECURITY: &str = "org.apache.kafka.common.security";
        match self {
            Self::Plain => {
                let users = KafkaUser::ALL.map(|user| format!(" user_{}=\"{}\"", user.name, user.password));
                format!("{SECURITY}.plain.PlainLoginModule required{};", users.concat())
            }
            Self::ScramSha256 | Self::ScramSha512 => {
                format!("{SECURITY}.scram.ScramLoginModule required;")
            }
            // A server makes itself a token too, although it connects to nobody by this.
            Self::OauthBearer => format!(
                "{SECURITY}.oauthbearer.OAuthBearerLoginModule required \
                 unsecuredLoginStringClaim_sub=\"broker\" unsecuredValidatorRequiredScope=\"kafka\";"
            ),
        }
    }
}

/// What a connection is encrypted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// The server proves who it is.
    Server,
    /// So does the client. Without [`Sasl`], the name in its certificate is the user.
    Mutual,
}

/// How the listener for clients is secured.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Access {
    pub(super) sasl: Option<Sasl>,
    pub(super) tls: Option<Tls>,
    pub(super) authorized: bool,
}

impl Access {
    fn protocol(self) -> &'static str {
        match (self.sasl, self.tls) {
            (None, None) => "PLAINTEXT",
            (None, Some(_)) => "SSL",
            (Some(_), None) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        }
    }

    /// Properties of the server.
    pub(super) fn server(self, certificates: &Certificates) -> Vec<(String, String)> {
        let mut own = Vec::new();
        if let Some(sasl) = self.sasl {
            own.push(("sasl.enabled.mechanisms".to_owned(), sasl.name().to_owned()));
            own.push((format!("{}.sasl.jaas.config", sasl.name().to_lowercase()), sasl.login()));
        }
        if let Some(tls) = self.tls {
            let server = certificates.server().both.display().to_string();
            let authority = certificates.authority().display().to_string();
            own.extend(
                [
                    ("ssl.keystore.type", "PEM"),
                    ("ssl.keystore.location", &server),
                    ("ssl.truststore.type", "PEM"),
                    ("ssl.truststore.location", &authority),
                    ("ssl.client.auth", if tls == Tls::Mutual { "required" } else { "none" }),
                    ("ssl.principal.mapping.rules", "RULE:^CN=([^,]+).*$/$1/"),
                ]
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
            );
        }
        let mut all: Vec<_> =
            own.into_iter().map(|(key, value)| (format!("listener.name.clients.{key}"), value)).collect();
        let mut add = |key: &str, value: String| all.push((key.to_owned(), value));
        let protocol = self.protocol();
        add(
            "listener.security.protocol.map",
            format!("CLIENTS:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        );
        if self.authorized {
            add(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
            );
            // Nobody has no name on the other listeners.
            add("super.users", format!("User:ANONYMOUS;User:{}", KafkaUser::ADMIN.name));
        }
        all
    }

    /// Options of Kafka's storage tool that make the users known: passwords are no properties there.
    pub(super) fn scram(self) -> String {
        let mechanism = match self.sasl {
            Some(sasl @ (Sasl::ScramSha256 | Sasl::ScramSha512)) => sasl.name(),
            _ => return String::new(),
        };
        KafkaUser::ALL
            .map(|user| format!("--add-scram\n{mechanism}=[name={},password={}]\n", user.name, user.password))
            .concat()
    }

    /// Settings of librdkafka.
    pub(super) fn client(self, user: KafkaUser, certificates: &Certificates) -> Vec<(&'static str, String)> {
        let mut settings = vec![("security.protocol", self.protocol().to_owned())];
        if let Some(sasl) = self.sasl {
            settings.push(("sasl.mechanism", sasl.name().to_owned()));
        }
        match self.sasl {
            None => {}
            Some(Sasl::OauthBearer) => {
                settings.push(("enable.sasl.oauthbearer.unsecure.jwt", "true".to_owned()));
                settings.push(("sasl.oauthbearer.config", format!("principal={} scope=kafka", user.name)));
            }
            Some(_) => {
                settings.push(("sasl.username", user.name.to_owned()));
                settings.push(("sasl.password", user.password.to_owned()));
            }
        }
        if let Some(tls) = self.tls {
            settings.push(("ssl.ca.location", certificates.authority().display().to_string()));
            if tls == Tls::Mutual {
                let client = certificates.client(user.name);
                settings.push(("ssl.certificate.location", client.certificate.display().to_string()));
                settings.push(("ssl.key.location", client.key.display().to_string()));
            }
        }
        settings
    }
}
