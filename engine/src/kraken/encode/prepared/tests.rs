use proptest::prelude::*;
use taut_codec::encode::{Encoder, Header};
use taut_codec::value::Decimal;

use super::*;
use crate::command::{SelfTrade, Watches};
use crate::kraken::encode::Encodable;
use crate::limits::INSTRUMENTS_MAX;
use crate::types::{ClOrdId, OrdType, OrderId, PairStatus, Px, Qty, Side, Symbol, TimeInForce};

const LONGEST_COMP_ID: &str = "a-comp-id-of-forty-seven-bytes-the-longest-taken";

fn facts(n: u16, price_precision: u8, qty_precision: u8) -> Instrument {
    let names = ["BTC/USD", "PF_XBTUSD", "a/symbol/of/23/bytes/xx"];
    let symbol = format!("{n}{}", names[usize::from(n) % names.len()]);
    Instrument {
        symbol: Symbol::new(&symbol.as_bytes()[..symbol.len().min(23)]).expect("short enough"),
        price_precision,
        qty_precision,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        qty_max: None,
        cost_min: Decimal::new(0, 0),
        status: PairStatus::Online,
    }
}

fn config(comp_id_len: usize) -> SessionConfig {
    let sender = CompId::new(&LONGEST_COMP_ID.as_bytes()[..comp_id_len]).expect("short enough");
    SessionConfig::initiator(sender, "KRAKEN-DRV-TRD".parse().expect("a CompID"))
}

fn cl_ord_id() -> impl Strategy<Value = ClOrdId> {
    prop_oneof![
        (1..1_000_000_000_000_000_000u64).prop_map(|n| ClOrdId::numeric(n).expect("18 digits")),
        (1u128 << 100..).prop_map(|bits| ClOrdId::uuid(bits).expect("large")),
    ]
}

fn order_id() -> impl Strategy<Value = OrderId> {
    "[A-Z0-9-]{1,36}".prop_map(|text| text.parse().expect("short enough"))
}

#[derive(Debug, Clone)]
enum Any {
    New(NewOrder),
    Replace(ReplaceOrder),
    Cancel(CancelOrder),
}

fn any_order() -> impl Strategy<Value = Any> {
    let ids = (cl_ord_id(), cl_ord_id(), prop_oneof![Just(OrderId::default()), order_id()]);
    let flags = (0..3u8, any::<[bool; 7]>(), 0..5u8);
    let numbers = (0..i64::MAX, 0..i64::MAX, 0..INSTRUMENTS_MAX as u16);
    (ids, flags, numbers).prop_map(|(ids, (kind, flags, mode), (px, qty, instrument))| {
        let (cl_ord_id, orig_cl_ord_id, order_id) = ids;
        let [buy, market, ioc, post_only, has_px, has_stop, index] = flags;
        let instrument = InstrumentId(instrument);
        let side = if buy { Side::Buy } else { Side::Sell };
        let ord_type = if market { OrdType::Market } else { OrdType::Limit };
        let time_in_force = if ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
        let stop_px = has_stop.then_some(Px(qty / 3));
        let watches = if index { Watches::Index } else { Watches::LastTrade };
        let (px, qty) = (has_px.then_some(Px(px)), Qty(qty));
        let self_trade =
            [None, Some(SelfTrade::CancelBoth), Some(SelfTrade::CancelNewest), None, None];
        match kind {
            0 => Any::New(NewOrder {
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
                self_trade: self_trade[usize::from(mode)],
            }),
            1 => Any::Replace(ReplaceOrder {
                cl_ord_id,
                orig_cl_ord_id,
                order_id: if order_id.is_empty() { "O".parse().expect("an id") } else { order_id },
                instrument,
                side,
                ord_type,
                time_in_force,
                qty,
                px,
                stop_px,
                post_only,
            }),
            _ => Any::Cancel(CancelOrder { cl_ord_id, orig_cl_ord_id, order_id, instrument, side }),
        }
    })
}

