//! ExecutionReport (35=8), venue file 4.6.

use taut_codec::message::Message;
use taut_codec::scan::Field;
use taut_codec::tag;
use taut_codec::value::{Decimal, FixStr, UtcTime};

use super::{Unreadable, cut_text, decimal, instrument_of, px_of, qty_of};
use crate::event::{EventKind, ExecType, Fill, Liquidity, OrdStatus, Report};
use crate::kraken::instruments::Instruments;
use crate::types::{ClOrdId, Instrument, OrdType, OrderId, Px, Qty, Side, TimeInForce};

/// Reads a report: its fields in one pass, whatever their order, then what they mean by the
/// instrument's facts.
pub(super) fn read(
    message: &Message<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let mut fields = Fields::default();
    match fields.take_usual(message) {
        Some(()) => tell(&fields, instruments, emit),
        None => read_plainly(message, instruments, emit),
    }
}

#[cold]
fn read_plainly(
    message: &Message<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let mut fields = Fields::default();
    // The first three are BeginString, BodyLength and MsgType.
    for field in message.fields().iter().skip(3) {
        fields.take(message, field)?;
    }
    tell(&fields, instruments, emit)
}

#[inline(always)]
fn tell(
    fields: &Fields<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let (instrument, facts) = instrument_of(fields.symbol, instruments)?;
    let exec_type = fields.exec_type.ok_or(tag::EXEC_TYPE)?;
    emit(EventKind::Report(Report {
        instrument,
        cl_ord_id: cl_ord_id(fields.cl_ord_id).ok_or(tag::CL_ORD_ID)?,
        orig_cl_ord_id: cl_ord_id(fields.orig_cl_ord_id),
        order_id: text(fields.order_id).ok_or(tag::ORDER_ID)?,
        exec_id: text(fields.exec_id).ok_or(tag::EXEC_ID)?,
        exec_type,
        ord_status: fields.ord_status.ok_or(tag::ORD_STATUS)?,
        side: fields.side.ok_or(tag::SIDE)?,
        ord_type: fields.ord_type.ok_or(tag::ORD_TYPE)?,
        time_in_force: fields.time_in_force.ok_or(tag::TIME_IN_FORCE)?,
        px: optional_px(facts, fields.px, tag::PRICE)?,
        stop_px: optional_px(facts, fields.stop_px, tag::STOP_PX)?,
        trigger_px: optional_px(facts, fields.trigger_px, tag::TRIGGER_PRICE)?,
        order_qty: qty(facts, fields.order_qty, tag::ORDER_QTY)?,
        cum_qty: qty(facts, fields.cum_qty, tag::CUM_QTY)?,
        leaves_qty: qty(facts, fields.leaves_qty, tag::LEAVES_QTY)?,
        fill: match exec_type {
            ExecType::Trade => Some(Fill {
                px: px(facts, fields.last_px, tag::LAST_PX)?,
                qty: qty(facts, fields.last_qty, tag::LAST_QTY)?,
                liquidity: fields.liquidity,
            }),
            _ => None,
        },
        gross: fields.gross.and_then(|gross| money(facts, gross)),
        fee: fields.fee_amount.zip(text(fields.fee_currency)),
        transact_time: fields.transact_time,
        poss_dup: fields.poss_dup,
        text: cut_text(fields.text),
    }));
    Ok(())
}

