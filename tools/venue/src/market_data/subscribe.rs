//! Whether a MarketDataRequest (35=V) can be served: venue file 4.9 and 4.11.

use taut::types::{InstrumentId, Symbol};

use super::encode::unsupported_symbol;
use super::request::{MarketDataRequest, SubscriptionType};
use super::switches::{MarketDataSwitches, SpotL3};
use super::topic::Kind;
use super::view::MarketView;
use crate::gateway::{Market, Subscriber};
use crate::limits::DEPTH_MAX;

/// What a request that can be served asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) trades: bool,
    pub(super) instruments: Vec<InstrumentId>,
}

/// MDReqRejReason(281) and Text(58).
pub(super) type Refusal = (u8, String);

/// Judges a subscription; the first finding counts. Kraken documents the codes but only two texts: the
/// others are worded alike (SIM).
pub(super) fn judge(
    from: Subscriber,
    request: &MarketDataRequest,
    switches: &MarketDataSwitches,
    view: &impl MarketView,
) -> Result<Wanted, Refusal> {
    if request.subscription != SubscriptionType::Updates {
        let text = &request.subscription_text;
        return Err((b'4', format!("Unsupported SubscriptionRequestType: {text}")));
    }
    let depths: &[u64] =
        if request.by_order { &[0, 10, 100, 1000] } else { &[0, 1, 10, 25, 100, 500, 1000] };
    if !depths.contains(&request.depth) {
        return Err((b'5', format!("Unsupported market depth: {}", request.depth_text)));
    }
    // L3 is offered by the guide without a cap; this one keeps a snapshot within one message.
    let depth = if request.depth == 0 { DEPTH_MAX } else { request.depth as usize };
    if let Some(update_type) = request.update_type.as_ref().filter(|text| *text != "1") {
        return Err((b'6', format!("Unsupported MDUpdateType: {update_type}")));
    }
    if let Some(entry_type) = &request.unknown_entry_type {
        return Err((b'8', format!("Unsupported MDEntryType: {entry_type}")));
    }
    if request.bids != request.offers || !(request.bids || request.trades) {
        return Err((b'8', "Bid and offer are only offered together".into()));
    }
    let offered = from.service.is_level3()
        && (from.service.market() == Market::Derivatives || switches.spot_l3 == SpotL3::OwnPort);
    let kind = match (request.by_order, from.service.is_level3()) {
        (true, _) if !offered => return Err((b'B', "Level3 not available".into())),
        (true, _) if request.trades => return Err((b'C', "Trade not available on Level3".into())),
        (true, _) => Kind::Orders(depth),
        (false, true) => {
            return Err((b'A', "Unsupported scope: only Level3 is available here".into()));
        }
        (false, false) if request.bids => Kind::Levels(depth),
        (false, false) => Kind::Trades,
    };
    let mut instruments = Vec::new();
    for text in &request.symbols {
        let found = Symbol::new(text).ok().and_then(|symbol| view.find(symbol));
        let id = found.ok_or_else(|| (b'0', unsupported_symbol(text)))?;
        if !instruments.contains(&id) {
            instruments.push(id);
        }
    }
    Ok(Wanted { kind, trades: request.trades, instruments })
}
