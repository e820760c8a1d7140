//! What the engine did, as messages to the sessions that it concerns.

use taut::event::{ExecType, Liquidity, OrdStatus};
use taut_codec::value::UtcTime;

use super::exec_id::ReportClock;
use super::late::Late;
use super::number::Amount;
use super::report::{BusinessReject, ExecutionReport, FillReport};
use super::{Gateway, Market};
use crate::matching::{
    CancelReason, Engine, EngineEvent, EventKind, OrderState, Rejection, Request, Settlement, Trade,
};
use crate::oes::{Error, Oes, OrderRecord, OwnerId, amend_status, cl_ord_id, fill_status};
use crate::state::{Restored, Source, Stored};

/// Makes ExecutionReports and business rejects out of engine events.
#[derive(Debug, Default)]
pub struct Reporter {
    clock: ReportClock,
    lost: u64,
    pub(super) late: Late,
}

/// One report as an event makes it.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    state: &'a OrderState,
    /// Who hears of it.
    to: OwnerId,
    exec_type: ExecType,
    status: OrdStatus,
    /// ClOrdIDs: 11 and 41.
    ids: (u128, Option<u128>),
    trade: Option<(&'a Trade, Liquidity)>,
    text: Option<&'a str>,
    /// It makes good for trades that were not told.
    late: bool,
    at: UtcTime,
}

/// A report that outlives what made it, with the instant of its ExecID.
#[derive(Debug)]
pub(super) struct Report {
    state: OrderState,
    to: OwnerId,
    exec_type: ExecType,
    status: OrdStatus,
    ids: (u128, Option<u128>),
    trade: Option<(Trade, Liquidity)>,
    text: Option<Vec<u8>>,
    late: bool,
    at: UtcTime,
    made: UtcTime,
}

crate::state::stored! {
    Report { state, to, exec_type, status, ids, trade, text, late, at, made }
}

impl Report {
    fn new(draft: &Draft<'_>, made: UtcTime) -> Self {
        let Draft { state, to, exec_type, status, ids, trade, text, late, at } = *draft;
        let trade = trade.map(|(trade, liquidity)| (*trade, liquidity));
        let text = text.map(|text| text.as_bytes().to_vec());
        Self { state: *state, to, exec_type, status, ids, trade, text, late, at, made }
    }

    fn draft(&self) -> Draft<'_> {
        let Self { state, to, exec_type, status, ids, trade, text, late, at, made: _ } = self;
        Draft {
            state,
            to: *to,
            exec_type: *exec_type,
            status: *status,
            ids: *ids,
            trade: trade.as_ref().map(|(trade, liquidity)| (trade, *liquidity)),
            text: text.as_ref().and_then(|text| std::str::from_utf8(text).ok()),
            late: *late,
            at: *at,
        }
    }
}

impl<'a> Draft<'a> {
    /// What a report of an order always tells, to the order's owner.
    const fn of(
        state: &'a OrderState,
        exec_type: ExecType,
        status: OrdStatus,
        at: UtcTime,
    ) -> Self {
        let (to, ids) = (state.session, (state.client_key, None));
        Self { state, to, exec_type, status, ids, trade: None, text: None, late: false, at }
    }

    /// What tells the trades of an order that were withheld.
    pub(super) const fn restated(record: &'a OrderRecord, now: UtcTime) -> Self {
        Self { late: true, ..Self::of(&record.state, ExecType::Restated, record.status, now) }
    }

    /// Whether the report has TriggerPrice(1102): that of the trigger, and what answers a request for the
    /// order's status.
    const fn tells_trigger(&self) -> bool {
        matches!(self.exec_type, ExecType::Restated | ExecType::OrderStatus)
    }
}

impl Restored for Reporter {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { clock, lost: _, late } = self;
        clock.store(out);
        late.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.clock = from.get()?;
        self.late = from.get()?;
        Some(())
    }
}

/// Text(58) of the end of a GTD order (venue file 4.6.2).
const EXPIRED: &str = "GTD order expired";

