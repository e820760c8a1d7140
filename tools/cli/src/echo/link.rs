//! One connection: bytes in, framed and indexed; bytes out.

use taut::limits::{FIELDS_MAX, MESSAGE_BYTES_MAX, RECEIVE_BYTES};
use taut::session::{Fault, Outbox};
use taut::wire::{Receiver, Transmitter, WireError};
use taut_codec::frame::{Frame, Framer, GarbageReason};
use taut_codec::garbled::Garbled;
use taut_codec::message::Message;
use taut_codec::scan::{DataFields, Field, ScanError, ScanErrorKind, Scanner, fix44_data_tag};

/// Most malformed tags of one message that are looked behind.
const REPAIRS_MAX: usize = 8;
/// SessionRejectReason of a tag number that cannot be one.
const INVALID_TAG_NUMBER: u32 = 0;

/// What stands at the front of the received bytes.
pub enum Front {
    /// A message: its length and how many fields it has.
    Message {
        /// Bytes.
        len: usize,
        /// Fields.
        fields: usize,
    },
    /// A message with a tag that is no tag number, `0=x` or `-1=x` (FIX session case 14.a): what it is
    /// without that field.
    Flawed {
        /// Bytes of the original.
        len: usize,
        /// The message without the field.
        repaired: Vec<u8>,
        /// How many fields that has.
        fields: usize,
        /// What its Reject says.
        fault: Fault,
    },
    /// No message.
    Garbled {
        /// Bytes.
        len: usize,
        /// Why.
        why: Garbled,
    },
}

/// A connection.
pub struct Link {
    receiver: Receiver,
    transmitter: Transmitter,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    framer: Framer,
    scanner: Scanner,
    fields: Box<[Field]>,
}

impl Link {
    /// Over the two halves of a channel.
    pub fn new((receiver, transmitter): (Receiver, Transmitter)) -> Self {
        Self {
            receiver,
            transmitter,
            buffer: vec![0; RECEIVE_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            framer: Framer::new(MESSAGE_BYTES_MAX),
            scanner: Scanner::new(),
            fields: vec![Field::default(); FIELDS_MAX].into_boxed_slice(),
        }
    }

    /// Reads once; whether something came.
    pub fn receive(&mut self) -> Result<bool, WireError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            return Ok(false);
        }
        let count = self.receiver.receive(&mut self.buffer[self.end..], |_| ())?;
        self.end += count;
        Ok(count > 0)
    }

    /// Looks at the front; [`Link::drop_front`] takes it away.
    pub fn front(&mut self) -> Option<Front> {
        let bytes = &self.buffer[self.start..self.end];
        // What is dropped of garbage is not what the framer says: a new one looks at what is behind it.
        match self.framer.next(bytes) {
            Frame::Incomplete => None,
            Frame::Garbage { skip, reason } => {
                self.framer = Framer::new(MESSAGE_BYTES_MAX);
                let len = garbled_len(bytes, skip, reason)?;
                Some(Front::Garbled { len, why: reason.into() })
            }
            Frame::Message { len } => {
                let bytes = &bytes[..len];
                let error = match index(&self.scanner, bytes, &mut self.fields) {
                    Ok(fields) => return Some(Front::Message { len, fields }),
                    Err(error) => error,
                };
                let repaired = repair(&self.scanner, bytes, &mut self.fields);
                Some(match repaired {
                    Some((repaired, fields, fault)) => {
                        Front::Flawed { len, repaired, fields, fault }
                    }
                    None => Front::Garbled { len, why: error.into() },
                })
            }
        }
    }

    /// The message that [`Link::front`] found.
    pub fn message(&self, len: usize, fields: usize) -> Message<'_> {
        Message::new(&self.buffer[self.start..self.start + len], &self.fields[..fields])
    }

    /// The repaired message that [`Link::front`] found.
    pub fn indexed<'a>(&'a self, repaired: &'a [u8], fields: usize) -> Message<'a> {
        Message::new(repaired, &self.fields[..fields])
    }

    /// Takes bytes away.
    pub fn drop_front(&mut self, len: usize) {
        self.start += len;
    }

    /// Takes all bytes away.
    pub fn discard(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Sends what the outbox holds, as far as the connection takes it; whether all has left.
    pub fn send(&mut self, outbox: &mut Outbox) -> Result<bool, WireError> {
        loop {
            let count = self.transmitter.accept(outbox.pending())?;
            outbox.consume(count);
            let flushed = self.transmitter.pending() == 0 || self.transmitter.flush()?;
            if !flushed || outbox.is_empty() {
                return Ok(flushed && outbox.is_empty());
            }
        }
    }

    /// Ends the connection.
    pub fn close(mut self) {
        self.transmitter.close();
    }

    /// What a sleeper watches.
    pub fn readiness_fd(&self) -> Option<std::os::fd::RawFd> {
        self.receiver.readiness_fd()
    }
}

