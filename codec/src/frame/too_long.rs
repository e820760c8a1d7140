//! The head of a message that is longer than is taken.

use crate::SOH;
use crate::value::{FixStr, parse_u64};

/// What the head of a message says that is refused for its length. It may be a short one whose BodyLength
/// is wrong: which of the two is not known before the bytes have come, and they are not awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// MsgType(35); empty if it is longer, or no text.
    pub msg_type: FixStr<7>,
    /// MsgSeqNum(34), if it stands among the first [`TOO_LONG_HEAD`](super::TOO_LONG_HEAD) bytes.
    pub msg_seq_num: Option<u64>,
    /// BodyLength(9), bytes.
    pub body_length: u32,
    /// The longest message that is taken, from BeginString to CheckSum, bytes.
    pub limit: u32,
}

impl TooLong {
    /// Reads the head that `bytes` start with; `None` if more of it is needed. It ends behind MsgSeqNum,
    /// at the end of the message if that comes first, and after so many bytes.
    pub(super) fn read(bytes: &[u8], body_length: usize, limit: usize) -> Option<Self> {
        let [mut msg_type, mut msg_seq_num] = [None; 2];
        let head = &bytes[..bytes.len().min(super::TOO_LONG_HEAD)];
        let mut is_whole = head.len() == super::TOO_LONG_HEAD;
        // The last piece is no whole field.
        let whole = head.iter().rposition(|&byte| byte == SOH).map_or(0, |end| end + 1);
        for field in head[..whole].split(|&byte| byte == SOH) {
            match field {
                [b'3', b'5', b'=', value @ ..] => msg_type = msg_type.or(Some(value)),
                [b'3', b'4', b'=', value @ ..] => msg_seq_num = Some(value),
                [b'1', b'0', b'=', ..] => is_whole = true,
                _ => {}
            }
            if msg_seq_num.is_some() {
                is_whole = true;
                break;
            }
        }
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        is_whole.then(|| Self {
            msg_type: FixStr::new(msg_type.unwrap_or(b"")).unwrap_or(FixStr::EMPTY),
            msg_seq_num: msg_seq_num.and_then(|value| parse_u64(value).ok()),
            body_length: number(body_length),
            limit: number(limit),
        })
    }
}

impl core::fmt::Display for TooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { msg_type, msg_seq_num, body_length, limit } = self;
        f.write_str("message too long: MsgType ")?;
        f.write_str(if msg_type.is_empty() { "unknown" } else { msg_type.as_str() })?;
        if let Some(number) = msg_seq_num {
            write!(f, ", MsgSeqNum {number}")?;
        }
        write!(f, ", BodyLength {body_length}, at most {limit} bytes are taken")
    }
}
