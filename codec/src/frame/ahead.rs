//! What comes behind the message that a wrong BodyLength begins.

use super::{Claim, claim};
use crate::SOH;
use crate::scan::{fix44_data_tag, has_trailer, tag_at};
use crate::value::parse_u32;

/// Looks over the fields of a frame for the end that it has if its BodyLength is wrong: a field
/// `10=nnn`, and directly behind that a whole message whose own BodyLength and CheckSum are right.
///
/// Where a field starts and ends follows from the fields before it, as in the scanner: the value of a data
/// field of FIX 4.4 is as long as the field before it says, so what it quotes is never looked at. Other
/// values hold no SOH. What a data field quotes that FIX 4.4 does not know is mistaken for fields; it
/// would have to quote two whole messages, one behind the other, to be taken for an end.
///
/// It remembers how far it came, also for the frames that begin farther on: no byte is looked over twice.
#[derive(Debug, Clone)]
pub(super) struct Ahead {
    /// Start of the next field. 0: nothing was looked at yet.
    pub at: usize,
    /// Below this there is no SOH in it.
    searched: usize,
    /// Where the last field `10=nnn` ended; 0: there was none.
    behind: usize,
    /// The data field that the last field announces, and the length of its value.
    data: Option<(u32, usize)>,
}

impl Ahead {
    pub const NONE: Self = Self { at: 0, searched: 0, behind: 0, data: None };

    /// Where the first such message starts, if it ends below `claimed`, where the frame that `bytes` starts
    /// with claims to end.
    pub fn message(
        &mut self,
        bytes: &[u8],
        claimed: usize,
        message_bytes_max: usize,
    ) -> Option<usize> {
        while let Some(end) = self.field_end(bytes, claimed - 1) {
            let (field, next) = (&bytes[self.at..end], end + 1);
            (self.at, self.searched, self.data) = (next, next, announced(field));
            if !is_check_sum(field) {
                continue;
            }
            match core::mem::replace(&mut self.behind, next) {
                0 => {}
                start if is_message(&bytes[start..next], message_bytes_max) => return Some(start),
                _ => {}
            }
        }
        None
    }

    /// The front is farther on by so many bytes.
    #[inline(always)]
    pub fn advance(&mut self, by: usize) {
        if self.at != 0 {
            self.advance_far(by);
        }
    }

    #[cold]
    fn advance_far(&mut self, by: usize) {
        if self.at <= by {
            *self = Self::NONE;
            return;
        }
        self.at -= by;
        self.searched = self.searched.saturating_sub(by);
        self.behind = self.behind.saturating_sub(by);
    }

    /// Where the SOH of the field at `at` is, if it has come and stands below `limit`.
    fn field_end(&mut self, bytes: &[u8], limit: usize) -> Option<usize> {
        let bytes = &bytes[..bytes.len().min(limit)];
        let field = bytes.get(self.at..)?;
        if let Some((data_tag, length)) = self.data
            && let Some((tag, value)) = tag_at(field, 0)
            && tag == data_tag
        {
            let end = (self.at + value).saturating_add(length);
            match bytes.get(end) {
                Some(&SOH) => return Some(end),
                None if end < limit => return None,
                // A wrong length: the field is an ordinary one.
                _ => {}
            }
        }
        let from = self.searched.max(self.at);
        let end = bytes.get(from..)?.iter().position(|&byte| byte == SOH);
        self.searched = end.map_or(bytes.len(), |end| from + end);
        end.map(|_| self.searched)
    }
}

/// The data field that a field announces, and the length of its value.
fn announced(field: &[u8]) -> Option<(u32, usize)> {
    let (tag, value) = tag_at(field, 0)?;
    let data_tag = fix44_data_tag(tag)?;
    Some((data_tag, parse_u32(&field[value..]).ok()? as usize))
}

/// Whether a field is `10=nnn`.
fn is_check_sum(field: &[u8]) -> bool {
    matches!(field, [b'1', b'0', b'=', digits @ ..]
        if digits.len() == 3 && digits.iter().all(u8::is_ascii_digit))
}

/// Whether `bytes` are one message, from the first byte to the last, with a right CheckSum.
fn is_message(bytes: &[u8], message_bytes_max: usize) -> bool {
    let sum = bytes.iter().fold(0u32, |sum, &byte| sum.wrapping_add(u32::from(byte)));
    claim(bytes, message_bytes_max) == Claim::Ends(bytes.len()) && has_trailer(bytes, sum)
}
