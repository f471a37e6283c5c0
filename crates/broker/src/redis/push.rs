//! Replies that are published to the client as well, so that it need not ask for them.
//!
//! A request may name a channel in its field `push`. The message is the name of the reply's key, a line feed, and the reply.
//! The stored reply is what counts: a push is lost with its connection, and is left out for large replies.

use std::sync::atomic::{AtomicBool, Ordering};

use prpc_contract::message::ReplyBody;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline};

use crate::types::{Receipt, Route};

/// All channels begin so, so that a request cannot reach the channels of other programs.
const PREFIX: &str = "prpc_push_";
const LONGEST_CHANNEL: usize = 64;
/// Redis drops subscribers that are some megabytes behind.
const LARGEST: usize = 4 << 10;

/// The channel that a request names; `None` if it is not one for replies.
pub(super) fn channel(name: Vec<u8>) -> Option<Box<str>> {
    let name = String::from_utf8(name).ok()?;
    let own = name.strip_prefix(PREFIX)?;
    let plain = own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && !own.is_empty() && name.len() <= LONGEST_CHANNEL).then(|| name.into_boxed_str())
}

/// Whether the server lets us publish.
#[derive(Default)]
pub(super) struct Pushes {
    refused: AtomicBool,
}

impl Pushes {
    /// Adds the push of a reply, if its client wants one.
    pub(super) fn add(&self, pushes: &mut Pipeline, receipt: &Receipt, key: &str, body: &ReplyBody) {
        let Route::Redis { push: Some(channel) } = &receipt.route else { return };
        if body.len() > LARGEST || self.refused.load(Ordering::Relaxed) {
            return;
        }
        let mut message = Vec::with_capacity(key.len() + 1 + body.len());
        message.extend_from_slice(key.as_bytes());
        message.push(b'\n');
        body.pieces().for_each(|piece| message.extend_from_slice(piece));
        let mut publish = Cmd::with_capacity(3, channel.len() + message.len() + 8);
        publish.arg("PUBLISH").arg(&**channel).arg(message);
        pushes.add_command(publish).ignore();
    }

    /// Publishes. Failures do not matter: clients find the stored replies.
    pub(super) async fn send(&self, pushes: &Pipeline, mut connection: MultiplexedConnection, broker: &str) {
        if pushes.is_empty() {
            return;
        }
        let Err(error) = pushes.query_async::<()>(&mut connection).await else { return };
        if error.code() == Some("NOPERM") && !self.refused.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                broker,
                "the broker's user may not PUBLISH, so clients ask for their replies, which takes them \
                 a round trip more: allow the channels {PREFIX}* (ACL SETUSER … &{PREFIX}*)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_channels_for_replies_are_accepted() {
        let accepted = |name: &str| channel(name.into()).is_some();
        assert!(accepted("prpc_push_0123abCD-ef"));
        let long = format!("{PREFIX}{}", "a".repeat(LONGEST_CHANNEL));
        for name in ["", "prpc_push_", "news", "prpc_push_a b", "prpc_push_a\r\n", "prpc_push_ä", &long] {
            assert!(!accepted(name), "{name}");
        }
        assert_eq!(channel(vec![0xff]), None);
    }
}
