//! The instrument list (x, y) and the status of trading (g, h); venue file 4.12 and 4.13.

use taut::types::{Instrument, InstrumentId};
use taut_codec::encode::HeaderOrder;
use taut_codec::value::UtcTime;

use super::encode_lists::{
    ListHead, ListResult, TradingStatus, write_instrument_list, write_session_status,
};
use super::request::{InstrumentListRequest, RequestId, SessionStatusRequest, SubscriptionType};
use super::view::MarketView;
use super::{NORMAL, Outlet};
use crate::gateway::Subscriber;
use crate::gateway::exec_id::ReportClock;
use crate::limits::{
    INSTRUMENTS_PER_MESSAGE_MAX, SUBSCRIPTIONS_PER_SESSION_MAX, TRADING_REQUEST_ID_BYTES_MAX,
};

/// Which instruments a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// 559=0
    One(InstrumentId),
    /// 559=1
    Type(ProductType),
    /// 559=4
    All,
}

/// SecurityType(167).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProductType {
    /// `CASH`
    Spot,
    /// `FUT`
    Future,
    /// `OPT`; there are none.
    Option,
    /// `TS`
    TokenisedStock,
}

impl ProductType {
    fn from_fix(text: &str) -> Option<Self> {
        Some(match text {
            "CASH" => Self::Spot,
            "FUT" => Self::Future,
            "OPT" => Self::Option,
            "TS" => Self::TokenisedStock,
            _ => return None,
        })
    }

    /// By the form of the symbol: `BTC/USD` is spot, `AAPLx/USD` a tokenised stock, `PF_XBTUSD` a
    /// future (venue file 4.1; the `x` is how Kraken's xStocks are named).
    fn of(rules: &Instrument) -> Self {
        match rules.symbol.as_str().split_once('/') {
            Some((base, _)) if base.ends_with('x') => Self::TokenisedStock,
            Some(_) => Self::Spot,
            None => Self::Future,
        }
    }
}

#[derive(Debug)]
struct ListSubscriber {
    to: Subscriber,
    id: RequestId,
    which: Which,
}

/// Who follows the instrument list and the status of trading.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// At most [`SUBSCRIPTIONS_PER_SESSION_MAX`] of each session.
    instruments: Vec<ListSubscriber>,
    /// At most one of each session.
    status: Vec<(Subscriber, RequestId, RequestId)>,
    trading: TradingStatus,
    response_ids: ReportClock,
    /// See [`super::MarketDataSwitches::md_price_precision`].
    pub(super) md_price_precision: bool,
}

impl Lists {
    /// What TradingSessionStatus (35=h) says.
    pub(super) const fn trading(&self) -> TradingStatus {
        self.trading
    }

    /// What it said in an earlier life; nobody follows it yet.
    pub(super) const fn go_on(&mut self, trading: TradingStatus) {
        self.trading = trading;
    }

    pub(super) fn forget(&mut self, session: Subscriber) {
        self.instruments.retain(|one| one.to != session);
        self.status.retain(|one| one.0 != session);
    }

    /// Venue file 4.12.
    pub(super) fn instrument_list(
        &mut self,
        from: Subscriber,
        request: &InstrumentListRequest,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let known = |one: &ListSubscriber| (one.to, one.id) == (from, request.id);
        let which = match request.subscription {
            SubscriptionType::Disable => {
                let before = self.instruments.len();
                self.instruments.retain(|one| !known(one));
                if self.instruments.len() == before {
                    self.refuse(
                        from,
                        request.id,
                        (ListResult::Invalid, "Not subscribed"),
                        now,
                        outlet,
                    );
                }
                return;
            }
            SubscriptionType::Other => {
                Err((ListResult::Invalid, "Unsupported SubscriptionRequestType"))
            }
            SubscriptionType::Snapshot | SubscriptionType::Updates => which(request, view),
        };
        let found = which.and_then(|which| {
            let rules = select(view, which);
            if rules.is_empty() {
                Err((ListResult::NoneFound, "No instruments found"))
            } else {
                Ok((which, rules))
            }
        });
        let (which, rules) = match found {
            Ok(found) => found,
            Err(why) => return self.refuse(from, request.id, why, now, outlet),
        };
        if request.subscription == SubscriptionType::Updates && !self.instruments.iter().any(known)
        {
            let own = self.instruments.iter().filter(|one| one.to == from).count();
            if own >= SUBSCRIPTIONS_PER_SESSION_MAX {
                // A snapshot alone would promise updates.
                let why = (ListResult::Unavailable, "Too many subscriptions");
                return self.refuse(from, request.id, why, now, outlet);
            }
            self.instruments.push(ListSubscriber { to: from, id: request.id, which });
        }
        self.list(from, request.id, &rules, now, outlet);
    }

    /// The status or a rule of an instrument changed: tells who follows it.
    pub(super) fn instrument_changed(
        &mut self,
        id: InstrumentId,
        view: &impl MarketView,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let Some(rules) = view.instrument(id) else { return };
        for at in 0..self.instruments.len() {
            let ListSubscriber { to, id: request, which } = self.instruments[at];
            let concerned = match which {
                Which::One(one) => one == id,
                Which::Type(product) => product == ProductType::of(rules),
                Which::All => true,
            };
            if concerned {
                self.list(to, request, &[rules], now, outlet);
            }
        }
    }

