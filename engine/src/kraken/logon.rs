//! The credentials of a trading logon: signing them (the engine) and checking them (the venue);
//! venue file 2, 2.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac};
use taut_codec::encode::Encoder;
use taut_codec::tag;
use taut_codec::value::{UtcTime, write_u64};

use crate::secret::Secret;

/// Length of a Password(554): the base64 of 64 bytes.
pub const PASSWORD_LEN: usize = 88;

/// A Password(554).
pub type Password = [u8; PASSWORD_LEN];

/// How far a nonce may be from the venue's clock, milliseconds (venue file 2.1).
pub const NONCE_WINDOW_MS: u64 = 5_000;

/// What is wrong with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The environment variable is not set, or not text.
    #[error("environment variable {0} is not set")]
    NotSet(&'static str),
    /// The key is empty or holds a control byte.
    #[error("the API key is empty or holds a control byte")]
    BadKey,
    /// The secret is empty or not base64.
    #[error("the API secret is empty or not base64")]
    BadSecret,
    /// A CompID is empty or holds a control byte: what is signed would be ambiguous.
    #[error("a CompID is empty or holds a control byte")]
    BadCompId,
}

/// An API key and its secret, ready to sign without allocation. Cannot be printed.
#[derive(Clone)]
pub struct Credentials {
    api_key: Secret,
    // Boxed once at start: ring keeps both padded states inline, several hundred bytes.
    signing_key: Box<hmac::Key>,
}

impl Credentials {
    /// The variable that holds the API key.
    pub const KEY_VARIABLE: &'static str = "TAUT_API_KEY";
    /// The variable that holds the API secret, base64.
    pub const SECRET_VARIABLE: &'static str = "TAUT_API_SECRET";

    /// Takes a key and its secret (base64).
    ///
    /// # Errors
    /// [`CredentialError::BadKey`], [`CredentialError::BadSecret`].
    pub fn new(api_key: Secret, api_secret: Secret) -> Result<Self, CredentialError> {
        if !is_clean(api_key.expose().as_bytes()) {
            return Err(CredentialError::BadKey);
        }
        let decoded = BASE64.decode(api_secret.expose());
        let mut decoded = decoded.map_err(|_| CredentialError::BadSecret)?;
        let signing_key = Box::new(hmac::Key::new(hmac::HMAC_SHA512, &decoded));
        let empty = decoded.is_empty();
        decoded.fill(0);
        std::hint::black_box(&decoded);
        if empty { Err(CredentialError::BadSecret) } else { Ok(Self { api_key, signing_key }) }
    }

    /// Reads [`Self::KEY_VARIABLE`] and [`Self::SECRET_VARIABLE`].
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn from_env() -> Result<Self, CredentialError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(read: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        let get = |name| read(name).map(Secret::new).ok_or(CredentialError::NotSet(name));
        Self::new(get(Self::KEY_VARIABLE)?, get(Self::SECRET_VARIABLE)?)
    }

    /// The API key, Username(553).
    #[must_use]
    pub fn api_key(&self) -> &Secret {
        &self.api_key
    }

    /// Password(554) of the Logon with these fields (venue file 2.1): base64 of HMAC-SHA512, under the
    /// decoded secret, of the SHA-256 of the signed fields and the nonce.
    ///
    /// # Errors
    /// [`CredentialError::BadCompId`].
    pub fn password(
        &self,
        msg_seq_num: u64,
        sender: &[u8],
        target: &[u8],
        nonce_ms: u64,
    ) -> Result<Password, CredentialError> {
        let mut digits = [0; 20];
        let nonce = write_u64(nonce_ms, &mut digits);
        let digest = self.digest(msg_seq_num, sender, target, nonce)?;
        Ok(self.sign(digest.as_ref()))
    }

    /// Whether `password` is the right one. The comparison takes the same time wherever it differs.
    #[must_use]
    pub fn verify(
        &self,
        msg_seq_num: u64,
        sender: &[u8],
        target: &[u8],
        nonce: &[u8],
        password: &[u8],
    ) -> bool {
        let Ok(digest) = self.digest(msg_seq_num, sender, target, nonce) else {
            return false;
        };
        self.is_signature(digest.as_ref(), password)
    }