impl Any {
    const fn order(&self) -> Order<'_> {
        match self {
            Self::New(order) => Order::New(order),
            Self::Replace(order) => Order::Replace(order),
            Self::Cancel(cancel) => Order::Cancel(cancel),
        }
    }

    /// As the session writes it with the plain encoder.
    fn plain(&self, config: &SessionConfig, facts: &Instrument, seq: u64, now: UtcTime) -> Vec<u8> {
        let mut buffer = [0; 1024];
        let header = Header {
            msg_type: match self {
                Self::New(_) => b"D",
                Self::Replace(_) => b"G",
                Self::Cancel(_) => b"F",
            },
            msg_seq_num: seq,
            sender: config.sender.as_bytes(),
            target: config.target.as_bytes(),
            sending_time: now,
            orig_sending_time: None,
            order: config.header_order,
        };
        let mut out = Encoder::begin(&mut buffer, &header);
        match self {
            Self::New(order) => Encodable::new_order(&mut out, order, facts, now),
            Self::Replace(order) => Encodable::replace(&mut out, order, facts, now),
            Self::Cancel(cancel) => Encodable::cancel(&mut out, cancel, facts, now),
        }
        let range = out.finish().expect("it fits");
        buffer[range].to_vec()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_prepared_message_has_the_bytes_of_the_plain_encoder(
        orders in prop::collection::vec((any_order(), any::<u64>(), any::<u64>()), 1..40),
        comp_id_len in 1..=47usize,
        precisions in (0..=18u8, 0..=18u8),
    ) {
        let config = config(comp_id_len);
        let mut templates = Templates::new(&config);
        for (any, seq, now) in orders {
            let (order, now) = (any.order(), UtcTime(now));
            let facts = facts(order.instrument().0, precisions.0, precisions.1);
            let mut buffer = [0; 1024];
            let prepared = templates.prepare_order(order, &facts).expect("it fits a template");
            let range = prepared.fill(&mut buffer, seq, now).expect("it fits");
            let written = buffer[range].escape_ascii().to_string();
            let plain = any.plain(&config, &facts, seq, now);
            prop_assert_eq!(written, plain.escape_ascii().to_string());
        }
    }
}

#[test]
fn orders_that_differ_outside_their_values_have_different_shapes() {
    let order = NewOrder {
        cl_ord_id: ClOrdId::numeric(1).expect("positive"),
        instrument: InstrumentId(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(1),
        px: Some(Px(1)),
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    };
    let variants = [
        order,
        NewOrder { instrument: InstrumentId(256), ..order },
        NewOrder { side: Side::Sell, ..order },
        NewOrder { ord_type: OrdType::Market, ..order },
        NewOrder { time_in_force: TimeInForce::Ioc, ..order },
        NewOrder { px: None, ..order },
        NewOrder { post_only: true, ..order },
        NewOrder { stop_px: Some(Px(1)), ..order },
        NewOrder { stop_px: Some(Px(1)), px: None, ..order },
        NewOrder { stop_px: Some(Px(1)), post_only: true, ..order },
        NewOrder { stop_px: Some(Px(1)), watches: Watches::Index, ..order },
        NewOrder { post_only: true, px: None, ..order },
        NewOrder { self_trade: Some(SelfTrade::CancelBoth), ..order },
        NewOrder { self_trade: Some(SelfTrade::CancelOldest), ..order },
    ];
    for (n, one) in variants.iter().enumerate() {
        for other in &variants[..n] {
            assert_ne!(Order::New(one).shape(), Order::New(other).shape(), "{one:?} {other:?}");
        }
    }
    let same = NewOrder { qty: Qty(7), px: Some(Px(9)), ..order };
    assert_eq!(Order::New(&order).shape(), Order::New(&same).shape());
}

#[test]
fn a_session_with_another_header_is_left_to_the_plain_encoder() {
    let usual = config(6);
    assert!(Templates::new(&usual).usual);
    for other in [
        SessionConfig { header_order: HeaderOrder::SenderTargetSeqTime, ..usual },
        SessionConfig { time_precision: TimePrecision::Nanos, ..usual },
        SessionConfig { last_processed: true, ..usual },
    ] {
        assert!(!Templates::new(&other).usual);
    }
}

#[test]
fn what_a_strategy_sends_most_is_rendered_before_its_first_order() {
    let listed: Vec<_> = (0..3).map(|n| (InstrumentId(n), facts(n, 1, 4))).collect();
    let config = config(6);
    let mut templates = Templates::new(&config);
    let shapes = |templates: &Templates| -> Vec<Shape> {
        templates.places.iter().map(|(shape, _)| *shape).filter(|one| one.0 != 0).collect()
    };
    assert!(shapes(&templates).is_empty());
    templates.warm_up(listed.iter().map(|(id, facts)| (*id, facts)), UtcTime(0));
    let warm = shapes(&templates);
    // Two of them may share a place, of which the last keeps it.
    assert!(warm.len() > 3 * WARM_SHAPES * 3 / 4, "{}", warm.len());
    let (instrument, facts) = listed[1];
    let order = NewOrder {
        cl_ord_id: ClOrdId::numeric(7).expect("short"),
        instrument,
        side: Side::Sell,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(70),
        px: Some(Px(99_999)),
        stop_px: None,
        watches: Watches::default(),
        post_only: true,
        self_trade: None,
    };
    assert!(warm.contains(&Order::New(&order).shape()));
    let mut buffer = [0; 512];
    let now = UtcTime(1_775_572_321_000_000_000);
    let prepared = templates.prepare_order(Order::New(&order), &facts).expect("rendered");
    let range = prepared.fill(&mut buffer, 5, now).expect("it fits");
    assert_eq!(
        buffer[range],
        Any::New(order).plain(&config, &facts, 5, now),
        "as if it were the first"
    );
}
