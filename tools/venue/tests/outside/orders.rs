use crate::client::{Client, now_text};
use crate::world::World;

/// ExecType, OrdStatus, ClOrdIDs, OrderQty, CumQty, LeavesQty.
const STATE: [u32; 7] = [150, 39, 11, 41, 38, 14, 151];

fn state(client: &mut Client) -> String {
    client.receive().values(&STATE)
}

fn order(client: &mut Client, id: u64, fields: &str) {
    let time = now_text();
    client.send("D", &format!("11={id}|{fields}|55=BTC/USD|60={time}|"));
}

#[test]
fn an_order_rests_is_amended_and_cancelled() {
    let world = World::tls();
    let mut client = world.trader();
    client.limit(1, 1, "0.5", "1000");
    let report = client.receive();
    let expected = [
        8, 9, 35, 34, 49, 52, 56, 6, 11, 14, 17, 37, 38, 39, 40, 44, 54, 55, 58, 59, 60, 150, 151,
        381, 10,
    ];
    assert_eq!(report.tags(), expected, "as captured (venue file 4.6)");
    assert_eq!(report.get(58), "buy 0.5 BTC/USD @ limit 1000");
    assert_eq!(state(&mut client), "0 0 1 - 0.5 0.0 0.5");
    let (id, time) = (report.get(37).to_owned(), now_text());
    // Both leave before anything is acknowledged.
    let mut bytes = client.message(
        "G",
        &format!("11=2|37={id}|38=0.7|40=2|41=1|44=1001|54=1|55=BTC/USD|59=1|60={time}|"),
    );
    bytes.extend(client.message("F", &format!("11=3|37={id}|41=2|54=1|55=BTC/USD|60={time}|")));
    client.send_raw(&bytes);
    let amended = client.receive();
    assert_eq!(amended.values(&STATE), "5 5 2 1 0.7 0.0 0.7");
    assert_eq!(amended.values(&[37, 44]), format!("{id} 1001.0"));
    let cancelled = client.receive();
    assert_eq!(cancelled.values(&STATE), "4 4 3 2 0.7 0.0 0.0");
    assert_eq!(cancelled.get(58), "Order canceled by user");
    client.log_out();
    assert_eq!(world.end().live_orders, 0);
}

#[test]
fn two_clients_trade_and_both_are_told_price_fee_and_side() {
    let world = World::plain();
    let (mut maker, mut taker) = (world.trader(), world.trading.log_on("OTHER"));
    maker.limit(1, 2, "2", "100.5");
    maker.expect_live(1);
    order(&mut taker, 7, "38=0.5|40=1|54=1|59=1");
    assert_eq!(taker.receive().values(&[150, 44, 58]), "A - buy 0.5 BTC/USD @ market");
    assert_eq!(state(&mut taker), "0 0 7 - 0.5 0.0 0.5");
    let fill = taker.receive();
    assert_eq!(fill.values(&STATE), "F 2 7 - 0.5 0.5 0.0");
    assert_eq!(fill.values(&[31, 32, 6, 118, 381, 5050]), "100.5 0.5 100.5 50.25 50.25 1");
    // 50.25 x 0.26 %.
    assert_eq!(fill.values(&[136, 137, 138, 139]), "1 0.13065 USD 4");
    let fill = maker.receive();
    assert_eq!(fill.values(&STATE), "F 1 1 - 2.0 0.5 1.5");
    // 0.5 BTC x 0.16 %.
    assert_eq!(fill.values(&[5050, 137, 138]), "0 0.0008 BTC");
    maker.log_out();
    taker.log_out();
}

