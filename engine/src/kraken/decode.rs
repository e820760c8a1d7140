//! FIX messages to events. One pass over the fields of a message; nothing is copied that the event
//! does not keep.

use taut_codec::message::{GroupSpec, Message};
use taut_codec::tag;
use taut_codec::value::{Decimal, FixStr, UtcTime, parse_u32, parse_u64};

use super::encode::parse_md_req_id;
use super::instruments::Instruments;
use crate::event::{
    Alarm, BookAction, BookEntry, EventKind, EventText, ExecType, Fill, Liquidity, MarketTrade,
    OrdStatus, Refusal, RefusalLayer, Report,
};
use crate::limits::BOOK_LEVELS_MAX;
use crate::types::{
    ClOrdId, ExecId, Instrument, InstrumentId, OrdType, OrderId, Px, Qty, Side, TimeInForce,
};

/// Most events that one message becomes. A snapshot of the deepest book has 2,000 entries; a message
/// with more is refused as a whole.
pub const EVENTS_PER_MESSAGE_MAX: usize = 2 * BOOK_LEVELS_MAX;

/// The group of snapshots and incrementals, venue file 4.10.
pub const ENTRY_GROUP: GroupSpec = GroupSpec {
    count: tag::NO_MD_ENTRIES,
    first: None,
    members: &[
        tag::MD_UPDATE_ACTION,
        tag::MD_ENTRY_TYPE,
        tag::MD_ENTRY_ID,
        tag::MD_ENTRY_PX,
        tag::MD_ENTRY_SIZE,
        tag::MD_ENTRY_TIME,
        tag::MD_ENTRY_TIMESTAMP,
        tag::MD_ENTRY_TIME_QUEUE,
        tag::ORD_TYPE,
        tag::AGGRESSOR_SIDE,
    ],
};

/// Turns one application message into events, in the order of its entries. A message that cannot be
/// read becomes an [`Alarm::Unreadable`] that names the tag; none of its later entries is applied.
pub fn decode(
    message: &Message<'_>,
    instruments: &mut Instruments,
    mut emit: impl FnMut(EventKind),
) {
    let result = match message.msg_type() {
        b"X" => incremental(message, instruments, &mut emit),
        b"W" => snapshot(message, instruments, &mut emit),
        b"8" => report(message, instruments).map(|report| emit(EventKind::Report(report))),
        b"j" => {
            emit(EventKind::Refused(refusal(message, RefusalLayer::Business)));
            Ok(())
        }
        b"3" => {
            emit(EventKind::Refused(refusal(message, RefusalLayer::Session)));
            Ok(())
        }
        b"y" => instrument_list(message, instruments, &mut emit),
        b"Y" => {
            emit(market_data_refused(message));
            Ok(())
        }
        // Trading session status carries nothing that a desk acts on yet.
        b"h" => Ok(()),
        _ => Err(0),
    };
    if let Err(tag) = result {
        let msg_type = message.msg_type().first().copied().unwrap_or(0);
        emit(EventKind::Alarm(Alarm::Unreadable { msg_type, tag }));
    }
}

/// The tag at fault; 0 if the message as a whole is.
type Unreadable = u32;

fn symbol_of(
    message: &Message<'_>,
    instruments: &Instruments,
) -> Result<(InstrumentId, Instrument), Unreadable> {
    let id = message.get(tag::SYMBOL).and_then(|symbol| instruments.find(symbol));
    let id = id.ok_or(tag::SYMBOL)?;
    Ok((id, *instruments.facts(id).ok_or(tag::SYMBOL)?))
}

