//! Fields that FIX 4.4 requires under a condition: QuickFIX's dictionaries cannot say it.

use taut_codec::message::Message;

const PRICE: u32 = 44;
const STOP_PX: u32 = 99;
const EXPIRE_TIME: u32 = 126;
const EXPIRE_DATE: u32 = 432;
const ORD_TYPE: u32 = 40;
const TIME_IN_FORCE: u32 = 59;

/// In a NewOrderSingle: where the first field has one of the values, one of the last must be there.
const OF_AN_ORDER: [(u32, &[u8], &[u32]); 3] = [
    (ORD_TYPE, b"24", &[PRICE]),
    (ORD_TYPE, b"34", &[STOP_PX]),
    (TIME_IN_FORCE, b"6", &[EXPIRE_DATE, EXPIRE_TIME]),
];

/// The first field that is missing although another makes it required (FIX session case 14.m).
pub fn missing(message: &Message<'_>) -> Option<u32> {
    if message.msg_type() != b"D" {
        return None;
    }
    let holds = |on: u32, values: &[u8]| match message.get(on) {
        Some([value]) => values.contains(value),
        _ => false,
    };
    OF_AN_ORDER
        .iter()
        .find(|(on, values, required)| {
            holds(*on, values) && required.iter().all(|tag| message.get(*tag).is_none())
        })
        .map(|(_, _, required)| required[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut_codec::scan::{Field, Scanner};

    #[test]
    fn a_limit_order_needs_a_price_a_stop_order_a_stop_price_and_gtd_a_date() {
        for (body, expected) in [
            ("40=1|", None),
            ("40=2|", Some(PRICE)),
            ("40=2|44=1|", None),
            ("40=3|44=1|", Some(STOP_PX)),
            ("40=4|99=1|", Some(PRICE)),
            ("40=4|44=1|99=1|", None),
            ("40=1|59=6|", Some(EXPIRE_DATE)),
            ("40=1|59=6|126=20260407-14:32:01|", None),
            ("40=1|59=6|432=20260407|", None),
        ] {
            for (msg_type, expected) in [("D", expected), ("d", None)] {
                let body = format!("35={msg_type}|11=a|{body}").replace('|', "\x01");
                let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
                let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
                bytes.extend(format!("10={sum:03}\x01").bytes());
                let mut fields = [Field::default(); 16];
                let count = Scanner::new().index(&bytes, &mut fields).unwrap();
                assert_eq!(missing(&Message::new(&bytes, &fields[..count])), expected, "{body}");
            }
        }
    }
}
