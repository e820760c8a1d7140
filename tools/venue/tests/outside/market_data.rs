use crate::client::{Client, Message};
use crate::world::World;

fn subscribe(client: &mut Client, id: &str, symbol: &str, depth: &str) {
    let what = "265=1|267=3|269=0|269=1|269=2|";
    client.send("V", &format!("146=1|55={symbol}|262={id}|263=1|264={depth}|{what}"));
}

#[test]
fn the_instrument_list_has_the_captured_form() {
    let world = World::tls();
    let mut client = world.market_data.log_on("TAUT");
    client.send("x", "55=BTC/USD|320=SLS1000002|559=0|");
    let list = client.receive();
    let tags = [
        8, 9, 35, 49, 56, 34, 52, 320, 322, 560, 146, 55, 562, 5010, 5011, 5013, 2349, 5052, 5022,
        5032, 10,
    ];
    assert_eq!(list.tags(), tags);
    let values = list.values(&[320, 560, 146, 55, 562, 5010, 5011, 5013, 2349, 5022, 5032]);
    assert_eq!(values, "SLS1000002 0 1 BTC/USD 0.00000001 8 0.0001 0.5 1 0.1 1");
    client.send("x", "320=all|559=4|");
    let list = client.receive();
    assert_eq!(list.values(&[320, 560, 146]), "all 0 2");
    client.send("x", "55=NO/NO|320=none|559=0|");
    assert_eq!(client.receive().values(&[35, 320, 560]), "y none 2");
    client.log_out();
}

#[test]
fn a_subscription_shows_the_book_and_every_change_with_a_checksum() {
    let world = World::plain();
    let mut trader = world.trader();
    trader.limit(1, 2, "2", "101");
    trader.expect_live(1);
    let mut viewer = world.market_data.log_on("TAUT");
    subscribe(&mut viewer, "a", "BTC/USD", "10");
    let snapshot = viewer.receive();
    assert_eq!(
        snapshot.values(&[35, 55, 262, 268, 269, 278, 270, 271]),
        "W BTC/USD a 1 1 O101.0 101.0 2.0"
    );
    trader.limit(2, 1, "1", "99.5");
    trader.expect_live(2);
    let update = viewer.receive();
    assert_eq!(update.values(&[35, 262, 268, 279, 269, 278, 271]), "X a 1 0 0 B99.5 1.0");
    // Asks, then bids; price and quantity without point and leading zeros (venue file 4.10.1).
    assert_eq!(update.get(5041), crc32(b"1010200000000995100000000").to_string());
    viewer.send("V", "146=1|55=BTC/USD|262=a|263=2|264=10|265=1|267=3|269=0|269=1|269=2|");
    viewer.expect_alive("unsubscribed");
    trader.limit(3, 1, "1", "99.6");
    trader.expect_live(3);
    viewer.expect_alive("nothing came");
    viewer.log_out();
    trader.log_out();
}

#[test]
fn a_request_that_cannot_be_served_is_answered_with_the_reason() {
    let world = World::plain();
    let mut client = world.market_data.log_on("TAUT");
    let mut refused = |id: &str, symbol: &str, depth: &str| -> Message {
        subscribe(&mut client, id, symbol, depth);
        client.receive()
    };
    let answer = refused("1", "TEST/TEST", "10");
    assert_eq!(answer.tags(), [8, 9, 35, 34, 49, 52, 56, 58, 262, 281, 10], "as captured");
    let text = "MarketData subscription failed due to unsupported symbol: TEST/TEST";
    assert_eq!(answer.values(&[35, 262, 281, 58]), format!("Y 1 0 {text}"));
    assert_eq!(refused("2", "BTC/USD", "11").values(&[35, 262, 281]), "Y 2 5");
    assert_eq!(refused("3", "BTC/USD", "10").get(35), "W");
    assert_eq!(refused("3", "BTC/USD", "10").values(&[35, 262, 281]), "Y 3 1");
    // An order has no business here.
    client.send("D", "11=1|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60=20260407-14:32:01.000|");
    assert_eq!(client.receive().values(&[35, 372, 380]), "j D 3");
    client.expect_alive("still here");
    client.log_out();
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