    /// Base64 of the HMAC-SHA512 of a message under the decoded secret.
    pub(super) fn sign(&self, message: &[u8]) -> Password {
        let mut text = [0; PASSWORD_LEN];
        match BASE64.encode_slice(hmac::sign(&self.signing_key, message).as_ref(), &mut text) {
            Ok(PASSWORD_LEN) => text,
            _ => unreachable!("64 bytes are 88 characters of base64"),
        }
    }

    /// Whether a text is what [`Credentials::sign`] makes of the message, in time that does not tell where
    /// it differs.
    pub(super) fn is_signature(&self, message: &[u8], text: &[u8]) -> bool {
        let mut signature = [0; 66];
        let Ok(64) = BASE64.decode_slice(text, &mut signature) else {
            return false;
        };
        hmac::verify(&self.signing_key, message, &signature[..64]).is_ok()
    }

    /// Writes the credentials behind the fields that every Logon has: for
    /// [`Session::connected`](crate::session::Session::connected). `cancel_on_disconnect` of `None`
    /// leaves 8674 out, which means that the venue cancels (venue file 2.3).
    ///
    /// # Errors
    /// [`CredentialError::BadCompId`]; then nothing is written.
    pub fn write_logon_fields(
        &self,
        body: &mut Encoder<'_>,
        msg_seq_num: u64,
        sender: &[u8],
        target: &[u8],
        nonce_ms: u64,
        cancel_on_disconnect: Option<bool>,
    ) -> Result<(), CredentialError> {
        let password = self.password(msg_seq_num, sender, target, nonce_ms)?;
        body.bytes(tag::USERNAME, self.api_key.expose().as_bytes())
            .bytes(tag::PASSWORD, &password)
            .uint(tag::NONCE, nonce_ms);
        if let Some(cancel) = cancel_on_disconnect {
            // The sense is inverted on the wire: 0 cancels.
            body.byte(tag::CANCEL_ORDERS_ON_DISCONNECT, if cancel { b'0' } else { b'1' });
        }
        Ok(())
    }

    fn digest(
        &self,
        msg_seq_num: u64,
        sender: &[u8],
        target: &[u8],
        nonce: &[u8],
    ) -> Result<digest::Digest, CredentialError> {
        if !is_clean(sender) || !is_clean(target) {
            return Err(CredentialError::BadCompId);
        }
        let mut digits = [0; 20];
        let number = write_u64(msg_seq_num, &mut digits);
        let mut context = digest::Context::new(&digest::SHA256);
        let key = self.api_key.expose().as_bytes();
        let fields: [(&[u8], &[u8]); 5] =
            [(b"35", b"A"), (b"34", number), (b"49", sender), (b"56", target), (b"553", key)];
        for (tag, value) in fields {
            context.update(tag);
            context.update(b"=");
            context.update(value);
            context.update(b"\x01");
        }
        context.update(nonce);
        Ok(context.finish())
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(***)")
    }
}

fn is_clean(value: &[u8]) -> bool {
    !value.is_empty() && !value.iter().any(|&b| b < 0x20 || b == 0x7f)
}

/// What a session adds to its Logon.
// One per session, made once: the size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Logon {
    /// Nothing: market data needs no credentials (venue file 2).
    MarketData,
    /// Credentials, a fresh nonce for each attempt, and the choice of 8674.
    Trading {
        /// The API key.
        credentials: Credentials,
        /// Where nonces come from.
        nonces: NonceSource,
        /// Whether the venue cancels this session's orders when the connection is lost.
        cancel_on_disconnect: bool,
    },
}

impl Logon {
    /// The Logon of a trading session.
    #[must_use]
    pub const fn trading(credentials: Credentials, cancel_on_disconnect: bool) -> Self {
        Self::Trading { credentials, nonces: NonceSource::new(), cancel_on_disconnect }
    }

    /// Goes on behind the last nonce of an earlier life.
    pub const fn continue_after(&mut self, nonce_ms: u64) {
        if let Self::Trading { nonces, .. } = self {
            *nonces = NonceSource::after(nonce_ms);
        }
    }

