//! What a kill and a power cut leave at the end of a journal: the rows of the module's table.

use super::*;

const CONFIRMED: [Durability; 2] = [Durability::Interval, Durability::EveryMessage];
const ALL: [Durability; 3] = [Durability::None, Durability::Interval, Durability::EveryMessage];

fn ours() -> Identity {
    let text = |text: &str| text.parse().expect("it is short");
    Identity {
        begin_string: "FIX.4.4".parse().expect("it is short"),
        sender: text("US"),
        target: text("THEM"),
    }
}

fn config(durability: Durability) -> JournalConfig {
    JournalConfig { durability, ..SMALL }
}

/// A life of messages that ends in the middle of segment `segments`: by a kill, or closed.
fn life(dir: &TempDir, durability: Durability, segments: u32, closed: bool) -> u64 {
    let (mut journal, _) = open(dir, config(durability));
    journal.claim(ours()).expect("it is ours");
    let mut seq = journal.state().next_out;
    let first = journal.position().segment;
    while send(&mut journal, seq).expect("room").segment < first + segments - 1 {
        seq += 1;
    }
    if closed {
        drop(journal);
    } else {
        kill(journal);
    }
    seq
}

/// The process ends here: what would flush at a drop does not. The lock goes with the process.
fn kill(mut journal: Journal) {
    journal.config.durability = Durability::None;
}

/// The machine starts anew, with what the disk has.
fn restart_machine(dir: &TempDir) {
    for &number in Reader::open(dir.path()).expect("it opens").segments() {
        reboot(&path_of(dir.path(), number));
    }
}

/// The pages behind the header of the last segment that was written to never reached the disk.
fn blank_last(dir: &TempDir) -> PathBuf {
    let (path, _) = last_written(dir.path());
    let mut bytes = std::fs::read(&path).expect("it reads");
    bytes[SEGMENT_HEADER..].fill(0);
    std::fs::write(&path, bytes).expect("it writes");
    mark(&path, 0);
    path
}

fn mark(path: &Path, offset: u64) {
    let file = std::fs::File::options().write(true).open(path).expect("it opens");
    mark_durable(&file, offset).expect("a mark");
}

#[test]
fn after_a_kill_nothing_is_missing_whatever_the_durability() {
    for durability in ALL {
        let dir = dir();
        let mut last = 0;
        for segments in 1..=3 {
            let killed = life(&dir, durability, segments, false);
            assert!(killed > last);
            last = killed;
            // The ring may hold a segment that was made ahead.
            let (journal, recovered) = open(&dir, config(durability));
            assert_eq!(journal.state().next_out, last + 1, "{durability:?}");
            assert_eq!(recovered.problems().count(), 0, "{durability:?}: {recovered:?}");
            kill(journal);
        }
        assert_eq!(messages(dir.path()).len() as u64, last);
    }
}

#[test]
fn after_a_restart_of_the_machine_a_journal_that_was_closed_is_known_to_be_whole() {
    for durability in CONFIRMED {
        for made_ahead in [false, true] {
            let dir = dir();
            let last = life(&dir, durability, 2, true);
            // A life without a message, too.
            let (mut journal, _) = open(&dir, config(durability));
            if made_ahead {
                journal.housekeeper().expect("the first time").prepare().expect("room");
            }
            drop(journal);
            restart_machine(&dir);
            let (journal, recovered) = open(&dir, config(durability));
            assert_eq!(recovered.problems().count(), 0, "{durability:?}: {recovered:?}");
            assert_eq!(journal.state().next_out, last + 1);
        }
    }
}

#[test]
fn a_machine_that_went_down_before_the_journal_was_closed_is_reported_however_whole_it_looks() {
    for (durability, closed) in [
        (Durability::None, true),
        (Durability::None, false),
        (Durability::Interval, false),
        (Durability::EveryMessage, false),
    ] {
        let dir = dir();
        let last = life(&dir, durability, 2, closed);
        restart_machine(&dir);
        let (journal, recovered) = open(&dir, config(durability));
        assert!(recovered.unconfirmed, "{durability:?}");
        assert_eq!(recovered.problems().count(), 1);
        assert_eq!((journal.state().next_out, &recovered.torn), (last + 1, &None));
        drop(journal);
        let (_, recovered) = open(&dir, config(durability));
        assert!(!recovered.unconfirmed, "{durability:?}: said once");
    }
}

#[test]
fn a_blank_segment_behind_a_full_one_is_reported_after_a_power_cut_because_records_may_have_been_in_it()
 {
    for durability in ALL {
        let dir = dir();
        life(&dir, durability, 2, false);
        // The first is full, and confirmed to its end.
        mark(&path_of(dir.path(), 1), u64::MAX);
        let path = blank_last(&dir);
        assert_eq!(path, path_of(dir.path(), 2));
        restart_machine(&dir);
        let kept = messages(dir.path()).len() as u64;
        let (journal, recovered) = open(&dir, config(durability));
        assert!(recovered.unconfirmed, "{durability:?}");
        assert_eq!(journal.state().next_out, kept + 1);
    }
}

