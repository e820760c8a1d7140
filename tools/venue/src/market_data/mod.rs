//! Market data: what the engine's books show, to whom it was promised.
//!
//! After each activity of the engine [`MarketData::publish`] sends what changed, nothing else. All
//! subscribers of one instrument, kind (L2, L3, trades alone) and depth share a topic, which follows the
//! book once and writes its entries once.

pub mod checksum;
pub mod encode;
pub mod encode_lists;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_file;
mod lists;
pub mod order_shadow;
pub mod request;
pub mod shadow;
mod subscribe;
mod switches;
mod topic;
pub mod view;

use taut::types::InstrumentId;
use taut_codec::encode::{Encoder, HeaderOrder};
use taut_codec::value::UtcTime;

pub use encode_lists::TradingStatus;
pub use switches::{L3Checksum, L3EntryTime, MarketDataSwitches, SpotL3};

use crate::gateway::Subscriber;
use crate::limits::SUBSCRIPTIONS_PER_SESSION_MAX;
use crate::matching::{EngineEvent, EventKind, LevelChange};
use crate::state::{Restored, Source, Stored};
use encode::PublicTrade;
use lists::Lists;
use request::{MarketDataRequest, MdRequest, RequestId, SubscriptionType};
use subscribe::Refusal;
use topic::{Kind, Occasion, Scratch, Sums, Topic};
use view::MarketView;

/// Where messages to sessions go. Sending to a session that is gone, or that is too slow and was
/// dropped, does nothing.
pub trait Outlet {
    /// Sends one message.
    fn send(
        &mut self,
        to: Subscriber,
        msg_type: &[u8],
        order: HeaderOrder,
        now: UtcTime,
        body: impl FnOnce(&mut Encoder<'_>),
    );

    /// A request of a session was refused; what says so is sent next (venue file 3.7: too many errors in a second end
    /// a session).
    fn refused(&mut self, from: Subscriber, now: UtcTime);
}

const NORMAL: HeaderOrder = HeaderOrder::SeqSenderTimeTarget;

/// What is published of one instrument.
#[derive(Debug, Default)]
struct Market {
    topics: Vec<Topic>,
    /// Trades since the last publication.
    trades: Vec<PublicTrade>,
    /// No prices are shown, see [`MarketData::stop_prices`].
    stopped: bool,
}

/// Market data of all instruments of an engine.
#[derive(Debug, Default)]
pub struct MarketData {
    switches: MarketDataSwitches,
    /// Who asked under which MDReqID.
    subscriptions: Vec<(Subscriber, RequestId)>,
    markets: Vec<Market>,
    lists: Lists,
    changes: Vec<LevelChange>,
    scratch: Scratch,
}

impl MarketData {
    /// For `instruments` instruments.
    #[must_use]
    pub fn new(instruments: usize, switches: MarketDataSwitches) -> Self {
        let mut this = Self { switches, ..Self::default() };
        this.markets.resize_with(instruments, Market::default);
        this.lists.md_price_precision = switches.md_price_precision;
        this
    }

    /// A session is gone, and its subscriptions with it (venue file 3.3).
    pub fn forget(&mut self, session: Subscriber) {
        self.subscriptions.retain(|one| one.0 != session);
        self.leave(|from, _| from == session);
        self.lists.forget(session);
    }

    /// How many MDReqIDs are subscribed.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Answers a request. What the engine did before was published.
    pub fn request(
        &mut self,
        from: Subscriber,
        request: &MdRequest,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        match request {
            MdRequest::MarketData(request) => {
                if let Err((reason, text)) = self.market_data(from, request, view, now, outlet) {
                    outlet.refused(from, now);
                    outlet.send(from, b"Y", NORMAL, now, |enc| {
                        encode::write_request_reject(enc, request.id, reason, &text);
                    });
                }
            }
            MdRequest::Instruments(request) => {
                self.lists.instrument_list(from, request, view, now, outlet);
            }
            MdRequest::SessionStatus(request) => {
                self.lists.session_status(from, request, now, outlet);
            }
        }
    }

    /// Venue file 4.9.
    fn market_data(
        &mut self,
        from: Subscriber,
        request: &MarketDataRequest,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) -> Result<(), Refusal> {
        let id = request.id;
        let known = |one: &(Subscriber, RequestId)| *one == (from, id);
        if request.subscription == SubscriptionType::Disable {
            let before = self.subscriptions.len();
            self.subscriptions.retain(|one| !known(one));
            self.leave(|one, its| (one, its) == (from, id));
            // No code fits an MDReqID that is not subscribed; unspecified: SIM.
            let found = self.subscriptions.len() < before;
            return if found { Ok(()) } else { Err((b'4', "Unknown MDReqID".into())) };
        }
        if self.subscriptions.iter().any(known) {
            return Err((b'1', "Duplicate MDReqID".into()));
        }
        let wanted = subscribe::judge(from, request, &self.switches, view)?;
        let own = self.subscriptions.iter().filter(|one| one.0 == from).count();
        if own >= SUBSCRIPTIONS_PER_SESSION_MAX {
            return Err((b'A', "Too many subscriptions".into()));
        }
        for &instrument in &wanted.instruments {
            if !self.join(from, id, (wanted.kind, wanted.trades), instrument, view, now) {
                self.leave(|one, its| (one, its) == (from, id));
                return Err((b'5', "Unsupported market depth: the snapshot is too long".into()));
            }
        }
        for &instrument in &wanted.instruments {
            let Self { switches, markets, scratch, .. } = self;
            let Some(rules) = view.instrument(instrument) else { continue };
            let on = Occasion { view, rules, switches, now };
            let topics = &markets[usize::from(instrument.0)].topics;
            for topic in topics.iter().filter(|topic| topic.kind == wanted.kind) {
                topic.snapshot(Some((from, id)), &on, scratch, outlet);
            }
        }
        self.subscriptions.push((from, id));
        Ok(())
    }

