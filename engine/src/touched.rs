//! Memory that is there before it is needed. The system gives a page at its first use, which costs a microsecond or
//! more on whatever thread that is; here it is the thread that allocates, before the path runs or beside it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::mem::MaybeUninit;

use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, RingBuffer};

/// The smallest page that Linux has.
const PAGE: usize = 4096;
/// Of a thread's stack, which is 2 MiB or more, what the path may use.
const STACK: usize = 256 * 1024;

/// `count` times `value`.
pub(crate) fn slice<T: Clone>(value: T, count: usize) -> Box<[T]> {
    // Zeroes may come as pages that are not there; written they must be.
    let mut values = black_box(vec![value.clone(); count].into_boxed_slice());
    for each_page in values.chunks_mut(per_page::<T>()) {
        each_page[0] = value.clone();
    }
    values
}

/// Empty, with room for `capacity` elements.
pub(crate) fn vec<T>(capacity: usize) -> Vec<T> {
    let mut vec = black_box(Vec::with_capacity(capacity));
    touch(vec.spare_capacity_mut());
    vec
}

/// Empty, with room for `capacity` elements.
pub(crate) fn deque<T>(capacity: usize) -> VecDeque<T> {
    vec(capacity).into()
}

/// A ring between two threads.
pub(crate) fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let (mut producer, consumer) = RingBuffer::new(capacity);
    match producer.write_chunk_uninit(capacity) {
        Ok(mut room) => {
            let (front, back) = room.as_mut_slices();
            touch(front);
            touch(back);
        }
        Err(ChunkError::TooFewSlots(_)) => unreachable!("it is new"),
    }
    (producer, consumer)
}

/// The stack of the calling thread.
#[inline(never)]
pub(crate) fn stack() {
    let mut room = [0_u8; STACK];
    black_box(&mut room);
}

/// How many elements a page has, at least one.
fn per_page<T>() -> usize {
    (PAGE / size_of::<T>().max(1)).max(1)
}

fn touch<T>(room: &mut [MaybeUninit<T>]) {
    for each_page in room.chunks_mut(per_page::<T>()) {
        each_page[0] = MaybeUninit::zeroed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Faults;
    use crate::skipped::skipped;
    use crate::wire::OutBuffer;

    /// 16 MiB.
    const PAGES: usize = 4096;
    /// What else happens meanwhile.
    const NOISE: u64 = 64;

    /// Page faults of the calling thread while it does `what`.
    fn faults(what: impl FnOnce()) -> Option<u64> {
        let before = Faults::of_this_thread("test");
        what();
        Faults::since(before).map(|faults| faults.minor + faults.major)
    }

    #[test]
    fn what_is_touched_takes_no_fault_when_it_is_used() {
        type Large = [u64; 15];
        let large = PAGES * PAGE / size_of::<Large>();
        let mut bytes = slice(0_u8, PAGES * PAGE);
        let mut vec: Vec<Large> = vec(large);
        let mut deque: VecDeque<Large> = deque(large);
        let (mut producer, consumer) = ring::<Large>(large);
        let mut out = OutBuffer::new(PAGES * PAGE);
        let filled = slice(7_u8, PAGES * PAGE);
        let used = [
            faults(|| black_box(&mut bytes).fill(1)),
            faults(|| (0..large).for_each(|_| vec.push([1; 15]))),
            faults(|| (0..large).for_each(|_| deque.push_back([1; 15]))),
            faults(|| {
                (0..large).for_each(|_| producer.push([1; 15]).expect("there is room for so many"));
            }),
            faults(|| assert_eq!(out.push(&filled), PAGES * PAGE)),
        ];
        if used[0].is_none() {
            return skipped(format_args!("the system does not tell the faults of a thread"));
        }
        assert!(used.iter().all(|used| used.is_some_and(|used| used < NOISE)), "{used:?}");
        assert_eq!((vec.capacity(), consumer.slots(), deque.len()), (large, large, large));
    }

    #[test]
    fn a_thread_that_touched_its_stack_takes_no_fault_on_it() {
        #[inline(never)]
        fn deep(left: usize) -> u8 {
            let room = black_box([left as u8; PAGE]);
            if left == 0 { room[0] } else { deep(left - 1).wrapping_add(room[PAGE - 1]) }
        }
        let thread = || {
            stack();
            // In a debug build a frame holds the array more than once.
            faults(|| assert_eq!(black_box(deep(STACK / PAGE / 4)), 136))
        };
        let Some(used) = std::thread::spawn(thread).join().expect("no panic") else {
            return skipped(format_args!("the system does not tell the faults of a thread"));
        };
        assert!(used < 8, "{used}");
    }

    #[test]
    fn elements_of_any_size_are_what_they_were_asked_to_be() {
        assert!(slice(3_u8, 0).is_empty());
        assert_eq!(*slice([9_u64; 2_000], 3), [[9; 2_000]; 3]);
        assert_eq!(*slice((), 5), [(); 5]);
        assert_eq!(vec::<[u8; 10_000]>(3).capacity(), 3);
        let (mut producer, mut consumer) = ring::<String>(2);
        producer.push("a".to_owned()).expect("there is room");
        assert_eq!(consumer.pop().as_deref(), Ok("a"));
    }
}
