//! Pinned keys: a client that knows its server believes no other key, whoever vouches for it.
//!
//! What is pinned is the certificate's SubjectPublicKeyInfo (RFC 5280 4.1), as RFC 7469 2.4 does: a
//! certificate that is renewed for the same key keeps its pin.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "sha256//";

/// The SHA-256 of a certificate's SubjectPublicKeyInfo. Written as curl's `--pinnedpubkey` takes it:
/// `sha256//` and base64.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPin([u8; SHA256_OUTPUT_LEN]);

impl KeyPin {
    /// The pin of a DER certificate's key.
    ///
    /// # Errors
    /// It is no certificate.
    pub fn of_certificate(der: &[u8]) -> Result<Self, rustls::Error> {
        let certificate = CertificateDer::from(der);
        let key = ParsedCertificate::try_from(&certificate)?.subject_public_key_info();
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, key.as_ref()).as_ref());
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no [`KeyPin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not sha256// and the base64 of 32 bytes")]
pub struct NoKeyPin(String);

impl FromStr for KeyPin {
    type Err = NoKeyPin;

    fn from_str(text: &str) -> Result<Self, NoKeyPin> {
        text.strip_prefix(PREFIX)
            .and_then(|base64| BASE64.decode(base64).ok())
            .and_then(|hash| hash.try_into().ok())
            .map(Self)
            .ok_or_else(|| NoKeyPin(text.to_owned()))
    }
}

impl TryFrom<String> for KeyPin {
    type Error = NoKeyPin;

    fn try_from(text: String) -> Result<Self, NoKeyPin> {
        text.parse()
    }
}

impl From<KeyPin> for String {
    fn from(pin: KeyPin) -> Self {
        pin.to_string()
    }
}

/// The server has a key that is not pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer's certificate has the key {seen}, which is not pinned")]
pub struct NotPinned {
    /// The key that it has.
    pub seen: KeyPin,
}

impl NotPinned {
    /// What a handshake ended of, if it was this: rustls carries it as an error of somebody else's.
    pub(crate) fn in_error(error: &rustls::Error) -> Option<Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                other.downcast_ref().copied()
            }
            _ => None,
        }
    }
}

/// Asks another verifier, then for the key.
#[derive(Debug)]
pub(super) struct PinnedVerifier {
    pub inner: Arc<dyn ServerCertVerifier>,
    pub pins: Vec<KeyPin>,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let seen = KeyPin::of_certificate(end_entity)?;
        if self.pins.contains(&seen) {
            return Ok(verified);
        }
        Err(CertificateError::Other(OtherError(Arc::new(NotPinned { seen }))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSL 3 with the two commands of `default.toml`, from a certificate of its own.
    const DER: &str = "MIIBfTCCASOgAwIBAgIUKYbBM5euQzwDjz+rPalxficfLhIwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJ\
        bG9jYWxob3N0MB4XDTI2MTEyMzA0MjQwMFoXDTM2MTEyMDA0MjQwMFowFDESMBAGA1UEAwwJbG9jYWxo\
        b3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9XBaWGOEyvV58VK+2ThljPr92SLBPiIkJLgT1WdD\
        zlmoO8v/vh89nG2oFOz92P0cJ7n5oicbbdDnb6fKznp0eaNTMFEwHQYDVR0OBBYEFO1g5fTVSb4V+lWh\
        kanIXehCFhfNMB8GA1UdIwQYMBaAFO1g5fTVSb4V+lWhkanIXehCFhfNMA8GA1UdEwEB/wQFMAMBAf8w\
        CgYIKoZIzj0EAwIDSAAwRQIgaCc46JpvDGlBxsXwcxat3vKyaFLdUgtUTdCQggJYMWsCIQD/rmyLRmFA\
        sHv6MajXZnpY5BN55+WYgksLdezKlr5gJQ==";
    const PIN: &str = "sha256//IzQTK1ZjdtC27TVpxQ6DzOe57oqBWROitzDyThmJScQ=";

    #[test]
    fn a_pin_is_the_one_that_openssl_computes() {
        let der = BASE64.decode(DER).unwrap();
        assert_eq!(KeyPin::of_certificate(&der).unwrap().to_string(), PIN);
        assert!(KeyPin::of_certificate(&der[1..]).is_err());
    }

    #[test]
    fn a_pin_is_read_as_it_is_written_and_nothing_else_is_a_pin() {
        let pin: KeyPin = PIN.parse().unwrap();
        assert_eq!((pin.to_string().as_str(), format!("{pin:?}").as_str()), (PIN, PIN));
        let base64 = PIN.strip_prefix(PREFIX).unwrap();
        let longer = format!("{PREFIX}{}", BASE64.encode([0; 33]));
        for wrong in ["", PREFIX, base64, &PIN[..PIN.len() - 1], &format!("{PIN} "), &longer] {
            assert_eq!(wrong.parse::<KeyPin>(), Err(NoKeyPin(wrong.to_owned())));
        }
    }

    #[test]
    fn a_renewed_certificate_keeps_the_pin_of_its_key() {
        let key = rcgen::KeyPair::generate().unwrap();
        let pin = |key: &rcgen::KeyPair, name: &str| {
            let about = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
            KeyPin::of_certificate(about.self_signed(key).unwrap().der()).unwrap()
        };
        assert_eq!(pin(&key, "a.example"), pin(&key, "b.example"));
        assert_ne!(pin(&key, "a.example"), pin(&rcgen::KeyPair::generate().unwrap(), "a.example"));
    }
}
