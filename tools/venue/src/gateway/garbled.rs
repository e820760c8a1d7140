//! Input that is no message: garbled, unparsable, or of failed integrity (venue file 3.7).

use serde::{Deserialize, Serialize};
use taut_codec::SOH;
use taut_codec::encode::HeaderOrder;
use taut_codec::frame::GarbageReason;
use taut_codec::garbled::Garbled;
use taut_codec::scan::ScanErrorKind;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::report::RejectForm;
use super::{ConnectionId, Gateway, Refusal};

/// What a session is told of input that is no message. It is disregarded either way: its number is not used
/// up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GarbledInput {
    /// A Reject (35=3), as Kraken's page of it says.
    #[default]
    Reject,
    /// Nothing, as FIX has it (session case 2.d).
    PassOver,
}

impl Gateway {
    /// Bytes of a connection were skipped. They count as an error of the session.
    pub(super) fn garbled(&mut self, id: ConnectionId, bytes: &[u8], why: Garbled, now: UtcTime) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (service, number) = (connection.service, connection.client);
        // Noise up to the next message is part of what was garbled before it, however the bytes came.
        let is_noise = why == Garbled::Frame(GarbageReason::NoBeginString);
        let goes_on = std::mem::replace(&mut connection.in_garbage, true) && is_noise;
        let Some(number) = number else {
            // A Logon has to come first (FIX session case 2S).
            connection.close = true;
            return self.refusals.note(service, b"", connection.source, Refusal::NoMessage);
        };
        let Some(known) = self.clients[usize::from(number)].known_mut(service) else { return };
        known.session.garbled(bytes.len(), why, now);
        if goes_on {
            return;
        }
        self.note_error(number, service, now);
        if self.switches.garbled == GarbledInput::PassOver {
            return;
        }
        const OTHER: u64 = 99;
        let form = self.switches.reject_form;
        self.send_on(number, service, b"3", HeaderOrder::default(), now, |enc| {
            let ref_seq_num = field(bytes, b"34=").and_then(number_of).unwrap_or(0);
            enc.uint(tag::REF_SEQ_NUM, ref_seq_num);
            if form == RejectForm::Documented {
                if let Some(ref_tag) = ref_tag(why) {
                    enc.uint(tag::REF_TAG_ID, u64::from(ref_tag));
                }
                if let Some(msg_type) = field(bytes, b"35=").filter(|text| is_msg_type(text)) {
                    enc.bytes(tag::REF_MSG_TYPE, msg_type);
                }
                enc.uint(tag::SESSION_REJECT_REASON, OTHER);
            }
            enc.bytes(tag::TEXT, format!("Garbled message: {why}").as_bytes());
        });
    }
}

/// The field that is wrong, where it is one of those that hold a message together.
const fn ref_tag(why: Garbled) -> Option<u32> {
    match why {
        Garbled::Frame(reason) => match reason {
            GarbageReason::NoBeginString => None,
            GarbageReason::MsgTypeNotThird => Some(tag::MSG_TYPE),
            _ => Some(tag::BODY_LENGTH),
        },
        Garbled::Fields(error) => match error.kind {
            ScanErrorKind::CheckSumWrong | ScanErrorKind::CheckSumMissing => Some(tag::CHECK_SUM),
            _ => None,
        },
    }
}

/// The value of the first field whose text starts so, tag and `=`, behind another field; `None` if there is
/// none, or if it does not end.
fn field<'a>(bytes: &'a [u8], start: &[u8; 3]) -> Option<&'a [u8]> {
    let mut fields = bytes.split(|&byte| byte == SOH);
    // The last has no end: what it says may be cut off.
    fields.next_back()?;
    fields.skip(1).find_map(|field| field.strip_prefix(start))
}

/// A MsgSeqNum.
fn number_of(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether a text looks like a MsgType.
fn is_msg_type(text: &[u8]) -> bool {
    (1..=2).contains(&text.len()) && text.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_type_are_read_from_whole_fields_behind_the_first_only() {
        let bytes = b"8=FIX.4.4\x019=5\x0135=D\x0134=17\x0158=x";
        assert_eq!(field(bytes, b"34="), Some(&b"17"[..]));
        assert_eq!(field(bytes, b"35="), Some(&b"D"[..]));
        assert_eq!(field(bytes, b"58="), None, "it does not end");
        assert_eq!(field(b"34=17\x01", b"34="), None, "where a message starts is BeginString");
        assert_eq!(field(b"", b"34="), None);
        assert_eq!(number_of(b"17"), Some(17));
        for text in ["", "x", "-1", "99999999999999999999999"] {
            assert_eq!(number_of(text.as_bytes()), None);
        }
        assert!(is_msg_type(b"AE") && !is_msg_type(b"") && !is_msg_type(b"ABC"));
        assert!(!is_msg_type(b"\x02"));
    }
}
