//! Market data: what the engine's books show, to whom it was promised.
//!
//! After each activity of the engine [`MarketData::publish`] sends what changed, nothing else. All
//! subscribers of one depth share one [`Shadow`].

pub mod checksum;
pub mod encode;
#[cfg(test)]
mod golden;
pub mod request;
pub mod shadow;

use taut::types::{Instrument, InstrumentId, Side};
use taut_codec::encode::{Encoder, HeaderOrder};
use taut_codec::value::UtcTime;

use crate::gateway::Subscriber;
use crate::gateway::exec_id::ReportClock;
use crate::limits::{DEPTH_MAX, SUBSCRIPTIONS_PER_SESSION_MAX};
use crate::matching::{Book, EngineEvent, EventKind, LevelChange, SpotEngine};
use crate::oes;
use encode::{PublicTrade, TradingStatus};
use request::{
    InstrumentListRequest, MarketDataRequest, MdRequest, RequestId, SessionStatusRequest,
    SubscriptionType,
};
use shadow::{Change, Shadow};

/// Where messages to sessions go. Sending to a session that is gone, or that is too slow and was
/// dropped, does nothing.
pub trait Outlet {
    /// Sends one message.
    fn send(
        &mut self,
        client: Subscriber,
        msg_type: &[u8],
        order: HeaderOrder,
        now: UtcTime,
        body: impl FnOnce(&mut Encoder<'_>),
    );
}

const NORMAL: HeaderOrder = HeaderOrder::SeqSenderTimeTarget;

#[derive(Debug)]
struct Subscription {
    client: Subscriber,
    id: RequestId,
    /// The depth of the book, if the book was asked for.
    depth: Option<usize>,
    trades: bool,
    instruments: Vec<InstrumentId>,
}

/// Market data of all instruments.
#[derive(Debug, Default)]
pub struct MarketData {
    subscriptions: Vec<Subscription>,
    /// Per instrument the shadows of the depths that somebody subscribed to.
    shadows: Vec<Vec<Shadow>>,
    /// Trades of each instrument since the last publication.
    trades: Vec<Vec<PublicTrade>>,
    /// At most [`SUBSCRIPTIONS_PER_SESSION_MAX`] of each client.
    list_subscribers: Vec<(Subscriber, RequestId)>,
    /// At most one of each client.
    status_subscribers: Vec<(Subscriber, RequestId, RequestId)>,
    status: TradingStatus,
    response_ids: ReportClock,
    changes: Vec<LevelChange>,
    entries: Vec<Change>,
}

impl MarketData {
    /// For `instruments` instruments.
    #[must_use]
    pub fn new(instruments: usize) -> Self {
        Self {
            shadows: (0..instruments).map(|_| Vec::new()).collect(),
            trades: vec![Vec::new(); instruments],
            ..Self::default()
        }
    }

    /// The session of a client is gone, and its subscriptions with it (venue file 3.3).
    pub fn forget(&mut self, client: Subscriber) {
        self.subscriptions.retain(|s| s.client != client);
        self.list_subscribers.retain(|s| s.0 != client);
        self.status_subscribers.retain(|s| s.0 != client);
        self.drop_unused_shadows();
    }

    /// How many MDReqIDs are subscribed.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Answers a request. What the engine did before was published.
    pub fn request(
        &mut self,
        client: Subscriber,
        request: &MdRequest,
        engine: &SpotEngine,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        match request {
            MdRequest::MarketData(request) => {
                if let Err((reason, text)) = self.market_data(client, request, engine, now, outlet)
                {
                    outlet.send(client, b"Y", NORMAL, now, |enc| {
                        encode::write_request_reject(enc, request.id, reason, &text);
                    });
                }
            }
            MdRequest::Instruments(request) => {
                self.instrument_list(client, request, engine, now, outlet);
            }
            MdRequest::SessionStatus(request) => {
                self.session_status(client, request, now, outlet);
            }
        }
    }