/// MiscFeeAmt(137): cumulative unless the order asked for single fees (venue file 6.13).
fn fee(state: &OrderState, trade: &Trade, liquidity: Liquidity) -> i128 {
    match liquidity {
        _ if !state.fee_per_trade => state.fee,
        Liquidity::Maker => trade.maker_fee,
        Liquidity::Taker => trade.taker_fee,
    }
}

impl Reporter {
    /// Reports that nobody was there to receive, and that could not be kept for replay.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Sends what an event means for the clients that it concerns.
    pub fn report<S: Settlement>(
        &mut self,
        event: &EngineEvent,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        let at = event.at;
        let plain = |state, exec_type, status| Draft::of(state, exec_type, status, at);
        let late = &mut self.late;
        let mut withhold = |state: &OrderState| {
            let heard = oes.client_of(state.session).is_some();
            heard && late.withhold(oes.market(), state.order)
        };
        let withheld = match &event.kind {
            EventKind::Trade(trade) => [&trade.maker, &trade.taker].map(&mut withhold),
            _ => [false; 2],
        };
        let mut send = |draft: Draft<'_>| self.send(&draft, oes, engine, gateway, now);
        match &event.kind {
            EventKind::Rejected(rejection) => reject(rejection, oes, gateway, now),
            EventKind::Accepted(state) => {
                send(plain(state, ExecType::PendingNew, OrdStatus::PendingNew));
            }
            EventKind::Live(state) => send(plain(state, ExecType::New, OrdStatus::New)),
            EventKind::Trade(trade) => {
                let sides = [(&trade.maker, Liquidity::Maker), (&trade.taker, Liquidity::Taker)];
                for ((state, liquidity), withheld) in sides.into_iter().zip(withheld) {
                    if !withheld {
                        let draft = plain(state, ExecType::Trade, fill_status(state));
                        send(Draft { trade: Some((trade, liquidity)), ..draft });
                    }
                }
            }
            EventKind::Cancelled { order, reason, request, .. } => {
                let ids = match request.and_then(|asker| asker.client_key) {
                    Some(request) => (request, Some(order.client_key)),
                    None => (order.client_key, None),
                };
                let text = match (oes.market(), reason) {
                    (Market::Derivatives, CancelReason::Refused(reason)) => {
                        reason.derivatives_text(Request::New)
                    }
                    _ => reason.text(),
                };
                let draft = plain(order, ExecType::Canceled, OrdStatus::Canceled);
                let draft = Draft { ids, text: Some(text), ..draft };
                send(draft);
                // Whoever asked is answered, too, where the order is another client's (3.6, `account`).
                if let Some(asker) = request
                    && oes.client_of(asker.session) != oes.client_of(order.session)
                {
                    send(Draft { to: asker.session, ..draft });
                }
            }
            EventKind::Triggered(state) => send(plain(state, ExecType::Restated, OrdStatus::New)),
            EventKind::Expired { order, .. } => {
                let draft = plain(order, ExecType::Expired, OrdStatus::Expired);
                send(Draft { text: Some(EXPIRED), ..draft });
            }
            EventKind::Amended { order, orig_client_key, orig_session, pending } => {
                let draft = plain(order, ExecType::Replaced, amend_status(*pending));
                let draft = Draft { ids: (order.client_key, Some(*orig_client_key)), ..draft };
                send(draft);
                // The client that loses the order to another of its account hears where it went.
                if oes.client_of(*orig_session) != oes.client_of(order.session) {
                    send(Draft { to: *orig_session, ..draft });
                }
            }
        }
    }

    /// Answers an OrderStatusRequest.
    pub fn status<S: Settlement>(
        &mut self,
        record: &OrderRecord,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        let draft = Draft::of(&record.state, ExecType::OrderStatus, record.status, now);
        self.send(&draft, oes, engine, gateway, now);
    }

