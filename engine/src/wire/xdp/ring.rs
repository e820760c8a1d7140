//! The rings of an AF_XDP socket: one producer, one consumer, one of them the kernel.
//!
//! Both sides count for ever (modulo 2^32); an entry's place is its count modulo the size. The producer
//! writes entries and publishes its count with release; the consumer reads it with acquire, copies the
//! entries out and gives their places back the same way.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::mapping::Mapping;

/// Where the parts of a ring stand in its mapping, bytes from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub producer: usize,
    pub consumer: usize,
    pub flags: usize,
    pub entries: usize,
}

/// What both ends have.
#[derive(Debug)]
struct Ring<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    size: u32,
    _mapping: Arc<Mapping>,
}

// SAFETY: the pointers stay good wherever the value goes, as it owns a share of the mapping; there is one
// producer and one consumer of a ring, as whoever makes an end of it promises.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T: Copy> Ring<T> {
    fn new(mapping: Arc<Mapping>, layout: Layout, size: u32) -> Self {
        assert!(size.is_power_of_two(), "a place is a count modulo the size");
        let counter = |at: usize| {
            assert!(at.is_multiple_of(align_of::<AtomicU32>()));
            assert!(at + size_of::<AtomicU32>() <= mapping.len());
            // SAFETY: inside the mapping by the assertion above.
            unsafe { mapping.base().add(at) }.cast::<AtomicU32>()
        };
        assert!(layout.entries.is_multiple_of(align_of::<T>()));
        assert!(layout.entries + size as usize * size_of::<T>() <= mapping.len());
        // SAFETY: inside the mapping by the assertion above.
        let entries = unsafe { mapping.base().add(layout.entries) }.cast::<T>();
        let (producer, consumer) = (counter(layout.producer), counter(layout.consumer));
        let flags = counter(layout.flags);
        Self { producer, consumer, flags, entries, size, _mapping: mapping }
    }

    fn producer(&self) -> &AtomicU32 {
        // SAFETY: aligned, inside the mapping (`new`), and only ever used as an atomic, by the kernel too.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { self.consumer.as_ref() }
    }

    fn flags(&self) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { self.flags.as_ref() }
    }

    fn entry(&self, count: u32) -> NonNull<T> {
        // SAFETY: below `size`, which is a power of two, so inside the mapping (`new`).
        unsafe { self.entries.add((count & (self.size - 1)) as usize) }
    }
}

/// Our end of a ring whose consumer is the kernel.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Ring<T>,
    /// Entries written, published or not.
    written: u32,
    /// What the consumer had taken when we last looked.
    taken: u32,
}

impl<T: Copy> Producer<T> {
    /// The only producer of the ring in `mapping`.
    pub fn new(mapping: Arc<Mapping>, layout: Layout, size: u32) -> Self {
        let ring = Ring::new(mapping, layout, size);
        let written = ring.producer().load(Ordering::Relaxed);
        let taken = ring.consumer().load(Ordering::Acquire);
        Self { ring, written, taken }
    }

    /// Writes one entry; `false` if the ring is full.
    #[must_use]
    pub fn push(&mut self, entry: T) -> bool {
        if self.written.wrapping_sub(self.taken) >= self.ring.size {
            self.taken = self.ring.consumer().load(Ordering::Acquire);
            if self.written.wrapping_sub(self.taken) >= self.ring.size {
                return false;
            }
        }
        // SAFETY: the place is inside the mapping. The consumer has given it back (acquire above) and does
        // not read it before `publish`.
        unsafe { self.ring.entry(self.written).write(entry) };
        self.written = self.written.wrapping_add(1);
        true
    }

    /// Lets the consumer see what was written.
    pub fn publish(&mut self) {
        self.ring.producer().store(self.written, Ordering::Release);
    }

    /// How many entries there is a place for now.
    #[cfg(test)]
    pub fn room(&self) -> u32 {
        let taken = self.ring.consumer().load(Ordering::Acquire);
        self.ring.size - self.written.wrapping_sub(taken)
    }

    /// Whether the consumer has taken everything that was written.
    pub fn is_drained(&self) -> bool {
        self.ring.consumer().load(Ordering::Acquire) == self.written
    }

    /// Whether the kernel looks at the ring only when it is called.
    pub fn needs_wakeup(&self) -> bool {
        self.ring.flags().load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// Our end of a ring whose producer is the kernel.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    /// Entries copied out, given back or not.
    read: u32,
    /// What the producer had published when we last looked.
    published: u32,
}

impl<T: Copy> Consumer<T> {
    /// The only consumer of the ring in `mapping`.
    pub fn new(mapping: Arc<Mapping>, layout: Layout, size: u32) -> Self {
        let ring = Ring::new(mapping, layout, size);
        let read = ring.consumer().load(Ordering::Relaxed);
        Self { ring, read, published: read }
    }

