//! A message against what was expected of it.

use super::Field;

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    fields: Vec<(u32, String)>,
}

/// Header and trailer: what an exact expectation is not about.
const FRAME: [u32; 12] = [8, 9, 35, 34, 49, 52, 56, 43, 97, 122, 369, 10];

impl Received {
    /// Takes the first message off `buffer`; `None` if it is not all there yet. BodyLength and CheckSum
    /// are verified, without the codec under test.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn take(buffer: &mut Vec<u8>) -> Result<Option<Self>, String> {
        const BEGIN: &[u8] = b"8=FIX.4.4\x019=";
        if buffer.len() < BEGIN.len() + 8 {
            return Ok(None);
        }
        let shown =
            || String::from_utf8_lossy(&buffer[..buffer.len().min(80)]).replace('\x01', "|");
        if !buffer.starts_with(BEGIN) {
            return Err(format!("no message starts with {:?}", shown()));
        }
        let digits = buffer[BEGIN.len()..].iter().take_while(|b| b.is_ascii_digit()).count();
        let length = std::str::from_utf8(&buffer[BEGIN.len()..BEGIN.len() + digits]);
        let length: Option<usize> = length.ok().and_then(|text| text.parse().ok());
        let length = length
            .filter(|n| *n < 1 << 24)
            .ok_or_else(|| format!("no BodyLength in {:?}", shown()))?;
        let body_end = BEGIN.len() + digits + 1 + length;
        if buffer.len() < body_end + 7 {
            return Ok(None);
        }
        let sum = buffer[..body_end].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        let trailer = format!("10={sum:03}\x01");
        if buffer[body_end..body_end + 7] != *trailer.as_bytes() {
            return Err(format!("BodyLength or CheckSum is wrong in {:?}", shown()));
        }
        let bytes: Vec<u8> = buffer.drain(..body_end + 7).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let fields = text.split('\x01').filter(|field| !field.is_empty());
        let fields = fields.map(|field| {
            let (tag, value) =
                field.split_once('=').ok_or_else(|| format!("{field:?} is no field"))?;
            let tag = tag.parse().map_err(|_| format!("{tag:?} is no tag"))?;
            Ok((tag, value.to_owned()))
        });
        let fields: Result<Vec<_>, String> = fields.collect();
        Ok(Some(Self { fields: fields? }))
    }

    /// The value of the n-th field of a tag, from 0.
    #[must_use]
    pub fn nth(&self, tag: u32, n: usize) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(one, _)| *one == tag);
        found.nth(n).map(|(_, value)| value.as_str())
    }

    /// The value of a tag.
    #[must_use]
    pub fn get(&self, tag: u32) -> Option<&str> {
        self.nth(tag, 0)
    }

    /// MsgType.
    #[must_use]
    pub fn msg_type(&self) -> &str {
        self.get(35).unwrap_or("")
    }

    /// All of it, `|` for SOH.
    #[must_use]
    pub fn text(&self) -> String {
        self.fields.iter().map(|(tag, value)| format!("{tag}={value}|")).collect()
    }

    fn body(&self) -> impl Iterator<Item = u32> + '_ {
        self.fields.iter().map(|(tag, _)| *tag).filter(|tag| !FRAME.contains(tag))
    }
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The field; 35 if it is another message altogether, 0 if the order of the fields is wrong.
    pub tag: u32,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// Compares; the values have no placeholders any more. Returns what differs, and what is to be
/// remembered.
pub(super) fn compare(
    message: &Received,
    exact: bool,
    msg_type: &str,
    fields: &[Field],
) -> (Vec<Finding>, Vec<(String, String)>) {
    let (mut findings, mut remember) = (Vec::new(), Vec::new());
    let mut find = |tag, expected: &str, got: Option<&str>| {
        let got = got.map_or("no such field".to_owned(), |got| format!("{got:?}"));
        findings.push(Finding { tag, expected: expected.to_owned(), got });
    };
    if message.msg_type() != msg_type {
        find(35, msg_type, message.get(35));
    }
    for (at, (tag, expected)) in fields.iter().enumerate() {
        let nth = fields[..at].iter().filter(|(one, _)| one == tag).count();
        let got = message.nth(*tag, nth);
        let fits = match (expected.as_str(), got) {
            ("-", got) => got.is_none(),
            (_, None) => false,
            ("?", Some(_)) => true,
            (expected, Some(got)) => match expected.split_at_checked(1) {
                Some(("?", name)) => {
                    remember.push((name.to_owned(), got.to_owned()));
                    true
                }
                Some(("~", part)) => got.contains(part),
                Some(("!", other)) => got != other,
                _ => got == expected,
            },
        };
        if !fits {
            find(*tag, expected, got);
        }
    }
    if exact {
        let wanted: Vec<u32> =
            fields.iter().map(|field| field.0).filter(|tag| !FRAME.contains(tag)).collect();
        let came: Vec<u32> = message.body().collect();
        if wanted != came {
            let (expected, got) = (format!("the fields {wanted:?}"), format!("{came:?}"));
            findings.push(Finding { tag: 0, expected, got });
        }
    }
    (findings, remember)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Received {
        let body = body.replace('|', "\x01");
        let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
        let sum = head.bytes().fold(0u8, u8::wrapping_add);
        let mut bytes = format!("{head}10={sum:03}\x01").into_bytes();
        let half = bytes.len() / 2;
        let mut part = bytes[..half].to_vec();
        assert_eq!(Received::take(&mut part), Ok(None));
        let received = Received::take(&mut bytes).unwrap().unwrap();
        assert!(bytes.is_empty());
        received
    }

    fn check(exact: bool, fields: &[(u32, &str)]) -> Vec<u32> {
        let message = message("35=8|34=2|11=a|37=O1|54=1|269=0|269=1|");
        let fields: Vec<Field> = fields.iter().map(|(tag, v)| (*tag, (*v).to_owned())).collect();
        compare(&message, exact, "8", &fields).0.iter().map(|finding| finding.tag).collect()
    }

    #[test]
    fn each_field_is_judged_by_itself() {
        assert!(
            check(
                false,
                &[(11, "a"), (37, "?order"), (54, "?"), (58, "-"), (269, "0"), (269, "1")]
            )
            .is_empty()
        );
        assert_eq!(
            check(false, &[(11, "b"), (58, "?"), (54, "-"), (37, "~X"), (269, "1")]),
            [11, 58, 54, 37, 269]
        );
        assert_eq!(check(false, &[(11, "!a"), (37, "!O2")]), [11]);
        assert_eq!(check(true, &[(11, "a"), (37, "~O"), (54, "1")]), [0]);
        assert_eq!(check(true, &[(37, "?"), (11, "a"), (54, "1"), (269, "0"), (269, "1")]), [0]);
        assert!(check(true, &[(11, "a"), (37, "?"), (54, "1"), (269, "0"), (269, "1")]).is_empty());
        let other = compare(&message("35=j|"), false, "8", &[]).0;
        assert_eq!((other[0].tag, other[0].got.as_str()), (35, "\"j\""));
    }

    #[test]
    fn a_wrong_length_or_sum_is_an_error() {
        let mut bytes = b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01".to_vec();
        assert!(Received::take(&mut bytes).unwrap_err().contains("CheckSum"));
        let mut bytes = b"9=5\x0135=0\x0110=000\x01.......".to_vec();
        assert!(Received::take(&mut bytes).is_err());
    }
}
