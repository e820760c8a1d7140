//! `taut decode`: FIX bytes or a log on standard input, one readable line per field out.

mod dialect;

use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use taut_codec::dictionary::Dictionary;
use taut_codec::mask::is_secret;
use taut_codec::tag;

use crate::{Failure, read_file};
use dialect::Dialect;

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

/// Reads standard input to its end. Text that is no message is passed over; a message that is broken
/// is shown as far as it goes, with what is wrong.
///
/// # Errors
/// If the dictionary is none, or standard input or output fails; a closed pipe on output is a normal
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
    match decode(&dialect, &mut io::stdin().lock(), &mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn decode(dialect: &Dialect, input: &mut impl Read, out: &mut impl Write) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut count = 0;
    loop {
        let read = input.read(&mut chunk)?;
        buffer.extend_from_slice(&chunk[..read]);
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
            count += 1;
            print_message(dialect, out, count, &buffer[start..end])?;
            done = end;
            if done == buffer.len() {
                break;
            }
        }
        if ended {
            return Ok(());
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

/// The byte that ends fields: what stands behind the version in `8=FIX.4.4?`.
fn delimiter(message: &[u8]) -> Option<u8> {
    let value = &message[2..];
    let at = value.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'.'))?;
    Some(value[at])
}

/// Where the message ends: behind the first `10=nnn` field, or before another message begins.
fn end_of_message(message: &[u8]) -> Option<usize> {
    let delimiter = delimiter(message)?;
    let mut at = 0;
    loop {
        let trailer = find(&message[at..], &[delimiter, b'1', b'0', b'='])? + at;
        let digits = message.get(trailer + 4..trailer + 7)?;
        if digits.iter().all(u8::is_ascii_digit) {
            let end = trailer + 7;
            let begin = find(&message[BEGIN.len()..trailer], BEGIN).map(|n| n + BEGIN.len());
            let closed = message.get(end) == Some(&delimiter);
            return Some(begin.unwrap_or(end + usize::from(closed)));
        }
        at = trailer + 4;
    }
}

