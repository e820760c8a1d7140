//! What is shown is printable, whatever the pieces, and holds nothing of a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::mask::{Masked, Masker};

fuzz_target!(|data: &[u8]| {
    let whole = Masked(data).to_string();
    assert!(whole.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    let (mut masker, mut out) = (Masker::new(), String::new());
    for piece in data.chunks(3) {
        masker.write(piece, &mut out).expect("a string takes all");
    }
    masker.finish(&mut out).expect("a string takes all");
    assert_eq!(out, whole);
    // A delimited secret behind anything.
    let mut message = data.to_vec();
    message.extend(b"\x01554=zqzqzqzq\x01");
    assert!(!Masked(&message).to_string().contains("zqzqzq") || contains(data, b"zqzqzq"));
});

fn contains(data: &[u8], needle: &[u8]) -> bool {
    data.windows(needle.len()).any(|window| window == needle)
}
