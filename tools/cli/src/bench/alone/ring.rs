//! What one way through a ring from core to core costs, without anything else in it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer, RingBuffer};
use taut::command::{Command, CommandKind};
use taut::event::{Alarm, Event, EventKind};
use taut::limits::{COMMAND_RING, EVENT_RING};
use taut::pipeline::{MARKET_DATA, TRADING, pin_current};
use taut::trace::{Clock, Stamps};

use super::super::echo::Pair;
use super::{Figure, Turns};

/// Round trips that are timed together: the clock's steps are as long as a few.
const BATCH: u64 = 64;

/// A record of one line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "only carried")] [u64; 8]);

/// One way with records of 64 bytes, and one way of the pipeline: the mean of an event there and a command back.
///
/// # Errors
/// If the system refuses a thread.
pub fn hops(pair: Pair, length: Duration) -> io::Result<[Figure; 2]> {
    let line = Line([1; 8]);
    let bare = there_and_back(pair, length, line, line)?;
    let (stamps, session) = (Stamps::NONE, MARKET_DATA);
    let event = Event { session, stamps, kind: EventKind::Alarm(Alarm::RingFull { count: 1 }) };
    let command = Command { session: TRADING, stamps, kind: CommandKind::Logout };
    let own = there_and_back(pair, length, event, command)?;
    let sizes = (size_of::<Event>(), size_of::<Command>());
    let name = format!("ring hop, an event ({} B) and a command ({} B) by turns", sizes.0, sizes.1);
    Ok([bare.figure("ring hop, 64 B"), own.figure(name)])
}

fn there_and_back<A: Copy + Send + 'static, B: Copy + Send + 'static>(
    pair: Pair,
    length: Duration,
    there: A,
    back: B,
) -> io::Result<Turns> {
    let (mut to_far, mut at_far) = RingBuffer::new(EVENT_RING);
    let (mut to_near, mut at_near) = RingBuffer::new(COMMAND_RING);
    let over = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&over);
    let answering = std::thread::Builder::new().name("taut-ring".into()).spawn(move || {
        let _pinned = pin_current("ring", Some(pair.far));
        while take::<A>(&mut at_far, &theirs) {
            give(&mut to_near, back);
        }
    })?;
    let asking = std::thread::Builder::new().name("taut-ring".into()).spawn(move || {
        let _pinned = pin_current("ring", Some(pair.near));
        let clock = Clock::system();
        let mut turns = Turns::new();
        let since = Instant::now();
        // The first batch warms up.
        let mut warm = false;
        while since.elapsed() < length {
            let begun = clock.ticks();
            for _ in 0..BATCH {
                give(&mut to_far, there);
                take::<B>(&mut at_near, &over);
            }
            let nanos = clock.nanos_between(begun, clock.ticks());
            if warm {
                turns.note(nanos, 2 * BATCH);
            }
            warm = true;
        }
        over.store(true, Ordering::Relaxed);
        turns
    })?;
    let panicked = |_| io::Error::other("a thread of the ring panicked");
    let turns = asking.join().map_err(panicked)?;
    answering.join().map_err(panicked)?;
    Ok(turns)
}

fn give<T>(ring: &mut Producer<T>, record: T) {
    let taken = ring.push(record).is_ok();
    assert!(taken, "one record is under way at most");
}

/// Waits for a record; `false` when it is over.
fn take<T: Copy>(ring: &mut Consumer<T>, over: &AtomicBool) -> bool {
    loop {
        if let Ok(record) = ring.pop() {
            std::hint::black_box(record);
            return true;
        }
        if over.load(Ordering::Relaxed) {
            return false;
        }
        std::hint::spin_loop();
    }
}
