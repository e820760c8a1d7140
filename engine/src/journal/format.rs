//! The bytes of a segment: its header, its records, and how damage is told from an end. Little endian.

use super::segment::CLOSED;
use super::{Direction, State};

/// Bytes before the first record.
pub(super) const SEGMENT_HEADER: usize = 128;
/// Bytes before a record's payload.
pub(super) const RECORD_HEADER: usize = 32;
/// Payload of a state.
pub(super) const STATE_BYTES: usize = 32;
/// Longest payload that says whose journal it is: BeginString(8), SOH, a CompID, SOH, a CompID.
pub(super) const IDENTITY_BYTES_MAX: usize = 15 + 1 + 47 + 1 + 47;
/// Where a segment's header says how far the disk has confirmed it. Not under the header's CRC, because
/// it is written again and again.
pub(super) const DURABLE_AT: usize = 64;

const MAGIC: [u8; 8] = *b"TAUTJRN1";
/// `/proc/sys/kernel/random/boot_id`.
pub(super) type BootId = [u8; 36];
/// Where the system does not say.
pub(super) const UNKNOWN_BOOT: BootId = [0; 36];

/// A place in a journal: behind a record. Later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The segment's number.
    pub segment: u32,
    /// Bytes into it.
    pub offset: u32,
}

impl Position {
    pub(super) const fn pack(self) -> u64 {
        (self.segment as u64) << 32 | self.offset as u64
    }

    pub(super) const fn unpack(packed: u64) -> Self {
        Self { segment: (packed >> 32) as u32, offset: packed as u32 }
    }
}

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub number: u32,
    /// In which life of the machine it was written.
    pub boot: BootId,
    /// How far the disk had confirmed it, at least.
    pub durable: u64,
}

impl SegmentHeader {
    pub fn write(&self, to: &mut [u8]) {
        to[..SEGMENT_HEADER].fill(0);
        to[..8].copy_from_slice(&MAGIC);
        to[8..12].copy_from_slice(&self.number.to_le_bytes());
        to[12..48].copy_from_slice(&self.boot);
        let crc = crc32fast::hash(&to[..48]);
        to[48..52].copy_from_slice(&crc.to_le_bytes());
        to[DURABLE_AT..DURABLE_AT + 8].copy_from_slice(&self.durable.to_le_bytes());
    }

    /// Whether nothing of a header ever reached the disk: it is not one that has changed.
    pub fn is_blank(bytes: &[u8]) -> bool {
        bytes.iter().take(SEGMENT_HEADER).all(|&byte| byte == 0)
    }

    /// `None` if it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..SEGMENT_HEADER)?;
        let right = header[..8] == MAGIC && crc32fast::hash(&header[..48]) == u32_at(header, 48);
        right.then(|| Self {
            number: u32_at(header, 8),
            boot: header[12..48].try_into().expect("36 bytes"),
            durable: u64_at(header, DURABLE_AT),
        })
    }

    /// Whether the disk has confirmed it to its end.
    pub const fn is_sealed(&self) -> bool {
        self.durable >= CLOSED
    }

    /// Whether the machine has certainly not restarted since `boot`. Where the system does not say which
    /// life this is, it may have.
    pub fn is_of(&self, boot: &BootId) -> bool {
        self.boot == *boot && *boot != UNKNOWN_BOOT
    }
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From the peer; its number is used up.
    In,
    Out,
    State,
    /// From the peer, stored before the application had it: its number is not used up yet.
    Ahead,
    /// From the peer, and not taken: it was answered by a Reject. What that did to the numbers is in a
    /// state behind it.
    Rejected,
    /// Whose journal it is.
    Identity,
}

impl From<Direction> for Kind {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => Self::In,
            Direction::Out => Self::Out,
        }
    }
}

/// The head of a record but for its CRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Of the payload.
    pub length: u32,
    pub kind: Kind,
    pub epoch: u32,
    pub seq: u64,
    pub time: u64,
}

/// Bytes that a record with so long a payload takes.
pub(super) const fn record_bytes(payload: usize) -> usize {
    (RECORD_HEADER + payload).next_multiple_of(8)
}

/// Writes a record at the front of `to`, which is long enough. The payload goes first and the head, in
/// one copy, last: until then there is no record.
#[inline]
pub(super) fn write_record(to: &mut [u8], segment: u32, header: &RecordHeader, payload: &[u8]) {
    // length 0..4, CRC 4..8, epoch 8..12, seq 12..20, time 20..28, kind 28..32
    let kind = match header.kind {
        Kind::In => 1u32,
        Kind::Out => 2,
        Kind::State => 3,
        Kind::Ahead => 4,
        Kind::Rejected => 5,
        Kind::Identity => 6,
    };
    let mut head = [0; RECORD_HEADER];
    head[0..4].copy_from_slice(&header.length.to_le_bytes());
    head[8..12].copy_from_slice(&header.epoch.to_le_bytes());
    head[12..20].copy_from_slice(&header.seq.to_le_bytes());
    head[20..28].copy_from_slice(&header.time.to_le_bytes());
    head[28..32].copy_from_slice(&kind.to_le_bytes());
    let crc = crc_of(segment, &head, payload);
    head[4..8].copy_from_slice(&crc.to_le_bytes());
    to[RECORD_HEADER..RECORD_HEADER + payload.len()].copy_from_slice(payload);
    to[..RECORD_HEADER].copy_from_slice(&head);
}

