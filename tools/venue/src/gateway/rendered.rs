//! ExecutionReports from templates: of the reports of plain orders (no trigger, no iceberg, no fill) only a
//! dozen values change from one to the next. The bytes are those of
//! [`write_execution_report`](super::report::write_execution_report), which writes every other report and
//! says what stands where.

use std::ops::Range;

use rustc_hash::FxHashMap;
use taut::event::{ExecType, OrdStatus};
use taut::types::{CompId, OrdType, Side, Symbol, TimeInForce};
use taut_codec::encode::EncodeError;
use taut_codec::encode::template::Template;
use taut_codec::tag;
use taut_codec::value::{Decimal, TimestampCache, UtcTime};

use super::exec_id::exec_id;
use super::number::Amount;
use super::report::{self, ExecutionReport};

/// Templates that are kept, a kilobyte each: a few for every one of some hundred sessions. One more takes the
/// place of another.
const TEMPLATES_MAX: usize = 2_048;
/// A template's pieces: one for each value, one more, and what long CompIDs and symbols need.
const PIECES: usize = 24;

/// What is the same in all reports of one template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    exec_type: ExecType,
    ord_status: OrdStatus,
    side: Side,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    has_orig: bool,
    has_text: bool,
    symbol: Symbol,
    sender: CompId,
    target: CompId,
}

/// The templates that were used last.
#[derive(Debug, Default)]
pub(super) struct ReportTemplates {
    kept: Vec<(Kind, Template<PIECES>)>,
    /// Where each kind stands.
    places: FxHashMap<Kind, usize>,
    /// Where the next one goes when there is no room.
    next: usize,
    times: TimestampCache,
}

/// A report and its template.
pub(super) struct Prepared<'a> {
    template: &'a Template<PIECES>,
    times: &'a mut TimestampCache,
    report: &'a ExecutionReport<'a>,
    average: Decimal,
    qty: Decimal,
    leaves: Decimal,
    notional: Decimal,
}

impl ReportTemplates {
    /// The template of a report from `sender` to `target`; `None` for one that has none.
    pub fn prepare<'a>(
        &'a mut self,
        (sender, target): (CompId, CompId),
        report: &'a ExecutionReport<'a>,
    ) -> Option<Prepared<'a>> {
        // Every field is named, so that a new one is thought of: these are in a template or its values ...
        let ExecutionReport {
            instrument: _,
            cl_ord_id: _,
            orig_cl_ord_id: _,
            order_id: _,
            report_time: _,
            transact_time: _,
            exec_type: _,
            ord_status: _,
            side: _,
            ord_type: _,
            qty_in_quote: _,
            time_in_force: _,
            qty: _,
            price: _,
            cum: _,
            leaves: _,
            notional: _,
            average: _,
            text: _,
            // ... and these are not.
            stop,
            triggered_by,
            allocation,
            display,
            fill,
            late_trades,
        } = report;
        let is_plain = stop.is_none()
            && triggered_by.is_none()
            && allocation.is_none()
            && display.is_none()
            && fill.is_none()
            && !late_trades;
        if !is_plain {
            return None;
        }
        let narrow = Amount::narrow;
        let (average, notional) = (narrow(report.average())?, narrow(report.gross())?);
        let (qty, leaves) = (narrow(report.open(report.qty))?, narrow(report.open(report.leaves))?);
        let kind = Kind {
            exec_type: report.exec_type,
            ord_status: report.ord_status,
            side: report.side,
            ord_type: report.ord_type,
            time_in_force: report.time_in_force,
            has_orig: report.orig_cl_ord_id.is_some(),
            has_text: report.is_described() || report.text.is_some(),
            symbol: report.instrument.symbol,
            sender,
            target,
        };
        let at = self.find(&kind)?;
        let Self { kept, times, .. } = self;
        Some(Prepared { template: &kept[at].1, times, report, average, qty, leaves, notional })
    }

    /// Where the template of a kind is. It is made if there is none; `None` if it cannot be.
    fn find(&mut self, kind: &Kind) -> Option<usize> {
        if let Some(&at) = self.places.get(kind) {
            return Some(at);
        }
        let template = template(kind).ok()?;
        let at = if self.kept.len() < TEMPLATES_MAX {
            self.kept.push((*kind, template));
            self.kept.len() - 1
        } else {
            let at = self.next;
            self.next = (at + 1) % TEMPLATES_MAX;
            let (before, _) = std::mem::replace(&mut self.kept[at], (*kind, template));
            self.places.remove(&before);
            at
        };
        self.places.insert(*kind, at);
        Some(at)
    }
}

