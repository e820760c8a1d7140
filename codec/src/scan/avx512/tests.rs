use std::string::{String, ToString};
use std::vec;

use super::super::tests::message;
use super::{Field, avx2, by_columns, kernel};

#[test]
fn a_message_as_it_should_be_is_indexed_without_the_help_of_the_avx2_kernel() {
    if kernel().is_none() {
        return;
    }
    let mut rng = fastrand::Rng::with_seed(7);
    for case in 0..2000 {
        let mut body = String::from("35=8|49=CLIENT|56=KRAKEN-TRD|52=20230707-13:56:08.000|");
        for _ in 0..case % 100 {
            let tag = [rng.u32(100..9999), rng.u32(1..92)][usize::from(rng.bool())];
            let longest = if rng.u8(0..20) == 0 { 400 } else { 9 };
            let value = "7".repeat(rng.usize(1..longest));
            let tag = if tag == 354 { 58 } else { tag };
            body.extend([&tag.to_string(), "=", &value, "|"]);
        }
        let message = message(&body);
        let (mut own, mut other) = (vec![Field::default(); 160], vec![Field::default(); 160]);
        // SAFETY: there is a kernel, so the CPU has what it and the AVX2 kernel need.
        let (count, expected) =
            unsafe { (by_columns(&message, &mut own), avx2::index_avx2(&message, &mut other)) };
        let sum = message.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
        let (count, own_sum) = count.unwrap_or_else(|| panic!("{}", message.escape_ascii()));
        assert_eq!((Ok(count), own_sum as u8), (expected, sum), "{}", message.escape_ascii());
        assert_eq!(own[..count], other[..count], "{}", message.escape_ascii());
    }
}
