//! Whether the journal holds the commands that were sent.

use std::path::Path;

use taut::journal::{Direction, EntryKind, JournalError, Reader};
use taut::trace::Sent;
use taut::types::ClOrdId;
use taut_codec::SOH;

/// The commands in the last epoch of the trading session's journal, in the order in which they were
/// stored.
///
/// # Errors
/// [`JournalError`].
pub fn read(dir: &Path) -> Result<Vec<Sent>, JournalError> {
    let reader = Reader::open(dir.join("trading"))?;
    let mut stored = Vec::new();
    let mut last_epoch = 0;
    for &number in reader.segments() {
        let segment = reader.segment(number)?;
        for entry in segment.entries() {
            if entry.epoch != last_epoch {
                last_epoch = entry.epoch;
                stored.clear();
            }
            if let EntryKind::Message { direction: Direction::Out, seq, bytes, .. } = entry.kind {
                stored.extend(command(seq, bytes));
            }
        }
    }
    Ok(stored)
}

/// What is a command: it has a ClOrdID.
fn command(msg_seq_num: u64, bytes: &[u8]) -> Option<Sent> {
    let value = |name: &[u8]| bytes.split(|&b| b == SOH).find_map(|field| field.strip_prefix(name));
    let cl_ord_id = ClOrdId::parse(value(b"11=")?).ok()?;
    Some(Sent { msg_seq_num, msg_type: *value(b"35=")?.first()?, cl_ord_id })
}

/// How many of `sent` are in `stored`, in that order.
pub fn in_order(sent: &[Sent], stored: &[Sent]) -> usize {
    let mut rest = stored.iter();
    sent.iter().take_while(|command| rest.any(|stored| stored == *command)).count()
}
