//! Commands to FIX messages: bodies ascending by tag, numbers as short as they go, as in the client
//! messages that Kraken publishes (venue file 3.1, 4). [`Templates`] is the fast way for orders, amends
//! and cancels; the plain encoder writes everything.

mod prepared;

pub use prepared::{Prepared, Templates};

use taut_codec::encode::Encoder;
use taut_codec::tag;
use taut_codec::value::{FixStr, UtcTime, parse_u32, write_u64};

use super::instruments::Instruments;
use crate::command::{
    CancelOrder, CancelScope, CommandKind, MassCancel, NewOrder, ReplaceOrder, StatusRequest,
    Watches,
};
use crate::types::{ClOrdId, Instrument, InstrumentId, Market, Px, Qty};

/// A command that has everything that its message needs.
#[derive(Clone, Copy)]
pub struct Encodable<'a> {
    kind: &'a CommandKind,
    instruments: &'a Instruments,
}

/// A command's message, for the session to send. `None` for a command that is no application message
/// (logout) or whose instrument is not known.
#[must_use]
pub fn encodable<'a>(kind: &'a CommandKind, instruments: &'a Instruments) -> Option<Encodable<'a>> {
    let known = |id: InstrumentId| instruments.facts(id).is_some();
    let complete = match kind {
        CommandKind::New(order) => known(order.get().instrument),
        CommandKind::Replace(order) => known(order.get().instrument),
        CommandKind::Cancel(cancel) => known(cancel.instrument),
        CommandKind::Status(request) => known(request.instrument),
        CommandKind::MassCancel(MassCancel { scope: CancelScope::Instrument(id), .. }) => {
            known(*id)
        }
        CommandKind::MassCancel(_) | CommandKind::RequestInstruments => true,
        CommandKind::Subscribe { instrument, .. } | CommandKind::Unsubscribe { instrument, .. } => {
            known(*instrument)
        }
        CommandKind::Rest(_) | CommandKind::Logout => false,
    };
    complete.then_some(Encodable { kind, instruments })
}

impl Encodable<'_> {
    /// MsgType(35).
    #[must_use]
    pub const fn msg_type(&self) -> &'static [u8] {
        match self.kind {
            CommandKind::New(_) => b"D",
            CommandKind::Replace(_) => b"G",
            CommandKind::Cancel(_) => b"F",
            CommandKind::MassCancel(_) => b"q",
            CommandKind::Status(_) => b"H",
            CommandKind::RequestInstruments => b"x",
            CommandKind::Subscribe { .. } | CommandKind::Unsubscribe { .. } => b"V",
            CommandKind::Rest(_) | CommandKind::Logout => b"5",
        }
    }

    /// The body.
    pub fn write(&self, out: &mut Encoder<'_>, now: UtcTime) {
        match self.kind {
            CommandKind::New(order) => {
                let order = order.get();
                Self::new_order(out, order, self.facts(order.instrument), now);
            }
            CommandKind::Replace(order) => {
                let order = order.get();
                Self::replace(out, order, self.facts(order.instrument), now);
            }
            CommandKind::Cancel(cancel) => {
                Self::cancel(out, cancel, self.facts(cancel.instrument), now);
            }
            CommandKind::MassCancel(cancel) => self.mass_cancel(out, cancel, now),
            CommandKind::Status(request) => {
                Self::status(out, request, self.facts(request.instrument));
            }
            CommandKind::RequestInstruments => {
                // 263=0: once. Updates of the list would come with 1.
                out.byte(tag::SUBSCRIPTION_REQUEST_TYPE, b'0')
                    .bytes(tag::SECURITY_REQ_ID, b"INSTRUMENTS")
                    .byte(tag::SECURITY_LIST_REQUEST_TYPE, b'4');
            }
            &CommandKind::Subscribe { instrument, depth, generation } => {
                self.market_data(out, instrument, depth, generation, b'1');
            }
            &CommandKind::Unsubscribe { instrument, depth, generation } => {
                self.market_data(out, instrument, depth, generation, b'2');
            }
            CommandKind::Rest(_) | CommandKind::Logout => {}
        }
    }

    /// The instrument's facts; [`encodable`] made sure that they are there.
    fn facts(&self, id: InstrumentId) -> &Instrument {
        self.instruments.facts(id).expect("checked by encodable")
    }

    fn new_order(out: &mut Encoder<'_>, order: &NewOrder, facts: &Instrument, now: UtcTime) {
        cl_ord_id(out, tag::CL_ORD_ID, order.cl_ord_id);
        if let Some(inst) = exec_inst(order, facts) {
            out.bytes(tag::EXEC_INST, inst);
        }
        qty(out, facts, order.qty).byte(tag::ORD_TYPE, order.ord_type.fix());
        price(out, facts, order.px)
            .byte(tag::SIDE, order.side.fix())
            .bytes(tag::SYMBOL, facts.symbol.as_bytes())
            .byte(tag::TIME_IN_FORCE, order.time_in_force.fix())
            .time(tag::TRANSACT_TIME, now);
        stop(out, facts, order.stop_px);
        if watches_index(order) {
            out.byte(tag::DISCRETION_INST, order.watches.fix());
        }
        if let Some(mode) = order.self_trade {
            out.byte(tag::SELF_TRADE_PREVENTION, mode.fix());
        }
    }

    fn replace(out: &mut Encoder<'_>, order: &ReplaceOrder, facts: &Instrument, now: UtcTime) {
        cl_ord_id(out, tag::CL_ORD_ID, order.cl_ord_id);
        if order.post_only {
            out.byte(tag::EXEC_INST, b'P');
        }
        out.bytes(tag::ORDER_ID, order.order_id.as_bytes());
        qty(out, facts, order.qty).byte(tag::ORD_TYPE, order.ord_type.fix());
        cl_ord_id(out, tag::ORIG_CL_ORD_ID, order.orig_cl_ord_id);
        price(out, facts, order.px)
            .byte(tag::SIDE, order.side.fix())
            .bytes(tag::SYMBOL, facts.symbol.as_bytes())
            .byte(tag::TIME_IN_FORCE, order.time_in_force.fix())
            .time(tag::TRANSACT_TIME, now);
        stop(out, facts, order.stop_px);
    }

    fn cancel(out: &mut Encoder<'_>, cancel: &CancelOrder, facts: &Instrument, now: UtcTime) {
        cl_ord_id(out, tag::CL_ORD_ID, cancel.cl_ord_id);
        if !cancel.order_id.is_empty() {
            out.bytes(tag::ORDER_ID, cancel.order_id.as_bytes());
        }
        cl_ord_id(out, tag::ORIG_CL_ORD_ID, cancel.orig_cl_ord_id);
        out.byte(tag::SIDE, cancel.side.fix())
            .bytes(tag::SYMBOL, facts.symbol.as_bytes())
            .time(tag::TRANSACT_TIME, now);
    }

    fn status(out: &mut Encoder<'_>, request: &StatusRequest, facts: &Instrument) {
        cl_ord_id(out, tag::CL_ORD_ID, request.cl_ord_id);
        out.bytes(tag::ORDER_ID, request.order_id.as_bytes())
            .bytes(tag::SYMBOL, facts.symbol.as_bytes());
    }

    fn mass_cancel(&self, out: &mut Encoder<'_>, cancel: &MassCancel, now: UtcTime) {
        cl_ord_id(out, tag::CL_ORD_ID, cancel.cl_ord_id);
        let kind = match cancel.scope {
            CancelScope::Instrument(id) => {
                out.bytes(tag::SYMBOL, self.facts(id).symbol.as_bytes());
                b'1'
            }
            CancelScope::Session => b'6',
            CancelScope::SenderCompId => b'7',
        };
        out.time(tag::TRANSACT_TIME, now).byte(tag::MASS_CANCEL_REQUEST_TYPE, kind);
    }

    fn market_data(
        &self,
        out: &mut Encoder<'_>,
        instrument: InstrumentId,
        depth: u16,
        generation: u32,
        subscription: u8,
    ) {
        out.uint(tag::NO_RELATED_SYM, 1)
            .bytes(tag::SYMBOL, self.facts(instrument).symbol.as_bytes())
            .bytes(tag::MD_REQ_ID, md_req_id(instrument, generation).as_bytes())
            .byte(tag::SUBSCRIPTION_REQUEST_TYPE, subscription)
            .uint(tag::MARKET_DEPTH, u64::from(depth))
            .byte(tag::MD_UPDATE_TYPE, b'1')
            .uint(tag::NO_MD_ENTRY_TYPES, 3)
            .byte(tag::MD_ENTRY_TYPE, b'0')
            .byte(tag::MD_ENTRY_TYPE, b'1')
            .byte(tag::MD_ENTRY_TYPE, b'2');
    }
}