    /// The last nonce; 0 if there was none.
    #[must_use]
    pub const fn last_nonce(&self) -> u64 {
        match self {
            Self::MarketData => 0,
            Self::Trading { nonces, .. } => nonces.last_ms,
        }
    }

    /// A nonce for something else than a Logon: a call by REST has to be above the Logons before it, and
    /// those behind it above it, if the venue counts both together.
    pub fn next_nonce(&mut self, now: UtcTime) -> u64 {
        match self {
            Self::MarketData => now.millis(),
            Self::Trading { nonces, .. } => nonces.next(now),
        }
    }

    /// How far the next nonce is ahead of `now`, milliseconds. Beyond [`NONCE_WINDOW_MS`] the venue
    /// refuses every Logon, until the clock has caught up: an earlier life had a clock that was ahead.
    #[must_use]
    pub const fn nonce_ahead_ms(&self, now: UtcTime) -> u64 {
        match self {
            Self::MarketData => 0,
            Self::Trading { nonces, .. } => {
                nonces.last_ms.saturating_add(1).saturating_sub(now.millis())
            }
        }
    }

    /// Writes its fields behind those that every Logon has.
    pub fn write(
        &mut self,
        body: &mut Encoder<'_>,
        msg_seq_num: u64,
        sender: &[u8],
        target: &[u8],
        now: UtcTime,
    ) {
        let Self::Trading { credentials, nonces, cancel_on_disconnect } = self else { return };
        let nonce_ms = nonces.next(now);
        credentials
            .write_logon_fields(
                body,
                msg_seq_num,
                sender,
                target,
                nonce_ms,
                Some(*cancel_on_disconnect),
            )
            .expect("a CompId is not empty in a checked configuration and holds no control byte");
    }
}

/// Makes nonces: milliseconds since the epoch that strictly increase, whatever the clock does.
#[derive(Debug, Clone, Copy, Default)]
pub struct NonceSource {
    last_ms: u64,
}

impl NonceSource {
    /// A source that has made no nonce yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last_ms: 0 }
    }

    /// A source whose nonces are above `last_ms`.
    #[must_use]
    pub const fn after(last_ms: u64) -> Self {
        Self { last_ms }
    }

    /// The next nonce at `now`.
    pub fn next(&mut self, now: UtcTime) -> u64 {
        self.last_ms = now.millis().max(self.last_ms.saturating_add(1));
        self.last_ms
    }
}

/// Why a nonce was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// It is no number.
    #[error("the nonce is no number")]
    Malformed,
    /// It is farther from the clock than [`NONCE_WINDOW_MS`].
    #[error("the nonce is too far from the time")]
    OutsideWindow,
    /// It is not above the last one that was accepted: a Logon that was captured and sent again.
    #[error("the nonce does not increase")]
    NotIncreasing,
}

/// The venue's side of the nonce rule, one per API key: near the clock, strictly increasing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NonceGuard {
    last_ms: Option<u64>,
}

