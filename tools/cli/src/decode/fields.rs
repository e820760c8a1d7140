//! A message as logs write it: which text stands for SOH, where the fields are, and what of them must
//! not be shown.

use taut_codec::mask::{SECRET_TAGS, is_secret};
use taut_codec::scan::DataFields;
use taut_codec::{SOH, tag};

use super::{BEGIN, find};

/// How logs write SOH, by what writes them; letters in either case. The bytes themselves; logs for
/// people; terminals; Rust, Python and C; JSON; JSON in JSON; viewers; addresses.
const FORMS: [&[u8]; 13] = [
    b"\x01",
    b"|",
    b"^A",
    b"\\x01",
    b"\\001",
    b"\\u0001",
    b"\\\\x01",
    b"\\\\u0001",
    b"<SOH>",
    b"[SOH]",
    b"{SOH}",
    b"\xe2\x90\x81",
    b"%01",
];

/// What stands for SOH in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter<'a> {
    /// Its bytes, never empty.
    pub bytes: &'a [u8],
    /// One of the common forms; any other is a guess.
    known: bool,
}

impl<'a> Delimiter<'a> {
    /// What stands behind the version in `8=FIX.4.4`; `None` if nothing there can be a delimiter.
    pub fn of(message: &'a [u8]) -> Option<Self> {
        let value = message.get(2..)?;
        let at = value.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'.'))?;
        let rest = &value[at..];
        let known = |form: &&&[u8]| {
            rest.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form))
        };
        match FORMS.iter().find(known) {
            Some(form) => Some(Self { bytes: &rest[..form.len()], known: true }),
            None => (rest[0] != b'=').then(|| Self { bytes: &rest[..1], known: false }),
        }
    }

    /// The delimiter, then `10=`.
    fn trailer(&self) -> Vec<u8> {
        [self.bytes, b"10="].concat()
    }

    /// The message as it was on the wire.
    pub fn wire(&self, message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::with_capacity(message.len());
        let mut rest = message;
        while let Some((&byte, behind)) = rest.split_first() {
            match rest.strip_prefix(self.bytes) {
                Some(behind) => {
                    wire.push(SOH);
                    rest = behind;
                }
                None => {
                    wire.push(byte);
                    rest = behind;
                }
            }
        }
        wire
    }
}

/// Where the message ends: where BodyLength leads to, if that is a `10=nnn` field; else behind the first
/// such field, or before another message begins.
pub fn end_of_message(message: &[u8]) -> Option<usize> {
    let delimiter = Delimiter::of(message)?;
    if let Some(end) = end_by_length(message, delimiter) {
        return Some(end);
    }
    let mark = delimiter.trailer();
    let mut at = 0;
    loop {
        let trailer = find(&message[at..], &mark)? + at;
        let value = trailer + mark.len();
        let digits = message.get(value..value + 3)?;
        if digits.iter().all(u8::is_ascii_digit) {
            let end = value + 3;
            let begin = find(&message[BEGIN.len()..trailer], BEGIN).map(|n| n + BEGIN.len());
            let closed = message[end..].starts_with(delimiter.bytes);
            let behind = if closed { end + delimiter.bytes.len() } else { end };
            return Some(begin.unwrap_or(behind));
        }
        at = value;
    }
}

/// BodyLength counts bytes as they were sent: it tells something where one byte stands for SOH.
fn end_by_length(message: &[u8], delimiter: Delimiter<'_>) -> Option<usize> {
    let &[soh] = delimiter.bytes else { return None };
    let mut heads = message.splitn(3, |&byte| byte == soh);
    let (begin, length) = (heads.next()?, heads.next()?);
    let body = begin.len() + length.len() + 2;
    let trailer = body.checked_add(number(length.strip_prefix(b"9=")?)?)?;
    let text = message.get(trailer..trailer.checked_add(TRAILER)?)?;
    let good = message[trailer - 1] == soh
        && text.starts_with(b"10=")
        && text[3..6].iter().all(u8::is_ascii_digit)
        && text[6] == soh;
    good.then_some(trailer + TRAILER)
}

