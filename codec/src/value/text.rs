//! Short texts (ids, symbols, CompIDs) as `Copy` values that cannot hold a control byte.

use super::ValueError;
use super::print::has_control;

/// Up to `N` bytes (`N` <= 255) of printable text. No byte below 0x20 can be stored, so what is
/// sent from a `FixStr` cannot break the framing (design section 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FixStr<const N: usize> {
    // Invariant: bytes[len..] are zero, so that derived equality and hashing are exact.
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> FixStr<N> {
    /// The empty text.
    pub const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// Copies `bytes`.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] above `N` bytes, [`ValueError::BadByte`] for a byte below 0x20 or 0x7f.
    #[inline]
    pub fn new(bytes: &[u8]) -> Result<Self, ValueError> {
        const { assert!(N <= u8::MAX as usize) };
        if bytes.len() > N {
            return Err(ValueError::TooLong);
        }
        let mut out = Self { bytes: [0; N], len: bytes.len() as u8 };
        if copy(bytes, &mut out.bytes) { Ok(out) } else { Err(ValueError::BadByte) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text; bytes that are not UTF-8 end it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match core::str::from_utf8(self.as_bytes()) {
            Ok(text) => text,
            Err(error) => core::str::from_utf8(&self.bytes[..error.valid_up_to()]).unwrap_or(""),
        }
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Copies a text to the front of a room that is no shorter. Whether it has no byte below 0x20 and no 0x7f.
/// Sixteen or eight bytes at a time, because ids are read from every report; the last overlap with those
/// before.
#[inline(always)]
pub(crate) fn copy(text: &[u8], room: &mut [u8]) -> bool {
    let room = &mut room[..text.len()];
    if let (Some(last), Some(to)) = (text.last_chunk::<16>(), room.last_chunk_mut()) {
        *to = *last;
        let mut bad = has_control_in_sixteen(last);
        for (sixteen, to) in text.as_chunks().0.iter().zip(room.as_chunks_mut().0) {
            *to = *sixteen;
            bad |= has_control_in_sixteen(sixteen);
        }
        return !bad;
    }
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => {
            let end = room.len();
            room[..8].copy_from_slice(first);
            room[end - 8..].copy_from_slice(last);
            !(has_control(u64::from_le_bytes(*first)) | has_control(u64::from_le_bytes(*last)))
        }
        _ => room.iter_mut().zip(text).fold(true, |good, (to, &byte)| {
            *to = byte;
            good & !byte.is_ascii_control()
        }),
    }
}

#[inline(always)]
fn has_control_in_sixteen(bytes: &[u8; 16]) -> bool {
    let words = bytes.as_chunks().0;
    has_control(u64::from_le_bytes(words[0])) | has_control(u64::from_le_bytes(words[1]))
}

impl<const N: usize> Default for FixStr<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> core::fmt::Debug for FixStr<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> core::fmt::Display for FixStr<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> core::str::FromStr for FixStr<N> {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::new(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_byte_is_found_wherever_it_stands() {
        for len in 0..=40 {
            let text = [b'~'; 40];
            assert_eq!(FixStr::<40>::new(&text[..len]).map(|text| text.as_bytes().len()), Ok(len));
            for at in 0..len {
                for byte in 0..=255 {
                    let mut text = text;
                    text[at] = byte;
                    let is_control = byte < 0x20 || byte == 0x7f;
                    let read = FixStr::<40>::new(&text[..len]);
                    assert_eq!(read.is_err(), is_control, "{byte:#x} at {at} of {len}");
                }
            }
        }
    }
}
