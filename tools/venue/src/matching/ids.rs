//! OrderIDs in the venue's form `O?????-?????-??????` (venue file 4.6).

use taut::types::OrderId;

use super::order::OrderRef;

/// Turns order references into OrderIDs and back.
///
/// The reference (slot and how often the slot was used) is a number that is never given twice. It is
/// salted, scrambled by a bijection of 64 bits and written as 13 base-36 digits, least significant
/// first; 3 more digits are a check value. So ids are unique, look like the venue's, need no table
/// to be found again, and a mistyped one is unknown rather than another order.
#[derive(Debug, Clone, Copy)]
pub struct OrderIds {
    salt: u64,
}

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBER_DIGITS: usize = 13;
const CHECK_RANGE: u64 = 36 * 36 * 36;
/// Where the 16 digits stand in the text.
const PLACES: [usize; 16] = [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18];
const LENGTH: usize = 19;

impl OrderIds {
    /// Ids of one venue; another salt gives other ids.
    #[must_use]
    pub const fn new(salt: u64) -> Self {
        Self { salt }
    }

    /// The OrderID of an order.
    #[must_use]
    pub fn id(self, order: OrderRef) -> OrderId {
        let mut number = scramble(order.to_bits() ^ self.salt);
        let mut check = check(number);
        let mut text = *b"O00000-00000-000000";
        for (at, &place) in PLACES.iter().enumerate() {
            let rest = if at < NUMBER_DIGITS { &mut number } else { &mut check };
            text[place] = ALPHABET[(*rest % 36) as usize];
            *rest /= 36;
        }
        OrderId::new(&text).expect("19 printable bytes fit an OrderID of 36")
    }

    /// The order that an OrderID names; `None` if this venue cannot have made it.
    #[must_use]
    pub fn order(self, id: &[u8]) -> Option<OrderRef> {
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
    }
}
