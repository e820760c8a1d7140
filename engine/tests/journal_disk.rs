//! A full disk and a read-only one, really: a small tmpfs in a mount namespace of its own. Skipped, and
//! says so, where the system does not let a process have one.

#[path = "common/skipped.rs"]
mod skipped;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use skipped::skipped;
use taut::journal::{
    AppendError, Direction, Durability, Journal, JournalConfig, JournalError, Reader, Record,
};
use taut_codec::value::UtcTime;

/// Set in the child: the directory that is the small file system.
const DIR: &str = "TAUT_JOURNAL_DISK_DIR";

const CONFIG: JournalConfig = JournalConfig {
    durability: Durability::Interval,
    interval: Duration::ZERO,
    segment_bytes: 256 * 1024,
    segments_kept: 0,
    segments_mapped: 2,
    index_messages: 4096,
    message_bytes_max: 4096,
    blanks_secrets: true,
};

/// Runs the test `name` again, in a mount namespace with a tmpfs of a MiB. Returns its directory in the
/// child, and `None` in the parent when all is done.
fn in_small_file_system(name: &str) -> Option<std::path::PathBuf> {
    if let Some(dir) = std::env::var_os(DIR) {
        return Some(dir.into());
    }
    let dir = tempfile::tempdir().expect("a directory for the test");
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs \"${DIR}\" || exit 77; \
         \"$0\" --exact {name} --nocapture; status=$?; umount \"${DIR}\"; exit $status"
    );
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("there is one"))
        .env(DIR, dir.path())
        .output();
    match ran {
        Err(error) => skipped(format_args!("unshare: {error}")),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let denied = output.status.code() == Some(77) || text.contains("unshare: ");
            if denied {
                skipped(format_args!("no mount namespace here: {text}"));
            } else {
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success(), "{said}\n{text}");
                assert!(said.contains("1 passed"), "{said}");
            }
        }
    }
    None
}

fn send(journal: &mut Journal, seq: u64) -> Result<taut::journal::Position, AppendError> {
    let bytes = vec![b'x'; 1000];
    let (direction, time) = (Direction::Out, UtcTime(seq));
    journal.append(Record { direction, epoch: 1, seq, time, bytes: &bytes })
}

fn stored(dir: &Path) -> usize {
    let reader = Reader::open(dir).expect("it opens");
    let count = |number: &u32| {
        let segment = reader.segment(*number).expect("it reads");
        segment
            .entries()
            .filter(|e| matches!(e.kind, taut::journal::EntryKind::Message { .. }))
            .count()
    };
    reader.segments().iter().map(count).sum()
}

#[test]
fn a_full_disk_is_a_typed_error_and_what_was_confirmed_stays() {
    let Some(dir) =
        in_small_file_system("a_full_disk_is_a_typed_error_and_what_was_confirmed_stays")
    else {
        return;
    };
    let journal = dir.join("journal");
    let (mut open, _) = Journal::open(&journal, CONFIG).expect("it fits");
    let mut housekeeper = open.housekeeper().expect("the first time");
    housekeeper.run(Instant::now()).expect("a second segment fits");
    // The rest of the disk, but for a little less than a segment.
    std::fs::write(dir.join("ballast"), vec![1; 300 * 1024]).expect("it fits");
    let (mut seq, mut full, mut last) = (1, None, None);
    let error = loop {
        match send(&mut open, seq) {
            Ok(position) => last = Some(position),
            Err(error) => break error,
        }
        seq += 1;
        if let Err(error) = housekeeper.run(Instant::now()) {
            full.get_or_insert(error);
        }
    };
    assert_eq!(error, AppendError::NoSegment);
    let full = full.expect("the housekeeper says so, before the path feels it");
    assert!(matches!(full, JournalError::DiskFull { .. }), "{full}");
    open.flush().expect("flushing takes no room");
    assert!(last.is_some_and(|last| open.durable() >= last));
    assert_eq!(open.state().next_out, seq);

    drop((open, housekeeper));
    let refused = Journal::open(&journal, CONFIG).err().expect("there is no room to begin");
    assert!(matches!(refused, JournalError::DiskFull { .. }), "{refused}");
    assert!(refused.to_string().contains("the disk is full: a new segment of "), "{refused}");
    assert_eq!(stored(&journal) as u64, seq - 1, "all that was taken is there");

    std::fs::remove_file(dir.join("ballast")).expect("it goes");
    let (mut open, recovered) = Journal::open(&journal, CONFIG).expect("there is room again");
    assert_eq!(recovered.state.map(|state| state.next_out), Some(seq));
    send(&mut open, seq).expect("it goes on");
}

#[test]
fn a_directory_that_cannot_be_written_is_a_typed_error() {
    let name = "a_directory_that_cannot_be_written_is_a_typed_error";
    let Some(dir) = in_small_file_system(name) else { return };
    let journal = dir.join("journal");
    let (mut open, _) = Journal::open(&journal, CONFIG).expect("it opens");
    send(&mut open, 1).expect("room");
    drop(open);
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(&dir).status().expect("it runs");
        assert!(status.success(), "mount -o {how}");
    };
    remount("remount,ro");
    for target in [journal.clone(), dir.join("new")] {
        let refused = Journal::open(target, CONFIG).err().expect("it is refused");
        assert!(matches!(refused, JournalError::ReadOnly { .. }), "{refused}");
    }
    assert_eq!(stored(&journal), 1, "reading needs no writing");
    remount("remount,rw");
    assert!(Journal::open(&journal, CONFIG).is_ok());
}

#[test]
fn a_place_that_cannot_be_a_directory_is_a_typed_error() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let file = dir.path().join("file");
    std::fs::write(&file, b"").expect("it writes");
    for path in [file.clone(), file.join("below")] {
        let refused = Journal::open(path, CONFIG).err().expect("it is refused");
        assert!(matches!(refused, JournalError::System { .. }), "{refused}");
    }
}
