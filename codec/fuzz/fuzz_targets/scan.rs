//! All kernels agree, on bytes at the end of an exactly sized allocation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::scan::{Field, Level, Scanner};

fn check(message: &[u8]) {
    let message: Box<[u8]> = message.into();
    let index = |scanner: Scanner| {
        let mut fields = vec![Field::default(); 256];
        scanner.index(&message, &mut fields).map(|count| {
            fields.truncate(count);
            fields
        })
    };
    let expected = Scanner::with_level(Level::Portable).map(index);
    if let Some(Ok(fields)) = &expected {
        let mut at = 0;
        for field in fields {
            // Fields cover the message without a gap or an overlap.
            assert!(field.start as usize > at + 1 && field.end >= field.start);
            assert_eq!(message[field.start as usize - 1], b'=');
            assert_eq!(message[field.end as usize], 1);
            at = field.end as usize + 1;
        }
        assert_eq!(at, message.len());
    }
    for scanner in Level::ALL.into_iter().filter_map(Scanner::with_level) {
        assert_eq!(Some(index(scanner)), expected, "{scanner:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    // And with a trailer that is right, which a fuzzer does not guess.
    let mut message = data.to_vec();
    let sum = message.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    message.extend(format!("10={sum:03}\x01").bytes());
    check(&message);
});
