//! The gateway's own messages to a trading session: ExecutionReport (8), BusinessMessageReject (j)
//! and the session-level Reject (3) of its field checks. Body fields ascend by tag, as captured
//! (venue file 3.1); each golden capture is a test below.

use taut::event::{ExecType, Liquidity, OrdStatus};
use taut::types::{ClOrdId, Instrument, OrdType, OrderId, Px, Qty, Side, TimeInForce};
use taut_codec::encode::Encoder;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::Market;
use super::exec_id::exec_id;
use super::line::Line;
use super::number::Amount;
use crate::oes::request::AllocAccount;

/// Decimals of AvgPx(6) beyond those of a price.
const AVG_PX_MORE_DECIMALS: u8 = 8;

/// What an ExecutionReport says; field presence by ExecType follows venue file 4.6.2.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionReport<'a> {
    /// The rules of what is traded.
    pub instrument: &'a Instrument,
    /// ClOrdID(11): the last request on the order.
    pub cl_ord_id: ClOrdId,
    /// OrigClOrdID(41).
    pub orig_cl_ord_id: Option<ClOrdId>,
    /// OrderID(37).
    pub order_id: OrderId,
    /// When this report is made, unique; goes into ExecID(17).
    pub report_time: UtcTime,
    /// TransactTime(60): when the event happened.
    pub transact_time: UtcTime,
    /// ExecType(150).
    pub exec_type: ExecType,
    /// OrdStatus(39).
    pub ord_status: OrdStatus,
    /// Side(54).
    pub side: Side,
    /// OrdType(40); once triggered the resulting one.
    pub ord_type: OrdType,
    /// StopPx(99), of an order that has or had a trigger.
    pub stop: Option<Px>,
    /// TriggerPrice(1102).
    pub triggered_by: Option<Px>,
    /// AllocAccount(79), in a group of one.
    pub allocation: Option<AllocAccount>,
    /// DisplayQty(1138), of an iceberg.
    pub display: Option<Qty>,
    /// Whether OrderQty and LeavesQty are in the quote currency (18=v).
    pub qty_in_quote: bool,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// OrderQty(38).
    pub qty: Qty,
    /// Price(44), for a type with a limit.
    pub price: Px,
    /// CumQty(14).
    pub cum: Qty,
    /// LeavesQty(151).
    pub leaves: Qty,
    /// GrossTradeAmt(381), units of 10^-(`price_precision` + `qty_precision`).
    pub notional: i128,
    /// Whether AvgPx(6) tells the average; `0.0` if not.
    pub average: bool,
    /// The trade, on `F`.
    pub fill: Option<FillReport<'a>>,
    /// Whether ExecRestatementReason(378) says that trades were not reported in time.
    pub late_trades: bool,
    /// Text(58), on `4` and `C`. The description on `A` and `0` is made here.
    pub text: Option<&'a str>,
}

/// The trade of an ExecutionReport.
#[derive(Debug, Clone, Copy)]
pub struct FillReport<'a> {
    /// LastPx(31).
    pub px: Px,
    /// LastQty(32).
    pub qty: Qty,
    /// LiquidityInd(5050).
    pub liquidity: Liquidity,
    /// SecondaryExecID(527), unique per pair.
    pub trade_seq: u64,
    /// MiscFeeAmt(137), cumulative over the order's trades (venue file 6.13).
    pub fee: Amount,
    /// MiscFeeCurr(138).
    pub fee_currency: &'a str,
    /// Whether MiscFeeBasis(891) is sent; the table lists it, the examples omit it.
    pub fee_basis: bool,
}