impl NonceGuard {
    /// A guard that has accepted nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last_ms: None }
    }

    /// The last nonce that was accepted, milliseconds; 0 if there was none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last_ms.unwrap_or(0)
    }

    /// Judges Nonce(5025) at `now`, without remembering it.
    ///
    /// # Errors
    /// [`NonceError`].
    pub fn check(&self, nonce: &[u8], now: UtcTime) -> Result<u64, NonceError> {
        let ms = taut_codec::value::parse_u64(nonce).map_err(|_| NonceError::Malformed)?;
        if ms.abs_diff(now.millis()) > NONCE_WINDOW_MS {
            return Err(NonceError::OutsideWindow);
        }
        if self.last_ms.is_some_and(|last| ms <= last) {
            return Err(NonceError::NotIncreasing);
        }
        Ok(ms)
    }

    /// Remembers a nonce whose password was right. Wrong ones must not be remembered, or anybody could
    /// lock the owner of the key out.
    pub fn accept(&mut self, nonce_ms: u64) {
        self.last_ms = Some(nonce_ms.max(self.last_ms.unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Outbox, Session, SessionConfig};

    fn credentials(key: &str, secret: &str) -> Credentials {
        Credentials::new(Secret::new(key), Secret::new(secret)).unwrap()
    }

    /// Key, secret, MsgSeqNum, sender, target, nonce, password: venue file 2.2.
    const VECTORS: [(&str, &str, u64, &str, &str, u64, &str); 4] = [
        (
            "APIKEY",
            "c2VjcmV0",
            7,
            "CLIENT",
            "KRAKEN-TRD",
            1_724_512_345_678,
            "MwX+M7nvuHXxD5aGI/TFpghXxg2iblxXYyz7lRzLCPMA4UJYI3osNrUKWCiI3fDnOLkEQ5WKSK58Mp3nvu1Klw==",
        ),
        (
            "APIKEY",
            "c2VjcmV0",
            1,
            "CLIENT",
            "KRAKEN-TRD",
            1_775_572_321_000,
            "bC1C6b1EbezGMbPlYiwri9D9q3Sqx7lZlpme2lztYqUalw95FvJ2E4x4rX+vjDSE8UIuwSJM4agYBX8MhAnJXA==",
        ),
        (
            "APIKEY",
            "c2VjcmV0",
            1,
            "CLIENT-DRV",
            "KRAKEN-DRV-TRD",
            1_775_572_321_000,
            "N3Ehp1ptXzfwvJjMwmxv5k4s0PNtb5RqxVovkov7+twQYPXHOl35wu2y2gF8OdTCXEof6kMhP4+DPedmIJH4Lg==",
        ),
        (
            "kQH5HW8p1uGOVjbgWA7FunAmGO8lsSUX",
            "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
            2,
            "MYCOMPID",
            "KRAKEN-TRD",
            1_688_736_075_072,
            "OFIdsISAhes+X2mELRcwzp0H+n2Kk4gJcC/ATktACNPJs2vh7dxld8HcS4g7s8PU5c6HLzySqdGertcVm5kKKw==",
        ),
    ];

    #[test]
    fn the_password_of_every_test_vector_is_reproduced_and_verified() {
        for (key, secret, number, sender, target, nonce, expected) in VECTORS {
            let credentials = credentials(key, secret);
            let (sender, target) = (sender.as_bytes(), target.as_bytes());
            let password = credentials.password(number, sender, target, nonce).unwrap();
            assert_eq!(std::str::from_utf8(&password).unwrap(), expected);
            let nonce = nonce.to_string();
            assert!(credentials.verify(number, sender, target, nonce.as_bytes(), &password));
        }
    }

    #[test]
    fn a_password_for_anything_else_is_refused() {
        let right = credentials("APIKEY", "c2VjcmV0");
        let password = right.password(7, b"CLIENT", b"KRAKEN-TRD", 1_724_512_345_678).unwrap();
        let nonce = b"1724512345678";
        assert!(!right.verify(8, b"CLIENT", b"KRAKEN-TRD", nonce, &password));
        assert!(!right.verify(7, b"CLIENT2", b"KRAKEN-TRD", nonce, &password));
        assert!(!right.verify(7, b"CLIENT", b"KRAKEN-MD", nonce, &password));
        assert!(!right.verify(7, b"CLIENT", b"KRAKEN-TRD", b"1724512345679", &password));
        assert!(!right.verify(7, b"CLIENT", b"KRAKEN-TRD", nonce, &password[..84]));
        assert!(!right.verify(7, b"CLIENT", b"KRAKEN-TRD", nonce, b"not base64"));
        assert!(!right.verify(7, b"CLIENT", b"KRAKEN-TRD", nonce, &[b'A'; 200]));
        let split = right.password(7, b"CLIENT\x0156=X", b"KRAKEN-TRD", 1_724_512_345_678);
        assert_eq!(split, Err(CredentialError::BadCompId));
        let other = credentials("APIKEY", "c2VjcmV1");
        assert!(!other.verify(7, b"CLIENT", b"KRAKEN-TRD", nonce, &password));
    }

    fn logon_frame(sender: &str, target: &str) -> String {
        let mut config = SessionConfig::initiator(sender.parse().unwrap(), target.parse().unwrap());
        config.reset_on_logon = true;
        let now = UtcTime::parse(b"20260407-14:32:01.000").unwrap();
        let (mut session, mut out) = (Session::new(config), Outbox::with_capacity(32 * 1024));
        let credentials = credentials("APIKEY", "c2VjcmV0");
        let nonce = NonceSource::new().next(now);
        session
            .connected(now, &mut out, |body, number| {
                let (sender, target) = (sender.as_bytes(), target.as_bytes());
                credentials
                    .write_logon_fields(body, number, sender, target, nonce, Some(true))
                    .unwrap();
            })
            .unwrap();
        String::from_utf8(out.pending().to_vec()).unwrap().replace('\x01', "|")
    }

    #[test]
    fn the_spot_logon_is_the_documented_frame_byte_for_byte() {
        assert_eq!(
            logon_frame("CLIENT", "KRAKEN-TRD"),
            "8=FIX.4.4|9=207|35=A|34=1|49=CLIENT|52=20260407-14:32:01.000|56=KRAKEN-TRD|98=0|\
             108=60|141=Y|553=APIKEY|554=bC1C6b1EbezGMbPlYiwri9D9q3Sqx7lZlpme2lztYqUalw95FvJ2E4x4rX\
             +vjDSE8UIuwSJM4agYBX8MhAnJXA==|5025=1775572321000|8674=0|10=178|"
        );
    }

    #[test]
    fn the_derivatives_logon_is_the_documented_frame_byte_for_byte() {
        assert_eq!(
            logon_frame("CLIENT-DRV", "KRAKEN-DRV-TRD"),
            "8=FIX.4.4|9=215|35=A|34=1|49=CLIENT-DRV|52=20260407-14:32:01.000|56=KRAKEN-DRV-TRD|\
             98=0|108=60|141=Y|553=APIKEY|554=N3Ehp1ptXzfwvJjMwmxv5k4s0PNtb5RqxVovkov7+twQYPXHOl35wu\
             2y2gF8OdTCXEof6kMhP4+DPedmIJH4Lg==|5025=1775572321000|8674=0|10=133|"
        );
    }

    #[test]
    fn credentials_come_from_the_environment_and_are_checked_there() {
        let full = |name: &str| match name {
            "TAUT_API_KEY" => Some("APIKEY".to_string()),
            "TAUT_API_SECRET" => Some("c2VjcmV0".to_string()),
            _ => None,
        };
        assert!(Credentials::from_variables(full).is_ok());
        let error = |read: &dyn Fn(&str) -> Option<String>| Credentials::from_variables(read).err();
        assert_eq!(error(&|_| None), Some(CredentialError::NotSet("TAUT_API_KEY")));
        assert_eq!(
            error(&|name| full(name).filter(|_| name == "TAUT_API_KEY")),
            Some(CredentialError::NotSet("TAUT_API_SECRET"))
        );
        assert_eq!(error(&|_| Some("a\x01b".into())), Some(CredentialError::BadKey));
        assert_eq!(error(&|_| Some("not base64!".into())), Some(CredentialError::BadSecret));
    }

    #[test]
    fn credentials_are_not_printed() {
        let printed = format!("{:?}", credentials("APIKEY", "c2VjcmV0"));
        assert!(!printed.contains("APIKEY") && !printed.contains("c2Vj"), "{printed}");
    }

    #[test]
    fn nonces_increase_also_when_the_clock_stands_or_goes_back() {
        let mut source = NonceSource::new();
        let nonces = [1000, 1000, 900, 5000].map(|ms| source.next(UtcTime::from_millis(ms)));
        assert_eq!(nonces, [1000, 1001, 1002, 5000]);
    }

    #[test]
    fn a_captured_logon_cannot_be_sent_again() {
        let now = UtcTime::from_millis(1_000_000);
        let mut guard = NonceGuard::new();
        assert_eq!(guard.check(b"1000000", now), Ok(1_000_000));
        guard.accept(1_000_000);
        assert_eq!(guard.check(b"1000000", now), Err(NonceError::NotIncreasing));
        assert_eq!(guard.check(b"1000001", now), Ok(1_000_001));
        assert_eq!(guard.check(b"1005001", now), Err(NonceError::OutsideWindow));
        assert_eq!(guard.check(b"994999", now), Err(NonceError::OutsideWindow));
        assert_eq!(guard.check(b"1e6", now), Err(NonceError::Malformed));
    }
}
