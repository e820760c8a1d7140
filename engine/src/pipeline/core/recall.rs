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
    /// Tells the desk of an earlier run of a trading session, as soon as the instruments of its market are
    /// known.
    pub fn set_earlier(&mut self, session: SessionId, earlier: Earlier) {
        let goes_on = !earlier.is_empty();
        self.earlier.push(Recall { session, earlier, goes_on });
    }

    /// Whether there is more to tell of a session.
    pub(crate) fn recalls(&self, session: SessionId) -> bool {
        self.earlier.iter().any(|one| one.session == session && one.goes_on)
    }

    /// Whether reports of a session can be read, because the instruments of its market are known, and their
    /// orders are known as far as an earlier run knew them. One that comes before must not use its number up:
    /// it could never be read again.
    pub(crate) fn takes_reports(&self, session: SessionId) -> bool {
        self.is_listed(session) && !self.recalls(session)
    }

    /// Whether the instruments of a session's market are known.
    fn is_listed(&self, session: SessionId) -> bool {
        self.instruments.is_listed(self.lanes[usize::from(session.0)].market)
    }

    /// Whether [`SessionCore::recall`] has something to do.
    pub(crate) fn can_recall(&self) -> bool {
        self.next_recall().is_some()
    }

    fn next_recall(&self) -> Option<usize> {
        self.earlier.iter().position(|one| one.goes_on && self.is_listed(one.session))
    }

    /// Tells [`RECALL_PARTS_MAX`] parts at most. Whoever calls has room for them. The memory stays: to give
    /// it back takes time.
    pub(crate) fn recall(&mut self, sink: &mut impl EventSink) {
        let Some(at) = self.next_recall() else { return };
        let recall = &mut self.earlier[at];
        for _ in 0..RECALL_PARTS_MAX {
            let told = recall.earlier.next(&mut self.instruments);
            recall.goes_on = told.is_some();
            let Some(told) = told else { return };
            self.lanes[usize::from(recall.session.0)].emit(EventKind::FromJournal(told), sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use taut_codec::message::Message;
    use taut_codec::scan::{Field, Scanner};

    use super::super::Inbound;
    use super::*;
    use crate::event::{DownReason, Event};
    use crate::kraken::logon::Logon;
    use crate::pipeline::{MARKET_DATA, SECOND_TRADING, TRADING};
    use crate::session::SessionConfig;
    use crate::trace::{Clock, Stamps};
    use crate::wire::channel;
    use crate::wire::memory::{self, LinkConfig};

    const VENUES: [&str; 4] = ["KRAKEN-MD", "KRAKEN-TRD", "KRAKEN-DRV-MD", "KRAKEN-DRV-TRD"];

    #[derive(Default)]
    struct Heard(Vec<EventKind>);

    impl EventSink for Heard {
        fn push(&mut self, event: &Event) {
            self.0.push(event.kind);
        }
    }

    /// What `session` is given, as from its venue.
    fn feed(core: &mut SessionCore, session: SessionId, fields: &str) -> Vec<EventKind> {
        let (msg_type, rest) = fields.split_once('|').expect("a type and a body");
        let venue = VENUES[usize::from(session.0)];
        let header = format!("35={msg_type}|49={venue}|52=20260407-14:32:01.000|56=US|");
        let body = (header + rest).replace('|', "\x01");
        let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
        let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
        bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
        let mut fields = vec![Field::default(); bytes.len()];
        let count = Scanner::new().index(&bytes, &mut fields).expect("well formed");
        let inbound = Inbound::Message(Message::new(&bytes, &fields[..count]));
        let mut heard = Heard::default();
        core.on_inbound(session, inbound, Stamps::NONE, &mut heard);
        heard.0
    }

    #[test]
    fn a_report_on_the_first_market_does_not_wait_for_the_list_of_the_second() {
        let id = |text: &str| text.parse().expect("it is a CompID");
        let session = |venue| (SessionConfig::initiator(id("US"), id(venue)), Logon::MarketData);
        let symbols = ["BTC/USD", "PF_XBTUSD"].map(|symbol| symbol.parse().expect("a symbol"));
        let clock = Clock::virtual_at(Arc::new(AtomicU64::new(1_775_572_321_000_000_000)));
        let (traces, _ring) = rtrb::RingBuffer::new(16);
        let sessions = VENUES.map(session).into();
        let mut core = SessionCore::new(sessions, &symbols, clock, traces);
        let mut far_ends = Vec::new();
        for at in 0..4 {
            let (near, far, _link) =
                memory::pair(LinkConfig { latency_ns: 0, ..LinkConfig::default() });
            far_ends.push(far);
            let transmitter = channel::memory(near).1;
            core.connect(SessionId(at), transmitter, &mut Heard::default());
            feed(&mut core, SessionId(at), "A|34=1|98=0|108=30|");
        }
        assert!([TRADING, SECOND_TRADING].iter().all(|&session| !core.takes_reports(session)));
        let list = "y|34=2|320=1|322=2|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|\
                    2349=1|5022=0.1|5032=1|";
        feed(&mut core, MARKET_DATA, list);
        let report = "8|34=2|6=84000|11=1744036325000001|14=0.001|17=EXEC|31=84000|32=0.001|37=ORDER|\
                      38=0.001|39=2|40=2|44=84000|54=1|55=BTC/USD|59=1|60=20260407-14:32:01.000|150=F|\
                      151=0|";
        let heard = feed(&mut core, TRADING, report);
        assert!(matches!(heard[..], [EventKind::Report(_)]), "{heard:?}");
        let heard = feed(&mut core, SECOND_TRADING, report);
        let early = DownReason::InstrumentsUnknown;
        assert!(
            matches!(heard[..], [EventKind::SessionDown { reason, next_in: 2, .. }] if reason == early),
            "one on the second does, and its number is not used up: {heard:?}"
        );
    }
}