#[test]
fn a_life_of_which_only_its_first_state_reached_the_disk_is_reported_after_a_power_cut() {
    for durability in ALL {
        let dir = dir();
        let last = life(&dir, durability, 1, true);
        life(&dir, durability, 1, false);
        let (path, segment) = last_written(dir.path());
        let second = segment.entries().nth(2).expect("a message").offset;
        let rest = 4096 - second as usize;
        patch(&path, second, &vec![0; rest]);
        mark(&path, 0);
        restart_machine(&dir);
        let (journal, recovered) = open(&dir, config(durability));
        assert!(recovered.unconfirmed, "{durability:?}");
        assert_eq!(journal.state().next_out, last + 1);
    }
}

#[test]
fn a_last_segment_without_a_header_is_never_taken_for_an_unused_one() {
    for (durability, restarted) in
        [(Durability::None, false), (Durability::Interval, true), (Durability::EveryMessage, true)]
    {
        for length in [0, SEGMENT_HEADER, 4096] {
            let dir = dir();
            life(&dir, durability, 2, false);
            if restarted {
                restart_machine(&dir);
            }
            let path = path_of(dir.path(), 2);
            std::fs::write(&path, vec![0; length]).expect("it writes");
            let refused = Journal::open(dir.path(), config(durability)).err();
            let refused = refused.expect("numbers would be used again");
            assert!(matches!(&refused, JournalError::Foreign { path: named } if *named == path));
            assert!(path.exists(), "what is evidence stays");
        }
    }
}

#[test]
fn without_durability_what_a_power_cut_left_without_a_header_is_set_aside_and_reported() {
    for length in [0, 4096] {
        for headless in [1, 2] {
            let dir = dir();
            life(&dir, Durability::None, 3, false);
            restart_machine(&dir);
            for number in 4 - headless..=3 {
                let path = path_of(dir.path(), number);
                std::fs::write(&path, vec![0; length]).expect("it writes");
            }
            let kept = 3 - headless;
            let stored = Reader::open(dir.path()).expect("it opens");
            let last = stored.segment(kept).expect("it reads").last_state().expect("messages");
            let (journal, recovered) = open(&dir, SMALL);
            assert!(recovered.unconfirmed);
            assert_eq!(recovered.lost.len(), headless as usize);
            assert!(recovered.lost.iter().all(|lost| lost.path.exists()));
            assert_eq!(journal.state(), last);
        }
    }
}

#[test]
fn a_header_that_has_changed_is_never_taken_for_one_that_a_power_cut_left_out() {
    for (segments, length) in [(1, None), (2, None), (1, Some(0)), (1, Some(4096))] {
        for restarted in [false, true] {
            let dir = dir();
            life(&dir, Durability::None, segments, false);
            if restarted {
                restart_machine(&dir);
            }
            let path = path_of(dir.path(), segments);
            let mut bytes = std::fs::read(&path).expect("it reads");
            match length {
                None => bytes[2] ^= 0xff,
                // Nothing is left that would show that the machine has restarted.
                Some(length) => bytes = vec![0; length],
            }
            std::fs::write(&path, &bytes).expect("it writes");
            let refused = Journal::open(dir.path(), SMALL).err().expect("numbers would start at 1");
            assert!(matches!(&refused, JournalError::Foreign { path: named } if *named == path));
            assert_eq!(std::fs::read(&path).expect("it is there"), bytes, "as it was");
        }
    }
}

#[test]
fn a_directory_whose_segments_are_all_gone_begins_anew_and_says_so() {
    let dir = dir();
    life(&dir, Durability::None, 1, true);
    std::fs::remove_file(path_of(dir.path(), 1)).expect("it goes");
    let (journal, recovered) = open(&dir, SMALL);
    assert_eq!((journal.state(), recovered.emptied), (State::START, true));
    assert!(recovered.problems().any(|said| said.contains("holds no segment")));
    drop(journal);
    assert!(!open(&dir, SMALL).1.emptied, "said once");
    assert!(!open(&self::dir(), SMALL).1.emptied, "a new one");
}

#[test]
fn without_durability_a_segment_in_the_middle_that_has_no_header_takes_those_behind_it_along() {
    let dir = dir();
    life(&dir, Durability::None, 4, false);
    restart_machine(&dir);
    std::fs::write(path_of(dir.path(), 2), [0; 4096]).expect("it writes");
    let first = Reader::open(dir.path()).expect("it opens").segment(1).expect("it reads");
    let config = JournalConfig { segments_mapped: 16, ..SMALL };
    let (journal, recovered) = open(&dir, config);
    assert_eq!(Some(journal.state()), first.last_state());
    assert_eq!((recovered.lost.len(), recovered.unconfirmed), (3, true));
}
