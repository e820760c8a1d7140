//! What the strategy is told of its sessions, on its way from the engine's path to whoever watches.

use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use serde::Serialize;
use taut::conductor::LinkEvent;
use taut::event::Alarm;
use taut::pipeline::MARKET_DATA;
use taut::strategy::{SessionEvent, SessionId, SessionUpdate};
use taut_codec::value::UtcTime;

/// Most that is kept between two looks, and most that is kept for the summary: a session that comes and
/// goes for hours says more than anybody reads.
const TOLD_MAX: usize = 1024;

/// The strategy's end. Of fixed size: it is used on the engine's path.
pub struct Teller {
    ring: SyncSender<(UtcTime, SessionUpdate)>,
    lost: u64,
}

impl Teller {
    /// Passes it on, if anybody still listens and there is room.
    pub fn tell(&mut self, at: UtcTime, update: &SessionUpdate) {
        let full = matches!(self.ring.try_send((at, *update)), Err(TrySendError::Full(_)));
        self.lost += u64::from(full);
    }

    /// What there was no room for.
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

/// One line of the log.
#[derive(Debug, Serialize)]
pub struct Line {
    /// `YYYYMMDD-HH:MM:SS.mmm`, UTC.
    pub at: String,
    /// `market data` or `trading`, if it is about one of them.
    pub session: Option<&'static str>,
    /// What happened and why, with the numbers.
    pub what: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (_, time) = self.at.split_once('-').unwrap_or_default();
        write!(f, "{time} {}: {}", self.session.unwrap_or("engine"), self.what)
    }
}

/// The watcher's end.
pub struct Listener {
    ring: Receiver<(UtcTime, SessionUpdate)>,
    log: Log,
}

/// What was heard.
#[derive(Debug, Default)]
pub struct Log {
    /// The first of it.
    pub lines: Vec<Line>,
    /// How often market data and trading came back after they had been up.
    pub reconnects: [u64; 2],
    /// Messages of the venue that were asked for again.
    pub asked_again: u64,
    /// Alarms that said what was asked for again or declared void.
    pub recovered: u64,
    /// MsgSeqNums of trading that the venue asked for: no command in there is sent again.
    pub void: Vec<RangeInclusive<u64>>,
    ups: [u64; 2],
}

/// Two ends.
pub fn channel() -> (Teller, Listener) {
    let (tell, ring) = sync_channel(TOLD_MAX);
    (Teller { ring: tell, lost: 0 }, Listener { ring, log: Log::default() })
}

impl Listener {
    /// Hands over every line that there is since the last call. `problem` says why the last dial of a
    /// session failed, host and port included.
    pub fn listen(
        &mut self,
        problem: impl Fn(SessionId) -> Option<String>,
        mut print: impl FnMut(&Line),
    ) {
        while let Ok((at, update)) = self.ring.try_recv() {
            let Some(mut line) = self.log.hear(at, &update) else { continue };
            if let SessionUpdate::Link { session, event: LinkEvent::DialFailed { attempt, .. } } =
                update
                && let Some(problem) = problem(session)
            {
                line.what = format!("attempt {attempt}: {problem}");
            }
            print(&line);
            if self.log.lines.len() < TOLD_MAX {
                self.log.lines.push(line);
            }
        }
    }

    /// How often trading came back.
    pub const fn trading_came_back(&self) -> u64 {
        self.log.reconnects[1]
    }

    /// Everything that was heard.
    pub fn finish(mut self) -> Log {
        self.listen(|_| None, |_| ());
        self.log
    }
}

impl Log {
    fn hear(&mut self, at: UtcTime, update: &SessionUpdate) -> Option<Line> {
        let (session, what) = match update {
            SessionUpdate::Link { session, event } => {
                self.count(*session, event);
                (Some(*session), event.to_string())
            }
            // Part of every logon.
            SessionUpdate::Session { event: SessionEvent::Synchronised { .. }, .. } => return None,
            SessionUpdate::Session { session, event } => {
                if let SessionEvent::ResendServed { from, to } = *event
                    && *session != MARKET_DATA
                    && self.void.len() < TOLD_MAX
                {
                    self.void.push(from..=to);
                }
                (Some(*session), event.to_string())
            }
            SessionUpdate::Alarm { session, alarm } => {
                self.note(*alarm);
                let session = alarm.is_of_session().then_some(*session);
                (session, alarm.to_string())
            }
            SessionUpdate::Killed { cause } => (None, format!("kill switch pulled {cause}")),
            SessionUpdate::Rearmed => (None, "kill switch released".into()),
            SessionUpdate::UnknownReport { cl_ord_id, .. } => {
                (None, format!("a report of the venue names no order of ours: ClOrdID {cl_ord_id}"))
            }
            SessionUpdate::UnknownRefusal { cl_ord_id: Some(id), text } => (
                None,
                format!("a refusal of the venue names no order of ours: ClOrdID {id}: {text}"),
            ),
            SessionUpdate::PositionUncertain { instrument, bought, sold } => {
                let (id, bought, sold) = (instrument.0, bought.0, sold.0);
                let what =
                    format!("{bought} bought and {sold} sold at most are not in its position");
                (None, format!("instrument {id}: {what}, in its units of quantity"))
            }
            SessionUpdate::LaneViolation { cl_ord_id } => {
                (None, format!("ClOrdID {cl_ord_id} overtook another command, or ended twice"))
            }
            // Told with the numbers by the link.
            _ => return None,
        };
        let at = String::from_utf8_lossy(&at.to_fix_millis()).into_owned();
        Some(Line { at, session: session.map(name), what })
    }

    /// What a lost connection takes with it, as far as the venue and we told each other afterwards.
    fn note(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Gap { from, to } => {
                self.recovered += 1;
                self.asked_again += to.saturating_sub(from) + 1;
            }
            Alarm::Withheld { .. } => self.recovered += 1,
            _ => {}
        }
    }

    fn count(&mut self, session: SessionId, event: &LinkEvent) {
        if matches!(event, LinkEvent::Up { .. }) {
            let which = usize::from(session != MARKET_DATA);
            self.reconnects[which] = self.ups[which];
            self.ups[which] += 1;
        }
    }
}

const fn name(session: SessionId) -> &'static str {
    if session.0 == MARKET_DATA.0 { "market data" } else { "trading" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::pipeline::TRADING;

    #[test]
    fn a_session_that_comes_up_again_is_counted_and_told_in_words() {
        let (mut teller, mut listener) = channel();
        let at = UtcTime(1_800_050_400_000_000_000);
        let up = LinkEvent::Up { attempts: 2, epoch: 1, next_in: 4, next_out: 6 };
        for session in [TRADING, MARKET_DATA, TRADING, TRADING] {
            teller.tell(at, &SessionUpdate::Link { session, event: up });
        }
        let mut lines = Vec::new();
        listener.listen(|_| None, |line| lines.push(line.to_string()));
        let wanted = "22:00:00.000 trading: up at attempt 2: sequence space 1, next MsgSeqNum of the \
                      venue 4, of ours 6";
        assert_eq!(lines[3], wanted);
        let log = listener.finish();
        assert_eq!((log.reconnects, log.lines.len(), teller.lost()), ([0, 2], 4, 0));
    }

    #[test]
    fn what_nobody_takes_is_counted_and_holds_nobody_up() {
        let (mut teller, listener) = channel();
        let update = SessionUpdate::Link { session: TRADING, event: LinkEvent::Released };
        for _ in 0..TOLD_MAX + 3 {
            teller.tell(UtcTime(0), &update);
        }
        assert_eq!((teller.lost(), listener.finish().lines.len()), (3, TOLD_MAX));
    }
}