    pub(super) fn send<S: Settlement>(
        &mut self,
        draft: &Draft<'_>,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        let Some(client) = oes.client_of(draft.to) else { return };
        let market = oes.market();
        // Derivatives do not send the first report (venue file 4.6.1).
        if market == Market::Derivatives && draft.exec_type == ExecType::PendingNew {
            return;
        }
        let made = self.clock.next(now);
        match self.late.take_next(client) {
            Some(nanos) => {
                self.late.hold(market, now.plus_nanos(nanos), Report::new(draft, made));
            }
            None => self.post(draft, made, oes, engine, gateway, now),
        }
    }

    /// Sends a report that was held back.
    pub(super) fn send_late<S: Settlement>(
        &mut self,
        report: &Report,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        self.post(&report.draft(), report.made, oes, engine, gateway, now);
    }

    fn post<S: Settlement>(
        &mut self,
        draft: &Draft<'_>,
        made: UtcTime,
        oes: &Oes,
        engine: &Engine<S>,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        let state = draft.state;
        let Some(client) = oes.client_of(draft.to) else { return };
        let Some(instrument) = engine.instrument(state.instrument) else { return };
        let market = oes.market();
        let is_spot = market == Market::Spot;
        let fee_asset = engine.asset(state.fee_asset);
        let fee_currency = fee_asset.as_ref().map_or("", |asset| asset.as_str());
        let fill = draft.trade.map(|(trade, liquidity)| FillReport {
            px: trade.px,
            qty: trade.qty,
            liquidity,
            trade_seq: trade.trade_seq,
            fee: Amount {
                units: fee(state, trade, liquidity),
                scale: engine.fee_scale(instrument, state.fee_asset),
            },
            fee_currency,
            fee_basis: gateway.switches.fee_basis,
        });
        let report = ExecutionReport {
            instrument,
            cl_ord_id: cl_ord_id(draft.ids.0),
            orig_cl_ord_id: draft.ids.1.map(cl_ord_id),
            order_id: engine.order_id(state.order),
            report_time: made,
            transact_time: draft.at,
            exec_type: draft.exec_type,
            ord_status: draft.status,
            side: state.side,
            ord_type: state.ord_type,
            stop: state.stop,
            triggered_by: state.triggered_by.filter(|_| draft.tells_trigger()),
            allocation: oes.allocation(state.account),
            display: state.display,
            qty_in_quote: state.qty_in_quote,
            time_in_force: state.time_in_force,
            qty: state.qty,
            price: state.price,
            cum: state.cum,
            leaves: state.leaves,
            notional: state.notional,
            average: is_spot || gateway.switches.derivatives_average,
            fill,
            late_trades: draft.late,
            text: draft.text,
        };
        for _ in 0..gateway.report_copies() {
            let sent = gateway.execution_report(client, market.trading(), &report, now);
            self.lost += u64::from(!sent);
        }
    }
}

fn reject(rejection: &Rejection, oes: &Oes, gateway: &mut Gateway, now: UtcTime) {
    let Some(client) = oes.client_of(rejection.session) else { return };
    let market = oes.market();
    let ref_msg_type: &[u8] = match rejection.request {
        Request::New => b"D",
        Request::Amend => b"G",
        Request::Cancel => b"F",
    };
    let mut scratch = [0; taut::types::ClOrdId::TEXT_MAX];
    let reject = BusinessReject {
        ref_msg_type,
        ref_id: cl_ord_id(rejection.client_key).write(&mut scratch),
        reason: rejection.reason.business_reason(),
        text: match market {
            Market::Spot => rejection.reason.text(),
            Market::Derivatives => rejection.reason.derivatives_text(rejection.request),
        },
    };
    gateway.business_reject(client, market.trading(), &reject, now);
}

/// What a refusal of the order entry service is called on a market.
#[must_use]
pub fn refusal_text(error: Error, market: Market, msg_type: u8) -> String {
    match (market, error) {
        (Market::Derivatives, Error::Engine(reason)) => {
            let request = match msg_type {
                b'D' => Request::New,
                b'G' => Request::Amend,
                _ => Request::Cancel,
            };
            reason.derivatives_text(request).to_owned()
        }
        _ => error.to_string(),
    }
}