    /// Venue file 4.9 and 4.11: `Err` is MDReqRejReason(281) and Text(58).
    fn market_data(
        &mut self,
        client: Subscriber,
        request: &MarketDataRequest,
        engine: &SpotEngine,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) -> Result<(), (u8, String)> {
        let known = |s: &Subscription| s.client == client && s.id == request.id;
        match request.subscription {
            SubscriptionType::Disable => {
                let before = self.subscriptions.len();
                self.subscriptions.retain(|s| !known(s));
                self.drop_unused_shadows();
                // No code fits an MDReqID that is not subscribed; unspecified: SIM.
                return if self.subscriptions.len() < before {
                    Ok(())
                } else {
                    Err((b'4', "Unknown MDReqID".into()))
                };
            }
            SubscriptionType::Updates => {}
            SubscriptionType::Snapshot | SubscriptionType::Other => {
                let text = &request.subscription_text;
                return Err((b'4', format!("Unsupported SubscriptionRequestType: {text}")));
            }
        }
        if self.subscriptions.iter().any(known) {
            return Err((b'1', "Duplicate MDReqID".into()));
        }
        let depth = match request.depth {
            0 => DEPTH_MAX,
            depth @ (1 | 10 | 25 | 100 | 500 | 1000) => depth as usize,
            depth => return Err((b'5', format!("Unsupported market depth: {depth}"))),
        };
        if let Some(update_type) = request.update_type.as_ref().filter(|t| *t != "1") {
            return Err((b'6', format!("Unsupported MDUpdateType: {update_type}")));
        }
        if let Some(entry_type) = &request.unknown_entry_type {
            return Err((b'8', format!("Unsupported MDEntryType: {entry_type}")));
        }
        if request.bids != request.offers || !(request.bids || request.trades) {
            return Err((b'8', "Bid and offer are only offered together".into()));
        }
        if request.by_order {
            return Err((b'B', "Level3 not available".into()));
        }
        let of_client = self.subscriptions.iter().filter(|s| s.client == client).count();
        if of_client >= SUBSCRIPTIONS_PER_SESSION_MAX {
            return Err((b'A', "Too many subscriptions".into()));
        }
        let mut instruments = Vec::new();
        for text in &request.symbols {
            let symbol = taut::types::Symbol::new(text).ok();
            let found = symbol.and_then(|symbol| oes::instrument(engine, symbol).ok());
            let Some((id, _)) = found else {
                return Err((b'0', encode::unsupported_symbol(text)));
            };
            if !instruments.contains(&id) {
                instruments.push(id);
            }
        }
        let depth = request.bids.then_some(depth);
        for &id in &instruments {
            let (Some(rules), Some(book)) = (engine.instrument(id), engine.book(id)) else {
                continue;
            };
            let shadow = depth.map(|depth| self.shadow(id, depth, book));
            let (offers, bids) =
                shadow.map_or((&[][..], &[][..]), |s| (s.levels(Side::Sell), s.levels(Side::Buy)));
            outlet.send(client, b"W", NORMAL, now, |enc| {
                encode::write_snapshot(enc, rules, request.id, offers, bids);
            });
        }
        self.subscriptions.push(Subscription {
            client,
            id: request.id,
            depth,
            trades: request.trades,
            instruments,
        });
        Ok(())
    }

    fn shadow(&mut self, id: InstrumentId, depth: usize, book: &Book) -> &Shadow {
        let shadows = &mut self.shadows[usize::from(id.0)];
        let at = shadows.iter().position(|s| s.depth() == depth).unwrap_or_else(|| {
            shadows.push(Shadow::new(depth, book));
            shadows.len() - 1
        });
        &shadows[at]
    }

    fn drop_unused_shadows(&mut self) {
        let subscriptions = &self.subscriptions;
        for (at, shadows) in self.shadows.iter_mut().enumerate() {
            let id = InstrumentId(at as u16);
            shadows.retain(|shadow| {
                subscriptions
                    .iter()
                    .any(|s| s.depth == Some(shadow.depth()) && s.instruments.contains(&id))
            });
        }
    }

