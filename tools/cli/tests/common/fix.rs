//! FIX messages by hand.

use std::time::SystemTime;

/// A message with a header of now, MsgSeqNum `number`, and what follows, `|` for SOH.
pub fn fix(from: &str, to: &str, msg_type: &str, number: u64, body: &str) -> Vec<u8> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let now = taut_codec::value::UtcTime(since.as_nanos() as u64).to_fix_millis();
    let now = String::from_utf8(now.to_vec()).expect("ASCII");
    let body = format!("35={msg_type}|34={number}|49={from}|52={now}|56={to}|{body}");
    let body = body.replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    bytes
}
