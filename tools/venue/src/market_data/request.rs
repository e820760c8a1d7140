//! What the gateway hands to market data.

use taut::types::Symbol;
use taut_codec::value::FixStr;

/// MDReqID(262), SecurityReqID(320), TradSesReqID(335).
pub type RequestId = FixStr<63>;

/// SubscriptionRequestType(263).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionType {
    /// `0`
    Snapshot,
    /// `1`
    Updates,
    /// `2`
    Disable,
    /// Any other value.
    Other,
}

/// A MarketDataRequest (35=V); venue file 4.9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketDataRequest {
    /// MDReqID(262).
    pub id: RequestId,
    /// SubscriptionRequestType(263).
    pub subscription: SubscriptionType,
    /// Its text, for the answer.
    pub subscription_text: String,
    /// MarketDepth(264); 0 for full.
    pub depth: u64,
    /// Its text, for the answer.
    pub depth_text: String,
    /// MDUpdateType(265), if said.
    pub update_type: Option<String>,
    /// AggregatedBook(266) `N`.
    pub by_order: bool,
    /// 269=0 was asked for.
    pub bids: bool,
    /// 269=1 was asked for.
    pub offers: bool,
    /// 269=2 was asked for.
    pub trades: bool,
    /// A 269 that is none of these.
    pub unknown_entry_type: Option<String>,
    /// The symbols, as sent.
    pub symbols: Vec<Vec<u8>>,
}

/// An InstrumentListRequest (35=x); venue file 4.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentListRequest {
    /// SecurityReqID(320).
    pub id: RequestId,
    /// SubscriptionRequestType(263).
    pub subscription: SubscriptionType,
    /// SecurityListRequestType(559): `0` single, `1` by type, `4` all.
    pub list_type: u8,
    /// SecurityType(167).
    pub security_type: Option<String>,
    /// Symbol(55).
    pub symbol: Option<Symbol>,
}

/// A TradingSessionStatusRequest (35=g); venue file 4.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStatusRequest {
    /// TradSesReqID(335).
    pub id: RequestId,
    /// TradingSessionID(336).
    pub session: RequestId,
    /// SubscriptionRequestType(263).
    pub subscription: SubscriptionType,
}

/// Any request of a market data session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MdRequest {
    /// 35=V
    MarketData(MarketDataRequest),
    /// 35=x
    Instruments(InstrumentListRequest),
    /// 35=g
    SessionStatus(SessionStatusRequest),
}