fn incremental(
    message: &Message<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let (instrument, facts) = symbol_of(message, instruments)?;
    let sent = message.time(tag::SENDING_TIME).unwrap_or_default();
    let checksum = match message.get(tag::CHECKSUM_ORDER_BOOK) {
        Some(value) => Some(parse_u32(value).map_err(|_| tag::CHECKSUM_ORDER_BOOK)?),
        None => None,
    };
    let entries = message.group(&ENTRY_GROUP).map_err(|_| tag::NO_MD_ENTRIES)?;
    if entries.len() > EVENTS_PER_MESSAGE_MAX {
        return Err(tag::NO_MD_ENTRIES);
    }
    // One entry is held back until it is known whether a book entry follows, so that the last one can
    // be marked.
    let mut held: Option<BookEntry> = None;
    for entry in entries {
        let entry = read_entry(&entry, &facts)?;
        let Some(side) = entry.side else {
            emit(EventKind::Trade(MarketTrade {
                instrument,
                px: entry.px,
                qty: entry.qty,
                aggressor: entry.aggressor,
            }));
            continue;
        };
        let action = if entry.delete { BookAction::Delete } else { BookAction::Set };
        let next = BookEntry {
            instrument,
            side,
            action,
            px: entry.px,
            qty: entry.qty,
            last: false,
            checksum: None,
            sent,
        };
        if let Some(previous) = held.replace(next) {
            emit(EventKind::Book(previous));
        }
    }
    if let Some(last) = held {
        emit(EventKind::Book(BookEntry { last: true, checksum, ..last }));
    }
    Ok(())
}

fn snapshot(
    message: &Message<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let (instrument, facts) = symbol_of(message, instruments)?;
    let sent = message.time(tag::SENDING_TIME).unwrap_or_default();
    let entries = message.group(&ENTRY_GROUP).map_err(|_| tag::NO_MD_ENTRIES)?;
    let count = entries.len();
    if count > EVENTS_PER_MESSAGE_MAX {
        return Err(tag::NO_MD_ENTRIES);
    }
    let book_entry = |side, action, px, qty, last| {
        let checksum = None;
        EventKind::Book(BookEntry { instrument, side, action, px, qty, last, checksum, sent })
    };
    if count == 0 {
        emit(book_entry(Side::Buy, BookAction::Restart, Px(0), Qty(0), true));
        return Ok(());
    }
    for (i, entry) in entries.enumerate() {
        let entry = read_entry(&entry, &facts)?;
        let side = entry.side.ok_or(tag::MD_ENTRY_TYPE)?;
        let action = if i == 0 { BookAction::Restart } else { BookAction::Set };
        emit(book_entry(side, action, entry.px, entry.qty, i + 1 == count));
    }
    Ok(())
}

struct Entry {
    /// `None` for a trade.
    side: Option<Side>,
    delete: bool,
    px: Px,
    qty: Qty,
    aggressor: Option<Side>,
}

fn read_entry(entry: &Message<'_>, facts: &Instrument) -> Result<Entry, Unreadable> {
    let mut kind = None;
    let mut delete = false;
    let (mut px, mut qty, mut aggressor) = (None, None, None);
    for field in entry.fields() {
        let value = entry.value(field);
        match field.tag {
            tag::MD_UPDATE_ACTION => {
                delete = match value {
                    b"0" | b"1" => false,
                    b"2" => true,
                    _ => return Err(tag::MD_UPDATE_ACTION),
                }
            }
            tag::MD_ENTRY_TYPE => {
                kind = Some(match value {
                    b"0" => Some(Side::Buy),
                    b"1" => Some(Side::Sell),
                    b"2" => None,
                    _ => return Err(tag::MD_ENTRY_TYPE),
                });
            }
            tag::MD_ENTRY_PX => px = Some(read_px(facts, value, tag::MD_ENTRY_PX)?),
            tag::MD_ENTRY_SIZE => qty = Some(read_qty(facts, value, tag::MD_ENTRY_SIZE)?),
            tag::AGGRESSOR_SIDE => aggressor = Side::from_fix(value),
            _ => {}
        }
    }
    Ok(Entry {
        side: kind.ok_or(tag::MD_ENTRY_TYPE)?,
        delete,
        px: px.ok_or(tag::MD_ENTRY_PX)?,
        qty: match qty {
            Some(qty) => qty,
            None if delete => Qty(0),
            None => return Err(tag::MD_ENTRY_SIZE),
        },
        aggressor,
    })
}

