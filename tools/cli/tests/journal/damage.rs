//! What is missing, foreign or damaged hides nothing of the rest.

use taut::journal::Reader;

use super::*;

/// A journal of seven segments, and the first numbers, sent and received, in each of them.
fn seven_segments() -> (tempfile::TempDir, Vec<(u64, u64)>) {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    let mut seq = 0;
    while journal.position().segment < 7 {
        seq += 1;
        send(&mut journal, seq);
        if seq % 2 == 0 {
            append(&mut journal, Direction::In, seq / 2);
        }
    }
    drop(journal);
    let reader = Reader::open(dir.path()).unwrap();
    let numbers = |number| reader.segment(number).unwrap().first_state().unwrap();
    let starts = (1..=7).map(numbers).map(|state| (state.next_out, state.next_in)).collect();
    (dir, starts)
}

/// What `print` and `export` show: how many messages, and what on standard error. Both show the same.
fn shown(dir: &Path) -> (i32, usize, Vec<String>) {
    let (code, printed, errors) = journal_command("print", dir);
    let messages = printed.lines().filter(|line| line.contains("|34=")).count();
    let (exported_code, exported, exported_errors) = journal_command("export", dir);
    let kinds: Vec<serde_json::Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kinds.iter().filter(|one| one["kind"] == "message").count(), messages);
    assert_eq!((exported_code, &exported_errors), (code, &errors));
    let lines: Vec<String> = errors.lines().map(str::to_owned).collect();
    // What is wrong is a line of the export too, but for the last line: that the journal is damaged.
    let faults = kinds.iter().filter(|one| one["kind"] == "fault");
    let faults: Vec<_> =
        faults.map(|one| format!("taut: {}", one["text"].as_str().unwrap())).collect();
    assert_eq!(faults, lines[..lines.len().saturating_sub(1)]);
    (code, messages, lines)
}

/// What is not there between two segments.
fn between(starts: &[(u64, u64)], before: usize, next: usize) -> String {
    let ((from_out, from_in), (to_out, to_in)) = (starts[before], starts[next - 1]);
    format!(
        "between segments {before} and {next}: epoch 1, MsgSeqNum {from_out} to {} out, {from_in} to {} in are not \
         there",
        to_out - 1,
        to_in - 1
    )
}

/// Journals with damage, as much of it as can be done to files, and whether each is one.
fn damaged_copies(of: &Path) -> Vec<(String, tempfile::TempDir)> {
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(of).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "journal"))
    };
    let mut copies = Vec::new();
    let mut copy = |what: String, damage: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        for file in files() {
            std::fs::copy(&file, dir.path().join(file.file_name().unwrap())).unwrap();
        }
        damage(dir.path());
        copies.push((what, dir));
    };
    for file in files() {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&file).unwrap();
        // Nothing says that there was one more behind the last.
        if Some(&file) != files().next_back().as_ref() {
            copy(format!("{name} removed"), &|dir| std::fs::remove_file(dir.join(&name)).unwrap());
        }
        let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for cut in [0, 10, 300, 1000, written / 2, written.saturating_sub(9)] {
            let head = bytes[..cut.min(bytes.len())].to_vec();
            copy(format!("{name} cut at {cut}"), &|dir| {
                std::fs::write(dir.join(&name), &head).unwrap();
            });
            let mut zeros = head.clone();
            zeros.resize(bytes.len(), 0);
            copy(format!("{name} zeros from {cut}"), &|dir| {
                std::fs::write(dir.join(&name), &zeros).unwrap();
            });
        }
        for at in (0..written).step_by(written / 7 + 1) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            copy(format!("{name} with another byte at {at}"), &|dir| {
                std::fs::write(dir.join(&name), &flipped).unwrap();
            });
        }
    }
    copies
}

#[test]
fn a_missing_middle_segment_is_named_with_the_numbers_that_went_and_the_rest_is_shown() {
    let (dir, starts) = seven_segments();
    let (code, all, errors) = shown(dir.path());
    assert_eq!((code, errors), (0, vec![]));
    std::fs::remove_file(file(dir.path(), 3)).unwrap();
    std::fs::remove_file(file(dir.path(), 4)).unwrap();
    std::fs::remove_file(file(dir.path(), 6)).unwrap();
    let gone = |from: usize, to: usize| {
        let ((from_out, from_in), (to_out, to_in)) = (starts[from - 1], starts[to - 1]);
        (to_out - from_out + to_in - from_in) as usize
    };
    let (code, messages, errors) = shown(dir.path());
    assert_eq!((code, messages), (1, all - gone(3, 5) - gone(6, 7)));
    let faults = [
        "segments 3 to 4 are missing".to_owned(),
        between(&starts, 2, 5),
        "segment 6 is missing".to_owned(),
        between(&starts, 5, 7),
    ];
    let mut told: Vec<_> = faults.iter().map(|text| format!("taut: {text}")).collect();
    told.push("taut: the journal is damaged: 2 faults".into());
    assert_eq!(errors, told);
    let (code, report, _) = journal_command("verify", dir.path());
    assert_eq!(code, 1);
    let lines: Vec<_> = report.lines().filter(|line| !line.starts_with("segment ")).collect();
    let expected = [
        format!("fault: {}", faults[0]),
        faults[1].clone(),
        format!("fault: {}", faults[2]),
        faults[3].clone(),
    ];
    assert_eq!(lines[..4], expected, "{report}");
    assert!(lines[4].starts_with("total: "), "{report}");
}

