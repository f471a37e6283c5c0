//! Showing that requests are still being worked on.

use std::collections::HashMap;
use std::sync::LazyLock;

use prpc_contract::message::Family;
use redis::Script;

use super::Shared;
use super::connection::Patience;
use crate::error::Result;
use crate::types::Receipt;

/// Plain XCLAIM would take a request back from the worker that has it now.
static EXTEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/extend.lua")));
const CHUNK: usize = 500;

/// Resets the idle time; returns what is no longer `name`'s.
pub(super) async fn extend(
    shared: &Shared,
    name: &str,
    patience: Patience,
    receipts: &[Receipt],
) -> Result<Vec<Receipt>> {
    let mut lost = Vec::new();
    for family in Family::ALL {
        let own: Vec<&Receipt> = receipts.iter().filter(|receipt| receipt.family == family).collect();
        for chunk in own.chunks(CHUNK) {
            let mut call = EXTEND.prepare_invoke();
            call.key(shared.config.names.requests(family)).arg(&shared.config.group).arg(name);
            for receipt in chunk {
                call.arg(&receipt.id);
            }
            let call = &call;
            let ids: Vec<String> = shared
                .link
                .run(patience, |mut connection| async move { call.invoke_async(&mut connection).await })
                .await?;
            if ids.is_empty() {
                continue;
            }
            let by_id: HashMap<&str, &Receipt> =
                chunk.iter().map(|receipt| (receipt.id.as_str(), *receipt)).collect();
            lost.extend(ids.iter().filter_map(|id| by_id.get(id.as_str()).copied().cloned()));
        }
    }
    Ok(lost)
}