/// What the fields say, before it is known how many decimals the instrument has. Ids and texts are left
/// where they stand until the report is made.
#[derive(Default)]
struct Fields<'a> {
    symbol: Option<&'a [u8]>,
    cl_ord_id: Option<&'a [u8]>,
    orig_cl_ord_id: Option<&'a [u8]>,
    order_id: Option<&'a [u8]>,
    exec_id: Option<&'a [u8]>,
    exec_type: Option<ExecType>,
    ord_status: Option<OrdStatus>,
    side: Option<Side>,
    ord_type: Option<OrdType>,
    time_in_force: Option<TimeInForce>,
    px: Option<Decimal>,
    stop_px: Option<Decimal>,
    trigger_px: Option<Decimal>,
    gross: Option<Decimal>,
    last_px: Option<Decimal>,
    order_qty: Option<Decimal>,
    cum_qty: Option<Decimal>,
    leaves_qty: Option<Decimal>,
    last_qty: Option<Decimal>,
    liquidity: Option<Liquidity>,
    fee_amount: Option<Decimal>,
    fee_currency: Option<&'a [u8]>,
    transact_time: UtcTime,
    poss_dup: bool,
    text: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Takes those of a report as Kraken writes it: a plain header, then every field once, in the order of their
    /// tags (venue file 3.1). `None` says nothing, and leaves them taken in part.
    #[inline(always)]
    fn take_usual(&mut self, message: &Message<'a>) -> Option<()> {
        let mut body = Ascending::of(message)?;
        self.cl_ord_id = body.value(tag::CL_ORD_ID);
        self.cum_qty = body.number(tag::CUM_QTY)?;
        self.exec_id = body.value(tag::EXEC_ID);
        self.last_px = body.number(tag::LAST_PX)?;
        self.last_qty = body.number(tag::LAST_QTY)?;
        self.order_id = body.value(tag::ORDER_ID);
        self.order_qty = body.number(tag::ORDER_QTY)?;
        self.ord_status = body.value(tag::ORD_STATUS).and_then(read_ord_status);
        self.ord_type = body.value(tag::ORD_TYPE).and_then(OrdType::from_fix);
        self.orig_cl_ord_id = body.value(tag::ORIG_CL_ORD_ID);
        self.poss_dup = body.value(tag::POSS_DUP_FLAG) == Some(b"Y");
        self.px = body.number(tag::PRICE)?;
        self.side = body.value(tag::SIDE).and_then(Side::from_fix);
        self.symbol = body.value(tag::SYMBOL);
        self.text = body.value(tag::TEXT).unwrap_or_default();
        self.time_in_force = body.value(tag::TIME_IN_FORCE).and_then(TimeInForce::from_fix);
        self.transact_time = match body.value(tag::TRANSACT_TIME) {
            Some(value) => UtcTime::parse(value).ok()?,
            None => UtcTime::default(),
        };
        self.poss_dup |= body.value(tag::POSS_RESEND) == Some(b"Y");
        self.stop_px = body.number(tag::STOP_PX)?;
        self.fee_amount = body.number(tag::MISC_FEE_AMT)?;
        self.fee_currency = body.value(tag::MISC_FEE_CURR);
        self.exec_type = body.value(tag::EXEC_TYPE).and_then(read_exec_type);
        self.leaves_qty = body.number(tag::LEAVES_QTY)?;
        self.gross = body.number(tag::GROSS_TRADE_AMT)?;
        self.trigger_px = body.number(tag::TRIGGER_PRICE)?;
        self.liquidity = body.value(tag::LIQUIDITY_IND).and_then(read_liquidity);
        body.ends().then_some(())
    }

    #[inline]
    fn take(&mut self, message: &Message<'a>, field: &Field) -> Result<(), Unreadable> {
        let value = message.value(field);
        let number = || decimal(message, field).map(Some);
        match field.tag {
            tag::SYMBOL => self.symbol = Some(value),
            tag::CL_ORD_ID => self.cl_ord_id = Some(value),
            tag::ORIG_CL_ORD_ID => self.orig_cl_ord_id = Some(value),
            tag::ORDER_ID => self.order_id = Some(value),
            tag::EXEC_ID => self.exec_id = Some(value),
            tag::EXEC_TYPE => self.exec_type = read_exec_type(value),
            tag::ORD_STATUS => self.ord_status = read_ord_status(value),
            tag::SIDE => self.side = Side::from_fix(value),
            tag::ORD_TYPE => self.ord_type = OrdType::from_fix(value),
            tag::TIME_IN_FORCE => self.time_in_force = TimeInForce::from_fix(value),
            tag::PRICE => self.px = number()?,
            tag::STOP_PX => self.stop_px = number()?,
            tag::TRIGGER_PRICE => self.trigger_px = number()?,
            // Beside the point of the report: one that is out of range does not cost the rest.
            tag::GROSS_TRADE_AMT => self.gross = decimal(message, field).ok(),
            tag::LAST_PX => self.last_px = number()?,
            tag::LAST_QTY => self.last_qty = number()?,
            tag::ORDER_QTY => self.order_qty = number()?,
            tag::CUM_QTY => self.cum_qty = number()?,
            tag::LEAVES_QTY => self.leaves_qty = number()?,
            tag::LIQUIDITY_IND => self.liquidity = read_liquidity(value),
            tag::MISC_FEE_AMT => self.fee_amount = number()?,
            tag::MISC_FEE_CURR => self.fee_currency = Some(value),
            tag::TRANSACT_TIME => {
                self.transact_time = UtcTime::parse(value).map_err(|_| field.tag)?;
            }
            tag::POSS_DUP_FLAG | tag::POSS_RESEND => self.poss_dup |= value == b"Y",
            tag::TEXT => self.text = value,
            _ => {}
        }
        Ok(())
    }
}

