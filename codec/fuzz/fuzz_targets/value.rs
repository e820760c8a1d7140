//! What parses is written and parsed again to the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::value::{DECIMAL_TEXT_MAX, Decimal, FixStr, UtcTime, parse_u64, write_u64};

fuzz_target!(|data: &[u8]| {
    if let Ok(decimal) = Decimal::parse(data) {
        for decimals_min in 0..2 {
            let mut scratch = [0; DECIMAL_TEXT_MAX];
            let back = Decimal::parse(decimal.write(decimals_min, &mut scratch));
            assert_eq!(back.map(Decimal::normalized), Ok(decimal.normalized()));
        }
        for scale in 0..=20 {
            if let Ok(units) = decimal.to_scale(scale) {
                assert_eq!(Decimal::new(units, scale).normalized(), decimal.normalized());
            }
        }
    }
    if let Ok(time) = UtcTime::parse(data) {
        let millis = UtcTime::from_millis(time.millis());
        assert_eq!(UtcTime::parse(&time.to_fix_millis()), Ok(millis));
    }
    if let Ok(value) = parse_u64(data) {
        let mut scratch = [0; 20];
        assert_eq!(parse_u64(write_u64(value, &mut scratch)), Ok(value));
    }
    if let Ok(text) = FixStr::<16>::new(data) {
        assert_eq!(text.as_bytes(), data);
        assert!(data.starts_with(text.as_str().as_bytes()));
    }
});