    /// Whether the producer has published more than was read.
    #[inline]
    pub fn has_more(&self) -> bool {
        self.ring.producer().load(Ordering::Relaxed) != self.read
    }

    /// Looks at what is published now: [`Consumer::pop`] ends there.
    pub fn refresh(&mut self) {
        self.published = self.ring.producer().load(Ordering::Acquire);
        let waiting = self.published.wrapping_sub(self.read);
        assert!(waiting <= self.ring.size, "the producer of a ring never overruns it");
    }

    /// The next entry that was published at the last look.
    pub fn pop(&mut self) -> Option<T> {
        if self.read == self.published {
            return None;
        }
        // SAFETY: the place is inside the mapping; the producer has published the entry (acquire in
        // `refresh`) and does not write there before `release`. The kernel writes plain integers.
        let entry = unsafe { self.ring.entry(self.read).read() };
        self.read = self.read.wrapping_add(1);
        Some(entry)
    }

    /// Gives the places of what was read back to the producer.
    pub fn release(&mut self) {
        self.ring.consumer().store(self.read, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const LAYOUT: Layout = Layout { producer: 0, consumer: 64, flags: 128, entries: 192 };
    const SIZE: u32 = 8;

    /// Both ends of one ring, whose counters start shortly before they wrap.
    fn ring() -> (Producer<u64>, Consumer<u64>) {
        let mapping = Arc::new(Mapping::anonymous(4096).unwrap());
        let both: Ring<u64> = Ring::new(mapping.clone(), LAYOUT, SIZE);
        both.producer().store(u32::MAX - 20, Ordering::Relaxed);
        both.consumer().store(u32::MAX - 20, Ordering::Relaxed);
        (Producer::new(mapping.clone(), LAYOUT, SIZE), Consumer::new(mapping, LAYOUT, SIZE))
    }

    #[test]
    fn a_ring_does_what_a_queue_does() {
        let (mut producer, mut consumer) = ring();
        // The naive model: what is written, published and read, in three queues.
        let (mut written, mut published, mut seen) =
            (VecDeque::new(), VecDeque::new(), VecDeque::<u64>::new());
        let mut unreleased = 0;
        let mut random = fastrand::Rng::with_seed(7);
        for step in 0..20_000 {
            match random.u32(..6) {
                0 | 1 => {
                    // Places are free again when they are released.
                    let out = written.len() + published.len() + seen.len() + unreleased;
                    let fits = out < SIZE as usize;
                    assert_eq!(producer.push(step), fits);
                    if fits {
                        written.push_back(step);
                    }
                }
                2 => {
                    producer.publish();
                    published.append(&mut written);
                }
                3 => {
                    assert_eq!(consumer.has_more(), !(published.is_empty() && seen.is_empty()));
                    consumer.refresh();
                    seen.append(&mut published);
                }
                4 => {
                    let next = seen.pop_front();
                    assert_eq!(consumer.pop(), next);
                    unreleased += usize::from(next.is_some());
                }
                _ => {
                    consumer.release();
                    unreleased = 0;
                    let all = written.is_empty() && published.is_empty() && seen.is_empty();
                    assert_eq!(producer.is_drained(), all);
                }
            }
        }
    }

    #[test]
    fn what_one_thread_publishes_another_reads_whole_and_in_order() {
        const MANY: u64 = 5_000;
        let (mut producer, mut consumer) = ring();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for entry in 0..MANY {
                    while !producer.push(entry) {
                        std::thread::yield_now();
                    }
                    producer.publish();
                }
            });
            let mut wanted = 0;
            while wanted < MANY {
                consumer.refresh();
                while let Some(entry) = consumer.pop() {
                    assert_eq!(entry, wanted);
                    wanted += 1;
                }
                consumer.release();
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn the_flag_of_the_kernel_is_read() {
        let mapping = Arc::new(Mapping::anonymous(4096).unwrap());
        let producer: Producer<u64> = Producer::new(mapping.clone(), LAYOUT, SIZE);
        assert!(!producer.needs_wakeup());
        let both: Ring<u64> = Ring::new(mapping, LAYOUT, SIZE);
        both.flags().store(libc::XDP_RING_NEED_WAKEUP, Ordering::Relaxed);
        assert!(producer.needs_wakeup());
    }
}
