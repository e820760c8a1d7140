//! Prints what the codec's parts take per message, every method in turn.
//!
//! `codec-figures [ROUNDS [CORPUS]]`. `TAUT_SCAN_LEVEL` (portable, avx2, avx512) forces the level of all but the
//! comparison of levels.

use std::hint::black_box;

use taut_bench::alternate::{Figures, Method, measure};
use taut_bench::{Corpus, corpora, encode_order, forced_scanner, order_template, orders};
use taut_codec::frame::Framer;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Level, Scanned, Scanner};
use taut_codec::value::TimestampCache;

const FIELDS_MAX: usize = 16 * 1024;

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
    if only.is_none_or(|only| only == "order_179") {
        print("order_179", measure(encoding(), 4096, rounds));
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
        let mut fields = vec![Field::default(); FIELDS_MAX];
        Method::new(format!("index {:?}", scanner.level()), move |at| {
            let _ = black_box(scanner.index(message(at), &mut fields));
            black_box(&mut fields);
        })
    });
    let mut methods: Vec<_> = levels.collect();
    let (scanner, framer) = (forced_scanner(), Framer::new(1 << 20));
    let mut fields = vec![Field::default(); FIELDS_MAX];
    methods.push(Method::new("frame and index", move |at| {
        let _ = black_box(scanner.scan(&framer, message(at), &mut fields));
        black_box(&mut fields);
    }));
    let Some(tags) = corpus.typed else { return methods };
    let mut fields = vec![Field::default(); FIELDS_MAX];
    methods.push(Method::new("frame, index, 5 typed by tag", move |at| {
        let message = message(at);
        if let Scanned::Message { len, fields: count } = scanner.scan(&framer, message, &mut fields)
        {
            let view = Message::new(&message[..len], &fields[..count]);
            let _ = black_box((
                view.uint(34),
                view.time(52),
                view.uint(tags[0]),
                view.decimal(tags[1]),
                view.decimal(tags[2]),
            ));
        }
        black_box(&mut fields);
    }));
    let mut fields = vec![Field::default(); FIELDS_MAX];
    methods.push(Method::new("frame, index, 5 typed by cursor", move |at| {
        let message = message(at);
        if let Scanned::Message { len, fields: count } = scanner.scan(&framer, message, &mut fields)
        {
            let mut view = Message::new(&message[..len], &fields[..count]).cursor();
            let _ = black_box((
                view.uint(34),
                view.time(52),
                view.uint(tags[0]),
                view.decimal(tags[1]),
                view.decimal(tags[2]),
            ));
        }
        black_box(&mut fields);
    }));
    methods
}

fn encoding() -> Vec<Method<'static>> {
    let by_encoder = orders();
    let mut buffer = [0; 512];
    let by_template = orders();
    let template = order_template();
    let (mut other, mut times) = ([0; 512], TimestampCache::new());
    vec![
        Method::new("encode an order, encoder", move |at| {
            let order = black_box(&by_encoder[at % by_encoder.len()]);
            black_box(encode_order(order, 10_000 + at as u64, &mut buffer));
            black_box(&mut buffer);
        }),
        Method::new("encode an order, template", move |at| {
            let order = black_box(&by_template[at % by_template.len()]);
            let len = order.fill(&template, 10_000 + at as u64, &mut times, &mut other);
            black_box(len);
            black_box(&mut other);
        }),
    ]
}
