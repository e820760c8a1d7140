//! The bodies of W, X, Y, y and h, as captured (venue file 4.10 to 4.13; each golden capture is a
//! test of `golden`).

use taut::types::{Instrument, OrdType, Px, Qty, Side};
use taut_codec::encode::Encoder;
use taut_codec::tag;
use taut_codec::value::{Decimal, UtcTime};

use super::request::RequestId;
use super::shadow::{Action, Change, Published};
use crate::gateway::number::Amount;

/// A public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicTrade {
    /// Price.
    pub px: Px,
    /// Quantity.
    pub qty: Qty,
    /// Counts the trades of the instrument.
    pub seq: u64,
    /// OrdType(40) of the taker.
    pub ord_type: OrdType,
    /// AggressorSide(2446).
    pub aggressor: Side,
    /// When.
    pub at: UtcTime,
}

/// One of the two sides of a snapshot.
pub type Levels<'a> = &'a [Published];

/// A snapshot (35=W): offers best to worst, then bids best to worst; no checksum.
pub fn write_snapshot(
    enc: &mut Encoder<'_>,
    rules: &Instrument,
    id: RequestId,
    offers: Levels<'_>,
    bids: Levels<'_>,
) {
    enc.bytes(tag::SYMBOL, rules.symbol.as_bytes())
        .bytes(tag::MD_REQ_ID, id.as_bytes())
        .uint(tag::NO_MD_ENTRIES, (offers.len() + bids.len()) as u64);
    for (side, levels) in [(Side::Sell, offers), (Side::Buy, bids)] {
        for level in levels {
            write_level(enc, rules, side, level.px, level.qty, level.at);
        }
    }
}

/// An incremental (35=X): trades first, then the changes of the book, then its checksum.
pub fn write_incremental(
    enc: &mut Encoder<'_>,
    rules: &Instrument,
    id: RequestId,
    trades: &[PublicTrade],
    changes: &[Change],
    checksum: Option<u32>,
) {
    enc.bytes(tag::SYMBOL, rules.symbol.as_bytes())
        .bytes(tag::MD_REQ_ID, id.as_bytes())
        .uint(tag::NO_MD_ENTRIES, (trades.len() + changes.len()) as u64);
    for trade in trades {
        // MDEntryID and MDEntryTime of a trade are unspecified: SIM.
        enc.byte(tag::MD_UPDATE_ACTION, b'0')
            .byte(tag::MD_ENTRY_TYPE, b'2')
            .bytes(tag::MD_ENTRY_ID, format!("T{}", trade.seq).as_bytes())
            .decimal(tag::MD_ENTRY_PX, rules.px_decimal(trade.px), 1)
            .decimal(tag::MD_ENTRY_SIZE, rules.qty_decimal(trade.qty), 1)
            .bytes(tag::MD_ENTRY_TIME, &trade.at.to_fix_time_only())
            .byte(tag::ORD_TYPE, trade.ord_type.fix())
            .byte(tag::AGGRESSOR_SIDE, trade.aggressor.fix());
    }
    for change in changes {
        let action = match change.action {
            Action::New => b'0',
            Action::Update => b'1',
            Action::Delete => b'2',
        };
        enc.byte(tag::MD_UPDATE_ACTION, action);
        write_level(enc, rules, change.side, change.px, change.qty, change.at);
    }
    if let Some(checksum) = checksum {
        enc.uint(tag::CHECKSUM_ORDER_BOOK, u64::from(checksum));
    }
}

fn write_level(
    enc: &mut Encoder<'_>,
    rules: &Instrument,
    side: Side,
    px: Px,
    qty: Qty,
    at: UtcTime,
) {
    let (entry_type, letter) = match side {
        Side::Buy => (b'0', 'B'),
        Side::Sell => (b'1', 'O'),
    };
    let price = Amount::from(rules.px_decimal(px));
    enc.byte(tag::MD_ENTRY_TYPE, entry_type)
        .bytes(tag::MD_ENTRY_ID, format!("{letter}{price}").as_bytes())
        .decimal(tag::MD_ENTRY_PX, rules.px_decimal(px), 1)
        .decimal(tag::MD_ENTRY_SIZE, rules.qty_decimal(qty), 1)
        .bytes(tag::MD_ENTRY_TIME, &at.to_fix_time_only());
}

