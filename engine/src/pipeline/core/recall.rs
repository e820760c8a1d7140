//! What an earlier run left behind, told to the desk before the trading session is dialled; and that no
//! report is taken before.

use super::{EventSink, SessionCore};
use crate::event::EventKind;
use crate::kraken::earlier::Earlier;
use crate::limits::RECALL_PARTS_MAX;
use crate::pipeline::TRADING;

impl SessionCore {
    /// Tells the desk of an earlier run, as soon as the instruments are known.
    pub fn set_earlier(&mut self, earlier: Earlier) {
        self.recalls = !earlier.is_empty();
        self.earlier = Some(earlier);
    }

    /// Whether there is more to tell.
    pub(crate) const fn recalls(&self) -> bool {
        self.recalls
    }

    /// Whether reports of the venue can be read, and their orders are known as far as an earlier run knew
    /// them. One that comes before must not use its number up: it could never be read again.
    pub(crate) const fn takes_reports(&self) -> bool {
        self.instruments.is_listed() && !self.recalls
    }

    /// Whether [`SessionCore::recall`] has something to do.
    pub(crate) const fn can_recall(&self) -> bool {
        self.recalls && self.instruments.is_listed()
    }

    /// Tells [`RECALL_PARTS_MAX`] parts at most. Whoever calls has room for them. The memory stays: to give
    /// it back takes time.
    pub(crate) fn recall(&mut self, sink: &mut impl EventSink) {
        if !self.can_recall() {
            return;
        }
        let Some(earlier) = &mut self.earlier else { return };
        for _ in 0..RECALL_PARTS_MAX {
            let told = earlier.next(&mut self.instruments);
            self.recalls = told.is_some();
            let Some(told) = told else { return };
            self.lanes[usize::from(TRADING.0)].emit(EventKind::FromJournal(told), sink);
        }
    }
}
