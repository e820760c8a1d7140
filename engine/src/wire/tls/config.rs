//! What a side of a TLS connection trusts, shows and prefers. Cold: made once at start.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedCipherSuite, version,
};

use super::TlsMode;
use super::pin::{KeyPin, PinnedVerifier};

/// Whom a client believes.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The certificates of a PEM file, given by its content; nobody else.
    Pem(Vec<u8>),
    /// These DER certificates; nobody else.
    Der(Vec<Vec<u8>>),
    /// The public web's roots (`webpki-roots`): for production.
    WebPki,
    /// Anybody, whatever the certificate says: only for a test host that serves a certificate for
    /// another name, as UAT was seen to do (venue file 1). An eavesdropper can pose as the host.
    UatInsecure,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// No certificate in what should hold some.
    #[error("no certificate given")]
    NoCertificate,
    /// The PEM text cannot be read.
    #[error("cannot read the PEM text: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// The private key cannot be read.
    #[error("cannot read the private key: {0}")]
    Key(&'static str),
    /// rustls refuses certificate or key.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    /// rustls cannot check certificates with these roots.
    #[error(transparent)]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// The client's side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ClientTls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) mode: TlsMode,
    insecure: bool,
}

impl ClientTls {
    /// TLS 1.3 only, with SNI, certificate checks by `trust`; AES-128-GCM first where the processor has AES, else
    /// ChaCha20-Poly1305.
    ///
    /// # Errors
    /// A root certificate cannot be read, or none is given.
    pub fn new(trust: Trust, mode: TlsMode) -> Result<Self, TlsConfigError> {
        Self::pinned(trust, mode, Vec::new())
    }

    /// As [`new`](Self::new), and the server's own certificate must have a key of `pins`, besides what
    /// `trust` asks of it; no pins: any key.
    ///
    /// # Errors
    /// A root certificate cannot be read, or none is given.
    pub fn pinned(trust: Trust, mode: TlsMode, pins: Vec<KeyPin>) -> Result<Self, TlsConfigError> {
        let provider = Arc::new(provider());
        let insecure = matches!(trust, Trust::UatInsecure);
        let mut verifier: Arc<dyn ServerCertVerifier> = if insecure {
            Arc::new(BelieveAnybody(Arc::clone(&provider)))
        } else {
            let roots = Arc::new(roots(trust)?);
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?
        };
        if !pins.is_empty() {
            verifier = Arc::new(PinnedVerifier { inner: verifier, pins });
        }
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.enable_sni = true;
        config.enable_secret_extraction = mode == TlsMode::RecordLayer;
        Ok(Self { config: Arc::new(config), mode, insecure })
    }

    /// Whether certificates are not checked: say so loudly.
    #[must_use]
    pub const fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// A connection to `host` that rustls handles as a whole, for what is not on the path; `None` if that
    /// is no name for a certificate.
    #[must_use]
    pub fn connection(&self, host: &str) -> Option<rustls::ClientConnection> {
        let name = ServerName::try_from(host.to_owned()).ok()?;
        rustls::ClientConnection::new(Arc::clone(&self.config), name).ok()
    }

    /// Who handles records after the handshake.
    #[must_use]
    pub const fn mode(&self) -> TlsMode {
        self.mode
    }
}

/// The server's side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) mode: TlsMode,
}

impl ServerTls {
    /// TLS 1.3 only, with the order of a client's ciphers over the client's own. `chain` is DER, the server's
    /// own certificate first; `key` is DER: PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// Chain or key cannot be read, or they do not belong together.
    pub fn new(chain: Vec<Vec<u8>>, key: Vec<u8>, mode: TlsMode) -> Result<Self, TlsConfigError> {
        if chain.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key).map_err(TlsConfigError::Key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.ignore_client_order = true;
        config.enable_secret_extraction = mode == TlsMode::RecordLayer;
        Ok(Self { config: Arc::new(config), mode })
    }

    /// How many session tickets follow each handshake; 2 by default, as other servers do.
    #[must_use]
    pub fn with_tickets(self, count: usize) -> Self {
        let mut config = (*self.config).clone();
        config.send_tls13_tickets = count;
        Self { config: Arc::new(config), ..self }
    }

