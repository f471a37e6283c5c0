//! Taking requests: asks the reader's task and hands out what it read.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::Shared;
use super::connection::Patience;
use super::held::Held;
use super::holder::RedisHolder;
use super::reader::{Ask, Read, Reader, Signals};
use crate::error::{Error, Result};
use crate::types::Delivery;

/// Takes requests from one queue on Redis.
pub struct RedisConsumer {
    holder: RedisHolder,
    asks: mpsc::Sender<Ask>,
    reads: mpsc::Receiver<Read>,
    /// Whether a read was asked for and not received: by this call or one that was dropped.
    asked: bool,
    /// Read and not handed out yet.
    waiting: Vec<Delivery>,
    /// When that was read.
    since: Instant,
}

impl RedisConsumer {
    pub(super) fn start(shared: Arc<Shared>, name: &str) -> Self {
        let (held, signals) = (Arc::<Held>::default(), Arc::<Signals>::default());
        let name: Arc<str> = name.into();
        let (asks, asked) = mpsc::channel(1);
        let (read, reads) = mpsc::channel(1);
        let reader =
            Reader::new(Arc::clone(&shared), Arc::clone(&name), Arc::clone(&held), Arc::clone(&signals));
        tokio::spawn(reader.run(asked, read));
        let holder = RedisHolder { shared, name, held, signals };
        Self { holder, asks, reads, asked: false, waiting: Vec::new(), since: Instant::now() }
    }

    async fn read(&mut self, room: NonZeroUsize) -> Result<()> {
        if !self.asked {
            let ask = Ask { room: room.get(), interruptions: self.holder.signals.interruptions() };
            self.asks.try_send(ask).map_err(|_| Error::Closed)?;
            self.asked = true;
        }
        let read = self.reads.recv().await.ok_or(Error::Closed)?;
        self.asked = false;
        self.waiting = read.outcome?;
        self.since = read.at;
        Ok(())
    }

    /// What has waited here for long may have been taken over by others.
    async fn forget_lost(&mut self) -> Result<()> {
        if self.since.elapsed() < self.holder.shared.config.recover_after / 2 {
            return Ok(());
        }
        let receipts: Vec<_> = self.waiting.iter().map(|delivery| delivery.receipt.clone()).collect();
        let lost = self.holder.extend_patiently(Patience::Endless, &receipts).await?;
        self.waiting.retain(|delivery| !lost.contains(&delivery.receipt));
        self.since = Instant::now();
        Ok(())
    }
}

impl crate::Consumer for RedisConsumer {
    type Holder = RedisHolder;

    async fn take(&mut self, room: NonZeroUsize) -> Result<Vec<Delivery>> {
        if self.waiting.is_empty() {
            self.read(room).await?;
        }
        if self.waiting.is_empty() {
            return Ok(Vec::new());
        }
        self.forget_lost().await?;
        let rest = self.waiting.split_off(room.get().min(self.waiting.len()));
        Ok(std::mem::replace(&mut self.waiting, rest))
    }

    fn holder(&self) -> RedisHolder {
        self.holder.clone()
    }
}
