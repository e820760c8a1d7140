//! A journal whose older segments were deleted says so.

use std::ops::RangeInclusive;
use std::path::Path;

use taut_codec::value::UtcTime;

use super::*;
use crate::journal::{Durability, Journal, JournalConfig, Record};

const EPOCH: u32 = 3;

fn message(seq: u64, inner: &str) -> Vec<u8> {
    let header = format!("34={seq}|49=KRAKEN-TRD|52=20260407-14:32:05.122|56=TAUT|");
    let (msg_type, body) = inner.split_once('|').expect("a type and a body");
    let inner = format!("35={msg_type}|{header}{body}").replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{inner}", inner.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    bytes
}

/// An order that is filled at once.
fn fill(seq: u64) -> Vec<u8> {
    let body = format!(
        "8|6=84000|11={}|14=0.001|17=EXEC{seq}|31=84000|32=0.001|37=ORDER{seq}|38=0.001|39=2|40=2|44=84000|54=1|\
         55=BTC/USD|59=1|60=20260407-14:32:05.122|150=F|151=0|",
        1_744_036_325_000_000 + seq
    );
    message(seq, &body)
}

fn heartbeat(seq: u64) -> Vec<u8> {
    message(seq, &format!("0|112={}|", "x".repeat(200)))
}

fn instruments() -> Instruments {
    let list = "y|320=1|322=2|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|2349=1|5022=0.1|5032=1|";
    let bytes = message(1, list);
    let mut fields = vec![Field::default(); bytes.len()];
    let count = Scanner::new().index(&bytes, &mut fields).expect("well formed");
    let mut instruments = Instruments::new(&["BTC/USD".parse().expect("a symbol")]);
    let message = Message::new(&bytes, &fields[..count]);
    instruments.read_list(&message, |_, _| ()).expect("a list");
    instruments
}

/// Two lives that receive these messages, in segments that hold few of them.
fn write(dir: &Path, segments_kept: usize, of: fn(u64) -> Vec<u8>) {
    let config = JournalConfig {
        durability: Durability::None,
        segment_bytes: 4096,
        segments_kept,
        segments_mapped: 2,
        message_bytes_max: 512,
        ..JournalConfig::default()
    };
    let life = |numbers: RangeInclusive<u64>| {
        let (mut journal, _) = Journal::open(dir, config).expect("it opens");
        for seq in numbers {
            let (direction, time, bytes) = (Direction::In, UtcTime(seq), &of(seq)[..]);
            journal.append(Record { direction, epoch: EPOCH, seq, time, bytes }).expect("room");
        }
    };
    life(1..=60);
    life(61..=100);
}

/// The numbers of the fills that are told, and the end.
fn told(dir: &Path) -> (Vec<u64>, Option<FirstKept>) {
    let mut earlier = Earlier::read(&Reader::open(dir).expect("it is there")).expect("it reads");
    assert!(!earlier.is_empty());
    let (mut instruments, mut fills) = (instruments(), Vec::new());
    loop {
        match earlier.next(&mut instruments).expect("the end comes first") {
            FromJournal::Report { report, is_new: true, .. } => {
                fills.push(report.cl_ord_id.as_numeric().expect("numeric") - 1_744_036_325_000_000);
            }
            FromJournal::End { epoch: EPOCH, unreadable: 0, first_kept, .. } => {
                assert!(earlier.next(&mut instruments).is_none());
                return (fills, first_kept);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_whole_journal_tells_every_fill_and_names_no_first_message() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), 0, fill);
    assert_eq!(told(dir.path()), ((1..=100).collect(), None));
}

#[test]
fn a_journal_whose_older_segments_were_deleted_names_the_first_message_that_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), 3, fill);
    let (fills, first_kept) = told(dir.path());
    let seq = fills[0];
    assert!(seq > 1 && seq < 100, "{seq}");
    assert_eq!(fills, (seq..=100).collect::<Vec<_>>());
    assert_eq!(first_kept, Some(FirstKept { epoch: EPOCH, seq }));
}

#[test]
fn that_segments_were_deleted_is_told_also_if_nothing_that_is_kept_matters() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), 3, heartbeat);
    let (fills, first_kept) = told(dir.path());
    assert!(fills.is_empty() && first_kept.is_some_and(|first| first.seq > 1), "{first_kept:?}");
}

