//! A text that is put together piece by piece without allocation.

use taut_codec::value::{DECIMAL_TEXT_MAX, Decimal, write_u64};

use super::number::Amount;

/// Longer than any text that is made of it: the longest has two prices, a quantity and a symbol.
const ROOM: usize = 256;

/// One line. What does not fit is cut off.
pub(super) struct Line {
    bytes: [u8; ROOM],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
    }
}

impl Line {
    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Adds text.
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        let room = &mut self.bytes[self.len..];
        let len = text.len().min(room.len());
        room[..len].copy_from_slice(&text[..len]);
        self.len += len;
        self
    }

    /// Adds a whole number.
    pub fn uint(&mut self, number: u64) -> &mut Self {
        let mut scratch = [0; 20];
        self.text(write_u64(number, &mut scratch))
    }

    /// Adds a number in its shortest form: `1000`.
    pub fn decimal(&mut self, number: Decimal) -> &mut Self {
        let mut scratch = [0; DECIMAL_TEXT_MAX];
        self.text(number.write(0, &mut scratch))
    }

    /// Adds an amount in its shortest form: `1000`.
    pub fn amount(&mut self, amount: Amount) -> &mut Self {
        match amount.narrow() {
            Some(decimal) => self.decimal(decimal),
            None => {
                let text = amount.to_string();
                self.text(text.strip_suffix(".0").unwrap_or(&text).as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stand_one_behind_the_other_and_what_does_not_fit_is_cut_off() {
        let mut line = Line::default();
        let wide = Amount { units: i128::from(i64::MAX) * 100, scale: 2 };
        line.text(b"buy ").amount(Amount { units: 1_000_000, scale: 8 }).text(b" at ");
        line.decimal(Decimal::new(10_000, 1)).text(b", ").uint(42).text(b", ").amount(wide);
        assert_eq!(line.as_bytes(), b"buy 0.01 at 1000, 42, 9223372036854775807");
        line.text(&[b'x'; 2 * ROOM]);
        assert_eq!(line.as_bytes().len(), ROOM);
    }
}
