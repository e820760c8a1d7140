//! Calls by REST on their way: each by a connection of its own, as bytes, late or lost.

use fastrand::Rng;
use taut::event::{RestAnswer, RestProblem, RestSaid};
use taut::kraken::logon::Credentials;
use taut::kraken::rest::{read_answer, read_response, request};
use taut::pipeline::{RestEnd, RestRequest};
use taut_codec::ids::Market;
use taut_codec::value::UtcTime;

use super::config::RestRoute;
use crate::venue::Venue;

/// The way between the engine and the venue's REST interface.
pub(super) struct RestNet {
    market: Market,
    route: RestRoute,
    credentials: Credentials,
    end: RestEnd,
    /// Calls, and when they arrive.
    there: Vec<(u64, RestRequest)>,
    /// Answers, and when they arrive.
    back: Vec<(u64, RestAnswer)>,
}

impl RestNet {
    pub fn new(market: Market, route: RestRoute, credentials: Credentials, end: RestEnd) -> Self {
        Self { market, route, credentials, end, there: Vec::new(), back: Vec::new() }
    }

    /// When something arrives.
    pub fn next_ns(&self) -> Option<u64> {
        let there = self.there.iter().map(|(at, _)| *at);
        there.chain(self.back.iter().map(|(at, _)| *at)).min()
    }

    /// Whether no call is under way.
    pub fn is_quiet(&self) -> bool {
        self.there.is_empty() && self.back.is_empty() && self.end.calls.is_empty()
    }

    /// Takes up what the engine calls, lets arrive what is due. Returns whether there was anything.
    pub fn step(&mut self, venue: &mut Venue, now: UtcTime, rng: &mut Rng) -> bool {
        let mut worked = false;
        while let Ok(request) = self.end.calls.pop() {
            self.there.push((now.0 + rng.u64(self.route.latency_ns.clone()), request));
        }
        while let Some(at) = self.there.iter().position(|(at, _)| *at <= now.0) {
            let (_, request) = self.there.remove(at);
            self.arrive(&request, venue, now, rng);
            worked = true;
        }
        while let Some(at) = self.back.iter().position(|(at, _)| *at <= now.0) {
            let (_, answer) = self.back.remove(at);
            let taken = self.end.answers.push(answer);
            assert!(taken.is_ok(), "the engine reads what it is told");
            worked = true;
        }
        worked
    }

    fn arrive(&mut self, asked: &RestRequest, venue: &mut Venue, now: UtcTime, rng: &mut Rng) {
        let RestRequest { call, nonce } = *asked;
        let at = now.0 + rng.u64(self.route.latency_ns.clone());
        let timeout = now.0 + u64::from(self.route.policy.answer_ms) * 900_000;
        let mut is_lost = || rng.u8(..) < self.route.lost;
        let timed_out = RestSaid::Failed(RestProblem::TimedOut);
        if is_lost() {
            return self.back.push((timeout, RestAnswer { id: call.id, said: timed_out }));
        }
        let bytes = request(self.market, "localhost", &self.credentials, &call.kind, nonce);
        let connection = venue.rest_connected(None, now);
        venue.received(connection, &bytes, now);
        let (outbox, len) = venue.sendable(connection, now);
        let response = read_response(&outbox.pending()[..len]);
        venue.disconnected(connection, now);
        let response = response.expect("the venue speaks HTTP").expect("it answers at once");
        assert_eq!(response.status, 200);
        if is_lost() {
            return self.back.push((timeout, RestAnswer { id: call.id, said: timed_out }));
        }
        read_answer(self.market, &call.kind, &response.body, |said| {
            self.back.push((at, RestAnswer { id: call.id, said }));
        });
    }
}
