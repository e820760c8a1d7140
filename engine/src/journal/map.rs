//! The one place that maps files into memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{MmapMut, MmapOptions};

/// Maps the first `bytes` of `file`, to be read and written, shared with the file. With `populate` every
/// page is there at once, so that writing to it or reading it later takes no fault.
///
/// The file must be under the journal's lock, so that no other process cuts it shorter: reading a page
/// that is not there any more ends the process (SIGBUS). This crate cuts a segment only when it is not
/// mapped.
///
/// # Errors
/// Those of the system; a file that is shorter than `bytes`.
pub(super) fn map(file: &File, bytes: usize, populate: bool) -> io::Result<MmapMut> {
    if file.metadata()?.len() < bytes as u64 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut options = MmapOptions::new();
    options.len(bytes);
    if populate {
        options.populate();
    }
    // SAFETY: the mapping has `bytes` bytes, which the file has too (checked above). Nobody else changes
    // them: the callers hold the directory's lock, so no other writer of this crate maps the file, and
    // within the process a segment is mapped once. The eight bytes of its durable mark may be written
    // through the file by the housekeeper; they are then not touched through the mapping. Readers of
    // other processes get copies by `read`.
    unsafe { options.map_mut(file) }
}