    /// Takes in what the engine did.
    pub fn observe(&mut self, event: &EngineEvent) {
        if let EventKind::Trade(trade) = &event.kind {
            self.trades[usize::from(trade.instrument.0)].push(PublicTrade {
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
    pub fn publish(&mut self, engine: &mut SpotEngine, now: UtcTime, outlet: &mut impl Outlet) {
        for at in 0..self.shadows.len() {
            let id = InstrumentId(at as u16);
            let Some(book) = engine.book_mut(id) else { continue };
            let complete = book.take_changes(&mut self.changes);
            let changed = !complete || !self.changes.is_empty();
            if changed || !self.trades[at].is_empty() {
                let changes = complete.then_some(core::mem::take(&mut self.changes));
                self.publish_one(id, changes.as_deref(), engine, now, outlet);
                self.changes = changes.unwrap_or_default();
                self.trades[at].clear();
            }
        }
    }

    fn publish_one(
        &mut self,
        id: InstrumentId,
        changes: Option<&[LevelChange]>,
        engine: &SpotEngine,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let (Some(rules), Some(book)) = (engine.instrument(id), engine.book(id)) else { return };
        let at = usize::from(id.0);
        let (mut checksum, entries) = (None, &mut self.entries);
        let follows = |s: &&Subscription| s.instruments.contains(&id);
        for shadow in &mut self.shadows[at] {
            entries.clear();
            shadow.follow(book, changes, entries);
            let sum = (!entries.is_empty()).then(|| *checksum.get_or_insert_with(|| of(book)));
            let depth = Some(shadow.depth());
            for one in self.subscriptions.iter().filter(follows).filter(|s| s.depth == depth) {
                let trades = if one.trades { &self.trades[at][..] } else { &[] };
                send_incremental(one, rules, trades, entries, sum, now, outlet);
            }
        }
        for one in self.subscriptions.iter().filter(follows).filter(|s| s.depth.is_none()) {
            send_incremental(one, rules, &self.trades[at], &[], None, now, outlet);
        }
    }

    /// Venue file 4.12.
    fn instrument_list(
        &mut self,
        client: Subscriber,
        request: &InstrumentListRequest,
        engine: &SpotEngine,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let mut result = b'0';
        let mut listed: Vec<&Instrument> = Vec::new();
        match (request.list_type, request.subscription) {
            (_, SubscriptionType::Disable) => {
                self.list_subscribers.retain(|s| *s != (client, request.id));
                return;
            }
            (b'0', _) => match request.symbol.map(|symbol| oes::instrument(engine, symbol)) {
                Some(Ok((_, rules))) => listed.push(rules),
                Some(Err(_)) => result = b'2',
                None => result = b'1',
            },
            (b'1', _) => match request.security_type.as_deref() {
                Some("CASH") => listed.extend(engine.instruments()),
                Some("FUT" | "OPT" | "TS") => result = b'2',
                _ => result = b'1',
            },
            _ => listed.extend(engine.instruments()),
        }
        let subscriber = (client, request.id);
        if request.subscription == SubscriptionType::Updates
            && result == b'0'
            && !self.list_subscribers.contains(&subscriber)
        {
            let of_client = self.list_subscribers.iter().filter(|s| s.0 == client).count();
            if of_client < SUBSCRIPTIONS_PER_SESSION_MAX {
                self.list_subscribers.push(subscriber);
            } else {
                // "Temporarily unavailable": a snapshot alone would promise updates.
                result = b'4';
                listed.clear();
            }
        }
        let response = self.response_ids.next(now).0;
        outlet.send(client, b"y", HeaderOrder::SenderTargetSeqTime, now, |enc| {
            encode::write_instrument_list(enc, request.id, response, result, listed.into_iter());
        });
    }

    /// Venue file 4.13.
    fn session_status(
        &mut self,
        client: Subscriber,
        request: &SessionStatusRequest,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        const UNKNOWN_SESSION: u32 = 1;
        const INVALID_SUB_TYPE: u32 = 101;
        const ALREADY_SUBSCRIBED: u32 = 103;
        let subscriber = (client, request.id, request.session);
        let reason = match request.subscription {
            _ if request.session.as_bytes() != b"SESSION" => Some(UNKNOWN_SESSION),
            SubscriptionType::Snapshot => None,
            // One of each client, so that the clients bound the list.
            SubscriptionType::Updates if self.status_subscribers.iter().any(|s| s.0 == client) => {
                Some(ALREADY_SUBSCRIBED)
            }
            SubscriptionType::Updates => {
                self.status_subscribers.push(subscriber);
                None
            }
            SubscriptionType::Disable | SubscriptionType::Other => Some(INVALID_SUB_TYPE),
        };
        let status = if reason.is_none() { self.status } else { TradingStatus::Unknown };
        outlet.send(client, b"h", NORMAL, now, |enc| {
            encode::write_session_status(enc, request.id, request.session, Some(status), reason);
        });
    }

    /// The status of an instrument changed: tells who subscribed to the list.
    pub fn instrument_changed(
        &mut self,
        id: InstrumentId,
        engine: &SpotEngine,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let Some(rules) = engine.instrument(id) else { return };
        for &(client, request) in &self.list_subscribers {
            let response = self.response_ids.next(now).0;
            outlet.send(client, b"y", HeaderOrder::SenderTargetSeqTime, now, |enc| {
                encode::write_instrument_list(enc, request, response, b'0', [rules].into_iter());
            });
        }
    }

    /// The status of the whole market changed: tells who subscribed to it.
    pub fn set_status(&mut self, status: TradingStatus, now: UtcTime, outlet: &mut impl Outlet) {
        self.status = status;
        for &(client, id, session) in &self.status_subscribers {
            outlet.send(client, b"h", NORMAL, now, |enc| {
                encode::write_session_status(enc, id, session, Some(status), None);
            });
        }
    }
}

fn send_incremental(
    to: &Subscription,
    rules: &Instrument,
    trades: &[PublicTrade],
    changes: &[Change],
    checksum: Option<u32>,
    now: UtcTime,
    outlet: &mut impl Outlet,
) {
    if trades.is_empty() && changes.is_empty() {
        return;
    }
    outlet.send(to.client, b"X", HeaderOrder::SeqTargetSenderTime, now, |enc| {
        encode::write_incremental(enc, rules, to.id, trades, changes, checksum);
    });
}

/// The checksum of a book.
fn of(book: &Book) -> u32 {
    let side = |side| book.levels(side).map(|level| (level.px, level.total));
    checksum::checksum(side(Side::Sell), side(Side::Buy))
}
