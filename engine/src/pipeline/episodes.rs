//! What a thread beside the path has the strategy told: that something is wrong, once, and that it is over.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Episodes of one kind, written by one thread.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    /// How often there was something new that is wrong.
    began: AtomicU32,
    /// `began` when all was last found to be well again.
    over: AtomicU32,
    ms: AtomicU64,
}

/// How far the reader is with [`Episodes`].
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Heard {
    began: u32,
    over: u32,
}

/// One thing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Something is wrong.
    Began,
    /// It is over, after so many milliseconds.
    Over {
        /// How long it lasted.
        ms: u64,
    },
}

impl Episodes {
    /// Something is wrong, or something more.
    pub fn begin(&self) {
        self.began.fetch_add(1, Ordering::Release);
    }

    /// All is well after so long.
    pub fn end(&self, ms: u64) {
        self.ms.store(ms, Ordering::Relaxed);
        self.over.store(self.began.load(Ordering::Relaxed), Ordering::Release);
    }

    /// Whether something is wrong now.
    pub fn is_on(&self) -> bool {
        let over = self.over.load(Ordering::Acquire);
        self.began.load(Ordering::Acquire) != over
    }

    /// The next thing to tell, if there is one. Who is far behind hears of the last episode only.
    pub fn next(&self, heard: &mut Heard) -> Option<News> {
        // In this order: what is over has begun.
        let over = self.over.load(Ordering::Acquire);
        let began = self.began.load(Ordering::Acquire);
        if heard.began != began {
            heard.began = began;
            return Some(News::Began);
        }
        let is_news = heard.over != over && over == began;
        heard.over = over;
        is_news.then(|| News::Over { ms: self.ms.load(Ordering::Relaxed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let (episodes, mut heard) = (Episodes::default(), Heard::default());
        assert_eq!(episodes.next(&mut heard), None);
        episodes.begin();
        assert!(episodes.is_on());
        assert_eq!(episodes.next(&mut heard), Some(News::Began));
        assert_eq!(episodes.next(&mut heard), None);
        episodes.end(7);
        assert!(!episodes.is_on());
        assert_eq!(episodes.next(&mut heard), Some(News::Over { ms: 7 }));
        assert_eq!(episodes.next(&mut heard), None);
    }

    #[test]
    fn who_comes_late_hears_of_the_last_episode_from_its_begin() {
        let (episodes, mut heard) = (Episodes::default(), Heard::default());
        for ms in [1, 2] {
            episodes.begin();
            episodes.end(ms);
        }
        assert_eq!(episodes.next(&mut heard), Some(News::Began));
        assert_eq!(episodes.next(&mut heard), Some(News::Over { ms: 2 }));
        assert_eq!(episodes.next(&mut heard), None);
    }
}
