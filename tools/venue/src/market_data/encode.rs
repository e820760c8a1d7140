//! The bodies of W, X and Y, as captured (venue file 4.10 and 4.11; each golden capture is a test of
//! `golden`). What all subscribers of one book are told alike is a fragment of its own, so that it is
//! written once: [`write_head`] is the rest.

use taut::types::{Instrument, OrdType, OrderId, Px, Qty, Side};
use taut_codec::encode::Encoder;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::order_shadow::{OrderChange, OrderLevel};
use super::request::RequestId;
use super::shadow::{Action, Change, Published};
use super::switches::{L3EntryTime, MarketDataSwitches};
use super::view::Queued;
use crate::gateway::number::Amount;
use crate::matching::OrderRef;

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

/// What W and X start with: symbol and MDReqID.
pub fn write_head(enc: &mut Encoder<'_>, rules: &Instrument, id: RequestId) {
    enc.bytes(tag::SYMBOL, rules.symbol.as_bytes()).bytes(tag::MD_REQ_ID, id.as_bytes());
}

/// The entries of an L2 snapshot (35=W): offers best to worst, then bids best to worst; no checksum.
pub fn write_levels(
    enc: &mut Encoder<'_>,
    rules: &Instrument,
    offers: Levels<'_>,
    bids: Levels<'_>,
) {
    enc.uint(tag::NO_MD_ENTRIES, (offers.len() + bids.len()) as u64);
    for (side, levels) in [(Side::Sell, offers), (Side::Buy, bids)] {
        for level in levels {
            write_level(enc, rules, side, level.px, level.qty, level.at);
        }
    }
}

/// The entries of an L2 incremental (35=X): trades first, then the changes of the book, then its
/// checksum.
pub fn write_changes(
    enc: &mut Encoder<'_>,
    rules: &Instrument,
    trades: &[PublicTrade],
    changes: &[Change],
    checksum: Option<u32>,
) {
    enc.uint(tag::NO_MD_ENTRIES, (trades.len() + changes.len()) as u64);
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
        write_action(enc, change.action);
        write_level(enc, rules, change.side, change.px, change.qty, change.at);
    }
    write_checksum(enc, checksum);
}

/// How an L3 entry is written, and where its OrderID comes from.
#[derive(Debug, Clone, Copy)]
pub struct OrderForm<I> {
    /// MDEntryID(278) of an order.
    pub id: I,
    /// See [`MarketDataSwitches`].
    pub switches: MarketDataSwitches,
}

impl<I: Fn(OrderRef) -> OrderId> OrderForm<I> {
    /// The entries of an L3 snapshot: offers best to worst, then bids; at one price by the queue.
    pub fn write_orders(
        &self,
        enc: &mut Encoder<'_>,
        rules: &Instrument,
        offers: &[OrderLevel],
        bids: &[OrderLevel],
    ) {
        let count = |levels: &[OrderLevel]| levels.iter().map(|l| l.orders.len()).sum::<usize>();
        enc.uint(tag::NO_MD_ENTRIES, (count(offers) + count(bids)) as u64);
        for (side, levels) in [(Side::Sell, offers), (Side::Buy, bids)] {
            for level in levels {
                for order in &level.orders {
                    self.write_order(enc, rules, side, level.px, order);
                }
            }
        }
    }

    /// The entries of an L3 incremental, then the checksum.
    pub fn write_changes(
        &self,
        enc: &mut Encoder<'_>,
        rules: &Instrument,
        changes: &[OrderChange],
        checksum: Option<u32>,
    ) {
        enc.uint(tag::NO_MD_ENTRIES, changes.len() as u64);
        for change in changes {
            write_action(enc, change.action);
            self.write_order(enc, rules, change.side, change.px, &change.order);
        }
        write_checksum(enc, checksum);
    }

    fn write_order(
        &self,
        enc: &mut Encoder<'_>,
        rules: &Instrument,
        side: Side,
        px: Px,
        order: &Queued,
    ) {
        enc.byte(tag::MD_ENTRY_TYPE, entry_type(side))
            .bytes(tag::MD_ENTRY_ID, (self.id)(order.order).as_bytes())
            .decimal(tag::MD_ENTRY_PX, rules.px_decimal(px), 1)
            .decimal(tag::MD_ENTRY_SIZE, rules.qty_decimal(order.qty), 1);
        match self.switches.l3_entry_time {
            L3EntryTime::Captured => {
                enc.bytes(tag::MD_ENTRY_TIME, &order.changed_at.to_fix_time_only())
            }
            L3EntryTime::Guide => {
                enc.bytes(tag::MD_ENTRY_TIME, &order.changed_at.to_fix_nanos()[..24])
            }
        };
        if self.switches.l3_timestamps {
            enc.bytes(tag::MD_ENTRY_TIMESTAMP, &rfc3339(order.changed_at))
                .bytes(tag::MD_ENTRY_TIME_QUEUE, &rfc3339(order.queued_at));
        }
    }
}

/// `2026-02-03T10:24:34.650069468Z`, the form of 5060.
fn rfc3339(at: UtcTime) -> [u8; 30] {
    let fix = at.to_fix_nanos();
    let mut out = *b"0000-00-00T00:00:00.000000000Z";
    out[..4].copy_from_slice(&fix[..4]);
    out[5..7].copy_from_slice(&fix[4..6]);
    out[8..10].copy_from_slice(&fix[6..8]);
    out[11..29].copy_from_slice(&fix[9..]);
    out
}

const fn entry_type(side: Side) -> u8 {
    match side {
        Side::Buy => b'0',
        Side::Sell => b'1',
    }
}

fn write_action(enc: &mut Encoder<'_>, action: Action) {
    let action = match action {
        Action::New => b'0',
        Action::Update => b'1',
        Action::Delete => b'2',
    };
    enc.byte(tag::MD_UPDATE_ACTION, action);
}

fn write_checksum(enc: &mut Encoder<'_>, checksum: Option<u32>) {
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
    let letter = match side {
        Side::Buy => 'B',
        Side::Sell => 'O',
    };
    let price = Amount::from(rules.px_decimal(px));
    enc.byte(tag::MD_ENTRY_TYPE, entry_type(side))
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

/// The text of a Y for a symbol that is not listed (captured).
#[must_use]
pub fn unsupported_symbol(symbol: &[u8]) -> String {
    let shown: String =
        symbol.iter().map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '?' }).collect();
    format!("MarketData subscription failed due to unsupported symbol: {shown}")
}
