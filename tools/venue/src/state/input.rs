//! What reaches the stages behind the gateway: their state is a function of these and their times.

use taut::types::{PairStatus, Symbol};
use taut_codec::value::{Decimal, UtcTime};

use crate::market_data::TradingStatus;
use crate::oes::request::{OrderName, OrderRequest};
use crate::oes::{Owner, OwnerId};

/// One input of order entry and of the trading engines. Given by reference, and never kept in numbers.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// Time passes.
    Tick,
    /// A request of a trading session.
    Order(OrderRequest),
    /// A trading session logged on; whether its ClOrdID watermark starts anew.
    LoggedOn(Owner, bool),
    /// The orders of a session that is gone are cancelled.
    CancelOnDisconnect(OwnerId),
    /// A day is over.
    Rollover,
    /// A call of a spot client by REST, other than CancelOrder, is counted.
    CountCall(u16),
    /// CancelOrder of a client.
    CancelOrder(u16, OrderName),
    /// CancelAll of a client.
    CancelAll(u16),
    /// CancelAllOrdersAfter of a client: when, or not any more.
    CancelAllAt(u16, Option<UtcTime>),
    /// Control: the status of an instrument.
    Status(Symbol, PairStatus),
    /// Control: the index of an instrument; `None`: its feed is down.
    Index(Symbol, Option<Decimal>),
    /// Control: whether the prices of an instrument are shown.
    PricesShown(Symbol, bool),
    /// Control: what TradingSessionStatus (35=h) says.
    Trading(TradingStatus),
    /// A call of a derivatives client by REST costs so many tokens.
    SpendTokens(u16, u32),
    /// CancelAll of a client, for one symbol.
    CancelSymbol(u16, Symbol),
    /// Control: the next report of a client comes so many nanoseconds later.
    LateReport(u16, u64),
    /// Control: whether trades are reported; if they were not for a while, each order that traded is restated.
    ReportTrades(bool),
}

super::stored_enum!(Input {
    0 = Tick,
    1 = Order(request),
    2 = LoggedOn(owner, reset_watermark),
    3 = CancelOnDisconnect(owner),
    4 = Rollover,
    5 = CountCall(client),
    6 = CancelOrder(client, name),
    7 = CancelAll(client),
    8 = CancelAllAt(client, at),
    9 = Status(symbol, status),
    10 = Index(symbol, price),
    11 = PricesShown(symbol, shown),
    12 = Trading(status),
    13 = ReportTrades(reported),
    14 = SpendTokens(client, tokens),
    15 = CancelSymbol(client, symbol),
    16 = LateReport(client, nanos),
});
