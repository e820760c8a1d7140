//! ExecIDs, as decoded from the captures (venue file 4.6.3):
//! `base32(LE(ClOrdID)) ":" base32(LE64(report time in ns))`, RFC 4648 alphabet, no padding.

use taut::types::{ClOrdId, ExecId};
use taut_codec::value::UtcTime;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The ExecID of a report made at `at`. A numeric ClOrdID takes 4 bytes if it fits them, else 8; of a
/// UUID the last 12 digits are used, in 8 bytes.
#[must_use]
pub fn exec_id(cl_ord_id: ClOrdId, at: UtcTime) -> ExecId {
    let number = cl_ord_id.as_numeric().unwrap_or((cl_ord_id.bits() & 0xffff_ffff_ffff) as u64);
    let short = cl_ord_id.as_numeric().is_some() && u32::try_from(number).is_ok();
    let id_bytes = number.to_le_bytes();
    let mut text = Vec::with_capacity(27);
    base32(&id_bytes[..if short { 4 } else { 8 }], &mut text);
    text.push(b':');
    base32(&at.0.to_le_bytes(), &mut text);
    ExecId::new(&text).expect("at most 27 printable bytes")
}

fn base32(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut window, mut bits) = (0u32, 0);
    for &byte in bytes {
        window = window << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(ALPHABET[(window >> bits) as usize & 31]);
        }
    }
    if bits > 0 {
        out.push(ALPHABET[(window << (5 - bits)) as usize & 31]);
    }
}

/// Gives each report its own instant: the time of the event, or 1 ns after the report before if
/// several fall into the same nanosecond. So no two ExecIDs of a venue are equal.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportClock {
    last: UtcTime,
}

impl ReportClock {
    /// The instant of the next report.
    pub fn next(&mut self, now: UtcTime) -> UtcTime {
        self.last = now.max(self.last.plus_nanos(1));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_ids_equal_the_captured_ones() {
        let id = |text: &[u8]| ClOrdId::parse(text).unwrap();
        let cases: [(&[u8], u64, &str); 2] = [
            (b"1688738168", 1_688_738_168_716_637_396, "PAM2QZA:2S2P7SDKTJXRO"),
            (
                b"9e58120f-182b-4dce-9609-8ca7cdd174f0",
                1_741_010_973_002_356_565,
                "6B2NDTNHRQAAA:KXL5Y42BKAURQ",
            ),
        ];
        for (cl_ord_id, at, text) in cases {
            assert_eq!(exec_id(id(cl_ord_id), UtcTime(at)).as_str(), text);
        }
        let wide = exec_id(id(b"1744036325000000"), UtcTime(0));
        assert_eq!(wide.as_str(), "ICB2AGJRGIDAA:AAAAAAAAAAAAA");
    }

    #[test]
    fn reports_of_one_nanosecond_have_different_instants() {
        let mut clock = ReportClock::default();
        let now = UtcTime(1000);
        assert_eq!(
            [clock.next(now), clock.next(now), clock.next(now)].map(|t| t.0),
            [1000, 1001, 1002]
        );
        assert_eq!(clock.next(UtcTime(5000)).0, 5000);
        assert_eq!(clock.next(UtcTime(10)).0, 5001);
    }
}