/// An order of which 0.0005 are filled for a fee, and that is amended or cancelled then, which tells no fee.
fn partly_filled(seq: u64) -> Vec<u8> {
    let common = "11=1744036325000001|37=ORDER1|38=0.001|40=2|44=84000|54=1|55=BTC/USD|59=1|";
    let time = "60=20260407-14:32:05.122|";
    let body = match seq {
        1 => {
            "31=84000|32=0.0005|14=0.0005|17=E1|39=1|150=F|151=0.0005|136=1|137=0.168|138=USD|139=4|"
        }
        2 => "14=0.0005|17=E2|39=5|150=5|151=0.0005|",
        100 => "14=0.0005|17=E3|39=4|150=4|151=0|",
        _ => return heartbeat(seq),
    };
    message(seq, &format!("8|{common}{time}{body}"))
}

#[test]
fn the_fee_that_the_last_fill_told_is_that_of_an_order_whose_last_report_tells_none() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), 0, partly_filled);
    let mut earlier = Earlier::read(&Reader::open(dir.path()).expect("there")).expect("it reads");
    let (mut instruments, mut fees) = (instruments(), Vec::new());
    while let Some(FromJournal::Report { report, last, .. }) = earlier.next(&mut instruments) {
        fees.push((report.fee.map(|(amount, _)| amount.to_scale(3)), last.is_some()));
    }
    assert_eq!(fees, [(Some(Ok(168)), false), (Some(Ok(168)), true)]);
}

/// Whether the silence of the venue shows something of the orders of a run that sent and received this, in the
/// epoch named first.
fn is_lossy(messages: &[(u32, Direction, u64, &str)]) -> bool {
    let dir = tempfile::tempdir().expect("a directory");
    let config = JournalConfig { durability: Durability::None, ..JournalConfig::default() };
    let (mut journal, _) = Journal::open(dir.path(), config).expect("it opens");
    for &(epoch, direction, seq, inner) in messages {
        let (time, bytes) = (UtcTime(seq), &message(seq, inner)[..]);
        journal.append(Record { direction, epoch, seq, time, bytes }).expect("room");
    }
    drop(journal);
    let reader = Reader::open(dir.path()).expect("it is there");
    let mut earlier = Earlier::read(&reader).expect("it reads");
    loop {
        if let FromJournal::End { is_lossy, .. } =
            earlier.next(&mut instruments()).expect("it ends")
        {
            return is_lossy;
        }
    }
}

#[test]
fn a_run_that_ended_before_it_made_up_for_lost_reports_leaves_silence_without_meaning() {
    use Direction::{In, Out};
    const LOGON: &str = "A|98=0|108=30|";
    const MARKER: &str = "F|11=1744036325000009|41=1744036325000009|54=1|55=BTC/USD|";
    const ANSWER: &str = "j|372=F|379=1744036325000009|380=101|";
    const ORDER: &str = "D|11=1744036325000001|38=1|40=2|44=1|54=1|55=BTC/USD|59=1|";
    let known = [(1, In, 1, LOGON), (1, Out, 2, MARKER), (1, In, 2, ANSWER), (1, Out, 3, ORDER)];
    let then = |more: &[(u32, Direction, u64, &str)]| is_lossy(&[&known[..], more].concat());
    assert!(!then(&[(1, In, 3, "0|112=A|")]));
    // Behind the Logon everything was seen.
    let back = (1, In, 9, LOGON);
    assert!(!then(&[back, (1, In, 9, "4|123=Y|36=11|")]));
    let void = (1, In, 3, "4|123=Y|36=11|");
    assert!(then(&[back, void]));
    assert!(then(&[back, void, (1, In, 11, ANSWER)]), "that was asked before");
    assert!(then(&[back, void, (1, Out, 5, MARKER)]), "and that is not answered");
    assert!(!then(&[back, void, (1, Out, 5, MARKER), (1, In, 11, ANSWER)]));
    assert!(then(&[(1, In, 3, "4|123=N|36=11|")]));
    assert!(then(&[(2, In, 1, LOGON)]), "a reset");
    assert!(!is_lossy(&[known[0], (2, In, 1, LOGON), (2, Out, 2, ORDER)]), "nothing was open");
    assert!(!then(&[(2, In, 1, LOGON), (2, Out, 2, MARKER), (2, In, 2, ANSWER)]));
}