fn report(message: &Message<'_>, instruments: &Instruments) -> Result<Report, Unreadable> {
    let (instrument, facts) = symbol_of(message, instruments)?;
    let mut cl_ord_id = None;
    let mut orig_cl_ord_id = None;
    let mut order_id = None;
    let mut exec_id = None;
    let mut exec_type = None;
    let mut ord_status = None;
    let mut side = None;
    // Reports on triggered orders carry other types; what we send is only market and limit.
    let mut ord_type = OrdType::Limit;
    let mut time_in_force = TimeInForce::Gtc;
    let (mut px, mut last_px) = (None, None);
    let (mut order_qty, mut cum_qty, mut leaves_qty, mut last_qty) = (None, None, None, None);
    let mut liquidity = None;
    let (mut fee_amount, mut fee_currency) = (None, None);
    let mut transact_time = UtcTime::default();
    let mut poss_dup = false;
    let mut text = EventText::EMPTY;
    for field in message.fields() {
        let value = message.value(field);
        let tag = field.tag;
        match tag {
            tag::CL_ORD_ID => cl_ord_id = ClOrdId::parse(value).ok(),
            tag::ORIG_CL_ORD_ID => orig_cl_ord_id = ClOrdId::parse(value).ok(),
            tag::ORDER_ID => order_id = OrderId::new(value).ok(),
            tag::EXEC_ID => exec_id = ExecId::new(value).ok(),
            tag::EXEC_TYPE => exec_type = read_exec_type(value),
            tag::ORD_STATUS => ord_status = read_ord_status(value),
            tag::SIDE => side = Side::from_fix(value),
            tag::ORD_TYPE if value == b"1" => ord_type = OrdType::Market,
            tag::TIME_IN_FORCE if value == b"3" => time_in_force = TimeInForce::Ioc,
            tag::PRICE => px = Some(read_px(&facts, value, tag)?),
            tag::LAST_PX => last_px = Some(read_px(&facts, value, tag)?),
            tag::LAST_QTY => last_qty = Some(read_qty(&facts, value, tag)?),
            tag::ORDER_QTY => order_qty = Some(read_qty(&facts, value, tag)?),
            tag::CUM_QTY => cum_qty = Some(read_qty(&facts, value, tag)?),
            tag::LEAVES_QTY => leaves_qty = Some(read_qty(&facts, value, tag)?),
            tag::LIQUIDITY_IND => {
                liquidity = match value {
                    b"0" => Some(Liquidity::Maker),
                    b"1" => Some(Liquidity::Taker),
                    _ => None,
                }
            }
            tag::MISC_FEE_AMT => fee_amount = Some(Decimal::parse(value).map_err(|_| tag)?),
            tag::MISC_FEE_CURR => fee_currency = FixStr::new(value).ok(),
            tag::TRANSACT_TIME => transact_time = UtcTime::parse(value).map_err(|_| tag)?,
            tag::POSS_DUP_FLAG | tag::POSS_RESEND => poss_dup |= value == b"Y",
            tag::TEXT => text = cut_text(value),
            _ => {}
        }
    }
    let exec_type = exec_type.ok_or(tag::EXEC_TYPE)?;
    let fill = match exec_type {
        ExecType::Trade => Some(Fill {
            px: last_px.ok_or(tag::LAST_PX)?,
            qty: last_qty.ok_or(tag::LAST_QTY)?,
            liquidity,
        }),
        _ => None,
    };
    Ok(Report {
        instrument,
        cl_ord_id: cl_ord_id.ok_or(tag::CL_ORD_ID)?,
        orig_cl_ord_id,
        order_id: order_id.ok_or(tag::ORDER_ID)?,
        exec_id: exec_id.ok_or(tag::EXEC_ID)?,
        exec_type,
        ord_status: ord_status.ok_or(tag::ORD_STATUS)?,
        side: side.ok_or(tag::SIDE)?,
        ord_type,
        time_in_force,
        px,
        order_qty: order_qty.ok_or(tag::ORDER_QTY)?,
        cum_qty: cum_qty.ok_or(tag::CUM_QTY)?,
        leaves_qty: leaves_qty.ok_or(tag::LEAVES_QTY)?,
        fill,
        fee: fee_amount.zip(fee_currency),
        transact_time,
        poss_dup,
        text,
    })
}

