//! Data fields of any dialect: all kernels agree, and each data field is as long as it was said to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::frame::Framer;
use taut_codec::scan::{DataFields, Field, Level, Scanned, Scanner};
use taut_codec::value::parse_u32;

/// Some that the kernels know, some that they do not; 354 is an ordinary field here.
const PAIRS: DataFields<'static> = DataFields::new(&[(9, 35), (93, 89), (95, 96), (212, 213), (5000, 5001)]);

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    for pairs in [PAIRS, DataFields::default(), DataFields::KRAKEN] {
        let indexed = |scanner: Scanner| {
            let mut fields = vec![Field::default(); 256];
            scanner.index_with(&bytes, &mut fields, pairs).map(|count| {
                fields.truncate(count);
                fields
            })
        };
        let expected = indexed(Scanner::with_level(Level::Portable).expect("always there"));
        for scanner in Level::ALL.into_iter().filter_map(Scanner::with_level) {
            assert_eq!(indexed(scanner), expected, "{scanner:?}");
        }
        for pair in expected.iter().flat_map(|fields| fields.windows(2)) {
            if pairs.data_of(pair[0].tag) == Some(pair[1].tag) {
                let said = parse_u32(&bytes[pair[0].start as usize..pair[0].end as usize]);
                assert_eq!(said, Ok(pair[1].end - pair[1].start));
            } else {
                assert!(!bytes[pair[1].start as usize..pair[1].end as usize].contains(&1));
            }
        }
        let mut fields = [Field::default(); 256];
        match Scanner::new().scan_with(&mut Framer::new(4096), data, &mut fields, pairs) {
            Scanned::Message { len, .. } | Scanned::Garbled { len, .. } => assert!(len <= data.len()),
            Scanned::Garbage { skip, .. } => assert!((1..=data.len()).contains(&skip)),
            Scanned::Incomplete => {}
        }
    }
});
