//! What an earlier run left behind, told to the desk before the trading session is dialled; and that no
//! report is taken before.

use super::{EventSink, SessionCore};
use crate::command::SessionId;
use crate::event::EventKind;
use crate::kraken::earlier::Earlier;
use crate::limits::RECALL_PARTS_MAX;

/// What an earlier run of a trading session left behind.
pub(super) struct Recall {
    session: SessionId,
    earlier: Earlier,
    /// There is more to tell.
    goes_on: bool,
}

impl SessionCore {
    /// Tells the desk of an earlier run of a trading session, as soon as the instruments are known.
    pub fn set_earlier(&mut self, session: SessionId, earlier: Earlier) {
        let goes_on = !earlier.is_empty();
        self.earlier.push(Recall { session, earlier, goes_on });
    }

    /// Whether there is more to tell of a session.
    pub(crate) fn recalls(&self, session: SessionId) -> bool {
        self.earlier.iter().any(|one| one.session == session && one.goes_on)
    }

    /// Whether reports of a session can be read, and their orders are known as far as an earlier run knew
    /// them. One that comes before must not use its number up: it could never be read again.
    pub(crate) fn takes_reports(&self, session: SessionId) -> bool {
        self.instruments.is_listed() && !self.recalls(session)
    }

    /// Whether [`SessionCore::recall`] has something to do.
    pub(crate) fn can_recall(&self) -> bool {
        self.instruments.is_listed() && self.earlier.iter().any(|one| one.goes_on)
    }

    /// Tells [`RECALL_PARTS_MAX`] parts at most. Whoever calls has room for them. The memory stays: to give
    /// it back takes time.
    pub(crate) fn recall(&mut self, sink: &mut impl EventSink) {
        if !self.can_recall() {
            return;
        }
        let Some(recall) = self.earlier.iter_mut().find(|one| one.goes_on) else { return };
        for _ in 0..RECALL_PARTS_MAX {
            let told = recall.earlier.next(&mut self.instruments);
            recall.goes_on = told.is_some();
            let Some(told) = told else { return };
            self.lanes[usize::from(recall.session.0)].emit(EventKind::FromJournal(told), sink);
        }
    }
}
