//! A reply as one argument of a command, copied there piece by piece.

use std::io::Write;

use prpc_contract::message::ReplyBody;
use redis::{RedisWrite, ToRedisArgs, ToSingleRedisArg};

pub(super) struct Argument<'a>(pub(super) &'a ReplyBody);

impl ToRedisArgs for Argument<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut argument = out.writer_for_next_arg();
        for piece in self.0.pieces() {
            // Writing to memory cannot fail.
            let _ = argument.write_all(piece);
        }
    }
}

impl ToSingleRedisArg for Argument<'_> {}