/// Writes the body of an ExecutionReport.
pub fn write_execution_report(enc: &mut Encoder<'_>, report: &ExecutionReport<'_>) {
    let instrument = report.instrument;
    let (notional, average) = (report.gross(), report.average());
    let mut scratch = [0; ClOrdId::TEXT_MAX];
    average.write(enc, tag::AVG_PX);
    enc.bytes(tag::CL_ORD_ID, report.cl_ord_id.write(&mut scratch))
        .decimal(tag::CUM_QTY, instrument.qty_decimal(report.cum), 1)
        .bytes(tag::EXEC_ID, exec_id(report.cl_ord_id, report.report_time).as_bytes());
    if let Some(fill) = &report.fill {
        enc.decimal(tag::LAST_PX, instrument.px_decimal(fill.px), 1).decimal(
            tag::LAST_QTY,
            instrument.qty_decimal(fill.qty),
            1,
        );
    }
    enc.bytes(tag::ORDER_ID, report.order_id.as_bytes());
    report.open(report.qty).write(enc, tag::ORDER_QTY);
    enc.byte(tag::ORD_STATUS, ord_status(report.ord_status))
        .byte(tag::ORD_TYPE, report.ord_type.fix());
    if let Some(orig) = report.orig_cl_ord_id {
        enc.bytes(tag::ORIG_CL_ORD_ID, orig.write(&mut scratch));
    }
    if report.ord_type.has_limit() {
        enc.decimal(tag::PRICE, instrument.px_decimal(report.price), 1);
    }
    enc.byte(tag::SIDE, report.side.fix()).bytes(tag::SYMBOL, instrument.symbol.as_bytes());
    if report.is_described() {
        enc.bytes(tag::TEXT, description(report).as_bytes());
    } else if let Some(text) = report.text {
        enc.bytes(tag::TEXT, text.as_bytes());
    }
    enc.byte(tag::TIME_IN_FORCE, report.time_in_force.fix())
        .time(tag::TRANSACT_TIME, report.transact_time);
    if let Some(account) = &report.allocation {
        enc.uint(tag::NO_ALLOCS, 1).bytes(tag::ALLOC_ACCOUNT, account.as_bytes());
    }
    if let Some(stop) = report.stop {
        enc.decimal(tag::STOP_PX, instrument.px_decimal(stop), 1);
    }
    if let Some(fill) = &report.fill {
        let money = i128::from(fill.px.0) * i128::from(fill.qty.0);
        Amount { units: money, ..notional }.write(enc, tag::NET_MONEY);
        enc.uint(tag::NO_MISC_FEES, 1);
        fill.fee.write(enc, tag::MISC_FEE_AMT);
        enc.bytes(tag::MISC_FEE_CURR, fill.fee_currency.as_bytes()).byte(tag::MISC_FEE_TYPE, b'4');
        if fill.fee_basis {
            enc.byte(tag::MISC_FEE_BASIS, b'2');
        }
    }
    enc.byte(tag::EXEC_TYPE, exec_type(report.exec_type));
    report.open(report.leaves).write(enc, tag::LEAVES_QTY);
    if report.late_trades {
        enc.byte(tag::EXEC_RESTATEMENT_REASON, b'3');
    }
    notional.write(enc, tag::GROSS_TRADE_AMT);
    if let Some(fill) = &report.fill {
        let mut trade_id = Line::default();
        trade_id.text(instrument.symbol.as_bytes()).text(b"-").uint(fill.trade_seq);
        enc.uint(tag::SECONDARY_EXEC_ID, fill.trade_seq).bytes(tag::TRADE_ID, trade_id.as_bytes());
    }
    if let Some(px) = report.triggered_by {
        enc.decimal(tag::TRIGGER_PRICE, instrument.px_decimal(px), 1);
    }
    if let Some(display) = report.display {
        enc.decimal(tag::DISPLAY_QTY, instrument.qty_decimal(display), 1);
    }
    if let Some(fill) = &report.fill {
        let maker = fill.liquidity == Liquidity::Maker;
        enc.byte(tag::LIQUIDITY_IND, if maker { b'0' } else { b'1' });
    }
}

impl ExecutionReport<'_> {
    /// GrossTradeAmt(381).
    pub(super) const fn gross(&self) -> Amount {
        let Instrument { price_precision, qty_precision, .. } = *self.instrument;
        Amount { units: self.notional, scale: price_precision + qty_precision }
    }

    /// AvgPx(6).
    pub(super) fn average(&self) -> Amount {
        if !self.average {
            return Amount::ZERO;
        }
        Amount { units: self.notional, scale: self.instrument.price_precision }
            .divided(i128::from(self.cum.0), AVG_PX_MORE_DECIMALS)
    }

    /// Whether Text(58) describes the order.
    pub(super) const fn is_described(&self) -> bool {
        matches!(self.exec_type, ExecType::PendingNew | ExecType::New)
    }

    /// A quantity of which the order counts what is open.
    pub(super) fn open(&self, qty: Qty) -> Amount {
        let Instrument { price_precision, qty_precision, .. } = *self.instrument;
        let more = if self.qty_in_quote { price_precision } else { 0 };
        Amount { units: i128::from(qty.0), scale: qty_precision + more }
    }
}

/// `buy 0.01 BTC/USD @ limit 1000` (captured). Of other types as REST prints them (venue file 4.6.2), a
/// trailing stop with its distance, its limit as an offset (SIM).
pub(super) fn description(report: &ExecutionReport<'_>) -> Line {
    let stop = report.instrument.px_decimal(report.stop.unwrap_or_default());
    let limit = report.instrument.px_decimal(report.price);
    let mut line = Line::default();
    line.text(if report.side == Side::Buy { b"buy " } else { b"sell " })
        .amount(report.open(report.qty))
        .text(b" ")
        .text(report.instrument.symbol.as_bytes())
        .text(b" @ ");
    match report.ord_type {
        OrdType::Market => line.text(b"market"),
        OrdType::Limit => line.text(b"limit ").decimal(limit),
        OrdType::StopLoss => line.text(b"stop loss ").decimal(stop),
        OrdType::StopLossLimit => {
            line.text(b"stop loss ").decimal(stop).text(b" -> limit ").decimal(limit)
        }
        OrdType::TakeProfit => line.text(b"take profit ").decimal(stop),
        OrdType::TakeProfitLimit => {
            line.text(b"take profit ").decimal(stop).text(b" -> limit ").decimal(limit)
        }
        OrdType::TrailingStop => line.text(b"trailing stop +").decimal(stop),
        OrdType::TrailingStopLimit => {
            let sign: &[u8] = if report.price.0 < 0 { b"" } else { b"+" };
            line.text(b"trailing stop +").decimal(stop).text(b" -> limit ");
            line.text(sign).decimal(limit)
        }
    };
    line
}

