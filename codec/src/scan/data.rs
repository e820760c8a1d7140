//! Length-first data fields of dialects that have more of them than the kernels know.

use super::walk::{data_tag, walk_with, with_checksum};
use super::{Field, ScanError, Scanner};

/// Length fields and the data fields that they announce: pairs of tags, sorted by the length's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataFields<'a>(&'a [(u32, u32)]);

impl<'a> DataFields<'a> {
    /// What [`Scanner::index`] takes without being told: RawData(95, 96) and EncodedText(354, 355) of
    /// Kraken's dialect, and Signature(93, 89) of the trailer.
    pub const KRAKEN: DataFields<'static> = DataFields(&[(93, 89), (95, 96), (354, 355)]);

    /// Pairs of tags: of a length and of the data that it announces.
    ///
    /// # Panics
    /// If they are not sorted by the tag of the length, or one stands twice.
    #[must_use]
    pub const fn new(pairs: &'a [(u32, u32)]) -> Self {
        let mut n = 1;
        while n < pairs.len() {
            assert!(pairs[n - 1].0 < pairs[n].0, "sorted by the tag of the length");
            n += 1;
        }
        Self(pairs)
    }

    /// The pairs.
    #[must_use]
    pub const fn pairs(&self) -> &'a [(u32, u32)] {
        self.0
    }

    /// The data field that the length field `tag` announces.
    #[must_use]
    pub fn data_of(&self, tag: u32) -> Option<u32> {
        let at = self.0.binary_search_by_key(&tag, |pair| pair.0).ok()?;
        Some(self.0[at].1)
    }

    /// The length field that announces the data field `tag`.
    #[must_use]
    pub fn length_of(&self, tag: u32) -> Option<u32> {
        self.0.iter().find(|pair| pair.1 == tag).map(|pair| pair.0)
    }
}

/// The data field of FIX 4.4 that the length field `tag` announces.
#[must_use]
pub const fn fix44_data_tag(tag: u32) -> Option<u32> {
    match tag {
        93 => Some(89),
        90 | 95 | 212 | 348 | 350 | 352 | 354 | 356 | 358 | 360 | 362 | 364 | 445 | 618 | 621 => {
            Some(tag + 1)
        }
        _ => None,
    }
}

impl Scanner {
    /// [`Scanner::index`] for a dialect with data fields of its own, as
    /// [`Dialect::data_fields`](crate::rules::Dialect::data_fields) names them.
    ///
    /// A message without a length field that the kernels do not know is indexed as fast as ever: they
    /// are right up to the first of them, so if there is none in their index, it is right as a whole.
    /// Any other message is walked over once more, field by field.
    ///
    /// # Errors
    /// [`ScanError`]; `fields` is then unspecified.
    pub fn index_with(
        &self,
        message: &[u8],
        fields: &mut [Field],
        data: DataFields<'_>,
    ) -> Result<usize, ScanError> {
        let count = self.index(message, fields);
        // Those that the kernels know and the dialect does not are ordinary fields there.
        let differs = |tag| data.data_of(tag) != data_tag(tag);
        match count {
            Ok(count) if !fields[..count].iter().any(|field| differs(field.tag)) => Ok(count),
            Err(_) if data == DataFields::KRAKEN => count,
            _ if u32::try_from(message.len()).is_err() => count,
            _ => {
                let walked = walk_with(message, fields, 0, message.len(), |tag| data.data_of(tag));
                with_checksum(message, fields, walked?.0)
            }
        }
    }
}

#[cfg(test)]
mod tests;
