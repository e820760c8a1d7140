//! Fields that are written once and copied into many messages: what all subscribers of one book are
//! told alike.

use super::{EncodeError, Encoder};
use crate::value::{TimeText, UtcTime};

/// Complete fields without a header, made by [`Encoder::finish_fragment`].
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'b> {
    fields: &'b [u8],
    /// Of the bytes, modulo 256.
    sum: u8,
}

impl<'b> Encoder<'b> {
    /// Starts a run of fields that is no message: there is no header.
    ///
    /// ```
    /// use taut_codec::encode::{Encoder, Header, HeaderOrder};
    /// use taut_codec::value::UtcTime;
    ///
    /// let (mut shared, mut buffer) = ([0; 64], [0; 256]);
    /// let mut encoder = Encoder::fragment(&mut shared);
    /// encoder.uint(268, 1).byte(269, b'0');
    /// let fields = encoder.finish_fragment().unwrap();
    /// let header = Header {
    ///     msg_type: b"X", msg_seq_num: 2, sender: b"A", target: b"B",
    ///     sending_time: UtcTime(0), orig_sending_time: None, order: HeaderOrder::default(),
    /// };
    /// let mut message = Encoder::begin(&mut buffer, &header);
    /// message.bytes(262, b"1").fields(&fields);
    /// let range = message.finish().unwrap();
    /// assert!(buffer[range].windows(18).any(|w| w == b"262=1\x01268=1\x01269=0\x01"));
    /// ```
    pub fn fragment(buffer: &'b mut [u8]) -> Self {
        let epoch = UtcTime(0);
        Self { buffer, at: 0, sum: 0, error: None, time: (epoch, TimeText::new(epoch)) }
    }

    /// Ends what [`Encoder::fragment`] started.
    ///
    /// # Errors
    /// The first [`EncodeError`] met.
    pub fn finish_fragment(self) -> Result<Fragment<'b>, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(Fragment { fields: &self.buffer[..self.at], sum: self.sum }),
        }
    }

    /// Copies the fields of a fragment.
    pub fn fields(&mut self, fragment: &Fragment<'_>) -> &mut Self {
        let end = self.at + fragment.fields.len();
        match self.buffer.get_mut(self.at..end) {
            Some(room) if self.error.is_none() => {
                room.copy_from_slice(fragment.fields);
                self.at = end;
                self.sum = self.sum.wrapping_add(fragment.sum);
                self
            }
            _ => self.fail(EncodeError::Full),
        }
    }
}
