//! A certificate made at start: for loopback, trusted by whoever is given it.

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use taut::wire::tls::{ServerTls, TlsConfigError, TlsMode};

/// A fresh key and a certificate for `localhost` and the loopback addresses.
pub struct Certificate {
    key: CertifiedKey<KeyPair>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// TLS refuses it.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
}

impl Certificate {
    /// Makes one for `names` (host names or addresses).
    ///
    /// # Errors
    /// [`CertificateError::Make`].
    pub fn generate(names: &[&str]) -> Result<Self, CertificateError> {
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        Ok(Self { key: generate_simple_self_signed(names)? })
    }

    /// The certificate, for a client's list of trusted roots.
    #[must_use]
    pub fn pem(&self) -> String {
        self.key.cert.pem()
    }

    /// The server's side of TLS under it.
    ///
    /// # Errors
    /// [`CertificateError::Tls`].
    pub fn server_tls(&self, mode: TlsMode) -> Result<ServerTls, CertificateError> {
        let chain = vec![self.key.cert.der().to_vec()];
        Ok(ServerTls::new(chain, self.key.signing_key.serialize_der(), mode)?)
    }
}
