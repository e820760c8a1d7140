//! What the gateway hands to the order entry service: checked in form, not yet in meaning.

use taut::types::{ClOrdId, OrderId, Side, Symbol};
use taut_codec::value::{Decimal, FixStr, UtcTime};

use super::OwnerId;
use crate::gateway::Market;
use crate::matching::{Reference, SelfTrade};

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Position of the client in the configuration; also names its account.
    pub client: u16,
    /// The market that it was sent to.
    pub market: Market,
    /// The connection, unique per logon; the owner of orders.
    pub tag: OwnerId,
    /// MsgSeqNum(34).
    pub msg_seq_num: u64,
    /// First byte of MsgType(35).
    pub msg_type: u8,
    /// Whether the message carried PossDupFlag(43) `Y` or PossResend(97) `Y`.
    pub poss_dup: bool,
    /// ClOrdID(11).
    pub cl_ord_id: ClOrdId,
}

/// One request of a trading session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderRequest {
    /// Where it came from.
    pub origin: Origin,
    /// What is asked.
    pub kind: RequestKind,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RequestKind {
    /// 35=D
    New(NewFields),
    /// 35=G
    Amend(AmendFields),
    /// 35=F
    Cancel(OrderName),
    /// 35=q
    MassCancel(MassCancelScope),
    /// 35=H
    Status(OrderName),
}

/// How an order is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderName {
    /// OrderID(37).
    pub order_id: Option<OrderId>,
    /// OrigClOrdID(41); of a status request ClOrdID(11).
    pub cl_ord_id: Option<ClOrdId>,
}

/// The fields of a NewOrderSingle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewFields {
    /// Symbol(55).
    pub symbol: Symbol,
    /// Side(54).
    pub side: Side,
    /// The terms.
    pub terms: Terms,
    /// SelfTradePrevention(7928).
    pub self_trade: SelfTrade,
    /// AllocAccount(79): whose order it is, of those that the client trades for.
    pub allocation: Option<AllocAccount>,
}

/// AllocAccount(79): a sub-account of a broker (venue file 6.11).
pub type AllocAccount = FixStr<36>;

/// The fields of an OrderCancelReplaceRequest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AmendFields {
    /// Symbol(55).
    pub symbol: Symbol,
    /// Side(54).
    pub side: Side,
    /// OrderID(37), which has to match.
    pub order_id: OrderId,
    /// OrigClOrdID(41), which finds the order.
    pub orig_cl_ord_id: Option<ClOrdId>,
    /// The terms.
    pub terms: Terms,
}

/// What an order is to do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Terms {
    /// OrdType(40), as sent.
    pub ord_type: u8,
    /// TimeInForce(59), as sent.
    pub time_in_force: u8,
    /// OrderQty(38).
    pub qty: Decimal,
    /// Price(44).
    pub price: Option<Decimal>,
    /// StopPx(99).
    pub stop: Option<Decimal>,
    /// DisplayQty(1138).
    pub display: Option<Decimal>,
    /// DiscretionInst(388).
    pub reference: Reference,
    /// EffectiveTime(168).
    pub effective_at: Option<UtcTime>,
    /// ExpireTime(126).
    pub expires_at: Option<UtcTime>,
    /// ValidUntilTime(62).
    pub valid_until: Option<UtcTime>,
    /// Leverage(5001) `1`.
    pub leveraged: bool,
    /// ExecInst(18).
    pub flags: Flags,
}

/// ExecInst(18), a list of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// `P`
    pub post_only: bool,
    /// `E`
    pub reduce_only: bool,
    /// `v`
    pub qty_in_quote: bool,
    /// `f`
    pub fee_in_base: bool,
    /// `q`
    pub fee_in_quote: bool,
    /// `s`
    pub fee_per_trade: bool,
}

/// MassCancelRequestType(530); venue file 4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MassCancelScope {
    /// `1`: created or replaced in this session, of one symbol.
    SessionSymbol(Symbol),
    /// `6`: created or replaced in this session.
    Session,
    /// `7`: of this SenderCompID.
    Sender,
}

crate::state::stored! {
    Origin { client, market, tag, msg_seq_num, msg_type, poss_dup, cl_ord_id }
    OrderRequest { origin, kind }
    OrderName { order_id, cl_ord_id }
    NewFields { symbol, side, terms, self_trade, allocation }
    AmendFields { symbol, side, order_id, orig_cl_ord_id, terms }
    Terms {
        ord_type, time_in_force, qty, price, stop, display, reference, effective_at, expires_at, valid_until,
        leveraged, flags,
    }
    Flags { post_only, reduce_only, qty_in_quote, fee_in_base, fee_in_quote, fee_per_trade }
}
crate::state::stored_enum!(RequestKind {
    0 = New(fields),
    1 = Amend(fields),
    2 = Cancel(name),
    3 = MassCancel(scope),
    4 = Status(name),
});
crate::state::stored_enum!(MassCancelScope { 0 = SessionSymbol(symbol), 1 = Session, 2 = Sender });