    /// Adds a session to a topic, which is made if it is the first; `false` if the snapshot would be
    /// longer than a message can be.
    fn join(
        &mut self,
        from: Subscriber,
        id: RequestId,
        (kind, trades): (Kind, bool),
        instrument: InstrumentId,
        view: &impl MarketView,
        now: UtcTime,
    ) -> bool {
        let Self { switches, markets, scratch, .. } = self;
        let (market, rules) =
            (&mut markets[usize::from(instrument.0)], view.instrument(instrument));
        let at = market.topics.iter().position(|topic| topic.kind == kind).unwrap_or_else(|| {
            let mut topic = Topic::new(kind, instrument, view);
            if market.stopped {
                topic.clear();
            }
            market.topics.push(topic);
            market.topics.len() - 1
        });
        let topic = &mut market.topics[at];
        topic.join(from, id, trades);
        rules.is_some_and(|rules| topic.fits(&Occasion { view, rules, switches, now }, scratch))
    }

    /// Takes sessions out of their topics.
    fn leave(&mut self, gone: impl Fn(Subscriber, RequestId) -> bool) {
        for market in &mut self.markets {
            market.topics.retain_mut(|topic| {
                topic.leave(&gone);
                !topic.is_empty()
            });
        }
    }

    /// Takes in what the engine did.
    pub fn observe(&mut self, event: &EngineEvent) {
        if let EventKind::Trade(trade) = &event.kind {
            self.markets[usize::from(trade.instrument.0)].trades.push(PublicTrade {
                px: trade.px,
                qty: trade.qty,
                seq: trade.trade_seq,
                ord_type: trade.taker.ord_type,
                aggressor: trade.taker.side,
                at: event.at,
            });
        }
    }

    /// Sends every subscriber what changed since the last call.
    pub fn publish(&mut self, view: &mut impl MarketView, now: UtcTime, outlet: &mut impl Outlet) {
        let Self { switches, markets, changes, scratch, .. } = self;
        for (at, market) in markets.iter_mut().enumerate() {
            let id = InstrumentId(at as u16);
            let complete = view.take_changes(id, changes);
            let quiet = complete && changes.is_empty() && market.trades.is_empty();
            if quiet || market.stopped {
                market.trades.clear();
                continue;
            }
            let Some(rules) = view.instrument(id) else { continue };
            let on = Occasion { view, rules, switches, now };
            let (changes, mut sums) = (complete.then_some(&changes[..]), Sums::default());
            for topic in &mut market.topics {
                topic.publish(changes, &market.trades, &mut sums, &on, scratch, outlet);
            }
            market.trades.clear();
        }
    }

    /// The feed of an instrument's prices stops: its subscribers get an empty snapshot ("may be sent in
    /// case no more prices are received", venue file 4.9), and nothing until [`MarketData::resume_prices`].
    pub fn stop_prices(
        &mut self,
        id: InstrumentId,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        self.renew(id, true, view, now, outlet);
    }

    /// The feed of an instrument's prices is back: its subscribers get a full snapshot.
    pub fn resume_prices(
        &mut self,
        id: InstrumentId,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        self.renew(id, false, view, now, outlet);
    }

    fn renew(
        &mut self,
        id: InstrumentId,
        stopped: bool,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let Self { switches, markets, scratch, .. } = self;
        let Some(market) = markets.get_mut(usize::from(id.0)) else { return };
        let Some(rules) = view.instrument(id) else { return };
        if core::mem::replace(&mut market.stopped, stopped) == stopped {
            return;
        }
        let on = Occasion { view, rules, switches, now };
        for topic in &mut market.topics {
            if stopped {
                topic.clear();
            } else {
                topic.refresh(view);
            }
            if !topic.snapshot(None, &on, scratch, outlet) {
                // Longer than a message can be: nothing first, then all of it as updates.
                topic.clear();
                topic.snapshot(None, &on, scratch, outlet);
            }
        }
    }

    /// The status or a rule of an instrument changed: tells who follows the list.
    pub fn instrument_changed(
        &mut self,
        id: InstrumentId,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        self.lists.instrument_changed(id, view, now, outlet);
    }

    /// The status of the whole market changed: tells who follows it.
    pub fn set_status(&mut self, status: TradingStatus, now: UtcTime, outlet: &mut impl Outlet) {
        self.lists.set_status(status, now, outlet);
    }
}

/// What control has set; the rest follows from the engine and from who subscribes.
impl Restored for MarketData {
    fn save(&self, out: &mut Vec<u8>) {
        let stopped: Vec<bool> = self.markets.iter().map(|market| market.stopped).collect();
        stopped.store(out);
        self.lists.trading().store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let stopped: Vec<bool> = from.get()?;
        if stopped.len() != self.markets.len() {
            return None;
        }
        for (market, stopped) in self.markets.iter_mut().zip(stopped) {
            market.stopped = stopped;
        }
        self.lists.go_on(from.get()?);
        Some(())
    }
}
