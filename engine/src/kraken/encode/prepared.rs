//! Orders, amends and cancels from pre-rendered messages: what does not change from one order of an
//! instrument to the next (header, symbol, side, types) is rendered once, only numbers and times are
//! written each time. The bytes are those of [`Encodable::write`](super::Encodable::write) behind the
//! session's header.

use std::ops::Range;

use taut_codec::encode::template::Template;
use taut_codec::encode::{EncodeError, HeaderOrder, TimePrecision};
use taut_codec::tag;
use taut_codec::value::{TimestampCache, UtcTime};

use super::{exec_inst, watches_index};
use crate::command::{CancelOrder, CommandKind, NewOrder, ReplaceOrder, Watches};
use crate::kraken::instruments::Instruments;
use crate::limits::TEMPLATES;
use crate::session::SessionConfig;
use crate::types::{
    ClOrdId, CompId, Instrument, InstrumentId, OrdType, OrderId, Px, Side, TimeInForce,
};

/// Pieces of a template: one for each value of an amend, one more, and one for each further 32 bytes of
/// the longest CompIDs and symbol.
const PIECES: usize = 14;

type Rendered = Template<PIECES>;

/// Messages that [`Templates::warm_up`] renders for one instrument: orders and amends of two kinds and a cancel, on
/// two sides.
const WARM_SHAPES: usize = 10;
/// How often it writes each.
const REHEARSALS: u64 = 32;

/// The rendered messages of one session, of the [`TEMPLATES`] kinds that were sent last. A kind that is
/// new, or that shares its place with another, is rendered first, which costs about as much as the plain
/// encoder.
pub struct Templates {
    sender: CompId,
    target: CompId,
    /// Whether the session's header is one that is rendered: Kraken's.
    usual: bool,
    places: Box<[(Shape, Rendered)]>,
    times: TimestampCache,
}

/// A message that is rendered but for its values.
pub struct Prepared<'a> {
    template: &'a Rendered,
    times: &'a mut TimestampCache,
    order: Order<'a>,
    facts: &'a Instrument,
}

#[derive(Clone, Copy)]
enum Order<'a> {
    New(&'a NewOrder),
    Replace(&'a ReplaceOrder),
    Cancel(&'a CancelOrder),
}

/// Everything that is the same in all messages of a template, packed; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape(u64);

impl Templates {
    /// Nothing is rendered yet; all memory is taken.
    #[must_use]
    pub fn new(config: &SessionConfig) -> Self {
        let usual = config.header_order == HeaderOrder::SeqSenderTimeTarget
            && config.time_precision == TimePrecision::Millis
            && !config.last_processed;
        Self {
            sender: config.sender,
            target: config.target,
            usual,
            places: vec![(Shape(0), Template::new(b"D")); TEMPLATES].into_boxed_slice(),
            times: TimestampCache::new(),
        }
    }

    /// The rendered message of an order, amend or cancel. `None` for other commands, for an instrument
    /// that is not known, and for sessions whose header is written another way: for the plain encoder.
    pub fn prepare<'a>(
        &'a mut self,
        kind: &'a CommandKind,
        instruments: &'a Instruments,
    ) -> Option<Prepared<'a>> {
        let order = match kind {
            CommandKind::New(order) => Order::New(order.get()),
            CommandKind::Replace(order) => Order::Replace(order.get()),
            CommandKind::Cancel(cancel) => Order::Cancel(cancel),
            _ => return None,
        };
        if !self.usual {
            return None;
        }
        self.prepare_order(order, instruments.facts(order.instrument())?)
    }

    /// Writes, to nowhere, what a strategy sends most: a limit order, its amend and its cancel, on both sides of
    /// each of these instruments, over and over. So the first real one finds its message rendered, and the code and
    /// tables that write it in the caches.
    pub fn warm_up<'i>(
        &mut self,
        instruments: impl Iterator<Item = (InstrumentId, &'i Instrument)>,
        now: UtcTime,
    ) {
        let mut nowhere = [0; 1024];
        let cl_ord_id = ClOrdId::numeric(u64::from(u32::MAX)).expect("18 digits at most");
        let order_id = OrderId::new(b"O00000-00000-000000").expect("short");
        for (instrument, facts) in instruments.take(TEMPLATES / WARM_SHAPES) {
            for side in [Side::Buy, Side::Sell] {
                let (px, qty) = (Some(Px(facts.tick_size.0.max(1) * 12_345)), facts.qty_min);
                let (ord_type, time_in_force) = (OrdType::Limit, TimeInForce::Gtc);
                let (stop_px, self_trade, watches) = (None, None, Watches::default());
                for post_only in [false, true] {
                    let new = NewOrder {
                        cl_ord_id,
                        instrument,
                        side,
                        ord_type,
                        time_in_force,
                        qty,
                        px,
                        stop_px,
                        watches,
                        post_only,
                        self_trade,
                    };
                    let replace = ReplaceOrder {
                        cl_ord_id,
                        orig_cl_ord_id: cl_ord_id,
                        order_id,
                        instrument,
                        side,
                        ord_type,
                        time_in_force,
                        qty,
                        px,
                        stop_px,
                        post_only,
                    };
                    let cancel = CancelOrder {
                        cl_ord_id,
                        orig_cl_ord_id: cl_ord_id,
                        order_id,
                        instrument,
                        side,
                    };
                    let orders =
                        [Order::New(&new), Order::Replace(&replace), Order::Cancel(&cancel)];
                    for round in 0..REHEARSALS {
                        for order in orders {
                            let Some(one) = self.prepare_order(order, facts) else { return };
                            let written = one.fill(&mut nowhere, round, now);
                            // What the compiler knows to be unused it would leave out.
                            let _ = std::hint::black_box(written);
                        }
                    }
                }
            }
        }
    }

    fn prepare_order<'a>(
        &'a mut self,
        order: Order<'a>,
        facts: &'a Instrument,
    ) -> Option<Prepared<'a>> {
        let shape = order.shape();
        let (there, template) = &mut self.places[shape.place()];
        if *there != shape {
            // Not even the longest names fill a template, but who knows what they are next year.
            *template = order.render(&self.sender, &self.target, facts).ok()?;
            *there = shape;
        }
        Some(Prepared { template, times: &mut self.times, order, facts })
    }
}