    /// One message, or several where the list is long (393, 893).
    fn list(
        &mut self,
        to: Subscriber,
        id: RequestId,
        rules: &[&Instrument],
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        let response = self.response_ids.next(now).0;
        let parts = rules.chunks(INSTRUMENTS_PER_MESSAGE_MAX).count();
        for (at, part) in rules.chunks(INSTRUMENTS_PER_MESSAGE_MAX).enumerate() {
            let fragment = (parts > 1).then_some((rules.len(), at + 1 == parts));
            let head = ListHead { id, response, result: ListResult::Valid, fragment };
            let precision = self.md_price_precision;
            outlet.send(to, b"y", HeaderOrder::SenderTargetSeqTime, now, |enc| {
                write_instrument_list(enc, &head, None, precision, part.iter().copied());
            });
        }
    }

    fn refuse(
        &mut self,
        to: Subscriber,
        id: RequestId,
        (result, text): (ListResult, &str),
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        if result == ListResult::Invalid {
            outlet.refused(to, now);
        }
        let response = self.response_ids.next(now).0;
        let head = ListHead { id, response, result, fragment: None };
        outlet.send(to, b"y", HeaderOrder::SenderTargetSeqTime, now, |enc| {
            write_instrument_list(enc, &head, Some(text), false, [].into_iter());
        });
    }

    /// Venue file 4.13. What the codes apply to beyond their names is unspecified (SIM): an id is
    /// invalid if it is longer than any UUID or not printable; of the subscriptions a session has one.
    pub(super) fn session_status(
        &mut self,
        from: Subscriber,
        request: &SessionStatusRequest,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        const UNKNOWN_SESSION: u32 = 1;
        const INVALID_REQUEST_ID: u32 = 100;
        const INVALID_SUB_TYPE: u32 = 101;
        const DUPLICATE_REQUEST_ID: u32 = 102;
        const ALREADY_SUBSCRIBED: u32 = 103;
        let id = request.id.as_bytes();
        let own = self.status.iter().find(|one| one.0 == from);
        let reason = match request.subscription {
            _ if id.len() > TRADING_REQUEST_ID_BYTES_MAX
                || !id.iter().all(u8::is_ascii_graphic) =>
            {
                Some(INVALID_REQUEST_ID)
            }
            _ if request.session.as_bytes() != b"SESSION" => Some(UNKNOWN_SESSION),
            SubscriptionType::Disable | SubscriptionType::Other => Some(INVALID_SUB_TYPE),
            _ if own.is_some_and(|one| one.1 == request.id) => Some(DUPLICATE_REQUEST_ID),
            SubscriptionType::Snapshot => None,
            SubscriptionType::Updates if own.is_some() => Some(ALREADY_SUBSCRIBED),
            SubscriptionType::Updates => {
                self.status.push((from, request.id, request.session));
                None
            }
        };
        if reason.is_some() {
            outlet.refused(from, now);
        }
        let status = if reason.is_none() { self.trading } else { TradingStatus::Unknown };
        outlet.send(from, b"h", NORMAL, now, |enc| {
            write_session_status(enc, request.id, request.session, status, reason);
        });
    }

    /// The status of the whole market changed: tells who follows it.
    pub(super) fn set_status(
        &mut self,
        status: TradingStatus,
        now: UtcTime,
        outlet: &mut impl Outlet,
    ) {
        self.trading = status;
        for &(to, id, session) in &self.status {
            outlet.send(to, b"h", NORMAL, now, |enc| {
                write_session_status(enc, id, session, status, None);
            });
        }
    }
}

/// What a request asks for, or why it cannot be answered: 560 and 58.
fn which(
    request: &InstrumentListRequest,
    view: &impl MarketView,
) -> Result<Which, (ListResult, &'static str)> {
    match request.list_type {
        b'0' => {
            let symbol = request.symbol.ok_or((ListResult::Invalid, "Symbol is missing"))?;
            view.find(symbol).map(Which::One).ok_or((ListResult::NoneFound, "Unknown symbol"))
        }
        b'1' => {
            let product = request.security_type.as_deref().and_then(ProductType::from_fix);
            product.map(Which::Type).ok_or((ListResult::Invalid, "Unsupported SecurityType"))
        }
        b'4' => Ok(Which::All),
        _ => Err((ListResult::Invalid, "Unsupported SecurityListRequestType")),
    }
}

fn select(view: &impl MarketView, which: Which) -> Vec<&Instrument> {
    match which {
        Which::One(id) => view.instrument(id).into_iter().collect(),
        Which::All | Which::Type(_) => (0..view.count())
            .filter_map(|at| view.instrument(InstrumentId(at as u16)))
            .filter(|rules| !matches!(which, Which::Type(one) if one != ProductType::of(rules)))
            .collect(),
    }
}
