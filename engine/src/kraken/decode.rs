//! FIX messages to events. One pass over the fields of a message; nothing is copied that the event
//! does not keep.

mod market_data;
mod report;
#[cfg(test)]
mod tests;

use taut_codec::message::Message;
use taut_codec::scan::Field;
use taut_codec::tag;
use taut_codec::value::{Decimal, parse_u32, parse_u64};

use super::encode::parse_md_req_id;
use super::instruments::Instruments;
use super::market_of_comp_id;
use crate::event::{self, Alarm, EventKind, EventText, Refusal, RefusalLayer};
use crate::limits::BOOK_LEVELS_MAX;
use crate::types::{ClOrdId, Instrument, InstrumentId, OrderId, Px, Qty, market_of};

/// Most events that one message becomes. A snapshot of the deepest book has 2,000 entries; a message
/// with more is refused as a whole.
pub const EVENTS_PER_MESSAGE_MAX: usize = 2 * BOOK_LEVELS_MAX;

/// Turns one application message into events, in the order of its entries. A message that cannot be
/// read becomes an [`Alarm::Unreadable`] that names the tag; none of its later entries is applied.
pub fn decode(
    message: &Message<'_>,
    instruments: &mut Instruments,
    mut emit: impl FnMut(EventKind),
) {
    let result = match message.msg_type() {
        b"X" => market_data::incremental(message, instruments, &mut emit),
        b"W" => market_data::snapshot(message, instruments, &mut emit),
        b"8" => report::read(message, instruments, &mut emit),
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
        let (cl_ord_id, order_id) = match msg_type {
            b'8' => report::order_of(message),
            _ => (None, OrderId::EMPTY),
        };
        emit(EventKind::Alarm(Alarm::Unreadable { msg_type, tag, cl_ord_id, order_id }));
    }
}

/// The tag at fault; 0 if the message as a whole is.
type Unreadable = u32;

/// What is known about the instrument of a message.
fn instrument_of<'i>(
    symbol: Option<&[u8]>,
    instruments: &'i Instruments,
) -> Result<(InstrumentId, &'i Instrument), Unreadable> {
    let id = symbol.and_then(|symbol| instruments.find(symbol)).ok_or(tag::SYMBOL)?;
    Ok((id, instruments.facts(id).ok_or(tag::SYMBOL)?))
}

fn refusal(message: &Message<'_>, layer: RefusalLayer) -> Refusal {
    let mut refusal = Refusal {
        cl_ord_id: None,
        ref_msg_type: 0,
        ref_seq_num: 0,
        layer,
        reason: None,
        text: EventText::EMPTY,
    };
    for field in message.fields() {
        let value = message.value(field);
        match (field.tag, layer) {
            (tag::BUSINESS_REJECT_REF_ID, _) => refusal.cl_ord_id = ClOrdId::parse(value).ok(),
            (tag::REF_MSG_TYPE, _) => refusal.ref_msg_type = value.first().copied().unwrap_or(0),
            (tag::REF_SEQ_NUM, _) => refusal.ref_seq_num = parse_u64(value).unwrap_or(0),
            (tag::BUSINESS_REJECT_REASON, RefusalLayer::Business)
            | (tag::SESSION_REJECT_REASON, RefusalLayer::Session) => {
                refusal.reason = parse_u32(value).ok();
            }
            (tag::TEXT, _) => refusal.text = cut_text(value),
            _ => {}
        }
    }
    refusal
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
    // The list of one market says nothing of the other; LastFragment(893) is absent on one in one piece.
    let market = market_of_comp_id(message.get(tag::SENDER_COMP_ID).unwrap_or_default());
    let is_end = message.get(tag::LAST_FRAGMENT).is_none_or(|last| last == b"Y");
    if is_end {
        // Also if it cannot be read: it would be no better a second time.
        instruments.end_list(market);
    }
    if message.get(tag::SECURITY_REQUEST_RESULT) == Some(b"0") {
        instruments.read_list(message, |id, instrument| {
            emit(EventKind::Instrument { id, instrument });
        })?;
    }
    if is_end {
        for index in 0..instruments.len() {
            let id = InstrumentId(index as u16);
            let is_here = instruments.symbol(id).is_some_and(|symbol| market_of(symbol) == market);
            if is_here && instruments.facts(id).is_none() {
                emit(EventKind::InstrumentUnknown { id });
            }
        }
    }
    Ok(())
}

fn decimal(message: &Message<'_>, field: &Field) -> Result<Decimal, Unreadable> {
    message.decimal_of(field).map_err(|_| field.tag)
}

fn px_of(facts: &Instrument, decimal: Decimal, tag: u32) -> Result<Px, Unreadable> {
    facts.px(decimal).map_err(|_| tag)
}

fn qty_of(facts: &Instrument, decimal: Decimal, tag: u32) -> Result<Qty, Unreadable> {
    facts.qty(decimal).ok().filter(|qty| qty.0 >= 0).ok_or(tag)
}

/// A text of the venue, cut to what an event holds; control bytes become spaces.
pub(super) fn cut_text(value: &[u8]) -> EventText {
    event::cut_text(value, b' ')
}
