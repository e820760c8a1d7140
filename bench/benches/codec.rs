//! The codec: index per kernel, frame and index, typed reads, and an order encoded.
#![allow(missing_docs)] // of the functions that criterion's macros make

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use taut_bench::{Corpus, corpora, encode_order, orders};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Level, Scanner};

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
    let (framer, scanner) = (Framer::new(1 << 20), Scanner::new());
    let mut fields = vec![Field::default(); FIELDS_MAX];
    for corpus in &corpora() {
        bench(criterion, "frame_and_index", corpus, |message| {
            let Frame::Message { len } = framer.next(black_box(message)) else {
                unreachable!("a good message")
            };
            black_box(scanner.index(&message[..len], &mut fields).expect("a good message"));
            black_box(&mut fields);
        });
    }
}

fn typed_read(criterion: &mut Criterion) {
    let (framer, scanner) = (Framer::new(1 << 20), Scanner::new());
    let mut fields = vec![Field::default(); FIELDS_MAX];
    let [order, report, ..] = corpora();
    for (corpus, tags) in [(&order, [38, 44, 11]), (&report, [32, 31, 11])] {
        bench(criterion, "frame_index_and_five_typed_fields", corpus, |message| {
            let Frame::Message { len } = framer.next(black_box(message)) else {
                unreachable!("a good message")
            };
            let count = scanner.index(&message[..len], &mut fields).expect("a good message");
            let view = Message::new(message, &fields[..count]);
            let read = (
                view.msg_seq_num(),
                view.decimal(tags[0]).map(|d| d.to_scale(8)),
                view.decimal(tags[1]).map(|d| d.to_scale(1)),
                view.uint(tags[2]),
                view.time(60),
            );
            let _ = black_box(read);
        });
    }
}

fn encode(criterion: &mut Criterion) {
    let orders = orders();
    let mut buffer = [0; 512];
    let (mut next, mut msg_seq_num) = (orders.iter().cycle(), 10_000);
    criterion.bench_function("encode/order_180", |bencher| {
        bencher.iter(|| {
            msg_seq_num += 1;
            let order = next.next().expect("a cycle has no end");
            black_box(encode_order(black_box(order), msg_seq_num, &mut buffer));
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
