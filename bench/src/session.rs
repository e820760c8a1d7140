//! Messages of a session: the corpora's, numbered and dated as a session expects them.

use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

/// The venue's message with the body of `like`, this MsgSeqNum and this SendingTime.
///
/// # Panics
/// If `like` is no message.
#[must_use]
pub fn numbered(like: &[u8], msg_seq_num: u64, now: UtcTime) -> Vec<u8> {
    let mut fields = vec![Field::default(); 128];
    let count = Scanner::new().index(like, &mut fields).expect("a message");
    let like = Message::new(like, &fields[..count]);
    from_venue(like.msg_type(), msg_seq_num, now, |encoder| {
        let envelope = [8, 9, 10, 34, 35, 49, 52, 56];
        for field in like.fields().iter().filter(|field| !envelope.contains(&field.tag)) {
            encoder.bytes(field.tag, like.value(field));
        }
    })
}

/// The venue's answer to a Logon.
#[must_use]
pub fn logon_answer(now: UtcTime) -> Vec<u8> {
    from_venue(b"A", 1, now, |encoder| {
        encoder.uint(98, 0).uint(108, 60);
    })
}

fn from_venue(
    msg_type: &[u8],
    msg_seq_num: u64,
    now: UtcTime,
    body: impl FnOnce(&mut Encoder<'_>),
) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let header = Header {
        msg_type,
        msg_seq_num,
        sender: b"KRAKEN-TRD",
        target: b"CLIENT",
        sending_time: now,
        orig_sending_time: None,
        order: HeaderOrder::SeqSenderTimeTarget,
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    body(&mut encoder);
    let range = encoder.finish().expect("the buffer is larger than any report");
    buffer[range].to_vec()
}