/// A MarketDataRequestReject (35=Y).
pub fn write_request_reject(enc: &mut Encoder<'_>, id: RequestId, reason: u8, text: &str) {
    enc.bytes(tag::TEXT, text.as_bytes())
        .bytes(tag::MD_REQ_ID, id.as_bytes())
        .byte(tag::MD_REQ_REJ_REASON, reason);
}

/// An InstrumentList (35=y). Its numbers are shortest forms without a forced decimal. `562` is the
/// quantity step; `5013` is there if the instrument has a minimum cost.
pub fn write_instrument_list<'a>(
    enc: &mut Encoder<'_>,
    id: RequestId,
    response_id: u64,
    result: u8,
    instruments: impl ExactSizeIterator<Item = &'a Instrument>,
) {
    enc.bytes(tag::SECURITY_REQ_ID, id.as_bytes())
        .uint(tag::SECURITY_RESPONSE_ID, response_id)
        .byte(560, result);
    if instruments.len() == 0 {
        return;
    }
    enc.uint(tag::NO_RELATED_SYM, instruments.len() as u64);
    for rules in instruments {
        enc.bytes(tag::SYMBOL, rules.symbol.as_bytes())
            .decimal(tag::MIN_TRADE_VOL, rules.qty_decimal(rules.qty_step), 0)
            .uint(tag::QTY_PRECISION, u64::from(rules.qty_precision))
            .decimal(tag::QTY_MIN, rules.qty_decimal(rules.qty_min), 0);
        if rules.cost_min.normalized() != Decimal::new(0, 0) {
            enc.decimal(tag::MINIMUM_COST, rules.cost_min, 0);
        }
        enc.uint(tag::PRICE_PRECISION, u64::from(rules.price_precision))
            .decimal(tag::TICK_SIZE, rules.px_decimal(rules.tick_size), 0)
            .byte(tag::ASSET_PAIR_STATUS, rules.status.fix());
    }
}

/// A TradingSessionStatus (35=h).
pub fn write_session_status(
    enc: &mut Encoder<'_>,
    id: RequestId,
    session: RequestId,
    status: Option<TradingStatus>,
    reject_reason: Option<u32>,
) {
    enc.bytes(tag::TRAD_SES_REQ_ID, id.as_bytes())
        .bytes(tag::TRADING_SESSION_ID, session.as_bytes());
    if let Some(status) = status {
        enc.uint(tag::TRAD_SES_STATUS, status.fix());
    }
    if let Some(reason) = reject_reason {
        enc.uint(tag::TRAD_SES_STATUS_REJ_REASON, u64::from(reason));
    }
}

/// TradSesStatus(340); venue file 4.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TradingStatus {
    /// `0`
    Unknown,
    /// `1`: no new orders, no cancels.
    Maintenance,
    /// `2`
    #[default]
    Online,
    /// `101`: no matching.
    CancelOnly,
    /// `102`: only post-only limit orders and cancels.
    PostOnly,
}

impl TradingStatus {
    /// The value of tag 340.
    #[must_use]
    pub const fn fix(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Maintenance => 1,
            Self::Online => 2,
            Self::CancelOnly => 101,
            Self::PostOnly => 102,
        }
    }
}

/// The text of a Y for a symbol that is not listed (captured).
#[must_use]
pub fn unsupported_symbol(symbol: &[u8]) -> String {
    let shown: String =
        symbol.iter().map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '?' }).collect();
    format!("MarketData subscription failed due to unsupported symbol: {shown}")
}