fn template(kind: &Kind) -> Result<Template<PIECES>, EncodeError> {
    let mut template = Template::new(b"8");
    template
        .slot(tag::MSG_SEQ_NUM)
        .bytes(tag::SENDER_COMP_ID, kind.sender.as_bytes())
        .slot(tag::SENDING_TIME)
        .bytes(tag::TARGET_COMP_ID, kind.target.as_bytes())
        .slot(tag::AVG_PX)
        .slot(tag::CL_ORD_ID)
        .slot(tag::CUM_QTY)
        .slot(tag::EXEC_ID)
        .slot(tag::ORDER_ID)
        .slot(tag::ORDER_QTY)
        .bytes(tag::ORD_STATUS, &[report::ord_status(kind.ord_status)])
        .bytes(tag::ORD_TYPE, &[kind.ord_type.fix()]);
    if kind.has_orig {
        template.slot(tag::ORIG_CL_ORD_ID);
    }
    if kind.ord_type.has_limit() {
        template.slot(tag::PRICE);
    }
    template.bytes(tag::SIDE, &[kind.side.fix()]).bytes(tag::SYMBOL, kind.symbol.as_bytes());
    if kind.has_text {
        template.slot(tag::TEXT);
    }
    template
        .bytes(tag::TIME_IN_FORCE, &[kind.time_in_force.fix()])
        .slot(tag::TRANSACT_TIME)
        .bytes(tag::EXEC_TYPE, &[report::exec_type(kind.exec_type)])
        .slot(tag::LEAVES_QTY)
        .slot(tag::GROSS_TRADE_AMT)
        .finish()
}

