//! From a checked message to a typed request.

use taut::types::{ClOrdId, OrderId, Side, Symbol};
use taut_codec::message::Message;
use taut_codec::messages::market_data_request;
use taut_codec::messages::values::MDEntryType;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::Market;
use crate::limits::SYMBOLS_PER_REQUEST_MAX;
use crate::market_data::request::{
    InstrumentListRequest, MarketDataRequest, RequestId, SessionStatusRequest, SubscriptionType,
};
use crate::matching::{Reference, SelfTrade};
use crate::oes::request::{
    AllocAccount, AmendFields, Flags, MassCancelScope, NewFields, OrderName, RequestKind, Terms,
};

/// A field without which a request for market data cannot be answered: missing, or longer than any
/// answer can repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable(pub u32);

/// Reads a trading request. The message passed the checks of its table, so that a field that is
/// there has the right form; `None` for a message that is no trading request.
pub fn order_request(message: &Message<'_>, market: Market) -> Option<RequestKind> {
    Some(match message.msg_type() {
        b"D" => new_order(message, market),
        b"G" => amend(message, market),
        b"F" => cancel(message),
        b"q" => mass_cancel(message),
        b"H" => RequestKind::Status(OrderName {
            order_id: order_id(message),
            cl_ord_id: cl_ord_id(message, tag::CL_ORD_ID),
        }),
        _ => return None,
    })
}

/// A ClOrdID, `None` if the field is not there or can be nobody's ClOrdID.
#[must_use]
pub fn cl_ord_id(message: &Message<'_>, tag: u32) -> Option<ClOrdId> {
    message.get(tag).and_then(|text| ClOrdId::parse(text).ok())
}

/// An OrderID too long for any is as unknown as one that was never given.
fn order_id(message: &Message<'_>) -> Option<OrderId> {
    let text = message.get(tag::ORDER_ID)?;
    Some(OrderId::new(text).unwrap_or_default())
}

/// A symbol too long for any is as unknown as one that is not listed.
fn symbol(message: &Message<'_>) -> Option<Symbol> {
    message.get(tag::SYMBOL).map(|text| Symbol::new(text).unwrap_or_default())
}

fn side(message: &Message<'_>) -> Side {
    message.get(tag::SIDE).and_then(Side::from_fix).unwrap_or(Side::Buy)
}

/// Derivatives do not have the fields of spot, which pass the checks where unknown fields do. One pass:
/// looked up one by one, the fields of an order took half of what its checks take.
fn terms(message: &Message<'_>, market: Market) -> Terms {
    let is_spot = market == Market::Spot;
    let mut terms = Terms::default();
    // Backwards: of a tag that stands there twice the first counts, as with `Message::get`.
    for field in message.fields().iter().rev() {
        let value = message.value(field);
        let first = || value.first().copied().unwrap_or(0);
        let number = || message.decimal_of(field).ok();
        let time = || UtcTime::parse(value).ok();
        match field.tag {
            tag::ORD_TYPE => terms.ord_type = first(),
            tag::TIME_IN_FORCE => terms.time_in_force = first(),
            tag::ORDER_QTY => terms.qty = number().unwrap_or_default(),
            tag::PRICE => terms.price = number(),
            tag::STOP_PX => terms.stop = number(),
            tag::DISPLAY_QTY if is_spot => terms.display = number(),
            tag::DISCRETION_INST => {
                terms.reference =
                    if value == b"1" { Reference::Index } else { Reference::LastTrade };
            }
            tag::EFFECTIVE_TIME if is_spot => terms.effective_at = time(),
            tag::EXPIRE_TIME if is_spot => terms.expires_at = time(),
            tag::VALID_UNTIL_TIME => terms.valid_until = time(),
            tag::LEVERAGE if is_spot => terms.leveraged = value == b"1",
            tag::EXEC_INST => terms.flags = flags(value),
            _ => {}
        }
    }
    terms
}

fn flags(instructions: &[u8]) -> Flags {
    let mut flags = Flags::default();
    for word in instructions.split(|&b| b == b' ').filter(|word| !word.is_empty()) {
        match word {
            b"P" => flags.post_only = true,
            b"E" => flags.reduce_only = true,
            b"v" => flags.qty_in_quote = true,
            b"f" => flags.fee_in_base = true,
            b"q" => flags.fee_in_quote = true,
            b"s" => flags.fee_per_trade = true,
            // The gateway's field checks know no others.
            _ => {}
        }
    }
    flags
}

fn new_order(message: &Message<'_>, market: Market) -> RequestKind {
    RequestKind::New(NewFields {
        symbol: symbol(message).unwrap_or_default(),
        side: side(message),
        terms: terms(message, market),
        self_trade: message
            .get(tag::SELF_TRADE_PREVENTION)
            .and_then(SelfTrade::from_fix)
            .unwrap_or_default(),
        // An account too long for any is as unknown as one that is not there.
        allocation: message
            .get(tag::ALLOC_ACCOUNT)
            .map(|text| AllocAccount::new(text).unwrap_or_default()),
    })
}

