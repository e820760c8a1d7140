//! ChecksumOrderBook(5041); venue file 4.10.1.

use taut::types::{Px, Qty};
use taut_codec::value::write_u64;

/// Levels per side that the checksum covers, whatever the depth of a subscription.
pub const CHECKSUM_LEVELS: usize = 10;

/// CRC32 over the best ten offers, then the best ten bids: per level price and quantity with all
/// their decimals, without point and leading zeros. Integers in units of the precision are exactly
/// those digits.
pub fn checksum(
    offers: impl Iterator<Item = (Px, Qty)>,
    bids: impl Iterator<Item = (Px, Qty)>,
) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (px, qty) in offers.take(CHECKSUM_LEVELS).chain(bids.take(CHECKSUM_LEVELS)) {
        for number in [px.0, qty.0] {
            let mut scratch = [0; 20];
            hasher.update(write_u64(number.unsigned_abs(), &mut scratch));
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_documented_vector_is_right() {
        let offers = [
            (280_130, 96_506),
            (280_398, 100_000),
            (280_665, 100_000),
            (280_933, 100_000),
            (281_200, 100_000),
            (281_467, 100_000),
            (281_735, 100_000),
            (282_002, 100_000),
            (282_270, 100_000),
            (282_537, 100_000),
            (999_999, 1),
        ];
        let bids = [
            (280_030, 100_000),
            (279_999, 96_375),
            (279_699, 73_860_423),
            (277_001, 350_000),
            (275_732, 320_000),
            (271_374, 1_000_000),
            (270_913, 400_000),
            (267_294, 100_000),
            (267_026, 100_000),
            (266_759, 100_000),
        ];
        let level = |(px, qty): (i64, i64)| (Px(px), Qty(qty));
        let sum = checksum(offers.into_iter().map(level), bids.into_iter().map(level));
        assert_eq!(sum, 3_341_325_816);
    }
}
