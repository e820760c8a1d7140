//! Routing as of a WebSocket service: the requests of one session are spread over the gateway
//! instances, each of which takes its own time, so that they may overtake each other. Kraken's FIX does
//! not do this; the mode shows what sticky routing prevents (venue file section 1).

use std::collections::BTreeMap;

use fastrand::Rng;
use taut_codec::value::UtcTime;

use crate::limits::TRANSIT_MAX;
use crate::oes::request::OrderRequest;

/// How requests get from the gateway to the order entry service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Default `sticky`.
    pub mode: RoutingMode,
    /// Of `websocket_like`: one seed, one order of arrival.
    pub seed: u64,
    /// Of `websocket_like`: longest time that a request takes, microseconds. Default 2000.
    pub delay_us_max: u32,
}

impl Default for Routing {
    fn default() -> Self {
        Self { mode: RoutingMode::default(), seed: 1, delay_us_max: 2_000 }
    }
}

/// See [`Routing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingMode {
    /// All of a session takes one path: order holds.
    #[default]
    Sticky,
    /// Each request takes any path.
    WebsocketLike,
}

/// The requests that are on their way.
#[derive(Debug)]
pub(crate) struct Transit {
    rng: Rng,
    delay_max: u64,
    /// When the last request of each instance arrives: an instance keeps its order.
    last: Vec<UtcTime>,
    queue: BTreeMap<(UtcTime, u64), OrderRequest>,
    count: u64,
}

impl Transit {
    pub(crate) fn new(routing: Routing, instances: u16) -> Option<Self> {
        (routing.mode == RoutingMode::WebsocketLike).then(|| Self {
            rng: Rng::with_seed(routing.seed),
            delay_max: u64::from(routing.delay_us_max) * 1_000,
            last: vec![UtcTime(0); usize::from(instances.max(1))],
            queue: BTreeMap::new(),
            count: 0,
        })
    }

    /// A request sets out; it arrives by [`Transit::arrived`].
    pub(crate) fn send(&mut self, request: OrderRequest, now: UtcTime) {
        let instance = self.rng.usize(..self.last.len());
        let arrives = now.plus_nanos(self.rng.u64(..=self.delay_max)).max(self.last[instance]);
        self.last[instance] = arrives;
        self.count += 1;
        self.queue.insert((arrives, self.count), request);
    }

    /// The next request that has arrived. With too many on their way the first arrives early.
    pub(crate) fn arrived(&mut self, now: UtcTime) -> Option<OrderRequest> {
        let (&(at, _), _) = self.queue.first_key_value()?;
        let early = self.queue.len() > TRANSIT_MAX;
        if at > now && !early {
            return None;
        }
        self.queue.pop_first().map(|(_, request)| request)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn deadline(&self) -> UtcTime {
        self.queue.first_key_value().map_or(UtcTime(u64::MAX), |(&(at, _), _)| at)
    }
}
