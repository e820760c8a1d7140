//! OrderIDs in the venue's forms: `O?????-?????-??????` on spot, UUIDs on derivatives (venue file 4.6).

use taut::types::{ClOrdId, OrderId};

use super::order::OrderRef;

/// Turns order references into OrderIDs and back.
///
/// The reference (slot and how often the slot was used) is a number that is never given twice. It is
/// salted, scrambled by a bijection of 64 bits and written as 13 base-36 digits, least significant
/// first; 3 more digits are a check value. So ids are unique, look like the venue's, need no table
/// to be found again, and a mistyped one is unknown rather than another order.
///
/// As a UUID (version 4) the number takes the first 64 of the free bits and a check value the other 58. The
/// captured one has the time in front; ours have none.
#[derive(Debug, Clone, Copy)]
pub struct OrderIds {
    salt: u64,
    uuids: bool,
}

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBER_DIGITS: usize = 13;
const CHECK_RANGE: u64 = 36 * 36 * 36;
/// Where the 16 digits stand in the text.
const PLACES: [usize; 16] = [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18];
const LENGTH: usize = 19;
/// Two digits at a time, the less significant first: every report has an OrderID.
const PAIRS: [[u8; 2]; 36 * 36] = {
    let mut pairs = [[0; 2]; 36 * 36];
    let mut at = 0;
    while at < pairs.len() {
        pairs[at] = [ALPHABET[at % 36], ALPHABET[at / 36]];
        at += 1;
    }
    pairs
};

impl OrderIds {
    /// Ids of one venue; another salt gives other ids.
    #[must_use]
    pub const fn new(salt: u64) -> Self {
        Self { salt, uuids: false }
    }

    /// [`OrderIds::new`], as UUIDs.
    #[must_use]
    pub const fn uuids(salt: u64) -> Self {
        Self { salt, uuids: true }
    }

    /// The same form with another salt.
    #[must_use]
    pub const fn salted(self, salt: u64) -> Self {
        Self { salt, ..self }
    }

    /// The OrderID of an order.
    #[must_use]
    pub fn id(self, order: OrderRef) -> OrderId {
        let mut number = scramble(order.to_bits() ^ self.salt);
        if self.uuids {
            let mut scratch = [0; ClOrdId::TEXT_MAX];
            let uuid = ClOrdId::uuid(uuid(number)).expect("far above any numeric id");
            return OrderId::new(uuid.write(&mut scratch)).expect("a UUID is an OrderID of 36");
        }
        let mut check = check(number);
        let mut text = *b"O00000-00000-000000";
        for places in PLACES[..NUMBER_DIGITS - 1].as_chunks::<2>().0 {
            let pair = PAIRS[(number % (36 * 36)) as usize];
            (text[places[0]], text[places[1]]) = (pair[0], pair[1]);
            number /= 36 * 36;
        }
        text[PLACES[NUMBER_DIGITS - 1]] = ALPHABET[number as usize];
        for &place in &PLACES[NUMBER_DIGITS..] {
            text[place] = ALPHABET[(check % 36) as usize];
            check /= 36;
        }
        OrderId::new(&text).expect("19 printable bytes fit an OrderID of 36")
    }

    /// The order that an OrderID names; `None` if this venue cannot have made it.
    #[must_use]
    pub fn order(self, id: &[u8]) -> Option<OrderRef> {
        if self.uuids {
            let bits = ClOrdId::parse(id).ok().filter(|id| id.as_numeric().is_none())?.bits();
            let number = ((bits >> 80) << 16 | (bits >> 64 & 0xfff) << 4 | bits >> 58 & 0xf) as u64;
            let order = || OrderRef::from_bits(unscramble(number) ^ self.salt);
            return (bits == uuid(number)).then(order);
        }
        if id.len() != LENGTH || id[0] != b'O' || id[6] != b'-' || id[12] != b'-' {
            return None;
        }
        let mut value = [0u64; 2];
        for (at, &place) in PLACES.iter().enumerate().rev() {
            let digit = match id[place] {
                digit @ b'0'..=b'9' => digit - b'0',
                letter @ b'A'..=b'Z' => letter - b'A' + 10,
                _ => return None,
            };
            let part = &mut value[usize::from(at >= NUMBER_DIGITS)];
            *part = part.checked_mul(36)?.checked_add(u64::from(digit))?;
        }
        (value[1] == check(value[0])).then(|| OrderRef::from_bits(unscramble(value[0]) ^ self.salt))
    }
}

/// The UUID of a number: its bits around version and variant, then a check value.
const fn uuid(number: u64) -> u128 {
    let check = scramble(number ^ 0x9e37_79b9_7f4a_7c15) >> 6;
    let high = number >> 16 << 16 | 4 << 12 | number >> 4 & 0xfff;
    (high as u128) << 64 | 2 << 62 | (number as u128 & 0xf) << 58 | check as u128
}

const fn check(number: u64) -> u64 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % CHECK_RANGE
}

/// The finalizer of SplitMix64: each step is invertible.
const fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

const fn unscramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 31) ^ (x >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    x = (x ^ (x >> 27) ^ (x >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    x ^ (x >> 30) ^ (x >> 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_have_the_form_of_the_captures() {
        let id = OrderIds::new(7).id(OrderRef::from_bits(1 << 32));
        let shape: String = id
            .as_str()
            .chars()
            .map(|c| {
                if c == '-' {
                    '-'
                } else if c.is_ascii_alphanumeric() {
                    'x'
                } else {
                    '?'
                }
            })
            .collect();
        assert_eq!(shape, "xxxxxx-xxxxx-xxxxxx");
        assert!(id.as_str().starts_with('O'));
        assert_eq!(OrderIds::new(7).order(b"OKWUQF-YPJM2-DTAJHH"), None);
    }

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_order_and_to_no_other(bits: u64, salt: u64, at in 1usize..19, to in 0usize..36) {
            let ids = OrderIds::new(salt);
            let id = ids.id(OrderRef::from_bits(bits));
            prop_assert_eq!(ids.order(id.as_bytes()), Some(OrderRef::from_bits(bits)));
            let mut other = id.as_bytes().to_vec();
            other[at] = ALPHABET[to];
            if other != id.as_bytes() {
                prop_assert_ne!(ids.order(&other), Some(OrderRef::from_bits(bits)));
            }
        }

        #[test]
        fn a_uuid_leads_back_to_its_order_and_to_no_other(bits: u64, salt: u64, at in 0usize..36, to in 0u8..16) {
            let ids = OrderIds::uuids(salt);
            let id = ids.id(OrderRef::from_bits(bits));
            let text = id.as_str();
            prop_assert_eq!(text.len(), 36);
            prop_assert_eq!(&text[14..15], "4");
            prop_assert!("89ab".contains(&text[19..20]));
            prop_assert_eq!(ids.order(id.as_bytes()), Some(OrderRef::from_bits(bits)));
            let mut other = id.as_bytes().to_vec();
            other[at] = b"0123456789abcdef"[usize::from(to)];
            if other != id.as_bytes() {
                prop_assert_eq!(ids.order(&other), None);
            }
        }
    }
}
