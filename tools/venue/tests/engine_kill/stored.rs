//! What the journals of the two sides hold.

use std::path::Path;

use taut::journal::{Direction, EntryKind, Reader};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};

/// A message of a trading session's journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    pub seq: u64,
    pub msg_type: Vec<u8>,
    /// ExecID(17) and ClOrdID(11), as far as it has them and they are its own: a status request (H) names
    /// that of an order.
    pub ids: (Vec<u8>, Vec<u8>),
    /// ExecType(150)=F.
    pub fill: bool,
    pub poss_dup: bool,
}

impl Stored {
    pub fn read(seq: u64, bytes: &[u8], fields: &mut [Field]) -> Self {
        let count = Scanner::new().index(bytes, fields).expect("it indexes");
        let message = Message::new(bytes, &fields[..count]);
        let get = |tag| message.get(tag).unwrap_or_default().to_vec();
        let cl_ord_id = if message.msg_type() == b"H" { Vec::new() } else { get(11) };
        Self {
            seq,
            msg_type: message.msg_type().to_vec(),
            ids: (get(17), cl_ord_id),
            fill: get(150) == b"F",
            poss_dup: message.flag(43) || message.flag(97),
        }
    }
}

pub fn stored(dir: &Path, wanted: Direction) -> Vec<Stored> {
    let Ok(reader) = Reader::open(dir) else { return Vec::new() };
    let mut fields = vec![Field::default(); 256];
    let mut all = Vec::new();
    for &number in reader.segments() {
        let segment = reader.segment(number).expect("it reads");
        for entry in segment.entries() {
            let EntryKind::Message { direction, seq, bytes, .. } = entry.kind else { continue };
            if direction != wanted {
                continue;
            }
            all.push(Stored::read(seq, bytes, &mut fields));
        }
    }
    all
}

/// MsgSeqNum of the last message that the venue has numbered.
pub fn last_number(venue_journal: &Path) -> u64 {
    let numbers = stored(venue_journal, Direction::Out).into_iter().map(|one| one.seq);
    numbers.max().unwrap_or(0)
}

/// Of the venue's messages, those that a client has a right to: reports and refusals.
pub fn reports(stored: &[Stored], twice: bool) -> Vec<(u64, Vec<u8>)> {
    let wanted = |one: &&Stored| matches!(one.msg_type.as_slice(), b"8" | b"j" | b"9" | b"r");
    let wanted = stored.iter().filter(wanted).filter(|one| twice || !one.poss_dup);
    wanted.map(|one| (one.seq, one.ids.0.clone())).collect()
}
