//! Bytes that were accepted and wait for the transport.

use super::{Transmit, WireError};
use crate::touched;

/// A fixed buffer: filled at the back, sent from the front.
#[derive(Debug)]
pub struct OutBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl OutBuffer {
    /// Takes `capacity` bytes of memory, once.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { bytes: touched::slice(0, capacity), start: 0, end: 0 }
    }

    /// Bytes that wait.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing waits.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes that there is room for.
    #[must_use]
    #[inline]
    pub const fn room(&self) -> usize {
        self.bytes.len() - self.len()
    }

    /// Appends as much of `bytes` as there is room for; returns how much.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        self.back(taken)[..taken].copy_from_slice(&bytes[..taken]);
        self.end += taken;
        taken
    }

    /// The free space at the back, at least `wanted` bytes of it if there is such room: what waits
    /// is moved to the front when necessary. Follow by [`OutBuffer::commit`].
    #[inline]
    pub fn back(&mut self, wanted: usize) -> &mut [u8] {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        } else if self.bytes.len() - self.end < wanted {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.bytes[self.end..]
    }

    /// The first `count` bytes of [`OutBuffer::back`] were written and wait now.
    #[inline]
    pub fn commit(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.end, "more bytes than were free");
        self.end += count;
    }

    /// Sends until nothing waits (`Ok(true)`) or the transport takes no more (`Ok(false)`).
    ///
    /// # Errors
    /// The transport's own.
    #[inline]
    pub fn flush(&mut self, wire: &mut impl Transmit) -> Result<bool, WireError> {
        while !self.is_empty() {
            let taken = wire.transmit(&self.bytes[self.start..self.end])?;
            if taken == 0 {
                return Ok(false);
            }
            assert!(taken <= self.len(), "the transport took more than it was given");
            self.start += taken;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `at_once` bytes per call, and nothing when `quota` is used up.
    struct Sink {
        got: Vec<u8>,
        at_once: usize,
        quota: usize,
    }

    impl Transmit for Sink {
        fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
            let taken = bytes.len().min(self.at_once).min(self.quota);
            self.quota -= taken;
            self.got.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn shutdown(&mut self) {}
        fn reset(&mut self) {}
    }

    #[test]
    fn a_partial_write_keeps_the_order_of_bytes() {
        let mut out = OutBuffer::new(16);
        let mut sink = Sink { got: vec![], at_once: 3, quota: 0 };
        let wanted: Vec<u8> = (0..200).collect();
        let mut given = 0;
        while sink.got.len() < wanted.len() {
            given += out.push(&wanted[given..]);
            assert!(out.room() == 0 || given == wanted.len());
            sink.quota = 5;
            let all = out.flush(&mut sink).unwrap();
            assert_eq!(all, out.is_empty());
        }
        assert_eq!(sink.got, wanted);
    }

    #[test]
    fn a_full_buffer_takes_nothing() {
        let mut out = OutBuffer::new(4);
        assert_eq!(out.push(b"abcdef"), 4);
        assert_eq!(out.push(b"x"), 0);
        assert_eq!(out.len(), 4);
    }
}