/// The MDReqID(262) of a subscription: `<instrument>.<generation>`, so that an answer leads back.
#[must_use]
pub fn md_req_id(instrument: InstrumentId, generation: u32) -> FixStr<23> {
    let mut text = [0; 23];
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        text[len..len + bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    put(write_u64(u64::from(instrument.0), &mut [0; 20]));
    put(b".");
    put(write_u64(u64::from(generation), &mut [0; 20]));
    FixStr::new(&text[..len]).expect("at most 5 + 1 + 10 digits")
}

/// Reads what [`md_req_id`] wrote.
#[must_use]
pub fn parse_md_req_id(text: &[u8]) -> Option<(InstrumentId, u32)> {
    let point = text.iter().position(|&b| b == b'.')?;
    let instrument = u16::try_from(parse_u32(&text[..point]).ok()?).ok()?;
    Some((InstrumentId(instrument), parse_u32(&text[point + 1..]).ok()?))
}

/// ExecInst(18) of a new order. Derivatives want `s`: the fee of each trade (venue file 4.1).
fn exec_inst(order: &NewOrder, facts: &Instrument) -> Option<&'static [u8]> {
    match (facts.market(), order.post_only) {
        (Market::Spot, false) => None,
        (Market::Spot, true) => Some(b"P"),
        (Market::Derivatives, false) => Some(b"s"),
        (Market::Derivatives, true) => Some(b"P s"),
    }
}

/// Whether DiscretionInst(388) is to be said: the last trade is the venue's default.
fn watches_index(order: &NewOrder) -> bool {
    order.stop_px.is_some() && order.watches == Watches::Index
}

fn cl_ord_id(out: &mut Encoder<'_>, tag: u32, id: ClOrdId) {
    out.bytes(tag, id.write(&mut [0; ClOrdId::TEXT_MAX]));
}

fn qty<'e, 'b>(out: &'e mut Encoder<'b>, facts: &Instrument, qty: Qty) -> &'e mut Encoder<'b> {
    out.decimal(tag::ORDER_QTY, facts.qty_decimal(qty), 0)
}

fn price<'e, 'b>(
    out: &'e mut Encoder<'b>,
    facts: &Instrument,
    px: Option<Px>,
) -> &'e mut Encoder<'b> {
    if let Some(px) = px {
        out.decimal(tag::PRICE, facts.px_decimal(px), 0);
    }
    out
}

fn stop(out: &mut Encoder<'_>, facts: &Instrument, stop_px: Option<Px>) {
    if let Some(px) = stop_px {
        out.decimal(tag::STOP_PX, facts.px_decimal(px), 0);
    }
}