const fn read_exec_type(value: &[u8]) -> Option<ExecType> {
    Some(match value {
        b"A" => ExecType::PendingNew,
        b"0" => ExecType::New,
        b"F" => ExecType::Trade,
        b"4" => ExecType::Canceled,
        b"5" => ExecType::Replaced,
        b"C" => ExecType::Expired,
        b"D" => ExecType::Restated,
        b"I" => ExecType::OrderStatus,
        b"8" => ExecType::Rejected,
        _ => return None,
    })
}

const fn read_ord_status(value: &[u8]) -> Option<OrdStatus> {
    Some(match value {
        b"A" => OrdStatus::PendingNew,
        b"0" => OrdStatus::New,
        b"1" => OrdStatus::PartiallyFilled,
        b"2" => OrdStatus::Filled,
        b"4" => OrdStatus::Canceled,
        b"5" => OrdStatus::Replaced,
        b"6" => OrdStatus::PendingCancel,
        b"8" => OrdStatus::Rejected,
        b"C" => OrdStatus::Expired,
        b"E" => OrdStatus::PendingReplace,
        _ => return None,
    })
}

fn refusal(message: &Message<'_>, layer: RefusalLayer) -> Refusal {
    let reason = match layer {
        RefusalLayer::Business => tag::BUSINESS_REJECT_REASON,
        RefusalLayer::Session => tag::SESSION_REJECT_REASON,
    };
    Refusal {
        cl_ord_id: message
            .get(tag::BUSINESS_REJECT_REF_ID)
            .and_then(|value| ClOrdId::parse(value).ok()),
        ref_seq_num: message.get(tag::REF_SEQ_NUM).and_then(|v| parse_u64(v).ok()).unwrap_or(0),
        layer,
        reason: message.get(reason).and_then(|value| parse_u32(value).ok()),
        text: message.get(tag::TEXT).map_or(EventText::EMPTY, cut_text),
    }
}

fn market_data_refused(message: &Message<'_>) -> EventKind {
    EventKind::MarketDataRefused {
        instrument: message.get(tag::MD_REQ_ID).and_then(parse_md_req_id).map(|(id, _)| id),
        reason: message.get(tag::MD_REQ_REJ_REASON).and_then(|v| v.first().copied()).unwrap_or(0),
        text: message.get(tag::TEXT).map_or(EventText::EMPTY, cut_text),
    }
}

fn instrument_list(
    message: &Message<'_>,
    instruments: &mut Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    if message.get(tag::SECURITY_REQUEST_RESULT) == Some(b"0") {
        instruments.read_list(message, |id, instrument| {
            emit(EventKind::Instrument { id, instrument });
        })?;
    }
    // LastFragment(893) is absent on a list in one piece.
    if message.get(tag::LAST_FRAGMENT).is_none_or(|last| last == b"Y") {
        for index in 0..instruments.len() {
            let id = InstrumentId(index as u16);
            if instruments.facts(id).is_none() {
                emit(EventKind::InstrumentUnknown { id });
            }
        }
    }
    Ok(())
}

fn read_px(facts: &Instrument, value: &[u8], tag: u32) -> Result<Px, Unreadable> {
    facts.px(Decimal::parse(value).map_err(|_| tag)?).map_err(|_| tag)
}

fn read_qty(facts: &Instrument, value: &[u8], tag: u32) -> Result<Qty, Unreadable> {
    let qty = facts.qty(Decimal::parse(value).map_err(|_| tag)?).map_err(|_| tag)?;
    if qty.0 < 0 { Err(tag) } else { Ok(qty) }
}

/// A text of the venue, cut to what an event holds; control bytes become spaces.
fn cut_text(value: &[u8]) -> EventText {
    let mut bytes = [0; 63];
    let len = value.len().min(bytes.len());
    for (to, &from) in bytes.iter_mut().zip(value) {
        *to = if from < 0x20 || from == 0x7f { b' ' } else { from };
    }
    EventText::new(&bytes[..len]).unwrap_or_default()
}
