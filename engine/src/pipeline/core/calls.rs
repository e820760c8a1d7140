//! Calls by REST on their way between the desk and the thread that makes them. They are beside the
//! sessions, but their nonces come from the same source as those of the Logons, so that they rise together,
//! over restarts too.

use super::{EventSink, SessionCore};
use crate::command::{RestCall, SessionId};
use crate::event::{EventKind, RestAnswer, RestProblem, RestSaid};
use crate::journal::Keeper;
use crate::limits::REST_PARTS_MAX;
use crate::pipeline::rest::{RestPort, RestRequest};

impl SessionCore {
    /// Where the calls by REST of a trading session go. Without it each fails at once.
    pub fn set_rest(&mut self, session: SessionId, port: RestPort) {
        self.rest.retain(|(of, _)| *of != session);
        self.rest.push((session, port));
    }

    /// Passes a call on, with its nonce, which is noted before anybody can see it.
    pub(super) fn call(&mut self, session: SessionId, call: RestCall, sink: &mut impl EventSink) {
        let now = self.clock.now();
        let lane = &mut self.lanes[usize::from(session.0)];
        let nonce = lane.logon.next_nonce(now);
        if let Some(keeper) = lane.session.store_mut::<Keeper>() {
            keeper.used_nonce(nonce);
        }
        // A journal that fails ends the session with the next flush; a cancel goes out all the same.
        let kept = Keeper::outbound(&mut lane.session, &lane.outbox, now);
        lane.journal_failed = lane.journal_failed.or(kept.err());
        let request = RestRequest { call, nonce };
        let port = self.rest.iter_mut().find(|(of, _)| *of == session);
        let sent = port.is_some_and(|(_, port)| port.calls.push(request).is_ok());
        if !sent {
            let said = RestSaid::Failed(RestProblem::NotReached);
            let answer = EventKind::Rest(RestAnswer { id: call.id, said });
            self.lanes[usize::from(session.0)].emit(answer, sink);
        }
    }

    /// Passes on what calls came to, [`REST_PARTS_MAX`] parts at most. Whoever calls has room for them.
    pub(crate) fn take_answers(&mut self, sink: &mut impl EventSink) {
        let mut left = REST_PARTS_MAX;
        for (session, port) in &mut self.rest {
            while left > 0
                && let Ok(answer) = port.answers.pop()
            {
                left -= 1;
                self.lanes[usize::from(session.0)].emit(EventKind::Rest(answer), sink);
            }
        }
    }

    /// Whether [`SessionCore::take_answers`] has something to do.
    pub(crate) fn has_answers(&self) -> bool {
        self.rest.iter().any(|(_, port)| !port.answers.is_empty())
    }
}
