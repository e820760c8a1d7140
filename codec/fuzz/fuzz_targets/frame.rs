//! A stream in pieces and in one: the same messages come out, every byte is accounted for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::frame::{Frame, Framer};
use taut_codec::scan::{Field, Scanned, Scanner};

/// Lengths of messages and of runs of garbage, and how many bytes wait for more.
fn walk(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, usize) {
    let mut framer = Framer::new(2048);
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    for piece in stream.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match framer.next(&buffer) {
                Frame::Message { len } => {
                    assert!(len <= 2048);
                    let mut fields = [Field::default(); 32];
                    match Scanner::new().scan(&mut Framer::new(2048), &buffer, &mut fields) {
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

/// Whether a message holds the end of one and the beginning of another.
fn holds_another(message: &[u8]) -> bool {
    let joint = |at: &[u8]| at.starts_with(b"\x0110=") && at[7..].starts_with(b"\x018=FIX");
    message.windows(13).any(joint)
}

fuzz_target!(|data: &[u8]| {
    let Some((&piece, stream)) = data.split_first() else { return };
    // At a message's end nothing is put off that could be decided.
    let stream = &[stream, b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"].concat()[..];
    let (pieces, whole) = (walk(stream, usize::from(piece) + 1), walk(stream, stream.len()));
    // What frames two messages as one depends on whether the second came before its end did.
    if !whole.0.iter().any(|message| holds_another(message)) {
        assert_eq!(pieces, whole);
    }
});
