//! The codec: index per kernel, frame and index, typed reads, and an order encoded.
//!
//! `TAUT_SCAN_LEVEL` (portable, avx2, avx512) forces the level of all but `index`.
#![allow(missing_docs)] // of the functions that criterion's macros make

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use taut_bench::{Corpus, corpora, encode_order, forced_scanner, order_template, orders};
use taut_codec::frame::Framer;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Level, Scanned, Scanner};
use taut_codec::value::TimestampCache;

const FIELDS_MAX: usize = 16 * 1024;

/// Calls `run` with one message after the other.
fn bench(criterion: &mut Criterion, group: &str, corpus: &Corpus, mut run: impl FnMut(&[u8])) {
    let bytes: usize = corpus.messages.iter().map(Vec::len).sum();
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Bytes((bytes / corpus.messages.len()) as u64));
    let mut messages = corpus.messages.iter().cycle();
    group.bench_function(corpus.name, |bencher| {
        bencher.iter(|| run(messages.next().expect("a cycle has no end")));
    });
    group.finish();
}

fn index(criterion: &mut Criterion) {
    let mut fields = vec![Field::default(); FIELDS_MAX];
    for scanner in Level::ALL.into_iter().filter_map(Scanner::with_level) {
        let name = format!("index/{:?}", scanner.level());
        for corpus in &corpora() {
            bench(criterion, &name, corpus, |message| {
                let count = scanner.index(black_box(message), &mut fields);
                black_box(count).expect("a good message");
                black_box(&mut fields);
            });
        }
    }
}

fn frame_and_index(criterion: &mut Criterion) {
    let (framer, scanner) = (Framer::new(1 << 20), forced_scanner());
    let mut fields = vec![Field::default(); FIELDS_MAX];
    for corpus in &corpora() {
        bench(criterion, "frame_and_index", corpus, |message| {
            black_box(scanner.scan(&framer, black_box(message), &mut fields));
            black_box(&mut fields);
        });
    }
}

fn typed_read(criterion: &mut Criterion) {
    let (framer, scanner) = (Framer::new(1 << 20), forced_scanner());
    let mut fields = vec![Field::default(); FIELDS_MAX];
    for corpus in &corpora() {
        let Some(tags) = corpus.typed else { continue };
        bench(criterion, "frame_index_and_five_typed_fields", corpus, |message| {
            let scanned = scanner.scan(&framer, black_box(message), &mut fields);
            let Scanned::Message { len, fields: count } = scanned else {
                unreachable!("a good message")
            };
            let mut view = Message::new(&message[..len], &fields[..count]).cursor();
            let read = (
                view.uint(34).expect("there"),
                view.time(52).expect("there"),
                view.uint(tags[0]).expect("there"),
                view.decimal(tags[1]).expect("there"),
                view.decimal(tags[2]).expect("there"),
            );
            black_box(read);
        });
    }
}

fn encode(criterion: &mut Criterion) {
    let orders = orders();
    let mut buffer = [0; 512];
    let (mut next, mut msg_seq_num) = (orders.iter().cycle(), 10_000);
    criterion.bench_function("encode/order_179", |bencher| {
        bencher.iter(|| {
            msg_seq_num += 1;
            let order = next.next().expect("a cycle has no end");
            black_box(encode_order(black_box(order), msg_seq_num, &mut buffer));
            black_box(&mut buffer);
        });
    });
    let (template, mut times) = (order_template(), TimestampCache::new());
    criterion.bench_function("template/order_179", |bencher| {
        bencher.iter(|| {
            msg_seq_num += 1;
            let order = black_box(next.next().expect("a cycle has no end"));
            black_box(order.fill(&template, msg_seq_num, &mut times, &mut buffer));
            black_box(&mut buffer);
        });
    });
}

criterion_group! {
    name = codec;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = index, frame_and_index, typed_read, encode
}
criterion_main!(codec);