fn amend(message: &Message<'_>, market: Market) -> RequestKind {
    RequestKind::Amend(AmendFields {
        symbol: symbol(message).unwrap_or_default(),
        side: side(message),
        order_id: order_id(message).unwrap_or_default(),
        orig_cl_ord_id: cl_ord_id(message, tag::ORIG_CL_ORD_ID),
        terms: terms(message, market),
    })
}

fn cancel(message: &Message<'_>) -> RequestKind {
    RequestKind::Cancel(OrderName {
        order_id: order_id(message),
        cl_ord_id: cl_ord_id(message, tag::ORIG_CL_ORD_ID),
    })
}

fn mass_cancel(message: &Message<'_>) -> RequestKind {
    RequestKind::MassCancel(match message.get(tag::MASS_CANCEL_REQUEST_TYPE) {
        Some(b"1") => MassCancelScope::SessionSymbol(symbol(message).unwrap_or_default()),
        Some(b"6") => MassCancelScope::Session,
        _ => MassCancelScope::Sender,
    })
}

fn request_id(message: &Message<'_>, tag: u32) -> Option<RequestId> {
    message.get(tag).and_then(|text| RequestId::new(text).ok())
}

fn subscription(message: &Message<'_>) -> SubscriptionType {
    match message.get(tag::SUBSCRIPTION_REQUEST_TYPE) {
        None | Some(b"0") => SubscriptionType::Snapshot,
        Some(b"1") => SubscriptionType::Updates,
        Some(b"2") => SubscriptionType::Disable,
        Some(_) => SubscriptionType::Other,
    }
}

/// Reads a MarketDataRequest; the tag at fault if it cannot be understood. `146` may be missing in
/// front of `55`, as in the examples of the documentation (venue file 4.9).
///
/// # Errors
/// The tag that is missing or too long.
pub fn market_data(message: &Message<'_>) -> Result<MarketDataRequest, Unreadable> {
    let id = request_id(message, tag::MD_REQ_ID).ok_or(Unreadable(tag::MD_REQ_ID))?;
    let view = market_data_request::View::new(*message);
    let mut symbols = Vec::new();
    match message.get(tag::NO_RELATED_SYM) {
        Some(_) => {
            let entries = view.related_sym().into_iter().flatten().take(SYMBOLS_PER_REQUEST_MAX);
            symbols.extend(entries.map(|entry| entry.symbol().unwrap_or_default().to_vec()));
        }
        None => symbols.extend(message.get(tag::SYMBOL).map(<[u8]>::to_vec)),
    }
    let subscription = subscription(message);
    if symbols.is_empty() && subscription != SubscriptionType::Disable {
        return Err(Unreadable(tag::SYMBOL));
    }
    let mut request = MarketDataRequest {
        id,
        subscription,
        subscription_text: text(message, tag::SUBSCRIPTION_REQUEST_TYPE),
        depth: message.uint(tag::MARKET_DEPTH).unwrap_or(u64::MAX),
        depth_text: text(message, tag::MARKET_DEPTH),
        update_type: message.get(tag::MD_UPDATE_TYPE).map(|_| text(message, tag::MD_UPDATE_TYPE)),
        by_order: message.get(tag::AGGREGATED_BOOK) == Some(b"N"),
        bids: false,
        offers: false,
        trades: false,
        unknown_entry_type: None,
        symbols,
    };
    for entry in view.md_entry_types().into_iter().flatten() {
        match entry.md_entry_type() {
            Ok(MDEntryType::Bid) => request.bids = true,
            Ok(MDEntryType::Offer) => request.offers = true,
            Ok(MDEntryType::Trade) => request.trades = true,
            Err(_) => {
                request.unknown_entry_type = Some(text(&entry.message(), tag::MD_ENTRY_TYPE));
            }
        }
    }
    Ok(request)
}

/// Reads an InstrumentListRequest.
///
/// # Errors
/// The tag that is missing or too long.
pub fn instrument_list(message: &Message<'_>) -> Result<InstrumentListRequest, Unreadable> {
    let id = request_id(message, tag::SECURITY_REQ_ID).ok_or(Unreadable(tag::SECURITY_REQ_ID))?;
    Ok(InstrumentListRequest {
        id,
        subscription: subscription(message),
        list_type: message
            .get(tag::SECURITY_LIST_REQUEST_TYPE)
            .and_then(|v| v.first().copied())
            .unwrap_or(b'4'),
        security_type: message.get(tag::SECURITY_TYPE).map(|_| text(message, tag::SECURITY_TYPE)),
        symbol: symbol(message),
    })
}

/// Reads a TradingSessionStatusRequest.
///
/// # Errors
/// The tag that is missing or too long.
pub fn session_status(message: &Message<'_>) -> Result<SessionStatusRequest, Unreadable> {
    let id = |tag| request_id(message, tag).ok_or(Unreadable(tag));
    Ok(SessionStatusRequest {
        id: id(tag::TRAD_SES_REQ_ID)?,
        session: id(tag::TRADING_SESSION_ID)?,
        subscription: subscription(message),
    })
}

/// A value for an answer's text; what could break the framing or is long is left out.
fn text(message: &Message<'_>, tag: u32) -> String {
    let value = message.get(tag).unwrap_or_default();
    value.iter().take(32).map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '?' }).collect()
}
