//! The token of OAUTHBEARER.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;

/// A token that does not say when it ends is taken for good for so long.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A bearer token, shared by those who hold it. Never shown.
#[derive(Clone)]
pub struct Token(Arc<Mutex<String>>);

impl Token {
    /// Takes a token as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(text.into())))
    }

    /// Another one takes its place; clients take it when theirs ends, or was refused.
    pub fn take_over(&self, other: &Self) {
        if Arc::ptr_eq(&self.0, &other.0) {
            return;
        }
        let new = other.text();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = new;
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// With what librdkafka must know about it; the brokers do not rely on that.
    #[must_use]
    pub fn for_librdkafka(&self) -> OAuthToken {
        let token = self.text();
        let claims = claims(&token);
        let ends = claims.as_ref().and_then(|claims| claims.get("exp")?.as_f64());
        let end = match ends {
            #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
            Some(seconds) => (seconds * 1000.0) as i64,
            None => {
                let end = SystemTime::now() + LIFETIME;
                let since = end.duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
        };
        let subject = claims.as_ref().and_then(|claims| claims.get("sub")?.as_str()).unwrap_or("prpc");
        OAuthToken { principal_name: subject.to_owned(), lifetime_ms: end, token }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a JSON Web Token says of itself; nothing if it is none.
fn claims(token: &str) -> Option<serde_json::Value> {
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_token_says_whose_it_is_and_when_it_ends() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub": "orders", "exp": 2000000000}"#);
        let token = Token::new(format!("e30.{payload}.x")).for_librdkafka();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("orders", 2_000_000_000_000));
    }

    #[test]
    fn any_other_token_is_good_for_a_while_and_none_is_shown() {
        let token = Token::new("first");
        token.clone().take_over(&Token::new("s3cret"));
        let told = token.for_librdkafka();
        assert_eq!((told.principal_name.as_str(), told.token.as_str()), ("prpc", "s3cret"));
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
