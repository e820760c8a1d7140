//! The packet memory (UMEM) that we share with the kernel, in frames of one size. At any time a frame is
//! either ours, and then there is one [`Frame`] of it, or lent to the kernel.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;

use super::mapping::Mapping;
use crate::limits::XDP_FRAME_BYTES;

/// Leave to read and write one frame. There is never a second one for the same frame.
#[derive(Debug)]
pub(super) struct Frame(u32);

/// All frames.
#[derive(Debug)]
pub(super) struct Umem {
    memory: Mapping,
    /// Which frames the kernel has.
    lent: Box<[Cell<bool>]>,
}

impl Umem {
    /// Takes the memory, once; all frames are ours.
    pub fn new(count: u32) -> io::Result<(Self, Vec<Frame>)> {
        let memory = Mapping::anonymous(count as usize * XDP_FRAME_BYTES)?;
        let lent = (0..count).map(|_| Cell::new(false)).collect();
        Ok((Self { memory, lent }, (0..count).map(Frame).collect()))
    }

    /// The memory, to be registered.
    pub const fn memory(&self) -> &Mapping {
        &self.memory
    }

    /// `len` bytes of a frame of this memory, from `at` on.
    pub fn bytes<'a>(&'a self, frame: &'a Frame, at: usize, len: usize) -> &'a [u8] {
        let start = self.start(frame, at, len);
        // SAFETY: inside the mapping (`start`), which outlives the slice. Nobody writes there: the kernel
        // does not have the frame, and `bytes_mut` needs the only `Frame` of it, which is borrowed here.
        unsafe { std::slice::from_raw_parts(self.memory.base().as_ptr().add(start), len) }
    }

    /// The first `len` bytes of a frame of this memory.
    pub fn bytes_mut<'a>(&'a self, frame: &'a mut Frame, len: usize) -> &'a mut [u8] {
        let start = self.start(frame, 0, len);
        // SAFETY: as in `bytes`; and nobody reads there, as the only `Frame` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.memory.base().as_ptr().add(start), len) }
    }

    /// Gives a frame to the kernel; returns its address in a descriptor.
    pub fn lend(&self, frame: Frame) -> u64 {
        let lent = self.lent[frame.0 as usize].replace(true);
        assert!(!lent, "a frame is with one side only");
        u64::from(frame.0) * XDP_FRAME_BYTES as u64
    }

    /// The frame that the kernel gives back by an address in it, and how far behind its start that is.
    /// `None` if the kernel does not have it.
    pub fn take_back(&self, address: u64) -> Option<(Frame, usize)> {
        let size = XDP_FRAME_BYTES as u64;
        let index = u32::try_from(address / size).ok()?;
        let lent = self.lent.get(index as usize)?.replace(false);
        lent.then_some((Frame(index), (address % size) as usize))
    }

    fn start(&self, frame: &Frame, at: usize, len: usize) -> usize {
        assert!(at <= XDP_FRAME_BYTES && len <= XDP_FRAME_BYTES - at, "beyond the frame");
        assert!((frame.0 as usize) < self.lent.len(), "a frame of another memory");
        frame.0 as usize * XDP_FRAME_BYTES + at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_and_go_as_tokens_in_a_bag() {
        const COUNT: u32 = 16;
        let (umem, mut ours) = Umem::new(COUNT).unwrap();
        // The naive model: what each frame holds, and which are lent.
        let mut content = [0_u8; COUNT as usize];
        let mut lent = vec![];
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..10_000 {
            if random.bool() && !ours.is_empty() {
                let mut frame = ours.swap_remove(random.usize(..ours.len()));
                let index = frame.0 as usize;
                assert!(
                    umem.bytes(&frame, 0, XDP_FRAME_BYTES).iter().all(|b| *b == content[index])
                );
                content[index] = random.u8(..);
                umem.bytes_mut(&mut frame, XDP_FRAME_BYTES).fill(content[index]);
                lent.push(umem.lend(frame));
            } else if !lent.is_empty() {
                let address = lent.swap_remove(random.usize(..lent.len()));
                let at = random.usize(..XDP_FRAME_BYTES);
                let (frame, found) = umem.take_back(address + at as u64).expect("it was lent");
                assert_eq!(found, at);
                assert!(umem.take_back(address).is_none(), "twice");
                ours.push(frame);
            }
            assert_eq!(ours.len() + lent.len(), COUNT as usize);
        }
    }

    #[test]
    fn an_address_that_was_never_lent_is_refused() {
        let (umem, frames) = Umem::new(4).unwrap();
        assert!(umem.take_back(0).is_none());
        assert!(umem.take_back(4 * XDP_FRAME_BYTES as u64).is_none());
        assert!(umem.take_back(u64::MAX).is_none());
        drop(frames);
    }

    #[test]
    #[should_panic(expected = "beyond the frame")]
    fn nothing_behind_a_frame_can_be_read() {
        let (umem, frames) = Umem::new(2).unwrap();
        let _ = umem.bytes(&frames[0], 2, XDP_FRAME_BYTES - 1);
    }
}
