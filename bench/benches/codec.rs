//! The codec: index per kernel, frame and index, typed reads, field checks, and messages encoded.
//!
//! `TAUT_SCAN_LEVEL` (portable, sse2, avx2, avx512) forces the level of all but `index`.
#![allow(missing_docs)] // of the functions that criterion's macros make

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use taut_bench::orders::{Kind, orders};
use taut_bench::read::Reader;
use taut_bench::{Corpus, corpora, forced_scanner};
use taut_codec::scan::{Level, Scanner};
use taut_codec::value::TimestampCache;

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
    for scanner in Level::ALL.into_iter().filter_map(Scanner::with_level) {
        let mut reader = Reader::new(scanner);
        let name = format!("index/{:?}", scanner.level());
        for corpus in &corpora() {
            bench(criterion, &name, corpus, |message| {
                black_box(reader.index(black_box(message)));
            });
        }
    }
}

fn frame_and_index(criterion: &mut Criterion) {
    let mut reader = Reader::new(forced_scanner());
    for corpus in &corpora() {
        bench(criterion, "frame_and_index", corpus, |message| {
            black_box(reader.frame_and_index(black_box(message)));
        });
    }
}

fn typed_read(criterion: &mut Criterion) {
    let mut reader = Reader::new(forced_scanner());
    for corpus in &corpora() {
        let Some(tags) = corpus.typed else { continue };
        bench(criterion, "frame_index_and_five_typed_fields", corpus, |message| {
            black_box(reader.five_by_cursor(black_box(message), tags)).expect("a good message");
        });
    }
}

fn field_checks(criterion: &mut Criterion) {
    let mut reader = Reader::new(forced_scanner());
    for corpus in corpora().iter().filter(|corpus| corpus.passes_checks()) {
        bench(criterion, "frame_index_and_field_checks", corpus, |message| {
            black_box(reader.check(black_box(message))).expect("a good message");
        });
    }
}

fn encode(criterion: &mut Criterion) {
    let (orders, mut times, mut buffer) = (orders(), TimestampCache::new(), [0; 512]);
    let (mut next, mut msg_seq_num) = (orders.iter().cycle(), 10_000);
    let mut order = || {
        msg_seq_num += 1;
        (black_box(next.next().expect("a cycle has no end")), msg_seq_num)
    };
    for kind in Kind::ALL {
        criterion.bench_function(&format!("encode/{}", kind.name()), |bencher| {
            bencher.iter(|| {
                let (order, seq) = order();
                black_box(kind.encode(order, seq, &mut buffer));
                black_box(&mut buffer);
            });
        });
        let template = kind.template();
        criterion.bench_function(&format!("template/{}", kind.name()), |bencher| {
            bencher.iter(|| {
                let (order, seq) = order();
                black_box(kind.fill(order, &template, seq, &mut times, &mut buffer));
                black_box(&mut buffer);
            });
        });
    }
}

criterion_group! {
    name = codec;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = index, frame_and_index, typed_read, field_checks, encode
}
criterion_main!(codec);