/// The segment's number is in the sum, so that a record of another segment is none here.
fn crc_of(segment: u32, head: &[u8; RECORD_HEADER], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(segment);
    hasher.update(&head[..4]);
    hasher.update(&head[8..]);
    hasher.update(payload);
    hasher.finalize()
}

/// The record at the front of `bytes`; `None` if there is none that is whole.
pub(super) fn read_record(bytes: &[u8], segment: u32) -> Option<(RecordHeader, &[u8])> {
    let head: &[u8; RECORD_HEADER] = bytes.get(..RECORD_HEADER)?.try_into().ok()?;
    let length = u32_at(head, 0);
    let kind = match u32_at(head, 28) {
        1 => Kind::In,
        2 => Kind::Out,
        3 => Kind::State,
        4 => Kind::Ahead,
        5 => Kind::Rejected,
        6 => Kind::Identity,
        _ => return None,
    };
    let end = RECORD_HEADER.checked_add(usize::try_from(length).ok()?)?;
    let payload = bytes.get(RECORD_HEADER..end)?;
    if crc_of(segment, head, payload) != u32_at(head, 4) {
        return None;
    }
    let header = RecordHeader {
        length,
        kind,
        epoch: u32_at(head, 8),
        seq: u64_at(head, 12),
        time: u64_at(head, 20),
    };
    Some((header, payload))
}

/// The payload of a state; its epoch stands in the record's head.
pub(super) fn write_state(state: &State) -> [u8; STATE_BYTES] {
    let mut payload = [0; STATE_BYTES];
    payload[0..8].copy_from_slice(&state.nonce.to_le_bytes());
    payload[8..16].copy_from_slice(&state.cl_ord_id_watermark.to_le_bytes());
    payload[16..24].copy_from_slice(&state.next_in.to_le_bytes());
    payload[24..32].copy_from_slice(&state.next_out.to_le_bytes());
    payload
}

/// `None` if it has not the length of one.
pub(super) fn read_state(epoch: u32, payload: &[u8]) -> Option<State> {
    (payload.len() == STATE_BYTES).then(|| State {
        nonce: u64_at(payload, 0),
        cl_ord_id_watermark: u64_at(payload, 8),
        epoch,
        next_in: u64_at(payload, 16),
        next_out: u64_at(payload, 24),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// All whole records of a segment from `at` on, with where each begins. Ends at what is no record.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    segment: u32,
    at: usize,
}

impl<'a> Records<'a> {
    /// Of the segment `bytes`.
    pub const fn new(bytes: &'a [u8], segment: u32) -> Self {
        Self { bytes, segment, at: SEGMENT_HEADER }
    }

    /// Where the next record begins, or what is none.
    pub const fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (usize, RecordHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let (header, payload) = read_record(self.bytes.get(at..)?, self.segment)?;
        self.at = at + record_bytes(payload.len());
        Some((at, header, payload))
    }
}

/// What stands behind the last record of the row that begins a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Zeros, or nothing.
    Clean,
    /// Bytes that are no record.
    Torn {
        /// As far as they are not zero.
        bytes: u64,
        /// Whole records among them.
        records: u64,
    },
}

/// Judges what stands at `at` and behind. Records begin at multiples of 8.
pub(super) fn tail(bytes: &[u8], segment: u32, at: usize) -> Tail {
    let rest = bytes.get(at..).unwrap_or(&[]);
    let Some(last) = rest.iter().rposition(|&byte| byte != 0) else { return Tail::Clean };
    let records = Pieces { records: Records { bytes, segment, at } };
    let records = records.filter(|piece| matches!(piece, Piece::Record(_))).count();
    Tail::Torn { bytes: last as u64 + 1, records: records as u64 }
}

/// A part of a segment.
pub(super) enum Piece<'a> {
    /// A whole record, as [`Records`] gives it.
    Record((usize, RecordHeader, &'a [u8])),
    /// Bytes that are no record: where, and how many, without the zeros behind the last record.
    Gap { at: usize, bytes: usize },
}

/// Everything that a segment holds, in the order in which it stands there: its records, and what stands before
/// and between them that is none. A gap ends where the next record begins, at a multiple of 8.
pub(super) struct Pieces<'a> {
    records: Records<'a>,
}

impl<'a> Pieces<'a> {
    /// Of the segment `bytes`.
    pub const fn new(bytes: &'a [u8], segment: u32) -> Self {
        Self { records: Records::new(bytes, segment) }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.records.next() {
            return Some(Piece::Record(record));
        }
        let Records { bytes, segment, at } = self.records;
        let last = bytes.get(at..)?.iter().rposition(|&byte| byte != 0)?;
        let mut offsets = (at + 8..=at + last).step_by(8);
        let next = offsets.find(|&offset| read_record(&bytes[offset..], segment).is_some());
        self.records.at = next.unwrap_or(bytes.len());
        Some(Piece::Gap { at, bytes: next.map_or(last + 1, |next| next - at) })
    }
}
