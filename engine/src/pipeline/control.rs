//! What the threads of an engine and its owner share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use crossbeam_utils::CachePadded;

use super::Progress;
use super::disk::DiskNews;
use super::episodes::Episodes;
use super::gatherer::TraceNews;
use crate::desk::Desk;
use crate::limits::SESSIONS_MAX;
use crate::order::PositionTruth;
use crate::risk::{KillCause, LimitSet};
use crate::strategy::Strategy;

/// What the threads of an engine and its owner share.
#[derive(Debug, Default)]
pub struct Control {
    // A line of the cache each: one side writes what the other reads in every round.
    pub(super) stop: CachePadded<AtomicBool>,
    pub(super) finished: CachePadded<AtomicBool>,
    /// Times that a full ring made messages wait, since the strategy was last told.
    pub(super) ring_full: CachePadded<AtomicU32>,
    /// What the strategy is to be told of the disk of each session's journal, by [`SessionId`].
    ///
    /// [`SessionId`]: crate::command::SessionId
    pub(super) disks: [DiskNews; SESSIONS_MAX],
    /// Which threads of the path stand still, in the order of [`Layout::threads`](super::Layout::threads).
    pub(super) stalls: [Episodes; 3],
    /// What the strategy is to be told of trace records that were lost.
    pub(super) traces: TraceNews,
    pub(super) progress: Mutex<Progress>,
    /// What the operator asked for: [`KILL`], [`REARM`] behind it, either or nothing.
    pub(super) wish: AtomicU8,
    /// Whether `limits` holds some that are not in force.
    pub(super) limits_set: AtomicBool,
    pub(super) limits: Mutex<Option<LimitSet>>,
    /// Whether `truths` holds some that do not count yet.
    pub(super) truths_set: AtomicBool,
    /// What the operator found out of positions.
    pub(super) truths: Mutex<Vec<PositionTruth>>,
}

/// Pull the kill switch.
const KILL: u8 = 1;
/// Release it.
const REARM: u8 = 2;

impl Control {
    /// Does what the operator asked for.
    pub(super) fn obey<S: Strategy>(&self, desk: &mut Desk<S>) {
        // Limits first: who re-arms after a change means the new ones.
        if self.limits_set.load(Ordering::Acquire)
            && let Ok(limits) = self.limits.try_lock()
        {
            self.limits_set.store(false, Ordering::Relaxed);
            if let Some(limits) = &*limits {
                desk.set_limits(limits);
            }
        }
        if self.truths_set.load(Ordering::Acquire)
            && let Ok(mut truths) = self.truths.try_lock()
        {
            self.truths_set.store(false, Ordering::Relaxed);
            truths.drain(..).for_each(|truth| desk.settle_position(&truth));
        }
        let wish = self.take_wish();
        if wish & KILL != 0 {
            desk.kill(KillCause::Operator);
        }
        if wish & REARM != 0 {
            desk.rearm();
        }
    }

    fn take_wish(&self) -> u8 {
        // A load is cheaper than a swap, and nearly always enough.
        if self.wish.load(Ordering::Relaxed) == 0 {
            0
        } else {
            self.wish.swap(0, Ordering::Relaxed)
        }
    }

    /// A release that was asked for before and has not been done would come behind: it is void.
    pub(super) fn wish_kill(&self) {
        self.wish.store(KILL, Ordering::Relaxed);
    }

    /// Behind a kill that has not been done: that is done first, and cancels everything.
    pub(super) fn wish_rearm(&self) {
        self.wish.fetch_or(REARM, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_release_swallows_a_kill_that_was_asked_for_before_or_behind_it() {
        for (asked, done) in [
            (&[][..], 0),
            (&[KILL], KILL),
            (&[REARM], REARM),
            (&[KILL, REARM], KILL | REARM),
            (&[REARM, KILL], KILL),
            (&[KILL, REARM, KILL], KILL),
            (&[REARM, KILL, REARM], KILL | REARM),
        ] {
            let control = Control::default();
            for wish in asked {
                if *wish == KILL { control.wish_kill() } else { control.wish_rearm() }
            }
            assert_eq!(control.take_wish(), done, "{asked:?}");
            assert_eq!(control.take_wish(), 0, "once");
        }
    }
}
