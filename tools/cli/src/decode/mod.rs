//! `taut decode`: FIX bytes or a log on standard input, one readable line per field out.

mod dialect;
mod fields;

use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use taut_codec::dictionary::Dictionary;
use taut_codec::frame::{Frame, Framer, GarbageReason};
use taut_codec::tag;

use self::dialect::Dialect;
use self::fields::{Delimiter, Field, end_of_message, fields, number, shown};
use crate::{Failure, read_file};

/// `taut decode`
#[derive(Debug, clap::Args)]
pub struct DecodeArgs {
    /// Names and field checks from a QuickFIX-style XML dictionary, instead of Kraken's names
    #[arg(long, value_name = "FILE")]
    dictionary: Option<PathBuf>,
}

/// Longest run of bytes that is kept while looking for the end of a message.
const MESSAGE_BYTES_MAX: usize = taut::limits::MESSAGE_BYTES_MAX;
const BEGIN: &[u8] = b"8=FIX";

/// What there was on the input.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    messages: u64,
}

/// Reads standard input to its end. Text that is no message is passed over; a message that is broken
/// is shown as far as it goes, with what is wrong.
///
/// # Errors
/// If the dictionary is none, standard input or output fails, or there was no message; a closed pipe on output is a normal
/// end.
pub fn run(args: &DecodeArgs) -> Result<(), Failure> {
    let dialect = match &args.dictionary {
        None => Dialect::Kraken,
        Some(path) => {
            let dictionary = Dictionary::from_xml(&read_file(path)?)
                .map_err(|error| Failure::Dictionary { path: path.clone(), error })?;
            Dialect::Loaded(Box::new(dictionary))
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let decoded = decode(&dialect, &mut io::stdin().lock(), &mut out);
    match decoded.and_then(|seen| out.flush().map(|()| seen)) {
        Ok(Seen { messages: 0, bytes }) => {
            Err(Failure::Usage(format!("no FIX message in {bytes} bytes")))
        }
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn decode(dialect: &Dialect, input: &mut impl Read, out: &mut impl Write) -> io::Result<Seen> {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut seen = Seen::default();
    loop {
        let read = input.read(&mut chunk)?;
        buffer.extend_from_slice(&chunk[..read]);
        seen.bytes += read as u64;
        let ended = read == 0;
        let mut done = 0;
        while let Some(start) = find(&buffer[done..], BEGIN).map(|at| done + at) {
            let end = match end_of_message(&buffer[start..]) {
                Some(length) => start + length,
                None if ended || buffer.len() - start > MESSAGE_BYTES_MAX => {
                    // Unfinished: show up to the next message or the end of the line.
                    let rest = &buffer[start + BEGIN.len()..];
                    let next = find(rest, BEGIN).or_else(|| find(rest, b"\n"));
                    next.map_or(buffer.len(), |at| start + BEGIN.len() + at)
                }
                None => {
                    done = start;
                    break;
                }
            };
            seen.messages += 1;
            print_message(dialect, out, seen.messages, &buffer[start..end])?;
            done = end;
            if done == buffer.len() {
                break;
            }
        }
        if ended {
            return Ok(seen);
        }
        // Keep a tail that may be the beginning of a message.
        if find(&buffer[done..], BEGIN).is_none() {
            done = done.max(buffer.len().saturating_sub(BEGIN.len() - 1));
        }
        buffer.drain(..done);
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn print_message(
    dialect: &Dialect,
    out: &mut impl Write,
    number: u64,
    message: &[u8],
) -> io::Result<()> {
    let fields = fields(message, dialect.data_fields());
    let value_of = |wanted| fields.iter().find(|f| f.tag == Some(wanted)).map(|f| f.value);
    let msg_type = value_of(tag::MSG_TYPE).unwrap_or(b"?");
    writeln!(
        out,
        "#{number} {} ({}) seq {} {} -> {}{}{}",
        dialect.message(msg_type).unwrap_or("unknown message type"),
        shown(msg_type),
        shown(value_of(tag::MSG_SEQ_NUM).unwrap_or(b"?")),
        shown(value_of(tag::SENDER_COMP_ID).unwrap_or(b"?")),
        shown(value_of(tag::TARGET_COMP_ID).unwrap_or(b"?")),
        problems(message, value_of(tag::BODY_LENGTH), value_of(tag::CHECK_SUM)),
        field_fault(dialect, message),
    )?;
    for Field { tag, value, is_hidden } in fields {
        let text = if is_hidden { "***".into() } else { shown(value) };
        let Some(tag) = tag else {
            writeln!(out, "      ?                          {text}")?;
            continue;
        };
        write!(out, "  {tag:>5} {:<26} {text}", dialect.tag(tag).unwrap_or("?"))?;
        match dialect.value(tag, value) {
            Some(name) if !is_hidden => writeln!(out, " ({name})")?,
            _ => writeln!(out)?,
        }
    }
    Ok(())
}

/// What BodyLength and CheckSum say about the message, as a suffix for its head line.
fn problems(message: &[u8], length: Option<&[u8]>, check_sum: Option<&[u8]>) -> String {
    // A log prints SOH as something else; length and sum are over the bytes that were sent.
    let wire = Delimiter::of(message).map(|delimiter| delimiter.wire(message)).unwrap_or_default();
    let soh = taut_codec::SOH;
    let body = find(&wire, &[soh, b'9', b'='])
        .and_then(|at| wire[at + 1..].iter().position(|&b| b == soh).map(|n| at + n + 2));
    // The last: a data field may hold what looks like one.
    let trailer = wire.windows(4).rposition(|window| window == [soh, b'1', b'0', b'=']);
    let trailer = trailer.map(|at| at + 1);
    // A wrong BodyLength is told below with the right one.
    let garbage = match Framer::new(MESSAGE_BYTES_MAX).next(&wire) {
        Frame::Garbage { reason, .. } if reason != GarbageReason::BodyLengthWrong => {
            format!(" [{reason}]")
        }
        _ => String::new(),
    };
    let (Some(body), Some(trailer)) = (body, trailer) else {
        return format!(" [unfinished]{garbage}");
    };
    let mut text = garbage;
    let real = trailer.saturating_sub(body);
    if length.and_then(number) != Some(real) {
        text += &format!(" [BodyLength wrong: {real} bytes]");
    }
    let sum = wire[..trailer].iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
    if check_sum.and_then(number) != Some(usize::from(sum)) {
        text += &format!(" [CheckSum wrong: {sum:03}]");
    }
    text
}

/// What the dictionary says about the fields, as a suffix for the head line.
fn field_fault(dialect: &Dialect, message: &[u8]) -> String {
    let wire = Delimiter::of(message).map(|delimiter| delimiter.wire(message)).unwrap_or_default();
    dialect.fault(&wire).map_or_else(String::new, |fault| format!(" [{fault}]"))
}

#[cfg(test)]
mod tests;
