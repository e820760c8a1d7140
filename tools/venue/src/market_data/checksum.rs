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
    of_orders(offers.take(CHECKSUM_LEVELS), bids.take(CHECKSUM_LEVELS))
}

/// The same over the orders of the best ten prices, offers first, at one price in the order of the
/// queue: the rule of L3 on the WebSocket (venue file 4.10.1).
pub fn of_orders(
    offers: impl Iterator<Item = (Px, Qty)>,
    bids: impl Iterator<Item = (Px, Qty)>,
) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (px, qty) in offers.chain(bids) {
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
    use crate::skipped::skipped;

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

    /// The vector of the L3 guide, if it is beside the checkout.
    #[test]
    fn the_checksum_of_the_documented_l3_snapshot_is_right() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/data/kraken/docs_level3_snapshot_checksum.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            skipped(format_args!("{} is absent", path.display()));
            return;
        };
        let snapshot: serde_json::Value = serde_json::from_str(&text).unwrap();
        let book = &snapshot["data"][0];
        let units = |text: &serde_json::Value| {
            text.as_str().unwrap().replace('.', "").parse::<i64>().unwrap()
        };
        let side = |name: &str| {
            let orders = book[name].as_array().unwrap();
            let one =
                |o: &serde_json::Value| (Px(units(&o["limit_price"])), Qty(units(&o["order_qty"])));
            orders.iter().map(one).collect::<Vec<_>>()
        };
        let sum = of_orders(side("asks").into_iter(), side("bids").into_iter());
        assert_eq!(u64::from(sum), book["checksum"].as_u64().unwrap());
    }
}
