//! The thread that makes calls by REST: beside the path, which a call must not wait for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use crate::command::RestCall;
use crate::event::RestAnswer;
use crate::kraken::rest::RestClient;
use crate::limits::REST_RING;
use crate::touched;

/// How often the thread looks for a call, and for room for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A call with its nonce.
#[derive(Debug, Clone, Copy)]
pub struct RestRequest {
    /// The call.
    pub call: RestCall,
    /// Above that of every call and Logon before.
    pub nonce: u64,
}

/// The session core's end.
pub struct RestPort {
    pub(super) calls: Producer<RestRequest>,
    pub(super) answers: Consumer<RestAnswer>,
}

/// The end of whoever makes the calls.
pub struct RestEnd {
    /// Calls to be made, in this order.
    pub calls: Consumer<RestRequest>,
    /// What they came to.
    pub answers: Producer<RestAnswer>,
}

/// The two ends.
#[must_use]
pub fn rest_link() -> (RestPort, RestEnd) {
    let (calls_in, calls) = touched::ring(REST_RING);
    let (answers_in, answers) = touched::ring(REST_RING);
    (RestPort { calls: calls_in, answers }, RestEnd { calls, answers: answers_in })
}

/// Makes the calls, one after the other, until the engine is over.
pub(super) struct Caller {
    pub client: RestClient,
    pub end: RestEnd,
    /// How long a call may take.
    pub timeout: Duration,
}

impl Caller {
    pub(super) fn run(&mut self, over: &AtomicBool) {
        let Self { client, end, timeout } = self;
        while !over.load(Ordering::Acquire) {
            let Ok(RestRequest { call, nonce }) = end.calls.pop() else {
                std::thread::sleep(LOOK_EVERY);
                continue;
            };
            client.call(&call.kind, nonce, Instant::now() + *timeout, |said| {
                let mut answer = RestAnswer { id: call.id, said };
                // A strategy that is behind reads the rest of a long list later.
                while let Err(rtrb::PushError::Full(back)) = end.answers.push(answer) {
                    if over.load(Ordering::Acquire) {
                        return;
                    }
                    answer = back;
                    std::thread::sleep(LOOK_EVERY);
                }
            });
        }
    }
}
