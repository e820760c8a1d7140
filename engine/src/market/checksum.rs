//! ChecksumOrderBook(5041): CRC32 over the ten best levels of each side (venue file 4.10.1).

use taut_codec::value::write_u64;

use super::book::{Book, Level};
use crate::types::Side;

/// Levels per side that the checksum covers, whatever the subscribed depth.
pub const CHECKSUM_LEVELS: usize = 10;

/// Most bytes of the checksum's text: two sides of ten levels of two numbers.
const TEXT_MAX: usize = 2 * CHECKSUM_LEVELS * 2 * 20;

/// The checksum of a book: offers from low to high, then bids from high to low; of each level the
/// digits of price and quantity without point and leading zeros. A [`Level`]'s integers are these
/// digits already.
#[must_use]
pub fn checksum(book: &Book) -> u32 {
    let mut text = [0u8; TEXT_MAX];
    let mut len = 0;
    for side in [Side::Sell, Side::Buy] {
        for Level { px, qty } in book.levels(side).take(CHECKSUM_LEVELS) {
            for number in [px.0, qty.0] {
                // Zero has no digit left once its leading zeros are stripped.
                if number != 0 {
                    let mut scratch = [0; 20];
                    let digits = write_u64(number.unsigned_abs(), &mut scratch);
                    text[len..len + digits.len()].copy_from_slice(digits);
                    len += digits.len();
                }
            }
        }
    }
    crc32fast::hash(&text[..len])
}

#[cfg(test)]
pub(crate) mod tests {
    use taut_codec::value::UtcTime;

    use super::*;
    use crate::event::{BookAction, BookEntry};
    use crate::types::{InstrumentId, Px, Qty};

    /// The levels of the venue's published vector: price in tenths, quantity in 10^-8.
    pub(crate) const VECTOR: [(Side, i64, i64); 20] = [
        (Side::Sell, 280_130, 100_000),
        (Side::Sell, 280_398, 100_000),
        (Side::Sell, 280_665, 100_000),
        (Side::Sell, 280_933, 100_000),
        (Side::Sell, 281_200, 100_000),
        (Side::Sell, 281_467, 100_000),
        (Side::Sell, 281_735, 100_000),
        (Side::Sell, 282_002, 100_000),
        (Side::Sell, 282_270, 100_000),
        (Side::Sell, 282_537, 100_000),
        (Side::Buy, 280_030, 100_000),
        (Side::Buy, 279_999, 96_375),
        (Side::Buy, 279_699, 73_860_423),
        (Side::Buy, 277_001, 350_000),
        (Side::Buy, 275_732, 320_000),
        (Side::Buy, 271_374, 1_000_000),
        (Side::Buy, 270_913, 400_000),
        (Side::Buy, 267_294, 100_000),
        (Side::Buy, 267_026, 100_000),
        (Side::Buy, 266_759, 100_000),
    ];
    /// The update that follows it, and the checksum after it.
    pub(crate) const VECTOR_UPDATE: (Side, i64, i64) = (Side::Sell, 280_130, 96_506);
    pub(crate) const VECTOR_CHECKSUM: u32 = 3_341_325_816;

    pub(crate) fn entry((side, px, qty): (Side, i64, i64), action: BookAction) -> BookEntry {
        BookEntry {
            instrument: InstrumentId(0),
            side,
            action,
            px: Px(px),
            qty: Qty(qty),
            last: false,
            checksum: None,
            sent: UtcTime(0),
        }
    }

    #[test]
    fn the_venues_vector_has_the_venues_checksum() {
        let mut book = Book::new();
        for level in VECTOR {
            book.apply(&entry(level, BookAction::Set)).unwrap();
        }
        assert_ne!(checksum(&book), VECTOR_CHECKSUM);
        book.apply(&entry(VECTOR_UPDATE, BookAction::Set)).unwrap();
        assert_eq!(checksum(&book), VECTOR_CHECKSUM);
        // An eleventh level does not count.
        book.apply(&entry((Side::Sell, 290_000, 1), BookAction::Set)).unwrap();
        assert_eq!(checksum(&book), VECTOR_CHECKSUM);
    }

    #[test]
    fn an_empty_book_has_the_checksum_of_nothing() {
        assert_eq!(checksum(&Book::with_capacity(1)), 0);
    }
}