pub(super) const fn exec_type(exec_type: ExecType) -> u8 {
    match exec_type {
        ExecType::PendingNew => b'A',
        ExecType::New => b'0',
        ExecType::Trade => b'F',
        ExecType::Canceled => b'4',
        ExecType::Replaced => b'5',
        ExecType::Expired => b'C',
        ExecType::Restated => b'D',
        ExecType::OrderStatus => b'I',
        ExecType::Rejected => b'8',
    }
}

pub(super) const fn ord_status(status: OrdStatus) -> u8 {
    match status {
        OrdStatus::PendingNew => b'A',
        OrdStatus::New => b'0',
        OrdStatus::PartiallyFilled => b'1',
        OrdStatus::Filled => b'2',
        OrdStatus::Canceled => b'4',
        OrdStatus::Replaced => b'5',
        OrdStatus::PendingCancel => b'6',
        OrdStatus::Rejected => b'8',
        OrdStatus::Expired => b'C',
        OrdStatus::PendingReplace => b'E',
    }
}

/// How Text(58) of a BusinessMessageReject is written (venue file 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusinessTextForm {
    /// `<ClOrdID> : <error>`, as captured on spot; on derivatives `ClOrdID <ClOrdID> : <error>` with
    /// `EGeneral:Other:` in front of a code, as seen in production.
    #[default]
    Captured,
    /// `<error>`, as in the examples of the documentation.
    Bare,
}

/// A refusal by the order entry service or the engine: 35=j.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusinessReject<'a> {
    /// RefMsgType(372).
    pub ref_msg_type: &'a [u8],
    /// BusinessRejectRefID(379): the ClOrdID of what was refused, if it has one.
    pub ref_id: &'a [u8],
    /// BusinessRejectReason(380).
    pub reason: u32,
    /// The error.
    pub text: &'a str,
}

/// Writes the body of a BusinessMessageReject. RefSeqNum(45) is 0, as captured (venue file 4.7).
pub fn write_business_reject(
    enc: &mut Encoder<'_>,
    reject: &BusinessReject<'_>,
    (form, market): (BusinessTextForm, Market),
) {
    enc.uint(tag::REF_SEQ_NUM, 0);
    if form == BusinessTextForm::Captured && !reject.ref_id.is_empty() {
        let is_code = reject.text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let (before, class): (&[u8], &[u8]) = match market {
            Market::Spot => (b"", b""),
            Market::Derivatives if is_code => (b"ClOrdID ", b"EGeneral:Other:"),
            Market::Derivatives => (b"ClOrdID ", b""),
        };
        let text = [before, reject.ref_id, b" : ", class, reject.text.as_bytes()].concat();
        enc.bytes(tag::TEXT, &text);
    } else {
        enc.bytes(tag::TEXT, reject.text.as_bytes());
    }
    enc.bytes(tag::REF_MSG_TYPE, reject.ref_msg_type);
    if !reject.ref_id.is_empty() {
        enc.bytes(tag::BUSINESS_REJECT_REF_ID, reject.ref_id);
    }
    enc.uint(tag::BUSINESS_REJECT_REASON, u64::from(reject.reason));
}

/// Which fields a session-level Reject has (venue file C14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectForm {
    /// 45, 371, 372, 373, 58, as documented.
    #[default]
    Documented,
    /// 45 and 58, as captured.
    Captured,
}

/// A refusal by the gateway's field checks: 35=3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldReject {
    /// RefTagID(371).
    pub ref_tag: u32,
    /// SessionRejectReason(373).
    pub reason: u32,
    /// Text(58).
    pub text: String,
}

/// Writes the body of a session-level Reject in the order of the documented example.
pub fn write_field_reject(
    enc: &mut Encoder<'_>,
    ref_seq_num: u64,
    ref_msg_type: &[u8],
    reject: &FieldReject,
    form: RejectForm,
) {
    enc.uint(tag::REF_SEQ_NUM, ref_seq_num);
    if form == RejectForm::Documented {
        enc.uint(tag::REF_TAG_ID, u64::from(reject.ref_tag))
            .bytes(tag::REF_MSG_TYPE, ref_msg_type)
            .uint(tag::SESSION_REJECT_REASON, u64::from(reject.reason));
    }
    enc.bytes(tag::TEXT, reject.text.as_bytes());
}