impl Prepared<'_> {
    /// Writes the whole message; see [`Template::fill`].
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn fill(
        self,
        buffer: &mut [u8],
        msg_seq_num: u64,
        now: UtcTime,
    ) -> Result<Range<usize>, EncodeError> {
        let Self { template, times, report, average, qty, leaves, notional } = self;
        let instrument = report.instrument;
        let filler = template.fill(buffer).uint(msg_seq_num).time(times.to_fix_millis(now));
        let filler = filler
            .decimal(average, 1)
            .cl_ord_id(report.cl_ord_id)
            .decimal(instrument.qty_decimal(report.cum), 1)
            .bytes(exec_id(report.cl_ord_id, report.report_time).as_bytes())
            .bytes(report.order_id.as_bytes())
            .decimal(qty, 1);
        let filler = match report.orig_cl_ord_id {
            Some(orig) => filler.cl_ord_id(orig),
            None => filler,
        };
        let filler = match report.ord_type.has_limit() {
            true => filler.decimal(instrument.px_decimal(report.price), 1),
            false => filler,
        };
        let filler = match report.text {
            _ if report.is_described() => filler.bytes(report::description(report).as_bytes()),
            Some(text) => filler.bytes(text.as_bytes()),
            None => filler,
        };
        filler
            .time(times.to_fix_millis(report.transact_time))
            .decimal(leaves, 1)
            .decimal(notional, 1)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use taut::types::{ClOrdId, Px, Qty};
    use taut_codec::encode::{Encoder, Header, HeaderOrder};

    use super::*;
    use crate::config::InstrumentConfig;
    use crate::gateway::report::write_execution_report;

    fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
        proptest::sample::select(all)
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_encoder(
            (exec_type, ord_status) in any_of(&[
                (ExecType::PendingNew, OrdStatus::PendingNew),
                (ExecType::New, OrdStatus::New),
                (ExecType::Canceled, OrdStatus::Canceled),
                (ExecType::Replaced, OrdStatus::Replaced),
                (ExecType::Expired, OrdStatus::Expired),
                (ExecType::OrderStatus, OrdStatus::PartiallyFilled),
            ]),
            side in any_of(&[Side::Buy, Side::Sell]),
            ord_type in any_of(&[OrdType::Market, OrdType::Limit]),
            time_in_force in any_of(&[TimeInForce::Gtc, TimeInForce::Ioc]),
            (id, orig) in (1u64..1 << 50, proptest::option::of(1u64..1 << 50)),
            uuid in any::<bool>(),
            text in proptest::option::of("[ -~]{1,80}"),
            (qty, cum, leaves, price) in (0..1i64 << 40, 0..1i64 << 40, 0..1i64 << 40, 0..1i64 << 40),
            notional in -1i128 << 90..1i128 << 90,
            small in any::<bool>(),
            (qty_in_quote, average) in any::<(bool, bool)>(),
            times in prop::array::uniform3(0..4_000_000_000_000_000_000u64),
            number in 1u64..1 << 40,
        ) {
            let instrument = InstrumentConfig::default().instrument().unwrap();
            let report = ExecutionReport {
                instrument: &instrument,
                cl_ord_id: match uuid {
                    true => ClOrdId::uuid(u128::MAX - u128::from(id)).unwrap(),
                    false => ClOrdId::numeric(id).unwrap(),
                },
                orig_cl_ord_id: orig.and_then(ClOrdId::numeric),
                order_id: "OKWUQF-YPJM2-DTAJHH".parse().unwrap(),
                report_time: UtcTime(times[0]),
                transact_time: UtcTime(times[1]),
                exec_type,
                ord_status,
                side,
                ord_type,
                stop: None,
                triggered_by: None,
                allocation: None,
                display: None,
                qty_in_quote,
                time_in_force,
                qty: Qty(qty),
                price: Px(price),
                cum: Qty(cum),
                leaves: Qty(leaves),
                notional: if small { notional >> 60 } else { notional },
                average,
                fill: None,
                late_trades: false,
                text: text.as_deref(),
            };
            let (sender, target): (CompId, CompId) = ("KRAKEN-TRD".parse().unwrap(), "damien".parse().unwrap());
            let now = UtcTime(times[2]);
            let header = Header {
                msg_type: b"8",
                msg_seq_num: number,
                sender: sender.as_bytes(),
                target: target.as_bytes(),
                sending_time: now,
                orig_sending_time: None,
                order: HeaderOrder::SeqSenderTimeTarget,
            };
            let mut plainly = [0; 2048];
            let mut encoder = Encoder::begin(&mut plainly, &header);
            write_execution_report(&mut encoder, &report);
            let range = encoder.finish().unwrap();
            let mut templates = ReportTemplates::default();
            // The second time the template is there.
            for _ in 0..2 {
                let mut buffer = [0; 2048];
                let Some(prepared) = templates.prepare((sender, target), &report) else {
                    prop_assert!(Amount::narrow(report.gross()).is_none() || Amount::narrow(report.average()).is_none());
                    return Ok(());
                };
                let filled = prepared.fill(&mut buffer, number, now).unwrap();
                prop_assert_eq!(
                    String::from_utf8_lossy(&buffer[filled]),
                    String::from_utf8_lossy(&plainly[range.clone()])
                );
            }
        }
    }

    #[test]
    fn a_further_kind_takes_the_place_of_another_and_none_is_mixed_up() {
        let mut templates = ReportTemplates::default();
        let kind = |number: usize| Kind {
            exec_type: ExecType::New,
            ord_status: OrdStatus::New,
            side: Side::Buy,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            has_orig: false,
            has_text: true,
            symbol: "BTC/USD".parse().unwrap(),
            sender: "KRAKEN-TRD".parse().unwrap(),
            target: format!("CLIENT{number}").parse().unwrap(),
        };
        for number in 0..3 * TEMPLATES_MAX {
            let at = templates.find(&kind(number)).unwrap();
            assert_eq!(templates.kept[at].0, kind(number));
            assert_eq!(templates.find(&kind(number)), Some(at));
        }
        assert_eq!((templates.kept.len(), templates.places.len()), (TEMPLATES_MAX, TEMPLATES_MAX));
    }
}