/// The fields of a message behind its header, looked for in the order of their tags.
struct Ascending<'m, 'a> {
    message: &'m Message<'a>,
    /// Those that were not looked at yet.
    rest: &'a [Field],
    /// The tag of the last that was.
    last: u32,
    /// Whether every tag so far was higher than the one before.
    is_ascending: bool,
}

impl<'m, 'a> Ascending<'m, 'a> {
    /// Behind a header that has the required fields only.
    #[inline(always)]
    fn of(message: &'m Message<'a>) -> Option<Self> {
        let is_header = |field: &Field| {
            matches!(
                field.tag,
                tag::MSG_SEQ_NUM | tag::SENDER_COMP_ID | tag::SENDING_TIME | tag::TARGET_COMP_ID
            )
        };
        // In front are BeginString, BodyLength and MsgType; the last is CheckSum.
        let (_, fields) = message.fields().split_last()?;
        let (header, body) = (fields.get(3..7)?, fields.get(7..)?);
        let is_usual = header.iter().all(is_header);
        is_usual.then_some(Self { message, rest: body, last: 0, is_ascending: true })
    }

    /// The field with `tag`, which is above those that were asked for before.
    #[inline(always)]
    fn find(&mut self, tag: u32) -> Option<&'a Field> {
        while let [field, rest @ ..] = self.rest {
            if field.tag > tag {
                return None;
            }
            self.is_ascending &= self.last < field.tag;
            self.last = field.tag;
            self.rest = rest;
            if field.tag == tag {
                return Some(field);
            }
        }
        None
    }

    #[inline(always)]
    fn value(&mut self, tag: u32) -> Option<&'a [u8]> {
        self.find(tag).map(|field| self.message.value(field))
    }

    /// The number of a field that may be missing; `None` if it is malformed.
    #[inline(always)]
    fn number(&mut self, tag: u32) -> Option<Option<Decimal>> {
        match self.find(tag) {
            Some(field) => self.message.decimal_of(field).ok().map(Some),
            None => Some(None),
        }
    }

    /// Whether the tags of all fields ascend: then none was missed, and none stands twice.
    #[inline(always)]
    fn ends(mut self) -> bool {
        self.find(u32::MAX);
        self.is_ascending
    }
}

/// Which order a report that cannot be read is about, as far as its ids can be.
pub(super) fn order_of(message: &Message<'_>) -> (Option<ClOrdId>, OrderId) {
    let order_id = text(message.get(tag::ORDER_ID)).unwrap_or_default();
    (cl_ord_id(message.get(tag::CL_ORD_ID)), order_id)
}

fn cl_ord_id(value: Option<&[u8]>) -> Option<ClOrdId> {
    value.and_then(|value| ClOrdId::parse(value).ok())
}

fn text<const N: usize>(value: Option<&[u8]>) -> Option<FixStr<N>> {
    value.and_then(|value| FixStr::new(value).ok())
}

/// An amount of the quote currency in units of price x quantity, if it is a whole number of them.
fn money(facts: &Instrument, amount: Decimal) -> Option<i64> {
    let scale = facts.price_precision.checked_add(facts.qty_precision)?;
    amount.to_scale(scale).ok()
}

fn optional_px(
    facts: &Instrument,
    value: Option<Decimal>,
    tag: u32,
) -> Result<Option<Px>, Unreadable> {
    value.map(|value| px_of(facts, value, tag)).transpose()
}

fn px(facts: &Instrument, value: Option<Decimal>, tag: u32) -> Result<Px, Unreadable> {
    px_of(facts, value.ok_or(tag)?, tag)
}

fn qty(facts: &Instrument, value: Option<Decimal>, tag: u32) -> Result<Qty, Unreadable> {
    qty_of(facts, value.ok_or(tag)?, tag)
}

const fn read_liquidity(value: &[u8]) -> Option<Liquidity> {
    match value {
        b"0" => Some(Liquidity::Maker),
        b"1" => Some(Liquidity::Taker),
        _ => None,
    }
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
