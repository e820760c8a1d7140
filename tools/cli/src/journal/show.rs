//! A record as a line for people, and as a JSON object.

use std::io::Write;

use serde::Serialize;
use taut::journal::{Direction, Entry, EntryKind, Identity, State};
use taut_codec::mask::Masked;
use taut_codec::value::UtcTime;

use super::walk::Fault;
use crate::Failure;

/// One line of `print`.
pub fn line(out: &mut impl Write, entry: &Entry<'_>) -> Result<(), Failure> {
    let epoch = entry.epoch;
    match entry.kind {
        EntryKind::Message { direction, time, bytes, .. } => {
            let (time, way) = (text_time(time), text_way(direction));
            writeln!(out, "{time} {way:<3} {epoch:>3}  {}", Masked(bytes))?;
        }
        EntryKind::Rejected { time, bytes, .. } => {
            writeln!(out, "{} rej {epoch:>3}  {}", text_time(time), Masked(bytes))?;
        }
        EntryKind::State(State { cl_ord_id_watermark, next_in, next_out, .. }) => {
            writeln!(
                out,
                "{:21} now {epoch:>3}  next in {next_in}, next out {next_out}, ClOrdID {}",
                "", cl_ord_id_watermark
            )?;
        }
        EntryKind::Identity(identity) => {
            writeln!(out, "{:21} who {epoch:>3}  {identity}", "")?;
        }
    }
    Ok(())
}

/// One line of `export`. A nonce is a secret: it is not shown.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Line<'a> {
    Message {
        segment: u32,
        offset: u64,
        epoch: u32,
        direction: &'a str,
        msg_seq_num: u64,
        time: String,
        time_ns: u64,
        message: String,
    },
    /// A message of the peer that was answered by a Reject.
    Rejected {
        segment: u32,
        offset: u64,
        epoch: u32,
        msg_seq_num: u64,
        time: String,
        time_ns: u64,
        message: String,
    },
    State {
        segment: u32,
        offset: u64,
        epoch: u32,
        next_in: u64,
        next_out: u64,
        cl_ord_id_watermark: u64,
    },
    /// Whose journal it is.
    Identity {
        segment: u32,
        offset: u64,
        begin_string: String,
        sender_comp_id: String,
        target_comp_id: String,
    },
    /// Something is missing or damaged here.
    Fault { segment: u32, text: String },
}

/// One line of `export`.
pub fn json(out: &mut impl Write, entry: &Entry<'_>) -> Result<(), Failure> {
    let Entry { segment, offset, epoch, kind } = *entry;
    let line = match kind {
        EntryKind::Message { direction, seq, time, bytes } => Line::Message {
            segment,
            offset,
            epoch,
            direction: text_way(direction),
            msg_seq_num: seq,
            time: text_time(time),
            time_ns: time.0,
            message: Masked(bytes).to_string(),
        },
        EntryKind::Rejected { seq, time, bytes } => Line::Rejected {
            segment,
            offset,
            epoch,
            msg_seq_num: seq,
            time: text_time(time),
            time_ns: time.0,
            message: Masked(bytes).to_string(),
        },
        EntryKind::State(State { cl_ord_id_watermark, next_in, next_out, .. }) => {
            Line::State { segment, offset, epoch, next_in, next_out, cl_ord_id_watermark }
        }
        EntryKind::Identity(Identity { begin_string, sender, target }) => Line::Identity {
            segment,
            offset,
            begin_string: begin_string.to_string(),
            sender_comp_id: sender.to_string(),
            target_comp_id: target.to_string(),
        },
    };
    Ok(writeln!(out, "{}", serde_json::to_string(&line)?)?)
}

/// A line of `export` about what is not there, or not whole.
pub fn json_fault(out: &mut impl Write, fault: &Fault) -> Result<(), Failure> {
    let line = Line::Fault { segment: fault.segment, text: fault.to_string() };
    Ok(writeln!(out, "{}", serde_json::to_string(&line)?)?)
}

fn text_way(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

fn text_time(time: UtcTime) -> String {
    String::from_utf8_lossy(&time.to_fix_millis()).into_owned()
}
