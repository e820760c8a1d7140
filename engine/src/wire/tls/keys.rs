//! One direction's key, nonce and record count.

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{HEADER, TAG, TlsError};

/// A traffic key with its sequence number, RFC 8446 5.3. A sequence number is used once: each call
/// that seals or opens counts, and nothing sets the count back but a new key.
pub(super) struct RecordKey {
    key: LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    sequence: u64,
}

impl RecordKey {
    /// A key of `algorithm`'s length whose next record has the number `sequence`.
    pub(super) fn new(
        algorithm: &'static aead::Algorithm,
        key: &[u8],
        iv: [u8; aead::NONCE_LEN],
        sequence: u64,
    ) -> Result<Self, TlsError> {
        let key = UnboundKey::new(algorithm, key).map_err(|_| TlsError::Internal)?;
        Ok(Self { key: LessSafeKey::new(key), iv, sequence })
    }

    /// The AEAD that it is for.
    pub(super) fn algorithm(&self) -> &'static aead::Algorithm {
        self.key.algorithm()
    }

    /// Records that this key has sealed or opened.
    #[inline]
    pub(super) const fn records(&self) -> u64 {
        self.sequence
    }

    #[inline]
    fn nonce(&mut self) -> Result<Nonce, TlsError> {
        let mut nonce = self.iv;
        for (byte, of_sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= of_sequence;
        }
        self.sequence = self.sequence.checked_add(1).ok_or(TlsError::KeyExhausted)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Seals a record whose header and inner plain text are in place; the last [`TAG`] bytes of
    /// `record` receive the tag.
    #[inline]
    pub(super) fn seal(&mut self, record: &mut [u8]) -> Result<(), TlsError> {
        let (header, body) = record.split_at_mut(HEADER);
        let (inner, tag) = body.split_at_mut(body.len() - TAG);
        let nonce = self.nonce()?;
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*header), inner)
            .map_err(|_| TlsError::Internal)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }

    /// Opens a record in place; returns the length of its inner plain text, which starts behind
    /// the header.
    #[inline]
    pub(super) fn open(&mut self, record: &mut [u8]) -> Result<usize, TlsError> {
        let (header, body) = record.split_at_mut(HEADER);
        let nonce = self.nonce()?;
        let inner = self
            .key
            .open_in_place(nonce, Aad::from(&*header), body)
            .map_err(|_| TlsError::Decrypt)?;
        Ok(inner.len())
    }
}
