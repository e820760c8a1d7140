//! Kraken's REST interface, as much of it as the cancel ladder needs: the calls and their answers, a small
//! HTTPS client, and the signature, for both sides; Kraken's guide to REST authentication.
//!
//! Nothing here is for the path: calls wait for a socket and allocate.

mod call;
mod client;
mod http;

pub use call::{body, path, read_answer};
pub use client::RestClient;
pub use http::{Response, read_response, request};

use ring::digest::{Context, SHA256};

use super::logon::{Credentials, Password};

/// An API-Sign header.
pub type ApiSign = Password;

impl Credentials {
    /// API-Sign of a call: base64 of HMAC-SHA512, under the decoded secret, of the path and the SHA-256 of
    /// the nonce and the body. `path` starts with `/0/private/`; the nonce stands in the body too.
    #[must_use]
    pub fn api_sign(&self, path: &str, nonce: &[u8], body: &[u8]) -> ApiSign {
        self.sign(&message(path, nonce, body))
    }

    /// Whether an API-Sign is the right one. The comparison takes the same time wherever it differs.
    #[must_use]
    pub fn verify_api_sign(&self, path: &str, nonce: &[u8], body: &[u8], api_sign: &[u8]) -> bool {
        self.is_signature(&message(path, nonce, body), api_sign)
    }
}

fn message(path: &str, nonce: &[u8], body: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(nonce);
    context.update(body);
    [path.as_bytes(), context.finish().as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_signature_of_the_documented_call_is_reproduced_and_verified() {
        let secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
        let credentials = Credentials::new(Secret::new("key"), Secret::new(secret)).unwrap();
        let (path, nonce) = ("/0/private/AddOrder", b"1616492376594");
        let body =
            b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
        let sign = credentials.api_sign(path, nonce, body);
        assert_eq!(
            std::str::from_utf8(&sign).unwrap(),
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
        );
        assert!(credentials.verify_api_sign(path, nonce, body, &sign));
        assert!(!credentials.verify_api_sign("/0/private/CancelAll", nonce, body, &sign));
        assert!(!credentials.verify_api_sign(path, b"1616492376595", body, &sign));
        assert!(!credentials.verify_api_sign(path, nonce, &body[1..], &sign));
        for wrong in [&sign[..84], b"", b"not base64", &[b'A'; 200]] {
            assert!(!credentials.verify_api_sign(path, nonce, body, wrong));
        }
    }
}
