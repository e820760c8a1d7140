//! Does one thing to the messages of one corpus, [`CALLS`] times: for `bench/instructions.sh` to count.
//!
//! `codec-count index|frame|five|check CORPUS`, `codec-count encoder|template order|cancel|amend`. The level of
//! the kernel is that of `TAUT_SCAN_LEVEL`. Prints the function that was called and how often.

use std::hint::black_box;

use taut_bench::orders::{Kind, orders};
use taut_bench::read::Reader;
use taut_bench::{corpus_of, forced_scanner};
use taut_codec::value::TimestampCache;

/// How often.
const CALLS: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, on] = &arguments[..] else { panic!("codec-count WHAT CORPUS") };
    let function = match what.as_str() {
        "encoder" | "template" => write(what, on),
        _ => read(what, on),
    };
    println!("{function} {CALLS}");
}

fn read(what: &str, on: &str) -> &'static str {
    let corpus = corpus_of(on, CALLS).expect("a corpus");
    let mut reader = Reader::new(forced_scanner());
    for message in corpus.messages.iter().cycle().take(CALLS) {
        match what {
            "index" => _ = black_box(reader.index(message)),
            "frame" => _ = black_box(reader.frame_and_index(message)),
            "five" => {
                let tags = corpus.typed.expect("a corpus with five fields to read");
                black_box(reader.five_by_cursor(message, tags)).expect("a good message");
            }
            "check" => black_box(reader.check(message)).expect("a good message"),
            _ => panic!("what is {what}?"),
        }
    }
    match what {
        "index" => "taut_bench::read::Reader::index",
        "frame" => "taut_bench::read::Reader::frame_and_index",
        "five" => "taut_bench::read::Reader::five_by_cursor",
        _ => "taut_bench::read::Reader::check",
    }
}

fn write(what: &str, on: &str) -> &'static str {
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == on).expect("a kind of message");
    let (template, mut times, mut buffer) = (kind.template(), TimestampCache::new(), [0; 512]);
    for (seq, order) in (10_000..).zip(orders().iter().take(CALLS)) {
        if what == "template" {
            black_box(kind.fill(order, &template, seq, &mut times, &mut buffer));
        } else {
            black_box(kind.encode(order, seq, &mut buffer));
        }
        black_box(&mut buffer);
    }
    if what == "template" {
        "taut_bench::orders::Kind::fill"
    } else {
        "taut_bench::orders::Kind::encode"
    }
}
