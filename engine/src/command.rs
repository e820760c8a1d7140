//! What leaves a strategy's desk: typed, fixed-size records on their way to the encoder.

use crate::risk::Checked;
use crate::trace::Stamps;
use crate::types::{ClOrdId, InstrumentId, OrdType, OrderId, Px, Qty, Side, TimeInForce};

/// A session in the order of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u8);

/// One record to the encoder. Commands of one session leave in the order in which they were issued
/// (promise 1); nothing overtakes.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// The session to send it on.
    pub session: SessionId,
    /// The stamps of the event that caused it, and its own.
    pub stamps: Stamps,
    /// What to send.
    pub kind: CommandKind,
}

/// What to send. The order commands can only be made by the risk check: see [`Checked`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CommandKind {
    /// NewOrderSingle (D).
    New(Checked<NewOrder>),
    /// OrderCancelReplaceRequest (G).
    Replace(Checked<ReplaceOrder>),
    /// OrderCancelRequest (F). A cancel needs no risk check.
    Cancel(CancelOrder),
    /// OrderMassCancelRequest (q).
    MassCancel(MassCancel),
    /// OrderStatusRequest (H). No command of an order: it changes nothing and has no end of its own.
    Status(StatusRequest),
    /// InstrumentListRequest (x) for all instruments.
    RequestInstruments,
    /// MarketDataRequest (V): snapshot and updates of book and trades.
    Subscribe {
        /// Which instrument.
        instrument: InstrumentId,
        /// MarketDepth(264).
        depth: u16,
        /// Distinguishes this subscription (MDReqID) from earlier ones of the instrument.
        generation: u32,
    },
    /// MarketDataRequest (V) with 263=2.
    Unsubscribe {
        /// Which instrument.
        instrument: InstrumentId,
        /// MarketDepth(264) of the subscription.
        depth: u16,
        /// The generation that was subscribed.
        generation: u32,
    },
    /// A call by REST, beside the sessions: the last rung of the cancel ladder.
    Rest(RestCall),
    /// Log out of the session.
    Logout,
}

/// A call of the venue's REST interface. Each has one [`RestAnswer`](crate::event::RestAnswer), or none in
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestCall {
    /// Names the call in its answer; rises by one from call to call.
    pub id: u32,
    /// What is called.
    pub kind: RestKind,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestKind {
    /// CancelOrder, by its OrderID or, while that is not known (empty), by its ClOrdID.
    CancelOrder {
        /// `txid`.
        order_id: OrderId,
        /// `cl_ord_id`.
        cl_ord_id: ClOrdId,
    },
    /// CancelAll: every open order of the account, whoever placed it.
    CancelAll,
    /// CancelAllOrdersAfter: the venue does a CancelAll when it hears no other such call in this time.
    CancelAllAfter {
        /// Seconds; 0: no more.
        seconds: u32,
    },
    /// OpenOrders: the account's open orders.
    OpenOrders,
    /// What became of one order, on spot: QueryOrders by its OrderID or, while that is not known (empty),
    /// ClosedOrders by its ClOrdID. The key needs the permission to query closed orders.
    QueryOrder {
        /// `txid`.
        order_id: OrderId,
        /// `cl_ord_id`.
        cl_ord_id: ClOrdId,
    },
}

/// NewOrderSingle (D); venue file 4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// ClOrdID(11).
    pub cl_ord_id: ClOrdId,
    /// Symbol(55).
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
    /// OrdType(40).
    pub ord_type: OrdType,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// OrderQty(38).
    pub qty: Qty,
    /// Price(44) of a type with a limit.
    pub px: Option<Px>,
    /// StopPx(99) of a type with a trigger: its price, of one that trails its distance.
    pub stop_px: Option<Px>,
    /// DiscretionInst(388): which price the trigger watches.
    pub watches: Watches,
    /// ExecInst(18) `P`.
    pub post_only: bool,
    /// SelfTradePrevention(7928); `None` leaves it to the venue's default (cancel newest).
    pub self_trade: Option<SelfTrade>,
}

/// DiscretionInst(388): the price that a trigger watches; venue file 6.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watches {
    /// `5`, the venue's default: the last trade.
    #[default]
    LastTrade,
    /// `1`: the index.
    Index,
}

impl Watches {
    /// The value of tag 388.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::LastTrade => b'5',
            Self::Index => b'1',
        }
    }
}

/// SelfTradePrevention(7928); venue file 6.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTrade {
    /// `0`
    CancelBoth,
    /// `1`
    CancelNewest,
    /// `2`
    CancelOldest,
}

impl SelfTrade {
    /// The value of tag 7928.
    #[must_use]
    pub const fn fix(self) -> u8 {
        b'0' + self as u8
    }
}

/// OrderCancelReplaceRequest (G); venue file 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaceOrder {
    /// ClOrdID(11) of this request.
    pub cl_ord_id: ClOrdId,
    /// OrigClOrdID(41): the last request on the order, acknowledged or not.
    pub orig_cl_ord_id: ClOrdId,
    /// OrderID(37).
    pub order_id: OrderId,
    /// Symbol(55).
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
    /// OrdType(40); cannot be amended.
    pub ord_type: OrdType,
    /// TimeInForce(59); cannot be amended.
    pub time_in_force: TimeInForce,
    /// OrderQty(38): the new total, fills included.
    pub qty: Qty,
    /// Price(44) of a type with a limit.
    pub px: Option<Px>,
    /// StopPx(99) of a type with a trigger.
    pub stop_px: Option<Px>,
    /// ExecInst(18) `P`: refuse the amend if it would take liquidity.
    pub post_only: bool,
}

/// OrderCancelRequest (F); venue file 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelOrder {
    /// ClOrdID(11) of this request.
    pub cl_ord_id: ClOrdId,
    /// OrigClOrdID(41): the last request on the order, acknowledged or not.
    pub orig_cl_ord_id: ClOrdId,
    /// OrderID(37); empty if not known yet.
    pub order_id: OrderId,
    /// Symbol(55).
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
}

/// OrderMassCancelRequest (q); venue file 4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MassCancel {
    /// ClOrdID(11) of this request.
    pub cl_ord_id: ClOrdId,
    /// Which orders.
    pub scope: CancelScope,
}

/// OrderStatusRequest (H); venue file 4.5, on spot only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRequest {
    /// ClOrdID(11): the order's (C17).
    pub cl_ord_id: ClOrdId,
    /// OrderID(37).
    pub order_id: OrderId,
    /// Symbol(55).
    pub instrument: InstrumentId,
}

/// MassCancelRequestType(530); venue file 4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CancelScope {
    /// `1`: orders of this session on one instrument.
    Instrument(InstrumentId),
    /// `6`: orders of this session.
    Session,
    /// `7`: orders of this SenderCompID.
    SenderCompId,
}
