//! A call and its answer.

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::gateway::NotLetIn;
use crate::matching::RejectReason;
use crate::oes::Refusal;

/// A call, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whether it is a GET; else a POST.
    pub is_get: bool,
    /// The path, `/0/private/CancelAll`.
    pub path: String,
    /// What stands behind the `?` of a call for derivatives.
    pub query: Vec<u8>,
    /// API-Key (spot) or APIKey (derivatives).
    pub api_key: Vec<u8>,
    /// API-Sign (spot) or Authent (derivatives).
    pub signature: Vec<u8>,
    /// Nonce (derivatives); empty if there is none.
    pub nonce: Vec<u8>,
    /// Form fields, `nonce=1&txid=...`.
    pub body: Vec<u8>,
    /// Where it comes from, if that is known.
    pub source: Option<IpAddr>,
}

impl Call {
    /// The fields of a call for derivatives as they came, in the query or the body.
    pub(crate) fn form(&self) -> Vec<u8> {
        [&self.query[..], &self.body].concat()
    }
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP: 200, or 404 for a path that is not there.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// Why a call was refused: Kraken's error string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub Cow<'static, str>);

impl From<&'static str> for Refused {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<RejectReason> for Refused {
    fn from(reason: RejectReason) -> Self {
        reason.text().into()
    }
}

impl From<NotLetIn> for Refused {
    fn from(why: NotLetIn) -> Self {
        match why {
            NotLetIn::UnknownKey => "EAPI:Invalid key",
            NotLetIn::LockedOut => "EGeneral:Temporary lockout",
            NotLetIn::WrongAddress => "EGeneral:Permission denied",
            NotLetIn::WrongSignature => "EAPI:Invalid signature",
            NotLetIn::NonceUsed | NotLetIn::NonceLow => "EAPI:Invalid nonce",
        }
        .into()
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(Cow::Owned(refusal.text.to_string()))
    }
}

impl Answer {
    /// What a call came to.
    pub(crate) fn new(outcome: Result<Value, Refused>) -> Self {
        let (status, body) = match outcome {
            Ok(result) => (200, json!({ "error": [], "result": result })),
            Err(Refused(text)) => (200, json!({ "error": [text] })),
        };
        Self { status, body: body.to_string() }
    }

    /// HTTP itself was wrong.
    pub(crate) fn error(status: u16, text: &str) -> Self {
        Self { status, body: json!({ "error": [text] }).to_string() }
    }
}

/// `{"count": 2}`: how many orders a cancel met.
pub(crate) fn result(count: usize) -> Value {
    json!({ "count": count })
}

/// The fields of a form.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `a=1&b=%32`. `None` if it is no such text.
    pub fn read(body: &[u8]) -> Option<Self> {
        let pairs = body.split(|&b| b == b'&').filter(|pair| !pair.is_empty());
        let one = |pair: &[u8]| {
            let at = pair.iter().position(|&b| b == b'=')?;
            Some((decode(&pair[..at])?, decode(&pair[at + 1..])?))
        };
        pairs.map(one).collect::<Option<_>>().map(Self)
    }

    /// A field that is there and not empty; of several with one name the first.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

fn decode(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                rest = tail;
                let digits = std::str::from_utf8(digits).ok()?;
                // A sign is a digit to `from_str_radix`, not to a form.
                let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                u8::from_str_radix(digits, 16).ok().filter(|_| hex)?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_escapes() {
        let form = Form::read(b"nonce=12&cl_ord_id=a%2Bb+c%20d&empty=&nonce=13&").unwrap();
        assert_eq!(form.get("nonce"), Some("12"));
        assert_eq!(form.get("cl_ord_id"), Some("a+b c d"));
        assert_eq!((form.get("empty"), form.get("txid")), (None, None));
        assert!(Form::read(b"").unwrap().get("nonce").is_none());
        for bad in [&b"{\"nonce\":1}"[..], b"nonce", b"a=%", b"a=%4", b"a=%+1", b"a=%zz", b"a=%ff"]
        {
            assert!(Form::read(bad).is_none(), "{bad:?}");
        }
    }
}