impl Prepared<'_> {
    /// Writes the message; returns where in the buffer it stands.
    ///
    /// # Errors
    /// [`EncodeError::Full`] if the buffer has not 64 bytes more than the message.
    pub fn fill(
        self,
        buffer: &mut [u8],
        msg_seq_num: u64,
        now: UtcTime,
    ) -> Result<Range<usize>, EncodeError> {
        let Self { template, times, order, facts } = self;
        let time = times.to_fix_millis(now);
        let head = template.fill(buffer).uint(msg_seq_num).time(time);
        let stop_px = order.stop_px();
        let head = match order {
            Order::New(order) => {
                let head = head.cl_ord_id(order.cl_ord_id).decimal(facts.qty_decimal(order.qty), 0);
                match order.px {
                    Some(px) => head.decimal(facts.px_decimal(px), 0),
                    None => head,
                }
            }
            Order::Replace(order) => {
                let head = head
                    .cl_ord_id(order.cl_ord_id)
                    .bytes(order.order_id.as_bytes())
                    .decimal(facts.qty_decimal(order.qty), 0);
                let head = head.cl_ord_id(order.orig_cl_ord_id);
                match order.px {
                    Some(px) => head.decimal(facts.px_decimal(px), 0),
                    None => head,
                }
            }
            Order::Cancel(cancel) => {
                let head = head.cl_ord_id(cancel.cl_ord_id);
                let head = match cancel.order_id.as_bytes() {
                    b"" => head,
                    order_id => head.bytes(order_id),
                };
                head.cl_ord_id(cancel.orig_cl_ord_id)
            }
        }
        .time(time);
        match stop_px {
            Some(px) => head.decimal(facts.px_decimal(px), 0),
            None => head,
        }
        .finish()
    }
}