#[test]
fn a_segment_that_is_none_or_of_another_journal_is_named_and_what_is_behind_it_is_shown() {
    let (dir, starts) = seven_segments();
    let (_, all, _) = shown(dir.path());
    let whole = std::fs::read(file(dir.path(), 3)).unwrap();
    let in_third = (starts[3].0 - starts[2].0 + starts[3].1 - starts[2].1) as usize;
    let path = file(dir.path(), 3);
    let none = format!("taut: {}: not this segment of a journal in this format", path.display());
    let (other, _) = seven_segments();
    for foreign in [b"something else".to_vec(), std::fs::read(file(other.path(), 4)).unwrap()] {
        std::fs::write(&path, foreign).unwrap();
        let (code, messages, errors) = shown(dir.path());
        assert_eq!((code, messages), (1, all - in_third));
        let last = "taut: the journal is damaged: 1 fault".to_owned();
        let told = vec![none.clone(), format!("taut: {}", between(&starts, 2, 4)), last];
        assert_eq!(errors, told);
    }
    // The same number of another journal is whole in itself, and does not fit.
    let stranger = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(stranger.path(), small()).unwrap();
    let mut seq = 0;
    while journal.position().segment < 4 {
        seq += 1;
        send(&mut journal, seq);
    }
    drop(journal);
    std::fs::copy(file(stranger.path(), 3), &path).unwrap();
    let (code, _, errors) = shown(dir.path());
    let told = [
        "taut: segment 3 does not begin where segment 2 ends",
        "taut: segment 4 does not begin where segment 3 ends",
        "taut: the journal is damaged: 2 faults",
    ];
    assert_eq!((code, errors), (1, told.map(str::to_owned).to_vec()));
    std::fs::write(&path, whole).unwrap();
    assert_eq!(shown(dir.path()), (0, all, vec![]));
}

#[test]
fn verify_lists_every_fault_of_a_journal_and_what_is_whole_between_them_is_shown() {
    let (dir, _) = seven_segments();
    let (_, all, _) = shown(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    let offsets: Vec<u64> = reader.segment(2).unwrap().entries().map(|one| one.offset).collect();
    // Two messages of one segment, and one of another.
    for (segment, record) in [(2, 5), (2, 20), (5, 5)] {
        flip(&file(dir.path(), segment), offsets[record] + 40);
    }
    std::fs::write(file(dir.path(), 4), b"").unwrap();
    let (code, report, errors) = journal_command("verify", dir.path());
    assert_eq!(
        (code, errors.as_str()),
        (1, "taut: the journal is damaged: 4 faults\n"),
        "{report}"
    );
    let faults: Vec<_> = report.lines().filter_map(|line| line.strip_prefix("fault: ")).collect();
    let at = |record: usize| {
        let bytes = offsets[record + 1] - offsets[record];
        format!("damaged at offset {}: {bytes} bytes are no record", offsets[record])
    };
    assert_eq!(faults[0], format!("segment 2: {}", at(5)));
    assert_eq!(faults[1], format!("segment 2: {}", at(20)));
    assert!(faults[2].contains("000000004.journal: not this segment"), "{report}");
    assert_eq!(faults[3], format!("segment 5: {}", at(5)));
    let (_, messages, _) = shown(dir.path());
    let lost = report.lines().find(|line| line.starts_with("between segments 3 and 5")).unwrap();
    let numbers: Vec<usize> = lost.split(' ').filter_map(|word| word.parse().ok()).collect();
    let &[_, out_from, out_to, in_from, in_to] = &numbers[..] else { panic!("{lost}") };
    assert_eq!(messages, all - 3 - (out_to + 1 - out_from) - (in_to + 1 - in_from));
}

#[test]
fn a_journal_that_verifies_is_one_that_an_engine_goes_on_from_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut seq = 0;
    for _ in 0..2 {
        let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
        for _ in 0..100 {
            seq += 1;
            send(&mut journal, seq);
            // Confirmed by the disk from time to time.
            if seq % 9 == 0 {
                journal.flush().unwrap();
            }
        }
        journal.flush().unwrap();
    }
    let (mut whole, mut damaged) = (0, 0);
    for (what, copy) in damaged_copies(dir.path()) {
        let (code, report, errors) = journal_command("verify", copy.path());
        let (printed, ..) = journal_command("print", copy.path());
        let opened = Journal::open(copy.path(), small());
        if code == 0 {
            let (_, recovered) = opened.unwrap_or_else(|error| panic!("{what}: {error}: {report}"));
            let next_out = recovered.state.map_or(1, |state| state.next_out);
            let torn = recovered.torn.is_some();
            assert!(next_out == seq + 1 || torn, "{what}: {next_out} of {seq}: {report}");
            whole += 1;
        } else {
            assert_eq!(code, 1, "{what}: {report}{errors}");
            assert!(errors.starts_with("taut: "), "{what}: {errors}");
            damaged += 1;
        }
        assert_eq!(printed, code, "{what}");
    }
    assert!(damaged > 20 && whole > 0, "{damaged} {whole}");
}
