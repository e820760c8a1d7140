//! ExecutionReport (35=8), venue file 4.6.

use taut_codec::message::Message;
use taut_codec::scan::Field;
use taut_codec::tag;
use taut_codec::value::{Decimal, FixStr, UtcTime};

use super::{Unreadable, cut_text, decimal, instrument_of, px_of, qty_of};
use crate::event::{EventText, ExecType, Fill, Liquidity, OrdStatus, Report};
use crate::kraken::instruments::Instruments;
use crate::types::{ClOrdId, ExecId, Instrument, OrdType, OrderId, Px, Qty, Side, TimeInForce};

/// Reads a report: its fields in one pass, whatever their order, then what they mean by the
/// instrument's facts.
pub(super) fn read(message: &Message<'_>, instruments: &Instruments) -> Result<Report, Unreadable> {
    let mut fields = Fields::default();
    for field in message.fields() {
        fields.take(message, field)?;
    }
    let (instrument, facts) = instrument_of(fields.symbol, instruments)?;
    let exec_type = fields.exec_type.ok_or(tag::EXEC_TYPE)?;
    Ok(Report {
        instrument,
        cl_ord_id: fields.cl_ord_id.ok_or(tag::CL_ORD_ID)?,
        orig_cl_ord_id: fields.orig_cl_ord_id,
        order_id: fields.order_id.ok_or(tag::ORDER_ID)?,
        exec_id: fields.exec_id.ok_or(tag::EXEC_ID)?,
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
        fee: fields.fee_amount.zip(fields.fee_currency),
        transact_time: fields.transact_time,
        poss_dup: fields.poss_dup,
        text: fields.text,
    })
}

/// What the fields say, before it is known how many decimals the instrument has.
#[derive(Default)]
struct Fields<'a> {
    symbol: Option<&'a [u8]>,
    cl_ord_id: Option<ClOrdId>,
    orig_cl_ord_id: Option<ClOrdId>,
    order_id: Option<OrderId>,
    exec_id: Option<ExecId>,
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
    fee_currency: Option<FixStr<11>>,
    transact_time: UtcTime,
    poss_dup: bool,
    text: EventText,
}

impl<'a> Fields<'a> {
    #[inline]
    fn take(&mut self, message: &Message<'a>, field: &Field) -> Result<(), Unreadable> {
        let value = message.value(field);
        let number = || decimal(message, field).map(Some);
        match field.tag {
            tag::SYMBOL => self.symbol = Some(value),
            tag::CL_ORD_ID => self.cl_ord_id = ClOrdId::parse(value).ok(),
            tag::ORIG_CL_ORD_ID => self.orig_cl_ord_id = ClOrdId::parse(value).ok(),
            tag::ORDER_ID => self.order_id = OrderId::new(value).ok(),
            tag::EXEC_ID => self.exec_id = ExecId::new(value).ok(),
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
            tag::LIQUIDITY_IND => {
                self.liquidity = match value {
                    b"0" => Some(Liquidity::Maker),
                    b"1" => Some(Liquidity::Taker),
                    _ => None,
                }
            }
            tag::MISC_FEE_AMT => self.fee_amount = number()?,
            tag::MISC_FEE_CURR => self.fee_currency = FixStr::new(value).ok(),
            tag::TRANSACT_TIME => {
                self.transact_time = UtcTime::parse(value).map_err(|_| field.tag)?;
            }
            tag::POSS_DUP_FLAG | tag::POSS_RESEND => self.poss_dup |= value == b"Y",
            tag::TEXT => self.text = cut_text(value),
            _ => {}
        }
        Ok(())
    }
}

/// Which order a report that cannot be read is about, as far as its ids can be.
pub(super) fn order_of(message: &Message<'_>) -> (Option<ClOrdId>, OrderId) {
    let cl_ord_id = message.get(tag::CL_ORD_ID).and_then(|value| ClOrdId::parse(value).ok());
    let order_id = message.get(tag::ORDER_ID).and_then(|value| OrderId::new(value).ok());
    (cl_ord_id, order_id.unwrap_or_default())
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
