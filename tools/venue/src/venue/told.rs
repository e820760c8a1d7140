//! What the venue says of itself: how far commands came, and what goes on.

use taut::types::{ClOrdId, CompId};
use taut_codec::value::UtcTime;

use crate::gateway::ReplayStats;

/// How far a client's command came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It reached the trading engine, which may still have rejected it.
    Arrived,
    /// The gateway refused it, or its session did not take it.
    RefusedByGateway,
    /// The order entry service refused it.
    RefusedByOes,
}

impl Outcome {
    /// The word of the arrival log: `arrived`, `gateway` or `oes`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::RefusedByGateway => "gateway",
            Self::RefusedByOes => "oes",
        }
    }
}

/// A client's command as it arrived at the gateway on a session that was logged on, and how far it
/// came. What is sent and read is here once, so that sent = arrived + refused can be held to by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// SenderCompID(49).
    pub sender: CompId,
    /// MsgSeqNum(34); 0 if it could not be read.
    pub msg_seq_num: u64,
    /// MsgType(35): `D`, `F`, `G` or `q`.
    pub msg_type: u8,
    /// ClOrdID(11); `None` if it could not be read, which the gateway refuses.
    pub cl_ord_id: Option<ClOrdId>,
    /// Whether it was marked as a possible duplicate (43 or 97).
    pub poss_dup: bool,
    /// When.
    pub at: UtcTime,
    /// How far it came.
    pub outcome: Outcome,
}

/// What goes on in the venue, for a status line and for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueStats {
    /// Open connections.
    pub connections: usize,
    /// Sessions that are logged on.
    pub sessions_up: usize,
    /// Live orders, the house's included.
    pub live_orders: usize,
    /// Market data subscriptions.
    pub subscriptions: usize,
    /// Connections dropped because their peer did not read.
    pub slow_drops: u64,
    /// Sessions disconnected for too many errors.
    pub error_drops: u64,
    /// Reports that nobody was there to receive, and that could not be kept either.
    pub reports_lost: u64,
    /// Reports that are kept for those who were not there.
    pub replay: ReplayStats,
    /// Arrivals that were not taken in time.
    pub arrivals_lost: u64,
    /// Steps of the script that could not be done: nobody was there.
    pub steps_missed: u64,
    /// Connections per gateway instance.
    pub instances: Vec<u32>,
}