impl Order<'_> {
    const fn instrument(&self) -> InstrumentId {
        match self {
            Self::New(order) => order.instrument,
            Self::Replace(order) => order.instrument,
            Self::Cancel(cancel) => cancel.instrument,
        }
    }

    const fn stop_px(&self) -> Option<Px> {
        match self {
            Self::New(order) => order.stop_px,
            Self::Replace(order) => order.stop_px,
            Self::Cancel(_) => None,
        }
    }

    /// Each field that decides on bytes outside the values has a byte of its own.
    fn shape(&self) -> Shape {
        let bytes = match self {
            Self::New(order) => [
                order.side.fix(),
                order.ord_type.fix(),
                order.time_in_force.fix(),
                flags(order.post_only, order.px, order.stop_px)
                    + 16 * u8::from(watches_index(order)),
                order.self_trade.map_or(0, |mode| mode.fix()),
                b'D',
            ],
            Self::Replace(order) => [
                order.side.fix(),
                order.ord_type.fix(),
                order.time_in_force.fix(),
                flags(order.post_only, order.px, order.stop_px),
                0,
                b'G',
            ],
            Self::Cancel(cancel) => {
                [cancel.side.fix(), 0, 0, 1 + u8::from(cancel.order_id.is_empty()), 0, b'F']
            }
        };
        let [i, j] = self.instrument().0.to_le_bytes();
        let [a, b, c, d, e, f] = bytes;
        Shape(u64::from_le_bytes([a, b, c, d, e, f, i, j]))
    }

    /// Fields in the order of [`Encodable::write`](super::Encodable::write), values left out.
    fn render(
        &self,
        sender: &CompId,
        target: &CompId,
        facts: &Instrument,
    ) -> Result<Rendered, EncodeError> {
        let mut out = Template::new(match self {
            Self::New(_) => b"D",
            Self::Replace(_) => b"G",
            Self::Cancel(_) => b"F",
        });
        out.slot(tag::MSG_SEQ_NUM)
            .bytes(tag::SENDER_COMP_ID, sender.as_bytes())
            .slot(tag::SENDING_TIME)
            .bytes(tag::TARGET_COMP_ID, target.as_bytes())
            .slot(tag::CL_ORD_ID);
        let symbol = facts.symbol.as_bytes();
        match self {
            Self::New(order) => {
                if let Some(inst) = exec_inst(order, facts) {
                    out.bytes(tag::EXEC_INST, inst);
                }
                out.slot(tag::ORDER_QTY);
                byte(&mut out, tag::ORD_TYPE, order.ord_type.fix());
                price(&mut out, order.px.is_some());
                byte(&mut out, tag::SIDE, order.side.fix()).bytes(tag::SYMBOL, symbol);
                byte(&mut out, tag::TIME_IN_FORCE, order.time_in_force.fix());
                out.slot(tag::TRANSACT_TIME);
                stop(&mut out, order.stop_px.is_some());
                if watches_index(order) {
                    byte(&mut out, tag::DISCRETION_INST, order.watches.fix());
                }
                if let Some(mode) = order.self_trade {
                    byte(&mut out, tag::SELF_TRADE_PREVENTION, mode.fix());
                }
            }
            Self::Replace(order) => {
                if order.post_only {
                    byte(&mut out, tag::EXEC_INST, b'P');
                }
                out.slot(tag::ORDER_ID).slot(tag::ORDER_QTY);
                byte(&mut out, tag::ORD_TYPE, order.ord_type.fix()).slot(tag::ORIG_CL_ORD_ID);
                price(&mut out, order.px.is_some());
                byte(&mut out, tag::SIDE, order.side.fix()).bytes(tag::SYMBOL, symbol);
                byte(&mut out, tag::TIME_IN_FORCE, order.time_in_force.fix());
                out.slot(tag::TRANSACT_TIME);
                stop(&mut out, order.stop_px.is_some());
            }
            Self::Cancel(cancel) => {
                if !cancel.order_id.is_empty() {
                    out.slot(tag::ORDER_ID);
                }
                out.slot(tag::ORIG_CL_ORD_ID);
                byte(&mut out, tag::SIDE, cancel.side.fix()).bytes(tag::SYMBOL, symbol);
                out.slot(tag::TRANSACT_TIME);
            }
        }
        out.finish()
    }
}

fn byte(out: &mut Rendered, tag: u32, value: u8) -> &mut Rendered {
    out.bytes(tag, &[value])
}

fn price(out: &mut Rendered, is_limit: bool) {
    if is_limit {
        out.slot(tag::PRICE);
    }
}

fn stop(out: &mut Rendered, has_trigger: bool) {
    if has_trigger {
        out.slot(tag::STOP_PX);
    }
}

fn flags(post_only: bool, px: Option<Px>, stop_px: Option<Px>) -> u8 {
    1 + 2 * u8::from(post_only) + 4 * u8::from(px.is_some()) + 8 * u8::from(stop_px.is_some())
}

impl Shape {
    /// Where its template stands, if it is rendered.
    const fn place(self) -> usize {
        // Fibonacci hashing: shapes differ in few bits, the product's upper bits depend on all of them.
        const SHIFT: u32 = 64 - TEMPLATES.trailing_zeros();
        (self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> SHIFT) as usize
    }
}

#[cfg(test)]
mod tests;