    /// Who handles records after the handshake.
    #[must_use]
    pub const fn mode(&self) -> TlsMode {
        self.mode
    }
}

/// `ring` with our order of ciphers.
fn provider() -> CryptoProvider {
    CryptoProvider { cipher_suites: ciphers(has_aes()), ..default_provider() }
}

/// The fastest first: AES-128-GCM where the processor has AES, ChaCha20-Poly1305 where AES is done in software.
fn ciphers(aes: bool) -> Vec<SupportedCipherSuite> {
    let mut all = vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    if !aes {
        all.rotate_right(1);
    }
    all
}

/// Whether the processor has what AES-GCM needs: rounds of AES and the multiplication of its tag.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

fn roots(trust: Trust) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Pem(text) => {
            for certificate in CertificateDer::pem_slice_iter(&text) {
                roots.add(certificate.map_err(TlsConfigError::Pem)?)?;
            }
        }
        Trust::Der(certificates) => {
            for certificate in certificates {
                roots.add(certificate.into())?;
            }
        }
        Trust::WebPki | Trust::UatInsecure => {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    if roots.is_empty() { Err(TlsConfigError::NoCertificate) } else { Ok(roots) }
}

/// Checks that the server holds the key of the certificate it shows, but not whose it is.
#[derive(Debug)]
struct BelieveAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for BelieveAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_insecure_trust_says_that_it_is() {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let pem = certificate.cert.pem().into_bytes();
        let der = certificate.cert.der().to_vec();
        for (trust, insecure) in [
            (Trust::Pem(pem), false),
            (Trust::Der(vec![der]), false),
            (Trust::WebPki, false),
            (Trust::UatInsecure, true),
        ] {
            let tls = ClientTls::new(trust, TlsMode::RecordLayer).unwrap();
            assert_eq!(tls.is_insecure(), insecure);
        }
    }

    #[test]
    fn a_trust_without_certificates_is_refused() {
        for trust in [Trust::Pem(b"nothing".to_vec()), Trust::Der(vec![])] {
            let refused = ClientTls::new(trust, TlsMode::RecordLayer);
            assert!(matches!(refused, Err(TlsConfigError::NoCertificate)));
        }
        assert!(ClientTls::new(Trust::Der(vec![vec![1, 2]]), TlsMode::Rustls).is_err());
        assert!(ServerTls::new(vec![], vec![], TlsMode::Rustls).is_err());
        assert!(ServerTls::new(vec![vec![1]], vec![1], TlsMode::Rustls).is_err());
    }

    #[test]
    fn aes_128_gcm_comes_first_where_the_processor_has_aes_and_chacha20_where_not() {
        let (aes, chacha) =
            (cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256);
        let aes_256 = cipher_suite::TLS13_AES_256_GCM_SHA384;
        assert_eq!(ciphers(true), [aes, aes_256, chacha]);
        assert_eq!(ciphers(false), [chacha, aes, aes_256]);
        // As the kernel sees the processor; what it says of others is worded otherwise.
        if cfg!(target_arch = "x86_64")
            && let Ok(text) = std::fs::read_to_string("/proc/cpuinfo")
        {
            let flags = text.lines().find(|line| line.starts_with("flags")).unwrap();
            let has = |flag: &str| flags.split_whitespace().any(|one| one == flag);
            let first = if has("aes") && has("pclmulqdq") { aes } else { chacha };
            assert_eq!(provider().cipher_suites[0], first);
        }
    }

    #[test]
    fn the_mode_has_one_name() {
        #[derive(serde::Deserialize)]
        struct Config {
            tls: TlsMode,
        }
        let mode = |text: &str| toml::from_str::<Config>(text).map(|config| config.tls);
        assert_eq!(mode("tls = 'record-layer'").unwrap(), TlsMode::RecordLayer);
        assert_eq!(mode("tls = 'rustls'").unwrap(), TlsMode::Rustls);
        assert!(mode("tls = 'none'").is_err());
    }
}
