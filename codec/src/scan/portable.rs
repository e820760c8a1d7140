//! The kernel in plain Rust.

use super::{Field, ScanError, ScanErrorKind, announces_data, check_trailer};
use crate::SOH;
use crate::value::parse_u32;

const TAG_DIGITS_MAX: usize = 9;

pub(super) fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut count = 0;
    let mut at = 0;
    let mut data_length = None;
    while at < message.len() {
        let error = |kind| ScanError { kind, offset: at as u32 };
        let (tag, start) = tag_at(message, at).ok_or(error(ScanErrorKind::TagMalformed))?;
        let end = match data_length.take() {
            Some(length) => {
                let end = start + length;
                if message.get(end) != Some(&SOH) {
                    return Err(error(ScanErrorKind::DataLengthWrong));
                }
                end
            }
            None => message[start..]
                .iter()
                .position(|&b| b == SOH)
                .map(|n| start + n)
                .ok_or(error(ScanErrorKind::Unterminated))?,
        };
        if announces_data(tag) {
            let length = parse_u32(&message[start..end]);
            data_length = Some(length.map_err(|_| error(ScanErrorKind::DataLengthWrong))? as usize);
        }
        *fields.get_mut(count).ok_or(error(ScanErrorKind::TooManyFields))? =
            Field { tag, start: start as u32, end: end as u32 };
        count += 1;
        at = end + 1;
    }
    let sum = message.iter().fold(0u32, |sum, &b| sum.wrapping_add(u32::from(b)));
    check_trailer(message, sum, count.checked_sub(1).map(|last| &fields[last]))?;
    Ok(count)
}

/// The tag at `at` and where its value starts.
fn tag_at(message: &[u8], at: usize) -> Option<(u32, usize)> {
    let mut tag = 0u32;
    for (i, &byte) in message[at..].iter().take(TAG_DIGITS_MAX + 1).enumerate() {
        if byte == b'=' && i > 0 {
            return Some((tag, at + i + 1));
        }
        if !byte.is_ascii_digit() || i == TAG_DIGITS_MAX {
            return None;
        }
        tag = tag * 10 + u32::from(byte - b'0');
    }
    None
}