/// `10=nnn` and a delimiter of one byte.
const TRAILER: usize = 7;

/// One field, or a run of bytes that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// `None`: not `tag=value`.
    pub tag: Option<u32>,
    /// The value, or the whole run.
    pub value: &'a [u8],
    /// Nothing of the value may be shown.
    pub is_hidden: bool,
}

/// Takes a message apart. A data field ends where its length says, if a delimiter stands there. In doubt a
/// value is hidden, by the rules of [`taut_codec::mask`]: RawData(96) ends where its length says or else
/// before the trailer, and what does not parse behind a secret may be the rest of it.
pub fn fields<'m>(message: &'m [u8], data_fields: DataFields<'_>) -> Vec<Field<'m>> {
    let delimiter = Delimiter::of(message);
    let is_known = delimiter.is_some_and(|delimiter| delimiter.known);
    // Without a delimiter the message is one run.
    let end_of = |rest: &[u8]| delimiter.and_then(|d| find(rest, d.bytes)).unwrap_or(rest.len());
    let mut fields = Vec::new();
    // The data field that the last field announced, and how long it is.
    let (mut behind_secret, mut announced) = (false, None);
    let mut rest = message;
    while !rest.is_empty() {
        if let Some(behind) = delimiter.and_then(|d| rest.strip_prefix(d.bytes)) {
            rest = behind;
            continue;
        }
        let mut end = end_of(rest);
        let Some((tag, at)) = tag_of(&rest[..end]) else {
            let value = &rest[..end];
            fields.push(Field { tag: None, value, is_hidden: behind_secret });
            behind_secret |= secret_in(value).is_some();
            rest = &rest[end..];
            continue;
        };
        let data = &rest[at..];
        let fits = |n: &usize| data.get(*n..).is_some_and(|behind| end_of(behind) == 0);
        let length = announced.and_then(|(data_tag, length)| (data_tag == tag).then_some(length));
        if let Some(length) = length.filter(fits) {
            end = at + length;
        } else if tag == tag::RAW_DATA {
            let trailer = delimiter.and_then(|d| find(data, &d.trailer()));
            end = at + trailer.unwrap_or(data.len());
        }
        let value = &rest[at..end];
        // Behind a guessed delimiter a rest of the real one may stand before the tag: `01553=`.
        let is_hidden = is_secret(tag) || (!is_known && ends_with_secret(&rest[..at - 1]));
        announced = data_fields.data_of(tag).zip(number(value));
        behind_secret = is_hidden || secret_in(value).is_some();
        fields.push(Field { tag: Some(tag), value, is_hidden });
        rest = &rest[end..];
    }
    fields
}

/// The tag of `tag=value`, and where the value begins.
fn tag_of(field: &[u8]) -> Option<(u32, usize)> {
    let equals = field.iter().position(|&b| b == b'=')?;
    let tag = std::str::from_utf8(&field[..equals]).ok()?.parse().ok()?;
    Some((tag, equals + 1))
}

/// A decimal number.
pub fn number(value: &[u8]) -> Option<usize> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn ends_with_secret(text: &[u8]) -> bool {
    SECRET_TAGS.iter().any(|tag| text.ends_with(tag.to_string().as_bytes()))
}

/// A value or a run for people: control bytes escaped, and nothing behind a secret tag in its middle,
/// where a delimiter is missing or was not recognised.
pub fn shown(value: &[u8]) -> String {
    match secret_in(value) {
        Some(at) => format!("{}***", value[..=at].escape_ascii()),
        None => value.escape_ascii().to_string(),
    }
}

/// Where the `=` of a secret tag stands in the middle of a value or a run.
fn secret_in(value: &[u8]) -> Option<usize> {
    let marks = value.iter().enumerate().filter(|&(_, &byte)| byte == b'=');
    marks.map(|(at, _)| at).find(|&at| ends_with_secret(&value[..at]))
}
