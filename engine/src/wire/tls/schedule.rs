//! The key schedule behind the handshake, RFC 8446 7.2 and 7.3: each KeyUpdate makes a direction's next key
//! from its traffic secret, without allocation. rustls's own schedule (its `KernelConnection`) allocates, and
//! gives out keys but no secrets; those it tells a [`KeyLog`], so each handshake of the record layer has one
//! of its own, which keeps the two secrets for it and tells nobody.

use std::sync::{Mutex, PoisonError};

use ring::aead;
use ring::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};
use rustls::{ConnectionTrafficSecrets, KeyLog};

use super::TlsError;
use super::keys::RecordKey;

/// Longest traffic secret: SHA-384's output.
const SECRET_MAX: usize = 48;
/// Longest traffic key.
const KEY_MAX: usize = 32;
/// Each label of the schedule starts with it.
const LABEL_START: &[u8] = b"tls13 ";

/// Bytes that are overwritten when dropped and never printed.
#[derive(Clone)]
struct Hidden<const N: usize>([u8; N]);

impl<const N: usize> Drop for Hidden<N> {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}

/// The traffic secret of one direction.
struct Secret {
    bytes: Hidden<SECRET_MAX>,
    length: usize,
}

impl Secret {
    fn new(from: &[u8]) -> Option<Self> {
        let mut bytes = Hidden([0; SECRET_MAX]);
        bytes.0.get_mut(..from.len())?.copy_from_slice(from);
        Some(Self { bytes, length: from.len() })
    }

    /// HKDF-Expand-Label with an empty context, RFC 8446 7.1. The hash of a suite is that whose output is
    /// as long as the secret.
    fn expand(&self, label: &[u8], into: &mut [u8]) -> Result<(), TlsError> {
        let algorithm = match self.length {
            32 => HKDF_SHA256,
            48 => HKDF_SHA384,
            _ => return Err(TlsError::Internal),
        };
        let secret = Prk::new_less_safe(algorithm, &self.bytes.0[..self.length]);
        let length = (into.len() as u16).to_be_bytes();
        let label_length = [(LABEL_START.len() + label.len()) as u8];
        let info: [&[u8]; 5] = [&length, &label_length, LABEL_START, label, &[0]];
        let expanded = secret.expand(&info, Length(into.len())).map_err(|_| TlsError::Internal)?;
        expanded.fill(into).map_err(|_| TlsError::Internal)
    }
}

/// How much is expanded.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// The secrets of one handshake, as rustls tells them.
#[derive(Default)]
pub(super) struct Told {
    client: Mutex<Option<Secret>>,
    server: Mutex<Option<Secret>>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told(***)")
    }
}

impl Told {
    fn slot(&self, label: &str) -> Option<&Mutex<Option<Secret>>> {
        match label {
            "CLIENT_TRAFFIC_SECRET_0" => Some(&self.client),
            "SERVER_TRAFFIC_SECRET_0" => Some(&self.server),
            _ => None,
        }
    }

    /// The schedules of what the client and what the server sends; each can be taken once.
    pub(super) fn take(&self, client: bool) -> Option<Schedule> {
        let slot = if client { &self.client } else { &self.server };
        slot.lock().unwrap_or_else(PoisonError::into_inner).take().map(Schedule)
    }
}

impl KeyLog for Told {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if let Some(slot) = self.slot(label) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Secret::new(secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        self.slot(label).is_some()
    }
}

/// The keys of one direction, one after the other.
pub(super) struct Schedule(Secret);

impl Schedule {
    /// The key that rustls extracted, if it is this schedule's first one.
    ///
    /// # Errors
    /// [`TlsError::Internal`] if it is another: whatever rustls told was not this direction's secret.
    pub(super) fn first(
        &self,
        (sequence, extracted): (u64, ConnectionTrafficSecrets),
    ) -> Result<RecordKey, TlsError> {
        let (algorithm, key, iv) = match &extracted {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&aead::AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&aead::AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (&aead::CHACHA20_POLY1305, key, iv)
            }
            _ => return Err(TlsError::Internal),
        };
        let (ours, our_iv) = self.key(algorithm)?;
        if &ours.0[..algorithm.key_len()] != key.as_ref() || our_iv != iv.as_ref() {
            return Err(TlsError::Internal);
        }
        RecordKey::new(algorithm, key.as_ref(), our_iv, sequence)
    }

    /// Goes on to the next secret and gives its key, for the suite of the key before.
    ///
    /// # Errors
    /// [`TlsError::Internal`] never, with a suite of TLS 1.3.
    pub(super) fn next(&mut self, before: &RecordKey) -> Result<RecordKey, TlsError> {
        let mut bytes = Hidden([0; SECRET_MAX]);
        self.0.expand(b"traffic upd", &mut bytes.0[..self.0.length])?;
        self.0.bytes = bytes;
        let algorithm = before.algorithm();
        let (key, iv) = self.key(algorithm)?;
        RecordKey::new(algorithm, &key.0[..algorithm.key_len()], iv, 0)
    }

    /// A schedule and its first key from a secret, for tests.
    #[cfg(any(test, fuzzing))]
    #[allow(clippy::unwrap_used, reason = "for tests")]
    pub(super) fn with_key(
        secret: &[u8],
        algorithm: &'static aead::Algorithm,
    ) -> (RecordKey, Self) {
        let schedule = Self(Secret::new(secret).unwrap());
        let (key, iv) = schedule.key(algorithm).unwrap();
        let key = RecordKey::new(algorithm, &key.0[..algorithm.key_len()], iv, 0);
        (key.unwrap(), schedule)
    }

    fn key(
        &self,
        algorithm: &aead::Algorithm,
    ) -> Result<(Hidden<KEY_MAX>, [u8; aead::NONCE_LEN]), TlsError> {
        let (mut key, mut iv) = (Hidden([0; KEY_MAX]), [0; aead::NONCE_LEN]);
        self.0.expand(b"key", &mut key.0[..algorithm.key_len()])?;
        self.0.expand(b"iv", &mut iv)?;
        Ok((key, iv))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn the_trace_of_rfc_8448_is_followed() {
        // RFC 8448 3: the server's application traffic secret, its key and its IV.
        let secret = bytes("a11af9f05531f856ad47116b45a95032 8204b4f44bfb6b3a4b4f1f3fcb631643");
        let schedule = Schedule(Secret::new(&secret).unwrap());
        let (key, iv) = schedule.key(&aead::AES_128_GCM).unwrap();
        assert_eq!(key.0[..16], bytes("9f02283b6c9c07efc26bb9f2ac92e356"));
        assert_eq!(iv.to_vec(), bytes("cf782b88dd83549aadf1e984"));
    }

    #[test]
    fn what_was_told_is_not_printed_and_is_given_once() {
        let told = Told::default();
        assert!(told.will_log("CLIENT_TRAFFIC_SECRET_0") && !told.will_log("EXPORTER_SECRET"));
        told.log("CLIENT_TRAFFIC_SECRET_0", &[], &[7; 32]);
        told.log("EXPORTER_SECRET", &[], &[7; 32]);
        assert_eq!(format!("{told:?}"), "Told(***)");
        assert!(told.take(false).is_none());
        assert!(told.take(true).is_some() && told.take(true).is_none());
    }

    #[test]
    fn a_secret_of_no_hash_of_tls_13_makes_no_key() {
        assert!(Secret::new(&[1; 49]).is_none());
        let schedule = Schedule(Secret::new(&[1; 20]).unwrap());
        assert!(matches!(schedule.key(&aead::AES_128_GCM), Err(TlsError::Internal)));
    }
}