/// Indexes a message: by the scanner, or field by field if it has a data field that the scanner, which
/// knows those of the venue, does not. Returns how many fields there are.
pub fn index(scanner: &Scanner, bytes: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let foreign =
        |field: &Field| fix44_data_tag(field.tag) != DataFields::KRAKEN.data_of(field.tag);
    match scanner.index(bytes, fields) {
        Ok(count) => {
            let Some(first) = fields[..count].iter().position(foreign) else { return Ok(count) };
            let offset = fields[first].start;
            let error = ScanError { kind: ScanErrorKind::DataLengthWrong, offset };
            // What stands before it is right already.
            index_slowly(bytes, fields, first).ok_or(error)
        }
        Err(error) if error.kind == ScanErrorKind::TagMalformed => {
            index_slowly(bytes, fields, 0).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// The index from field `count` on, one field after the other, with every data field of FIX 4.4.
fn index_slowly(bytes: &[u8], fields: &mut [Field], mut count: usize) -> Option<usize> {
    let trailer = bytes.len().checked_sub(7)?;
    if check_sum(&bytes[..trailer]) != bytes[trailer..] {
        return None;
    }
    let mut at = match count.checked_sub(1) {
        None => 0,
        Some(last) => fields[last].end as usize + 1,
    };
    let mut data: Option<(u32, usize)> = None;
    while at < bytes.len() {
        let digits = bytes[at..].iter().take(10).position(|&byte| byte == b'=')?;
        let text = std::str::from_utf8(&bytes[at..at + digits]).ok()?;
        let tag: u32 = text.parse().ok().filter(|_| !text.starts_with(['0', '+']))?;
        let start = at + digits + 1;
        let end = match data.take().filter(|(of, _)| *of == tag) {
            Some((_, length)) => start.checked_add(length)?,
            None => start + bytes[start..].iter().position(|&byte| byte == 1)?,
        };
        if bytes.get(end) != Some(&1) {
            return None;
        }
        *fields.get_mut(count)? = Field { tag, start: start as u32, end: end as u32 };
        count += 1;
        at = end + 1;
        if let Some(data_tag) = fix44_data_tag(tag) {
            let length = std::str::from_utf8(&bytes[start..end]).ok().and_then(|n| n.parse().ok());
            data = length.map(|length| (data_tag, length));
        }
    }
    Some(count)
}

/// How much of garbled input is skipped. A head that can be read tells how long the message should be;
/// then everything up to the end of the next CheckSum field behind that goes, as in QuickFIX: what a
/// wrong BodyLength covers cannot be trusted. `None`: that end has not come yet.
fn garbled_len(bytes: &[u8], skip: usize, reason: GarbageReason) -> Option<usize> {
    let (GarbageReason::BodyLengthWrong | GarbageReason::MsgTypeNotThird) = reason else {
        return Some(skip);
    };
    let Some(end) = claimed_end(bytes) else { return Some(skip) };
    if bytes.len() < end {
        return None;
    }
    const CHECK_SUM: &[u8] = b"\x0110=";
    let from = end.saturating_sub(1);
    let found = bytes[from..].windows(CHECK_SUM.len()).position(|window| window == CHECK_SUM);
    let value = found.map(|at| from + at + CHECK_SUM.len());
    let soh = value.and_then(|at| bytes[at..].iter().position(|&b| b == 1).map(|n| at + n + 1));
    match soh {
        None if bytes.len() > MESSAGE_BYTES_MAX => Some(skip),
        soh => soh,
    }
}

/// Where the body ends, as BodyLength says.
fn claimed_end(bytes: &[u8]) -> Option<usize> {
    let first = bytes.iter().position(|&b| b == 1)?;
    let second = first + 1 + bytes[first + 1..].iter().position(|&b| b == 1)?;
    let digits = bytes[first + 1..second].strip_prefix(b"9=")?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (length <= MESSAGE_BYTES_MAX).then_some(second + 1 + length)
}

/// A message without the fields whose tag is a number, but none that a tag can have; `None` if it is
/// garbled in another way.
fn repair(
    scanner: &Scanner,
    bytes: &[u8],
    fields: &mut [Field],
) -> Option<(Vec<u8>, usize, Fault)> {
    let trailer = bytes.len().checked_sub(7)?;
    if check_sum(&bytes[..trailer]) != bytes[trailer..] {
        return None;
    }
    let mut message = bytes.to_vec();
    let mut fault = None;
    for _ in 0..REPAIRS_MAX {
        let error = match scanner.index(&message, fields) {
            Ok(count) => return fault.map(|fault| (message, count, fault)),
            Err(error) if error.kind == ScanErrorKind::TagMalformed => error,
            Err(_) => return None,
        };
        let at = error.offset as usize;
        let field = &message[at..];
        let tag = &field[..field.iter().position(|&b| b == b'=')?];
        let digits = tag.strip_prefix(b"-").unwrap_or(tag);
        if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        fault.get_or_insert(Fault { reason: INVALID_TAG_NUMBER, tag: None });
        let len = field.iter().position(|&b| b == 1)? + 1;
        message.drain(at..at + len);
        message = reframed(&message)?;
    }
    None
}

/// BodyLength and CheckSum made right again.
fn reframed(message: &[u8]) -> Option<Vec<u8>> {
    let begin = message.iter().position(|&b| b == 1)? + 1;
    let body = begin + message[begin..].iter().position(|&b| b == 1)? + 1;
    let trailer = message.len().checked_sub(7).filter(|&trailer| trailer >= body)?;
    let mut out = message[..begin].to_vec();
    out.extend(format!("9={}\x01", trailer - body).bytes());
    out.extend(&message[body..trailer]);
    let sum = check_sum(&out);
    out.extend(sum);
    Some(out)
}

fn check_sum(bytes: &[u8]) -> Vec<u8> {
    let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
    format!("10={sum:03}\x01").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &str) -> Vec<u8> {
        let body = body.replace('|', "\x01");
        let mut out = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
        let sum = check_sum(&out);
        out.extend(sum);
        out
    }

    #[test]
    fn a_wrong_body_length_takes_what_it_covers_to_the_end_of_a_message() {
        let long = b"8=FIX.4.4\x019=20\x0135=0\x0134=2\x0110=000\x018=FIX.4.4\x019=5\x0135=0\x0110=1\x018=";
        let Frame::Garbage { skip, reason } = Framer::new(1000).next(long) else { panic!() };
        assert_eq!(garbled_len(long, skip, reason), Some(long.len() - 2));
        let short = b"8=FIX.4.4\x019=8\x0135=0\x0134=2\x0152=x\x0110=000\x018=F";
        let Frame::Garbage { skip, reason } = Framer::new(1000).next(short) else { panic!() };
        assert_eq!(garbled_len(short, skip, reason), Some(short.len() - 3));
        assert_eq!(garbled_len(&short[..short.len() - 4], skip, reason), None, "not there yet");
    }

    #[test]
    fn a_data_field_that_the_scanner_does_not_know_may_hold_any_byte() {
        let (scanner, mut fields) = (Scanner::new(), [Field::default(); 32]);
        for body in ["35=n|34=2|212=8|213=a|35=8|b|52=x|", "35=D|93=3|89=||||58=x|"] {
            let bytes = framed(body);
            let count = index(&scanner, &bytes, &mut fields).unwrap();
            let message = Message::new(&bytes, &fields[..count]);
            let data = message.get(213).or(message.get(89)).unwrap();
            assert!(data == b"a\x0135=8\x01b" || data == b"\x01\x01\x01", "{data:?}");
            assert_eq!(message.fields().last().unwrap().tag, 10);
        }
        let wrong = framed("35=n|34=2|212=9|213=a|35=8|b|52=x|");
        assert!(index(&scanner, &wrong, &mut fields).is_err());
    }

    #[test]
    fn a_tag_that_is_no_tag_number_is_taken_out_and_named_a_fault() {
        let (scanner, mut fields) = (Scanner::new(), [Field::default(); 32]);
        for bad in ["0=HI|", "-1=HI|", "007=x|"] {
            let bytes = framed(&format!("35=0|34=2|{bad}112=x|"));
            let (repaired, count, fault) = repair(&scanner, &bytes, &mut fields).unwrap();
            assert_eq!(count, 6);
            assert_eq!(repaired, framed("35=0|34=2|112=x|"));
            assert_eq!(fault, Fault { reason: 0, tag: None });
        }
        for garbled in ["4x9=HI|", "x|", "=|"] {
            let bytes = framed(&format!("35=0|34=2|{garbled}"));
            assert_eq!(repair(&scanner, &bytes, &mut fields), None, "{garbled}");
        }
        let mut wrong_sum = framed("35=0|0=HI|");
        let at = wrong_sum.len() - 2;
        wrong_sum[at] = if wrong_sum[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(repair(&scanner, &wrong_sum, &mut fields), None);
    }
}
