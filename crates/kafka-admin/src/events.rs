//! What librdkafka tells besides its answers: why there is no connection, and that it needs a token.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::statistics::Statistics;

use crate::error::Error;
use crate::token::Token;

/// The last trouble with the connection, which is told once and then only shows as requests without an answer. Outlives clients.
#[derive(Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// Why there is no connection, if that was told since the last answer.
    pub(crate) fn get(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An answer has come.
    pub(crate) fn is_over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Takes what a client tells.
pub(crate) struct Events {
    token: Option<Token>,
    trouble: Trouble,
}

impl Events {
    pub(crate) const fn new(token: Option<Token>, trouble: Trouble) -> Self {
        Self { token, trouble }
    }
}

impl ClientContext for Events {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes as an error, too; these are many while a broker is away.
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
        let Some(code) = error.rdkafka_error_code() else { return };
        let trouble = Error::general(code, reason.to_owned());
        let mut known = self.trouble.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told_first = code != Code::AllBrokersDown || known.is_none();
        // That all brokers are down is told after the reason why, and says less.
        if matches!(trouble, Error::Unreachable(_) | Error::Authentication(_)) && is_told_first {
            *known = Some(trouble);
        }
    }

    fn generate_oauth_token(
        &self,
        _config: Option<&str>,
    ) -> std::result::Result<OAuthToken, Box<dyn std::error::Error>> {
        let token = self.token.as_ref().ok_or("the settings ask for OAUTHBEARER, and there is no token")?;
        Ok(token.for_librdkafka())
    }
}

impl ConsumerContext for Events {}
