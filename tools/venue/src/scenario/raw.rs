//! Bytes that a scenario writes itself.

/// Bytes as written: `|` for SOH; a SOH and `len` for what BodyLength has to say, and `sum` for CheckSum.
pub(super) fn raw(text: &str) -> Vec<u8> {
    let mut text = text.replace('|', "\x01");
    if let Some((head, body)) = text.split_once("\x01len\x01") {
        let end = body.rfind("10=").unwrap_or(body.len());
        text = format!("{head}{end}\x01{body}");
    }
    if let Some((before, after)) = text.split_once("\x01sum") {
        let covered = before.strip_suffix("10=").unwrap_or(before);
        let sum = covered.bytes().fold(0u8, u8::wrapping_add);
        text = format!("{before}{sum:03}{after}");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Received;

    #[test]
    fn raw_text_gets_its_length_and_sum() {
        let text = "8=FIX.4.4|9=\x01len|35=0|34=2|49=A|52=20260407-14:32:01.000|56=B|10=\x01sum|";
        let mut bytes = raw(text);
        let message = Received::take(&mut bytes).unwrap().unwrap();
        assert_eq!(message.msg_type(), "0");
        assert_eq!(raw("a|b"), b"a\x01b");
    }
}
