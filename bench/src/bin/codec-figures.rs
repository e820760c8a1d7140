//! Prints what the codec's parts take per message, every method in turn.
//!
//! `codec-figures [ROUNDS [CORPUS]]`; a corpus or `encode`. `TAUT_SCAN_LEVEL` (portable, sse2, avx2, avx512) forces the level of all but the
//! comparison of levels.

use std::hint::black_box;

use taut_bench::alternate::{Figures, Method, measure};
use taut_bench::orders::{Kind, orders};
use taut_bench::read::Reader;
use taut_bench::{Corpus, corpora, forced_scanner};
use taut_codec::scan::{Level, Scanner};
use taut_codec::value::TimestampCache;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(101);
    println!("{:16} {:34} {:>9} {:>9} {:>9}", "", "ns per message", "median", "min", "max");
    let only = std::env::args().nth(2);
    for corpus in
        corpora().iter().filter(|corpus| only.as_ref().is_none_or(|only| only == corpus.name))
    {
        let count = if corpus.messages.len() < 100 { 16 } else { 4096 };
        print(corpus.name, measure(decoding(corpus), count, rounds));
    }
    if only.is_none_or(|only| only == "encode") {
        print("encode", measure(encoding(), 4096, rounds));
    }
}

fn print(corpus: &str, figures: Vec<Figures>) {
    for one in figures {
        let (median, min, max) = (one.median(), one.min(), one.max());
        println!("{corpus:16} {:34} {median:9.1} {min:9.1} {max:9.1}", one.name);
    }
}

fn decoding(corpus: &Corpus) -> Vec<Method<'_>> {
    let message = move |at: usize| black_box(&corpus.messages[at % corpus.messages.len()][..]);
    let levels = Level::ALL.into_iter().filter_map(Scanner::with_level).map(|scanner| {
        let mut reader = Reader::new(scanner);
        Method::new(format!("index {:?}", scanner.level()), move |at| {
            black_box(reader.index(message(at)));
        })
    });
    let mut methods: Vec<_> = levels.collect();
    let mut reader = Reader::new(forced_scanner());
    methods.push(Method::new("frame and index", move |at| {
        black_box(reader.frame_and_index(message(at)));
    }));
    if corpus.passes_checks() {
        let mut reader = Reader::new(forced_scanner());
        methods.push(Method::new("frame, index, field checks", move |at| {
            black_box(reader.check(message(at))).expect("a good message");
        }));
    }
    let Some(tags) = corpus.typed else { return methods };
    let mut reader = Reader::new(forced_scanner());
    methods.push(Method::new("frame, index, 5 typed by tag", move |at| {
        black_box(reader.five_by_tag(message(at), tags)).expect("a good message");
    }));
    let mut reader = Reader::new(forced_scanner());
    methods.push(Method::new("frame, index, 5 typed by cursor", move |at| {
        black_box(reader.five_by_cursor(message(at), tags)).expect("a good message");
    }));
    methods
}

fn encoding() -> Vec<Method<'static>> {
    let mut methods = Vec::new();
    for kind in Kind::ALL {
        let name = kind.name();
        let (given, mut buffer) = (orders(), [0; 512]);
        methods.push(Method::new(format!("{name}, encoder"), move |at| {
            let order = black_box(&given[at % given.len()]);
            black_box(kind.encode(order, 10_000 + at as u64, &mut buffer));
            black_box(&mut buffer);
        }));
        let (given, mut buffer) = (orders(), [0; 512]);
        let (template, mut times) = (kind.template(), TimestampCache::new());
        methods.push(Method::new(format!("{name}, template"), move |at| {
            let order = black_box(&given[at % given.len()]);
            black_box(kind.fill(order, &template, 10_000 + at as u64, &mut times, &mut buffer));
            black_box(&mut buffer);
        }));
    }
    methods
}
