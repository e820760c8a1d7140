//! What opening found, for the owner to be told.

use std::path::PathBuf;

use taut_codec::value::UtcTime;

use super::State;

/// What [`Journal::open`](super::Journal::open) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Where the session stood; `None` if the journal is new.
    pub state: Option<State>,
    /// There are messages of a session, but not whose they are: an earlier version wrote them. Who
    /// [claims](super::Journal::claim) it first is noted.
    pub unnamed: bool,
    /// The directory was used before and there is no segment in it: what there was is gone.
    pub emptied: bool,
    /// Segments of earlier lives that are there.
    pub segments: usize,
    /// Messages in those that were read, the last
    /// [`segments_mapped`](super::JournalConfig::segments_mapped).
    pub messages: u64,
    /// When the last message was taken or written, though its segment be deleted; `None` without one.
    pub last_at: Option<UtcTime>,
    /// What was cut off at the end.
    pub torn: Option<Torn>,
    /// Segments that a power cut left behind a torn one, or without their header; they are kept under
    /// another name.
    pub lost: Vec<Lost>,
    /// The machine went down while the journal was open, or before the disk had all of it
    /// ([`Durability::None`](super::Durability::None)). What the disk had confirmed is there. What it had
    /// not may be gone without a trace: then our numbers are lower than the peer expects.
    pub unconfirmed: bool,
}

impl Recovered {
    /// What its owner should be told, a line for each; nothing after a close or a kill that tore no record.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        let torn = self.torn.iter().map(|torn| {
            let Torn { segment, offset, bytes, records } = torn;
            format!("segment {segment} is torn at {offset}: {bytes} bytes cut off, {records} whole records")
        });
        let lost = self.lost.iter().map(|lost| {
            let (segment, path) = (lost.segment, lost.path.display());
            format!("segment {segment} could not be used and is kept as {path}")
        });
        let unconfirmed = self.unconfirmed.then(|| {
            "the machine went down before the disk had confirmed the end: messages and numbers may be missing"
                .to_owned()
        });
        let unnamed = self.unnamed.then(|| {
            "it does not say whose it is, because an earlier version wrote it: taken as this session's"
                .to_owned()
        });
        let emptied = self.emptied.then(|| {
            "its directory was used before, but holds no segment: the numbers start at 1".to_owned()
        });
        torn.chain(lost).chain(unconfirmed).chain(unnamed).chain(emptied)
    }
}

/// An end that was not whole: the record that was being written when the process was killed, or what a
/// power cut left of those that the disk had not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub segment: u32,
    /// Where it ends now.
    pub offset: u64,
    /// Bytes that were cut off.
    pub bytes: u64,
    /// Whole records among them: only after a power cut.
    pub records: u64,
}

/// A segment that cannot be used: one before it is torn, or its header never reached the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The segment's number.
    pub segment: u32,
    /// Where it is now.
    pub path: PathBuf,
}
