//! What is broken: told apart, and never taken for what is whole.

use super::*;

#[test]
fn a_journal_of_which_only_an_unused_segment_is_left_is_not_taken_for_a_new_one() {
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    send(&mut journal, 1).expect("room");
    journal.housekeeper().expect("it was not taken").prepare().expect("room");
    drop(journal);
    std::fs::remove_file(path_of(dir.path(), 1)).expect("it goes");
    let refused = Journal::open(dir.path(), SMALL).err().expect("numbers would start at 1 again");
    assert!(
        matches!(&refused, JournalError::Missing { path } if path.ends_with("000000001.journal"))
    );
    assert!(path_of(dir.path(), 2).exists(), "what is evidence stays");
}

#[test]
fn a_segment_that_the_disk_had_confirmed_is_not_taken_for_an_unused_one_when_it_is_blank() {
    for used in [1, 2] {
        let dir = dir();
        let (mut journal, _) = open(&dir, SMALL);
        let mut number = 1;
        while send(&mut journal, number).expect("room").segment < used {
            number += 1;
        }
        drop(journal);
        let path = path_of(dir.path(), used);
        let mut blank = std::fs::read(&path).expect("it reads");
        blank[SEGMENT_HEADER..].fill(0);
        std::fs::write(&path, &blank).expect("it writes");
        let file = std::fs::File::options().write(true).open(&path).expect("it opens");
        mark_durable(&file, SEGMENT_HEADER as u64 + 1).expect("a mark");
        let refused = Journal::open(dir.path(), SMALL).err().expect("numbers would be used again");
        assert!(
            matches!(&refused, JournalError::Corrupt { path: named, .. } if *named == path),
            "{used}: {refused}"
        );
        assert!(path.exists(), "what is evidence stays");
    }
}

#[test]
fn a_torn_tail_is_cut_off_wherever_it_is_torn_and_is_reported() {
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    send(&mut journal, 1).expect("room");
    let before = send(&mut journal, 2).expect("room").offset as usize;
    let after = send(&mut journal, 3).expect("room").offset as usize;
    drop(journal);
    let path = path_of(dir.path(), 1);
    let whole = std::fs::read(&path).expect("it reads");
    for cut in before + 1..after {
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        if torn == whole {
            continue; // padding
        }
        for other in Reader::open(dir.path()).expect("it opens").segments() {
            std::fs::remove_file(path_of(dir.path(), *other)).expect("it goes");
        }
        std::fs::write(&path, &torn).expect("it writes");
        let (mut journal, recovered) = open(&dir, SMALL);
        assert_eq!(journal.state().next_out, 3, "cut at {cut}");
        // The first bytes of the head may be zeros themselves: then nothing shows.
        let nonzero = torn[before..].iter().rposition(|&b| b != 0).map(|at| at as u64 + 1);
        let report =
            nonzero.map(|bytes| Torn { segment: 1, offset: before as u64, bytes, records: 0 });
        assert_eq!(recovered.torn, report, "cut at {cut}");
        assert_eq!(messages(dir.path()).len(), 2);
        send(&mut journal, 3).expect("room");
        drop(journal);
        assert_eq!(open(&dir, SMALL).1.torn, None, "repaired for good");
    }
}

