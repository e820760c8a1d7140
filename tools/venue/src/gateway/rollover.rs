//! The daily rollover at 22:00 UTC (venue file 3.5): sessions end, the venue is closed for a while, and
//! every sequence space starts at 1 again.

use taut_codec::value::UtcTime;

use super::{Gateway, Inbound, Subscriber};
use crate::config::RolloverNotice;

const DAY_NS: u64 = 86_400_000_000_000;
const AT_NS: u64 = 22 * 3_600_000_000_000;
/// How long a connection may stay to flush its Logout.
const FLUSH_NS: u64 = 2_000_000_000;

/// When the day ends, and until when the venue is closed.
#[derive(Debug)]
pub(super) struct Rollover {
    next: UtcTime,
    closed_until: Option<UtcTime>,
}

impl Rollover {
    /// Nothing has happened yet; the first [`Gateway::tick`] sets the clock.
    pub(super) const fn new() -> Self {
        Self { next: UtcTime(0), closed_until: None }
    }

    pub(super) fn is_closed(&self, now: UtcTime) -> bool {
        self.closed_until.is_some_and(|until| now < until)
    }

    /// The first rollover that was due and did not take place.
    pub(super) fn missed(&self, now: UtcTime) -> Option<UtcTime> {
        Some(self.next).filter(|&next| next.0 != 0 && next <= now)
    }

    pub(super) fn deadline(&self) -> UtcTime {
        self.closed_until.map_or(self.next, |until| self.next.min(until))
    }
}

/// The first 22:00 UTC after `now`.
fn next_rollover(now: UtcTime) -> UtcTime {
    let today = now.0 / DAY_NS * DAY_NS + AT_NS;
    UtcTime(if now.0 < today { today } else { today + DAY_NS })
}

crate::state::stored! { Rollover { next, closed_until } }

impl Gateway {
    /// The rollover, if it is time for it, and the end of the closed window.
    pub(super) fn tick_rollover(&mut self, now: UtcTime) {
        if self.rollover.next.0 == 0 {
            self.rollover.next = next_rollover(now);
        }
        if now >= self.rollover.next {
            self.roll_over(now);
        }
        if self.rollover.closed_until.is_some_and(|until| until <= now) {
            self.rollover.closed_until = None;
            self.end_the_day(now);
        }
    }

    /// The rollover begins now: every session ends, every sequence space starts at 1 again.
    pub fn roll_over(&mut self, now: UtcTime) {
        let switches = self.switches.session;
        self.rollover.next = next_rollover(now);
        for connection in self.connections.values_mut() {
            let known = connection
                .client
                .and_then(|client| self.clients[usize::from(client)].known_mut(connection.service));
            let Some(known) = known else {
                connection.drop_now();
                continue;
            };
            known.rolling = true;
            match switches.rollover_notice {
                RolloverNotice::Logout => {
                    known.session.logout(Some("Daily rollover"), now, &mut connection.outbox);
                    connection.close_by(now.plus_nanos(FLUSH_NS));
                }
                RolloverNotice::Drop => connection.drop_now(),
            }
        }
        for known in self.clients.iter_mut().flat_map(|client| client.all_known_mut()) {
            if known.live.is_none() {
                known.session.rollover();
            }
        }
        self.queue.push_back(Inbound::Rollover);
        let window = u64::from(switches.rollover_window_s) * 1_000_000_000;
        self.rollover.closed_until = Some(now.plus_nanos(window));
    }

    /// Nobody takes a connection of the old day into the new one.
    fn end_the_day(&mut self, now: UtcTime) {
        let mut old = Vec::new();
        for (&id, connection) in &mut self.connections {
            let Some(client) = connection.client else { continue };
            let known = self.clients[usize::from(client)].known(connection.service);
            if known.is_some_and(|known| known.rolling && known.live == Some(id)) {
                old.push(Subscriber { client, service: connection.service });
                connection.client = None;
                connection.drop_now();
            }
        }
        for whose in old {
            self.leave(whose, None, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_rollover_is_the_first_ten_in_the_evening_utc_after_now() {
        let at = |text: &str| UtcTime::parse(text.as_bytes()).unwrap();
        for (now, next) in [
            ("20260407-00:00:00.000", "20260407-22:00:00.000"),
            ("20260407-21:59:59.999", "20260407-22:00:00.000"),
            ("20260407-22:00:00.000", "20260408-22:00:00.000"),
            ("20261231-23:00:00.000", "20270101-22:00:00.000"),
        ] {
            assert_eq!(next_rollover(at(now)), at(next), "{now}");
        }
    }
}