fn print_message(
    dialect: &Dialect,
    out: &mut impl Write,
    number: u64,
    message: &[u8],
) -> io::Result<()> {
    let delimiter = delimiter(message).unwrap_or(taut_codec::SOH);
    let mut fields = Vec::new();
    for field in message.split(|&b| b == delimiter).filter(|field| !field.is_empty()) {
        let equals = field.iter().position(|&b| b == b'=');
        let tag = equals
            .and_then(|at| std::str::from_utf8(&field[..at]).ok())
            .and_then(|text| text.parse::<u32>().ok());
        match (tag, equals) {
            (Some(tag), Some(at)) => fields.push((Some(tag), &field[at + 1..])),
            _ => fields.push((None, field)),
        }
    }
    let value_of = |wanted| fields.iter().find(|(tag, _)| *tag == Some(wanted)).map(|(_, v)| *v);
    let msg_type = value_of(tag::MSG_TYPE).unwrap_or(b"?");
    writeln!(
        out,
        "#{number} {} ({}) seq {} {} -> {}{}{}",
        dialect.message(msg_type).unwrap_or("unknown message type"),
        msg_type.escape_ascii(),
        value_of(tag::MSG_SEQ_NUM).unwrap_or(b"?").escape_ascii(),
        value_of(tag::SENDER_COMP_ID).unwrap_or(b"?").escape_ascii(),
        value_of(tag::TARGET_COMP_ID).unwrap_or(b"?").escape_ascii(),
        problems(message, delimiter, value_of(tag::BODY_LENGTH), value_of(tag::CHECK_SUM)),
        field_fault(dialect, message, delimiter),
    )?;
    for (tag, value) in fields {
        let Some(tag) = tag else {
            writeln!(out, "      ?                          {}", value.escape_ascii())?;
            continue;
        };
        write!(out, "  {tag:>5} {:<26}", dialect.tag(tag).unwrap_or("?"))?;
        if is_secret(tag) {
            writeln!(out, " ***")?;
            continue;
        }
        write!(out, " {}", value.escape_ascii())?;
        match dialect.value(tag, value) {
            Some(name) => writeln!(out, " ({name})")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// What BodyLength and CheckSum say about the message, as a suffix for its head line.
fn problems(
    message: &[u8],
    delimiter: u8,
    length: Option<&[u8]>,
    check_sum: Option<&[u8]>,
) -> String {
    let number = |value: Option<&[u8]>| {
        value.and_then(|v| std::str::from_utf8(v).ok()).and_then(|v| v.parse::<usize>().ok())
    };
    let mark = [delimiter, b'9', b'='];
    let body = find(message, &mark)
        .and_then(|at| message[at + 1..].iter().position(|&b| b == delimiter).map(|n| at + n + 2));
    let trailer = find(message, &[delimiter, b'1', b'0', b'=']).map(|at| at + 1);
    let (Some(body), Some(trailer)) = (body, trailer) else {
        return " [unfinished]".into();
    };
    let mut text = String::new();
    let real = trailer.saturating_sub(body);
    if number(length) != Some(real) {
        text += &format!(" [BodyLength wrong: {real} bytes]");
    }
    // A log prints SOH as another byte; the sum is over the bytes that were sent.
    let sum = message[..trailer]
        .iter()
        .fold(0u8, |sum, &b| sum.wrapping_add(if b == delimiter { taut_codec::SOH } else { b }));
    if number(check_sum) != Some(usize::from(sum)) {
        text += &format!(" [CheckSum wrong: {sum:03}]");
    }
    text
}

/// What the dictionary says about the fields, as a suffix for the head line.
fn field_fault(dialect: &Dialect, message: &[u8], delimiter: u8) -> String {
    let soh = |&byte: &u8| if byte == delimiter { taut_codec::SOH } else { byte };
    let message: Vec<u8> = message.iter().map(soh).collect();
    dialect.fault(&message).map_or_else(String::new, |fault| format!(" [{fault}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "8=FIX.4.4|9=134|35=j|34=16|49=KRAKEN-TRD|52=20230707-14:05:37.805|56=damien|45=0|58=1688738737 : EOrder:Insufficient funds|372=D|379=1688738737|380=0|10=149|";

    fn decoded(input: &[u8]) -> String {
        let mut out = Vec::new();
        decode(&Dialect::Kraken, &mut &input[..], &mut out).expect("memory does not fail");
        String::from_utf8(out).expect("the output is text")
    }

    #[test]
    fn a_log_line_and_raw_bytes_print_the_same_fields() {
        let log = decoded(format!("12:00:01 IN {REPORT} end\n").as_bytes());
        let raw = decoded(REPORT.replace('|', "\x01").as_bytes());
        assert_eq!(log, raw);
        assert!(
            log.starts_with("#1 BusinessMessageReject (j) seq 16 KRAKEN-TRD -> damien\n"),
            "{log}"
        );
        assert!(log.contains("  380 BusinessRejectReason       0 (other)\n"), "{log}");
        assert_eq!(log.lines().count(), 14);
    }

    #[test]
    fn credentials_are_masked_even_in_a_broken_message() {
        for text in [
            "8=FIX.4.4|9=1|35=A|553=APIKEY|554=PASS|5025=123456|10=000|",
            "8=FIX.4.4|9=1|35=A|553=APIKEY|554=PASS|5025=123456",
        ] {
            let text = decoded(text.as_bytes());
            assert!(!text.contains("APIKEY") && !text.contains("PASS") && !text.contains("123456"));
            assert_eq!(text.matches("***").count(), 3, "{text}");
        }
    }

    #[test]
    fn control_bytes_are_escaped() {
        let text = decoded(b"8=FIX.4.4|9=1|35=3|58=a\x1b[31mb\x07|10=000|");
        assert!(text.contains("a\\x1b[31mb\\x07"), "{text}");
    }

    #[test]
    fn a_wrong_length_or_checksum_is_said() {
        let text = decoded(REPORT.replace("9=134", "9=135").as_bytes());
        assert!(text.contains("[BodyLength wrong: 134 bytes]"), "{text}");
        assert!(text.contains("[CheckSum wrong: 150]"), "{text}");
    }

    #[test]
    fn several_messages_and_garbage_between_them_are_told_apart() {
        let text =
            decoded(format!("x{REPORT}garbage 8=FI{REPORT}{REPORT}8=FIX.4.4|9=12|35").as_bytes());
        assert_eq!(text.matches("BusinessMessageReject (j) seq 16").count(), 3, "{text}");
        assert!(text.contains("#4 ") && text.contains("[unfinished]"), "{text}");
    }

    #[test]
    fn a_dictionary_from_a_file_names_and_judges_the_fields() {
        let xml = "<fix><header><field name='Start' required='Y'/><field name='Length' required='Y'/>\
             <field name='MsgType' required='Y'/></header>\
             <trailer><field name='Sum' required='Y'/></trailer>\
             <messages><message name='Ping' msgtype='P'><field name='Mood' required='Y'/></message></messages>\
             <fields><field number='8' name='Start' type='STRING'/><field number='9' name='Length' type='LENGTH'/>\
             <field number='35' name='MsgType' type='STRING'/><field number='10' name='Sum' type='STRING'/>\
             <field number='7' name='Mood' type='CHAR'><value enum='1' description='VERY_GOOD'/></field>\
             </fields></fix>";
        let loaded = Dialect::Loaded(Box::new(Dictionary::from_xml(xml).expect("a dictionary")));
        let decoded = |text: &str| {
            let mut out = Vec::new();
            decode(&loaded, &mut text.as_bytes(), &mut out).expect("memory does not fail");
            String::from_utf8(out).expect("the output is text")
        };
        let text = decoded("8=FIX.4.4|9=9|35=P|7=1|10=109|");
        assert!(text.starts_with("#1 Ping (P) seq ? ? -> ?\n"), "{text}");
        assert!(text.contains("    7 Mood                       1 (very good)\n"), "{text}");
        let text = decoded("8=FIX.4.4|9=9|35=P|7=2|10=110|");
        assert!(text.contains(" [Value is incorrect (out of range) for this tag (7)]\n"), "{text}");
    }
}