#[test]
fn a_changed_byte_before_the_end_is_corruption_and_nothing_is_touched() {
    for flip in [SEGMENT_HEADER + 1, SEGMENT_HEADER + 40, 200, 300] {
        let dir = dir();
        let (mut journal, _) = open(&dir, SMALL);
        for seq in 1..=10 {
            send(&mut journal, seq).expect("room");
        }
        drop(journal);
        let path = path_of(dir.path(), 1);
        let mut bytes = std::fs::read(&path).expect("it reads");
        bytes[flip] ^= 0x10;
        std::fs::write(&path, &bytes).expect("it writes");
        let error = Journal::open(dir.path(), SMALL).err().expect("it is refused");
        let JournalError::Corrupt { path: named, records_behind, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(named, path);
        assert!(records_behind > 0);
        assert_eq!(std::fs::read(&path).expect("it reads"), bytes, "as it was");
    }
}

#[test]
fn a_changed_last_record_is_corruption_if_the_disk_had_confirmed_it() {
    for (durability, refused) in [(Durability::None, false), (Durability::EveryMessage, true)] {
        let dir = dir();
        let (mut journal, _) = open(&dir, JournalConfig { durability, ..SMALL });
        send(&mut journal, 1).expect("room");
        let end = send(&mut journal, 2).expect("room").offset;
        drop(journal);
        patch(&path_of(dir.path(), 1), u64::from(end) - 12, b"?");
        let opened = Journal::open(dir.path(), SMALL);
        let corrupt = matches!(opened, Err(JournalError::Corrupt { .. }));
        assert_eq!(corrupt, refused, "{durability:?}");
    }
}

#[test]
fn after_a_power_cut_what_the_disk_had_not_confirmed_may_be_gone_and_is_reported() {
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    let mut first_segment = Position::default();
    let mut seq = 0;
    while journal.state().next_out < 100 {
        seq += 1;
        let at = send(&mut journal, seq).expect("room");
        if at.segment == 1 {
            first_segment = at;
        }
    }
    drop(journal);
    let written = Reader::open(dir.path()).expect("it opens").segments().to_vec();
    for &number in &written {
        reboot(&path_of(dir.path(), number));
    }
    // A page in the middle of the second segment never reached the disk.
    let path = path_of(dir.path(), 2);
    mark_durable(&std::fs::OpenOptions::new().write(true).open(&path).unwrap(), 200).unwrap();
    let config = JournalConfig { segments_mapped: 16, ..SMALL };
    patch(&path, 1024, &[0; 512]);
    let (journal, recovered) = open(&dir, config);
    let torn = recovered.torn.expect("it is torn");
    assert_eq!(torn.segment, 2);
    assert!(torn.offset <= 1024 && torn.records > 0, "{torn:?}");
    assert_eq!(recovered.lost.len(), written.len() - 2);
    assert!(recovered.lost.iter().all(|lost| lost.path.exists()));
    let kept = messages(dir.path()).len() as u64;
    assert!(kept > 0 && kept < 100 && first_segment.segment == 1);
    assert_eq!(journal.state().next_out, kept + 1);

    // Had the disk confirmed that page, its loss would not be the power's doing.
    drop(journal);
    let path = path_of(dir.path(), 1);
    patch(&path, 1024, &[0; 512]);
    let refused = Journal::open(dir.path(), config);
    assert!(matches!(refused, Err(JournalError::Corrupt { .. })));
}

#[test]
fn a_segment_that_does_not_follow_the_one_before_is_corruption_or_a_power_cut() {
    for rebooted in [false, true] {
        let dir = dir();
        let (mut journal, _) = open(&dir, SMALL);
        let mut ends = [0; 3];
        for seq in 1..=60 {
            let at = send(&mut journal, seq).expect("room");
            if let Some(end) = ends.get_mut(at.segment as usize) {
                *end = at.offset;
            }
        }
        drop(journal);
        // The first segment loses its last records without a trace.
        let path = path_of(dir.path(), 1);
        patch(&path, 1000, &[0; 3096]);
        let bytes = std::fs::read(&path).unwrap();
        let whole = StoredSegment::entries(&Reader::open(dir.path()).unwrap().segment(1).unwrap())
            .last()
            .map_or(0, |entry| entry.offset as usize);
        let end = whole + (bytes[whole] as usize + 32).next_multiple_of(8);
        patch(&path, end as u64, &vec![0; 4096 - end]);
        for &number in Reader::open(dir.path()).unwrap().segments() {
            if rebooted {
                reboot(&path_of(dir.path(), number));
            }
        }
        let config = JournalConfig { segments_mapped: 16, ..SMALL };
        match Journal::open(dir.path(), config) {
            Ok((journal, recovered)) => {
                assert!(rebooted && !recovered.lost.is_empty());
                assert_eq!(journal.state().next_out, messages(dir.path()).len() as u64 + 1);
            }
            Err(error) => assert!(!rebooted && matches!(error, JournalError::Corrupt { .. })),
        }
    }
}

#[test]
fn a_missing_segment_and_a_foreign_file_are_errors_of_their_own() {
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    for seq in 1..=200 {
        send(&mut journal, seq).expect("room");
    }
    drop(journal);
    let path = path_of(dir.path(), 2);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = Journal::open(dir.path(), SMALL).err().expect("it is refused");
    assert!(matches!(&error, JournalError::Missing { path: named } if *named == path), "{error}");
    std::fs::write(&path, bytes).unwrap();
    let (_, segment) = last_written(dir.path());
    let last = path_of(dir.path(), segment.number());
    std::fs::write(&last, b"something else").unwrap();
    let error = Journal::open(dir.path(), SMALL).err().expect("it is refused");
    assert!(matches!(&error, JournalError::Foreign { path } if *path == last), "{error}");
}

#[test]
fn what_is_left_of_a_damaged_journal_can_be_read_around_the_damage() {
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    let mut seq = 0;
    while journal.position().segment < 5 {
        seq += 1;
        send(&mut journal, seq).expect("room");
    }
    drop(journal);
    let whole = messages(dir.path());
    let segment = |number| {
        Reader::open_with_gaps(dir.path()).expect("a directory").segment(number).expect("it reads")
    };
    let offsets: Vec<u64> = segment(2).entries().map(|entry| entry.offset).collect();
    // The payload of one record, the head of another with the one behind it, the last.
    let last = offsets.len() - 1;
    for (record, at) in [(2, 33), (5, 0), (6, 30), (last, 40)] {
        patch(&path_of(dir.path(), 2), offsets[record] + at, b"?");
    }
    std::fs::remove_file(path_of(dir.path(), 3)).expect("it goes");
    assert!(matches!(Reader::open(dir.path()), Err(JournalError::Missing { .. })));
    let reader = Reader::open_with_gaps(dir.path()).expect("a directory");
    assert_eq!(reader.segments()[..3], [1, 2, 4]);
    assert_eq!(segment(2).entries().count(), 2, "who goes on from it stops at the first");
    let damaged = segment(2);
    let (mut found, mut gaps) = (Vec::new(), Vec::new());
    for part in damaged.parts() {
        match part {
            Part::Entry(entry) => found.push(entry.offset),
            Part::NoRecord { offset, bytes } => gaps.push((offset, bytes)),
        }
    }
    let hit = [2, 5, 6, last];
    let kept = offsets.iter().enumerate().filter(|(record, _)| !hit.contains(record));
    assert_eq!(found, kept.map(|(_, &offset)| offset).collect::<Vec<_>>());
    let until = |from: usize, to: usize| (offsets[from], offsets[to] - offsets[from]);
    assert_eq!(gaps[..2], [until(2, 3), until(5, 7)]);
    assert_eq!((gaps.len(), gaps[2].0), (3, offsets[last]));
    for entry in damaged.parts().filter_map(|part| match part {
        Part::Entry(entry) => Some(entry),
        Part::NoRecord { .. } => None,
    }) {
        if let EntryKind::Message { direction, seq, bytes, .. } = entry.kind {
            assert!(whole.contains(&(direction, seq, bytes.to_vec())));
        }
    }
}

#[test]
fn that_a_segment_cannot_be_made_is_told_with_what_was_wanted() {
    let dir = dir();
    // What a segment is called first is in the way.
    std::fs::create_dir(dir.path().join("next.tmp")).expect("a directory");
    let refused = Journal::open(dir.path(), SMALL).err().expect("there is no segment");
    let said = refused.to_string();
    assert!(said.contains("000000001.journal: a new segment of 4096 bytes was wanted: "), "{said}");
}

#[test]
fn a_file_whose_name_only_looks_like_a_segments_is_none() {
    let dir = dir();
    drop(open(&dir, SMALL));
    for name in ["0000000002.journal", "2.journal", "+00000002.journal", "000000002.journal~"] {
        std::fs::write(dir.path().join(name), b"x").expect("it writes");
    }
    assert_eq!(Reader::open(dir.path()).expect("it opens").segments(), [1]);
    send(&mut open(&dir, SMALL).0, 1).expect("room");
}
