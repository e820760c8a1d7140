//! What survives the end of the process: the numbers of a session and the messages that it sent.
//!
//! Two files per counterparty. `X.numbers` is one short line, written over in place; `X.sent` holds the
//! messages, each behind a line `epoch number length`. A tail that was cut off is dropped at the
//! next start. Bytes are handed to the system before they go to the wire: that survives the end of
//! the process, not that of the machine.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use taut::session::{MemoryStore, SentStore};

/// Messages kept per counterparty.
const MESSAGES_MAX: usize = 64 * 1024;
/// Bytes kept per counterparty.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A store that does not outlive the process.
pub fn memory() -> Box<dyn SentStore> {
    Box::new(MemoryStore::new(MESSAGES_MAX, BYTES_MAX))
}

/// The numbers of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The sequence space.
    pub epoch: u32,
    /// The next expected number.
    pub next_in: u64,
    /// The next number that we use.
    pub next_out: u64,
}

/// The file of the numbers.
pub struct NumbersFile {
    file: File,
    written: Option<Numbers>,
}

impl NumbersFile {
    /// Opens or makes it; the numbers that it holds, if there are any.
    pub fn open(dir: &Path, name: &str) -> io::Result<(Self, Option<Numbers>)> {
        let path = dir.join(format!("{name}.numbers"));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().and_then(Result::ok);
        let found = match (next(), next(), next()) {
            (Some(epoch), Some(next_in), Some(next_out)) => {
                u32::try_from(epoch).ok().map(|epoch| Numbers { epoch, next_in, next_out })
            }
            _ => None,
        };
        Ok((Self { file, written: found }, found))
    }

    /// Writes the numbers, if they are others than before.
    pub fn note(&mut self, numbers: Numbers) -> io::Result<()> {
        if self.written == Some(numbers) {
            return Ok(());
        }
        let Numbers { epoch, next_in, next_out } = numbers;
        // One write of one length: a reader finds the old line or the new one.
        let line = format!("{epoch:>10} {next_in:>20} {next_out:>20}\n");
        self.file.write_all_at(line.as_bytes(), 0)?;
        self.written = Some(numbers);
        Ok(())
    }
}

/// The file of the messages, and what of it is in memory.
pub struct FileStore {
    file: File,
    memory: MemoryStore,
}

impl FileStore {
    /// Opens or makes it; keeps what belongs to `epoch`.
    pub fn open(dir: &Path, name: &str, epoch: u32) -> io::Result<Self> {
        let path = dir.join(format!("{name}.sent"));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut memory = MemoryStore::new(MESSAGES_MAX, BYTES_MAX);
        memory.reset(epoch);
        let mut at = 0;
        while let Some((head, message, len)) = record(&bytes[at..]) {
            if head.0 == epoch {
                memory.keep(epoch, head.1, message);
            }
            at += len;
        }
        file.set_len(at as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, memory })
    }
}

/// Epoch and number, the message, and the length of the whole record.
type Record<'a> = ((u32, u64), &'a [u8], usize);

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let line = bytes.iter().take(64).position(|&b| b == b'\n')?;
    let text = std::str::from_utf8(&bytes[..line]).ok()?;
    let mut parts = text.split(' ');
    let epoch = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    let len: usize = parts.next()?.parse().ok()?;
    let end = line.checked_add(1)?.checked_add(len)?;
    let message = bytes.get(line + 1..end)?;
    Some(((epoch, number), message, end))
}

impl SentStore for FileStore {
    fn keep(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]) {
        let mut record = format!("{epoch} {msg_seq_num} {}\n", bytes.len()).into_bytes();
        record.extend(bytes);
        if let Err(error) = self.file.write_all(&record) {
            eprintln!("taut: the store cannot be written: {error}");
        }
        self.memory.keep(epoch, msg_seq_num, bytes);
    }

    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<u64> {
        self.memory.next_kept(epoch, from, to)
    }

    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize> {
        self.memory.load(epoch, msg_seq_num, into)
    }

    fn reset(&mut self, epoch: u32) {
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        if let Err(error) = cleared {
            eprintln!("taut: the store cannot be cleared: {error}");
        }
        self.memory.reset(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_messages_are_found_again_and_a_torn_tail_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let numbers = Numbers { epoch: 3, next_in: 7, next_out: 9 };
        let (mut file, found) = NumbersFile::open(dir.path(), "A").unwrap();
        assert_eq!(found, None);
        file.note(Numbers { epoch: 3, next_in: 123_456, next_out: 2 }).unwrap();
        file.note(numbers).unwrap();
        assert_eq!(NumbersFile::open(dir.path(), "A").unwrap().1, Some(numbers));

        let mut store = FileStore::open(dir.path(), "A", 3).unwrap();
        store.keep(3, 2, b"two");
        store.keep(3, 5, b"five");
        drop(store);
        let path = dir.path().join("A.sent");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut store = FileStore::open(dir.path(), "A", 3).unwrap();
        let mut into = [0; 8];
        assert_eq!(store.load(3, 2, &mut into), Some(3));
        assert_eq!(store.next_kept(3, 3, 9), None);
        store.reset(4);
        drop(store);
        let store = FileStore::open(dir.path(), "A", 4).unwrap();
        assert_eq!(store.next_kept(4, 1, 9), None);
    }
}
