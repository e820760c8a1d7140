//! What survives the end of the process: the numbers of a session and the messages that it sent.

use std::path::Path;

use taut::journal::{Durability, Journal, JournalConfig, JournalError, Keeper, State};
use taut::session::{MemoryStore, Session};

/// Messages kept per counterparty.
const MESSAGES_MAX: usize = 64 * 1024;
/// Bytes kept per counterparty.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pieces that a journal's bytes come in.
const SEGMENTS: usize = 16;

/// Keeps what `session` sends in memory.
pub fn in_memory(session: &mut Session) {
    session.set_sent_store(Box::new(MemoryStore::new(MESSAGES_MAX, BYTES_MAX)));
}

/// Has `session` go on from the journal in `dir`, and keep what it sends and receives there. That survives
/// the end of the process, not that of the machine. Returns where it goes on.
pub fn in_journal(session: &mut Session, dir: &Path) -> Result<State, JournalError> {
    let config = JournalConfig {
        durability: Durability::None,
        segment_bytes: BYTES_MAX / SEGMENTS,
        segments_kept: SEGMENTS,
        segments_mapped: SEGMENTS,
        index_messages: MESSAGES_MAX,
        ..JournalConfig::default()
    };
    let (journal, recovered) = Journal::open(dir, config)?;
    for problem in recovered.problems() {
        eprintln!("taut: journal: {problem}");
    }
    Keeper::attach(session, journal)
}
