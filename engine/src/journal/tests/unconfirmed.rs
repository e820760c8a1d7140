//! A disk that refuses to confirm what was written.

use super::*;

/// A file that the system does not let anybody flush.
fn unflushable() -> std::fs::File {
    std::fs::File::open("/dev/null").expect("every system has it")
}

#[test]
fn when_the_disk_refuses_to_confirm_nothing_more_is_taken_and_nothing_is_called_durable() {
    let dir = dir();
    let config = JournalConfig { durability: Durability::EveryMessage, ..SMALL };
    let (mut journal, _) = open(&dir, config);
    let confirmed = send(&mut journal, 1).expect("the disk confirms");
    assert_eq!(journal.durable(), confirmed);

    let segment = journal.segments.back_mut().expect("the current one");
    let good = std::mem::replace(&mut segment.file, unflushable());
    assert_eq!(send(&mut journal, 2), Err(AppendError::Unconfirmed));
    // A flush that succeeds now says nothing about what the failed one may have lost.
    journal.segments.back_mut().expect("the current one").file = good;
    assert_eq!(send(&mut journal, 3), Err(AppendError::Unconfirmed));
    assert_eq!(journal.note(State { nonce: 9, ..journal.state() }), Err(AppendError::Unconfirmed));
    let refused = journal.flush().expect_err("nobody knows what the disk has");
    assert!(matches!(refused, JournalError::Unconfirmed { .. }), "{refused}");
    assert_eq!(journal.durable(), confirmed);

    drop(journal);
    let stored: Vec<u64> = messages(dir.path()).iter().map(|(_, seq, _)| *seq).collect();
    assert_eq!(stored, [1, 2], "what was confirmed is there; what was refused with it may be");
    let (mut journal, _) = open(&dir, config);
    send(&mut journal, 3).expect("the next life finds out anew what the disk takes");
}

#[test]
fn a_housekeeper_whose_flush_failed_says_so_and_never_calls_anything_durable_again() {
    let dir = dir();
    let config = JournalConfig { durability: Durability::Interval, ..SMALL };
    let (mut journal, _) = open(&dir, config);
    let mut housekeeper = journal.housekeeper().expect("the first time");
    let confirmed = send(&mut journal, 1).expect("room");
    housekeeper.run(Instant::now()).expect("the disk confirms");
    assert_eq!(journal.durable(), confirmed);

    // The housekeeper finds a segment by its name.
    let path = path_of(dir.path(), confirmed.segment);
    let aside = dir.path().join("aside");
    std::fs::rename(&path, &aside).expect("it is ours");
    std::os::unix::fs::symlink("/dev/null", &path).expect("it is ours");
    send(&mut journal, 2).expect("the path does not wait");
    let refused = housekeeper.run(Instant::now()).expect_err("it cannot be flushed");
    assert!(matches!(refused, JournalError::System { .. }), "{refused}");
    std::fs::remove_file(&path).expect("it is ours");
    std::fs::rename(&aside, &path).expect("it is ours");
    for _ in 0..2 {
        let refused = housekeeper.run(Instant::now()).expect_err("what is lost stays lost");
        assert!(matches!(refused, JournalError::Unconfirmed { .. }), "{refused}");
    }
    let refused = housekeeper.finish().expect_err("at the end too");
    assert!(matches!(refused, JournalError::Unconfirmed { .. }), "{refused}");
    assert_eq!(journal.durable(), confirmed);
    send(&mut journal, 3).expect("the path goes on: it was promised no more");
}

#[test]
fn the_path_goes_on_while_the_disk_hangs_and_is_told_when_there_is_no_room_left() {
    let dir = dir();
    let config = JournalConfig { durability: Durability::Interval, ..SMALL };
    let (mut journal, _) = open(&dir, config);
    let mut housekeeper = journal.housekeeper().expect("the first time");
    let first = send(&mut journal, 1).expect("room");
    // A pipe in the segment's place: who opens it to flush it waits until somebody reads.
    let path = path_of(dir.path(), first.segment);
    let aside = dir.path().join("aside");
    std::fs::rename(&path, &aside).expect("it is ours");
    let (fifo, mode) =
        (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).expect("it is ours");
    let flush = std::thread::spawn(move || housekeeper.run(Instant::now()).is_err());

    let mut seq = 1;
    let refused = loop {
        seq += 1;
        match send(&mut journal, seq) {
            Ok(_) => assert!(seq < 10_000, "a segment is small"),
            Err(error) => break error,
        }
    };
    assert!(seq > 10, "the path went on: {seq}");
    assert_eq!(refused, AppendError::NoSegment);
    assert!(journal.durable() < first, "nothing is called durable meanwhile");
    assert!(!flush.is_finished(), "nobody reads");

    drop(std::fs::File::open(&path).expect("it is ours"));
    assert!(flush.join().expect("no panic"), "a pipe cannot be flushed");
    std::fs::rename(&aside, &path).expect("it is ours");
}
