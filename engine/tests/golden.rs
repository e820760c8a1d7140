//! What the engine writes equals what a client of Kraken was captured writing, byte for byte, where
//! it is a message that the engine sends too.
//!
//! Not among them, because the engine writes other fields: the trading Logon (captured without 8674),
//! the captured F (37 without 41), V (an MDReqID of another form), x (of one symbol), and g and H,
//! which the engine does not send.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

use taut::command::{CancelScope, CommandKind, MassCancel, NewOrder, ReplaceOrder, Watches};
use taut::event::{BookAction, BookEntry};
use taut::kraken::encode::{Templates, encodable};
use taut::kraken::instruments::Instruments;
use taut::market::Book;
use taut::order::OrderTable;
use taut::risk::{RiskCheck, RiskLimits, RiskView};
use taut::session::{Outbox, SendError, Session, SessionConfig};
use taut::types::{ClOrdId, InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::encode::{Encoder, HeaderOrder};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::{Decimal, UtcTime};

const ID: InstrumentId = InstrumentId(0);
const FUTURE: InstrumentId = InstrumentId(1);

fn at(text: &str) -> UtcTime {
    UtcTime::parse(text.as_bytes()).unwrap()
}

fn with_message<R>(text: &str, read: impl FnOnce(&Message<'_>) -> R) -> R {
    let bytes = text.replace('|', "\x01").into_bytes();
    let mut fields = vec![Field::default(); 256];
    let count = Scanner::new().index(&bytes, &mut fields).unwrap();
    read(&Message::new(&bytes, &fields[..count]))
}

/// Facts of BTC/USD as captured, and of a future.
fn instruments() -> Instruments {
    let symbols = ["BTC/USD", "PF_ETHUSD"].map(|symbol| symbol.parse().unwrap());
    let mut instruments = Instruments::new(&symbols);
    let list = "8=FIX.4.4|9=177|35=y|49=KRAKEN-MD|56=CLIENT|34=3|52=20231012-09:54:15.317|320=SLS1000002|\
                322=1697104455317568799|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|2349=1|\
                5022=0.1|5032=1|10=068|";
    let future = "8=FIX.4.4|9=150|35=y|49=KRAKEN-DRV-MD|56=CLIENT|34=3|52=20231012-09:54:15.317|320=1|322=1|\
                  560=0|146=1|55=PF_ETHUSD|562=0.001|5010=3|5011=0.001|2349=1|5022=0.1|5032=1|10=041|";
    for list in [list, future] {
        with_message(list, |message| instruments.read_list(message, |_, _| ())).unwrap();
    }
    instruments
}

/// A session with its Logon written and, where there is more to say, accepted.
struct Desk {
    session: Session,
    out: Outbox,
}

impl Desk {
    fn new(sender: &str, target: &str, order: HeaderOrder, now: UtcTime) -> Self {
        let mut config = SessionConfig::initiator(sender.parse().unwrap(), target.parse().unwrap());
        config.reset_on_logon = true;
        config.header_order = order;
        let (mut session, mut out) = (Session::new(config), Outbox::new());
        session.connected(now, &mut out, |_, _| ()).unwrap();
        Self { session, out }
    }

    /// The venue accepts at `now`, and `number` is the next that we send.
    fn up(sender: &str, target: &str, order: HeaderOrder, number: u64, now: UtcTime) -> Self {
        let mut desk = Self::new(sender, target, order, now);
        let time = String::from_utf8(now.to_fix_millis().to_vec()).unwrap();
        let body = format!("35=A|34=1|49={target}|52={time}|56={sender}|98=0|108=60|141=Y|");
        let head = format!("8=FIX.4.4|9={}|{body}", body.len());
        let sum = head.replace('|', "\x01").bytes().fold(0, u8::wrapping_add);
        let answer = format!("{head}10={sum:03}|");
        with_message(&answer, |message| desk.session.received(message, now, &mut desk.out));
        while desk.session.next_out() < number {
            desk.session.send(b"0", now, &mut desk.out, |_| ()).unwrap();
        }
        desk.out.clear();
        desk
    }

    fn written(&mut self) -> String {
        String::from_utf8(self.out.pending().to_vec()).unwrap().replace('\x01', "|")
    }

    fn send(&mut self, kind: &CommandKind, now: UtcTime, transact_time: UtcTime) -> String {
        let instruments = instruments();
        let body = encodable(kind, &instruments).unwrap();
        let write = |out: &mut Encoder<'_>| body.write(out, transact_time);
        self.session.send(body.msg_type(), now, &mut self.out, write).unwrap();
        self.written()
    }

    /// As the engine sends it: 52 and 60 are one time.
    fn send_rendered(&mut self, kind: &CommandKind, now: UtcTime) -> String {
        let (instruments, mut templates) = (instruments(), Templates::new(self.session.config()));
        let prepared = templates.prepare(kind, &instruments).unwrap();
        let msg_type = encodable(kind, &instruments).unwrap().msg_type();
        let fill = |buffer: &mut [u8], seq| prepared.fill(buffer, seq, now);
        self.session.send_rendered(msg_type, now, &mut self.out, fill).unwrap();
        self.written()
    }
}

/// A risk check and a book around `px`, so that an order at it may pass.
fn risk(px: Px) -> (RiskCheck, Book) {
    let limits = RiskLimits {
        max_order_qty: Decimal::new(10, 0),
        max_notional: Decimal::new(1_000_000, 0),
        collar_bps: 1_000,
        max_position: Decimal::new(10, 0),
        max_open_orders: 10,
        commands_per_second: 10,
        burst: 10,
        ..RiskLimits::UNLIMITED
    };
    let mut risk = RiskCheck::new([limits; 2].into_iter());
    for id in [ID, FUTURE] {
        risk.set_instrument(id, instruments().facts(id).unwrap());
    }
    let mut book = Book::new();
    for (side, px) in [(Side::Buy, Px(px.0 - 1)), (Side::Sell, Px(px.0 + 1))] {
        let (action, sent) = (BookAction::Set, UtcTime(0));
        let qty = Qty(1);
        let entry =
            BookEntry { instrument: ID, side, action, px, qty, last: true, checksum: None, sent };
        book.apply(&entry).unwrap();
    }
    (risk, book)
}

fn view(book: &Book) -> RiskView<'_> {
    RiskView { book: Some(book), position: 0, open: [0, 0], open_orders: 0 }
}

#[test]
fn the_captured_market_data_logon_is_written_byte_for_byte() {
    let order = HeaderOrder::SenderTargetSeqTime;
    let mut desk = Desk::new("damien", "KRAKEN-MD", order, at("20230707-13:31:03.000"));
    assert_eq!(
        desk.written(),
        "8=FIX.4.4|9=76|35=A|49=damien|56=KRAKEN-MD|34=1|52=20230707-13:31:03.000|98=0|108=60|141=Y|10=011|"
    );
}

#[test]
fn the_captured_logout_is_written_byte_for_byte() {
    let now = at("20230707-13:40:01.000");
    let order = HeaderOrder::SeqSenderTimeTarget;
    let mut desk = Desk::up("damien", "KRAKEN-MD", order, 10, now);
    desk.session.logout(None, now, &mut desk.out);
    let written = desk.written();
    // Captured with 49, 56 before 34; the sum does not see the order.
    assert_eq!(
        written,
        "8=FIX.4.4|9=59|35=5|34=10|49=damien|52=20230707-13:40:01.000|56=KRAKEN-MD|10=229|"
    );
    let captured =
        "8=FIX.4.4|9=59|35=5|49=damien|56=KRAKEN-MD|34=10|52=20230707-13:40:01.000|10=229|";
    let mut desk = Desk::up("damien", "KRAKEN-MD", HeaderOrder::SenderTargetSeqTime, 10, now);
    desk.session.logout(None, now, &mut desk.out);
    assert_eq!(desk.written(), captured);
}

#[test]
fn the_captured_order_is_written_byte_for_byte() {
    let now = at("20230707-13:56:08.000");
    let order = NewOrder {
        cl_ord_id: ClOrdId::numeric(1_688_738_168).unwrap(),
        instrument: ID,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(1_000_000),
        px: Some(Px(10_000)),
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    };
    let (mut risk, book) = risk(Px(10_000));
    let checked = risk.check(order, &view(&book), now).unwrap();
    let header = HeaderOrder::SeqSenderTimeTarget;
    let mut desk = Desk::up("damien", "KRAKEN-TRD", header, 2, now);
    assert_eq!(
        desk.send(&CommandKind::New(checked), now, at("20230707-13:56:08.277")),
        "8=FIX.4.4|9=140|35=D|34=2|49=damien|52=20230707-13:56:08.000|56=KRAKEN-TRD|11=1688738168|\
         38=0.01|40=2|44=1000|54=1|55=BTC/USD|59=1|60=20230707-13:56:08.277|10=222|"
    );
}

#[test]
fn the_captured_order_on_derivatives_is_written_byte_for_byte() {
    let now = at("20250303-14:09:32.902");
    let order = NewOrder {
        cl_ord_id: ClOrdId::parse(b"9e58120f-182b-4dce-9609-8ca7cdd174f0").unwrap(),
        instrument: FUTURE,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(100),
        px: Some(Px(10_000)),
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    };
    let header = HeaderOrder::SeqSenderTimeTarget;
    let up = || Desk::up("damien2_DRV", "KRAKEN-DRV-TRD", header, 2, now);
    let (mut risk, book) = risk(Px(10_000));
    let checked = risk.check(order, &view(&book), now).unwrap();
    assert_eq!(
        up().send(&CommandKind::New(checked), now, at("20250303-14:09:32.896")),
        "8=FIX.4.4|9=181|35=D|34=2|49=damien2_DRV|52=20250303-14:09:32.902|56=KRAKEN-DRV-TRD|\
         11=9e58120f-182b-4dce-9609-8ca7cdd174f0|18=s|38=0.1|40=2|44=1000|54=1|55=PF_ETHUSD|59=1|\
         60=20250303-14:09:32.896|10=148|"
    );
    for (post_only, inst) in [(false, "|18=s|"), (true, "|18=P s|")] {
        let order = NewOrder { post_only, ..order };
        let kind = CommandKind::New(risk.check(order, &view(&book), now).unwrap());
        let written = up().send_rendered(&kind, now);
        assert_eq!(written, up().send(&kind, now, now));
        assert!(written.contains(inst), "{written}");
    }
}

#[test]
fn a_rendered_order_is_the_plain_one_and_takes_the_next_number() {
    let now = at("20230707-13:56:08.277");
    let order = NewOrder {
        cl_ord_id: ClOrdId::numeric(1_688_738_168).unwrap(),
        instrument: ID,
        side: Side::Sell,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(1_000_000),
        px: Some(Px(10_000)),
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: true,
        self_trade: None,
    };
    let (mut risk, book) = risk(Px(10_000));
    let kind = CommandKind::New(risk.check(order, &view(&book), now).unwrap());
    let header = HeaderOrder::SeqSenderTimeTarget;
    let up = || Desk::up("damien", "KRAKEN-TRD", header, 9, now);
    let (mut plain, mut rendered) = (up(), up());
    for number in [9, 10] {
        assert_eq!(rendered.session.next_out(), number);
        assert_eq!(rendered.send_rendered(&kind, now), plain.send(&kind, now, now));
    }
    // Without a session no number is used and nothing is written.
    rendered.session.disconnected(now);
    let written = rendered.written();
    let refused = rendered.session.send_rendered(b"D", now, &mut rendered.out, |_, _| Ok(0..9));
    assert_eq!(refused, Err(SendError::NotLoggedOn));
    assert_eq!((rendered.session.next_out(), rendered.written()), (11, written));
}

/// A sell of 0.001 BTC at 84,000 that waits for a trigger.
fn waits(id: u64, ord_type: OrdType, px: Option<i64>, stop_px: i64) -> NewOrder {
    NewOrder {
        cl_ord_id: ClOrdId::numeric(id).unwrap(),
        instrument: ID,
        side: Side::Sell,
        ord_type,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(100_000),
        px: px.map(Px),
        stop_px: Some(Px(stop_px)),
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    }
}

#[test]
fn documented_orders_that_wait_for_a_trigger_are_written_with_their_length_and_sum() {
    let now = at("20260407-14:32:05.000");
    let (mut risk, book) = risk(Px(840_000));
    let header = HeaderOrder::SeqSenderTimeTarget;
    // The documentation's fields are in another order: length and sum do not see it.
    for (order, documented) in [
        (
            waits(1_744_036_328_000_000, OrdType::StopLossLimit, Some(795_000), 800_000),
            "8=FIX.4.4|9=157|35=D|34=2|49=CLIENT|52=20260407-14:32:05.000|56=KRAKEN-TRD|11=1744036328000000|\
             38=0.001|40=4|44=79500|54=2|55=BTC/USD|59=1|60=20260407-14:32:05.000|99=80000|10=068|",
        ),
        (
            waits(1_744_036_331_000_000, OrdType::TrailingStop, None, 20_000),
            "8=FIX.4.4|9=147|35=D|34=2|49=CLIENT|52=20260407-14:32:05.000|56=KRAKEN-TRD|11=1744036331000000|\
             38=0.001|40=U|54=2|55=BTC/USD|59=1|60=20260407-14:32:05.000|99=2000|10=125|",
        ),
    ] {
        let up = || Desk::up("CLIENT", "KRAKEN-TRD", header, 2, now);
        let kind = CommandKind::New(risk.check(order, &view(&book), now).unwrap());
        assert_eq!(up().send(&kind, now, now), documented);
        assert_eq!(up().send_rendered(&kind, now), documented);
        let by_index = NewOrder { watches: Watches::Index, ..order };
        let kind = CommandKind::New(risk.check(by_index, &view(&book), now).unwrap());
        let written = up().send_rendered(&kind, now);
        assert!(written.contains("|388=1|10="), "{written}");
        assert_eq!(up().send(&kind, now, now), written);
    }
}

#[test]
fn the_captured_amend_is_written_byte_for_byte() {
    let now = at("20240625-08:57:05.000");
    let order = ReplaceOrder {
        cl_ord_id: ClOrdId::numeric(1_719_305_825).unwrap(),
        orig_cl_ord_id: ClOrdId::numeric(1_719_305_784).unwrap(),
        order_id: "OTHB2F-BNGUH-2CMLPT".parse().unwrap(),
        instrument: ID,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(20_000_000),
        px: Some(Px(710_000)),
        stop_px: None,
        post_only: false,
    };
    let (mut risk, book) = risk(Px(710_000));
    let placed = NewOrder {
        cl_ord_id: order.orig_cl_ord_id,
        instrument: ID,
        side: order.side,
        ord_type: order.ord_type,
        time_in_force: order.time_in_force,
        qty: order.qty,
        px: order.px,
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    };
    let mut table = OrderTable::with_capacity(1, 1, 1);
    let handle = table.open(&placed).unwrap();
    let old = table.get(handle).unwrap();
    let checked = risk.check_replace(order, old, &view(&book), now).unwrap();
    let header = HeaderOrder::SeqSenderTimeTarget;
    let mut desk = Desk::up("damien_dlt", "KRAKEN-TRD", header, 3, now);
    assert_eq!(
        desk.send(&CommandKind::Replace(checked), now, at("20240625-08:57:05.113")),
        "8=FIX.4.4|9=181|35=G|34=3|49=damien_dlt|52=20240625-08:57:05.000|56=KRAKEN-TRD|11=1719305825|\
         37=OTHB2F-BNGUH-2CMLPT|38=0.2|40=2|41=1719305784|44=71000|54=1|55=BTC/USD|59=1|\
         60=20240625-08:57:05.113|10=249|"
    );
}

#[test]
fn the_captured_mass_cancel_is_written_byte_for_byte() {
    let now = at("20230707-13:59:36.000");
    let cl_ord_id = ClOrdId::numeric(1_688_738_376).unwrap();
    let cancel = MassCancel { cl_ord_id, scope: CancelScope::Instrument(ID) };
    let header = HeaderOrder::SeqSenderTimeTarget;
    let mut desk = Desk::up("damien", "KRAKEN-TRD", header, 6, now);
    assert_eq!(
        desk.send(&CommandKind::MassCancel(cancel), now, at("20230707-13:59:36.422")),
        "8=FIX.4.4|9=115|35=q|34=6|49=damien|52=20230707-13:59:36.000|56=KRAKEN-TRD|11=1688738376|\
         55=BTC/USD|60=20230707-13:59:36.422|530=1|10=193|"
    );
}

#[test]
fn the_captured_subscription_differs_in_its_id_alone() {
    let now = at("20230707-13:42:21.000");
    let subscribe = CommandKind::Subscribe { instrument: ID, depth: 0, generation: 1 };
    let header = HeaderOrder::SeqSenderTimeTarget;
    let mut desk = Desk::up("damien", "KRAKEN-MD", header, 3, now);
    let written = desk.send(&subscribe, now, now);
    let captured = "8=FIX.4.4|9=123|35=V|34=3|49=damien|52=20230707-13:42:21.000|56=KRAKEN-MD|146=1|\
                    55=BTC/USD|262=1|263=1|264=0|265=1|267=3|269=0|269=1|269=2|10=019|";
    // Ours is `0.1`: two bytes more.
    let ours = written.replace("|262=0.1|", "|262=1|").replace("|9=125|", "|9=123|");
    assert_eq!(ours[..ours.len() - 7], captured[..captured.len() - 7]);
}
