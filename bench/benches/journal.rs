//! What it costs to store a message before it is sent, by durability, and how much of that is the copy.
//!
//! `every_message` waits for the disk: it measures the disk. Where the journals lie decides, so
//! `TAUT_BENCH_DIR` names the directory; without it the system's one for temporary files is taken, which
//! may be memory.
#![allow(missing_docs)] // of the functions that criterion's macros make

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use taut::journal::{Direction, Durability, Housekeeper, Journal, JournalConfig, Record};
use taut_bench::{Corpus, corpora};
use taut_codec::value::UtcTime;

fn directory() -> tempfile::TempDir {
    let made = match std::env::var_os("TAUT_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    made.expect("a directory that can be written")
}

/// As the engine does it: another thread waits for the disk.
fn with_housekeeper(mut housekeeper: Housekeeper, run: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                housekeeper.run(Instant::now()).expect("the disk has room");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        run();
        over.store(true, Ordering::Relaxed);
    });
}

fn append(criterion: &mut Criterion, name: &str, durability: Durability, corpus: &Corpus) {
    let dir = directory();
    let config = JournalConfig { durability, segments_kept: 4, ..JournalConfig::default() };
    let (mut journal, _) = Journal::open(dir.path(), config).expect("it opens");
    let housekeeper = journal.housekeeper().expect("the first time");
    with_housekeeper(housekeeper, || {
        let mut messages = corpus.messages.iter().cycle();
        let mut seq = 0;
        criterion.bench_function(&format!("{name}/{}", corpus.name), |bencher| {
            bencher.iter_custom(|count| {
                let mut took = Duration::ZERO;
                let mut start = Instant::now();
                for _ in 0..count {
                    seq += 1;
                    let bytes = messages.next().expect("a cycle has no end");
                    let (direction, time) = (Direction::Out, UtcTime(seq));
                    let record = Record { direction, epoch: 1, seq, time, bytes };
                    if black_box(journal.append(black_box(record))).is_ok() {
                        continue;
                    }
                    // A benchmark outruns the housekeeper; that wait is none of the path's.
                    took += start.elapsed();
                    while journal.append(record).is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    start = Instant::now();
                }
                took + start.elapsed()
            });
        });
    });
}

fn durabilities(criterion: &mut Criterion) {
    let corpora = corpora();
    for corpus in &corpora {
        append(criterion, "journal/none", Durability::None, corpus);
    }
    append(criterion, "journal/interval", Durability::Interval, &corpora[0]);
    append(criterion, "journal/every_message", Durability::EveryMessage, &corpora[0]);
}

/// What a resend asks for.
fn sent(criterion: &mut Criterion) {
    let dir = directory();
    let (mut journal, _) = Journal::open(dir.path(), JournalConfig::default()).expect("it opens");
    let [order, ..] = corpora();
    for (seq, bytes) in (1..).zip(order.messages.iter()) {
        let (direction, time) = (Direction::Out, UtcTime(seq));
        journal.append(Record { direction, epoch: 1, seq, time, bytes }).expect("room");
    }
    let mut seq = 0;
    criterion.bench_function("journal/sent", |bencher| {
        bencher.iter(|| {
            seq = seq % order.messages.len() as u64 + 1;
            black_box(journal.sent(1, black_box(seq)).expect("it was sent"));
        });
    });
}

criterion_group! {
    name = journal;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = durabilities, sent
}
criterion_main!(journal);
