//! A stream in pieces and in one: the same messages come out, every byte is accounted for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::frame::{Frame, Framer};
use taut_codec::scan::{Field, Scanned, Scanner};

/// Lengths of messages and of runs of garbage, and how many bytes wait for more.
fn walk(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, usize) {
    let framer = Framer::new(2048);
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    for piece in stream.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match framer.next(&buffer) {
                Frame::Message { len } => {
                    assert!(len <= 2048);
                    let mut fields = [Field::default(); 32];
                    match Scanner::new().scan(&framer, &buffer, &mut fields) {
                        Scanned::Message { len: scanned, .. }
                        | Scanned::Garbled { len: scanned, .. } => assert_eq!(scanned, len),
                        other => panic!("{other:?}"),
                    }
                    found.push(buffer.drain(..len).collect());
                }
                Frame::Garbage { skip, .. } => {
                    assert!(skip > 0);
                    buffer.drain(..skip);
                }
                Frame::Incomplete => break,
            }
        }
    }
    (found, buffer.len())
}

fuzz_target!(|data: &[u8]| {
    let Some((&piece, stream)) = data.split_first() else { return };
    assert_eq!(walk(stream, usize::from(piece) + 1), walk(stream, stream.len().max(1)));
});