#[test]
fn immediate_or_cancel_and_post_only_do_as_they_say() {
    let world = World::plain();
    let (mut maker, mut taker) = (world.trader(), world.trading.log_on("OTHER"));
    maker.limit(1, 2, "1", "100");
    maker.expect_live(1);
    order(&mut taker, 2, "18=P|38=1|40=2|44=100|54=1|59=1");
    assert_eq!(taker.receive().values(&[35, 58, 380]), "j 2 : Post only order would take 0");
    order(&mut taker, 3, "18=P|38=1|40=2|44=99.9|54=1|59=1");
    taker.expect_live(3);
    order(&mut taker, 4, "38=3|40=2|44=100|54=1|59=3");
    taker.expect_live(4);
    assert_eq!(state(&mut taker), "F 1 4 - 3.0 1.0 2.0");
    let rest = taker.receive();
    assert_eq!(rest.values(&STATE), "4 4 4 - 3.0 1.0 0.0");
    assert_eq!(rest.get(58), "Immediate or cancel");
    assert_eq!(state(&mut maker), "F 2 1 - 1.0 1.0 0.0");
    maker.log_out();
    taker.log_out();
}

#[test]
fn each_layer_refuses_in_its_own_way_and_the_session_goes_on() {
    let world = World::plain();
    let mut client = world.trader();
    let mut refused = |id: u64, fields: &str, tags: &[u32], expected: &str| {
        order(&mut client, id, fields);
        assert_eq!(client.receive().values(tags), expected, "{fields}");
    };
    // The gateway: 3.
    let gateway = [35, 45, 371, 372, 373, 58];
    refused(1, "38=1|40=2|44=100|59=1", &gateway, "3 2 54 D 1 Missing mandatory field: Side (54)");
    refused(
        2,
        "38=1|40=9|44=100|54=1|59=1",
        &gateway,
        "3 3 40 D 5 Invalid value for tag 40: OrderType",
    );
    // The order entry service: j.
    let business = [35, 45, 372, 379, 380, 58];
    let unknown = "j 0 D 3 5 3 : Missing mandatory field: Price (44)";
    refused(3, "38=1|40=2|54=1|59=1", &business, unknown);
    // The engine: j.
    let poor = "j 0 D 4 0 4 : EOrder:Insufficient funds";
    refused(4, "38=1000000|40=2|44=100|54=1|59=1", &business, poor);
    let tick = "j 0 D 5 0 5 : EOrder:Tick size check failed";
    refused(5, "38=1|40=2|44=100.05|54=1|59=1", &business, tick);
    let time = now_text();
    client.send("D", &format!("11=6|38=1|40=2|44=1|54=1|55=TEST/TEST|59=1|60={time}|"));
    assert_eq!(
        client.receive().values(&[35, 380, 58]),
        "j 2 6 : EGeneral:Invalid arguments:symbol"
    );
    client.send("F", &format!("11=7|41=99|54=1|55=BTC/USD|60={time}|"));
    assert_eq!(client.receive().values(&[35, 372, 380]), "j F 101");
    client.send("AB", "11=8|");
    assert_eq!(client.receive().values(&[35, 372, 380]), "j AB 3");
    client.limit(9, 1, "1", "100");
    client.expect_live(9);
    client.log_out();
}

#[test]
fn a_lost_connection_cancels_its_orders_and_a_logout_does_not() {
    let world = World::tls();
    let mut viewer = world.market_data.log_on("OTHER");
    let mut leaver = world.trading.log_on("OTHER");
    leaver.limit(1, 1, "1", "98");
    leaver.expect_live(1);
    leaver.log_out();
    let mut loser = world.trader();
    loser.limit(1, 1, "1", "99");
    loser.expect_live(1);
    viewer.send("V", "146=1|55=BTC/USD|262=a|263=1|264=10|265=1|267=2|269=0|269=1|");
    let snapshot = viewer.receive();
    assert_eq!(snapshot.values(&[35, 268, 278]), "W 2 B99.0", "both orders are in the book");
    drop(loser);
    let gone = viewer.receive();
    assert_eq!(gone.values(&[35, 268, 279, 278, 271]), "X 1 2 B99.0 0.0");
    viewer.log_out();
    assert_eq!(world.end().live_orders, 1);
}
