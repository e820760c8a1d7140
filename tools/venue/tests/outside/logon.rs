use taut::wire::WireKind;
use taut::wire::tls::TlsMode;

use crate::client::{API_KEY, now_ms, password};
use crate::world::World;

#[test]
fn the_clients_own_signature_is_that_of_the_published_vector() {
    // Venue file 2.2, first line.
    assert_eq!(
        password(7, "CLIENT", "KRAKEN-TRD", 1_724_512_345_678),
        "MwX+M7nvuHXxD5aGI/TFpghXxg2iblxXYyz7lRzLCPMA4UJYI3osNrUKWCiI3fDnOLkEQ5WKSK58Mp3nvu1Klw=="
    );
}

#[test]
fn both_services_take_a_logon_over_every_transport() {
    for tls in [None, Some(TlsMode::RecordLayer), Some(TlsMode::Rustls)] {
        for wire in WireKind::SOCKETS {
            let world = World::start(tls, wire);
            let mut trader = world.trading.open("TAUT");
            trader.send_logon("98=0|108=30|141=Y|");
            let answer = trader.receive();
            assert_eq!(
                answer.tags(),
                [8, 9, 35, 34, 49, 52, 56, 98, 108, 141, 10],
                "{tls:?} {wire}"
            );
            assert_eq!(
                answer.values(&[35, 34, 49, 56, 98, 108, 141]),
                "A 1 KRAKEN-TRD TAUT 0 30 Y"
            );
            let mut viewer = world.market_data.log_on("TAUT");
            viewer.expect_alive("a");
            trader.limit(1, 1, "0.01", "1000");
            trader.expect_live(1);
            viewer.log_out();
            trader.log_out();
        }
    }
}

#[test]
fn a_logout_refuses_wrong_credentials_and_nobody_else() {
    let world = World::tls();
    for broken in ["password", "key", "nonce", "unsigned", "stale"] {
        let mut client = world.trading.open("TAUT");
        let (mut nonce, mut key) = (now_ms(), API_KEY);
        if broken == "stale" {
            nonce -= 60_000;
        }
        let mut password = password(1, "TAUT", "KRAKEN-TRD", nonce);
        match broken {
            "password" => {
                password.replace_range(..1, if password.starts_with('A') { "B" } else { "A" })
            }
            "key" => key = "OTHERKEY",
            "nonce" => nonce += 1,
            _ => {}
        }
        let signature = format!("553={key}|554={password}|5025={nonce}|");
        let signature = if broken == "unsigned" { "" } else { &signature };
        client.send("A", &format!("98=0|108=30|141=Y|{signature}"));
        let answer = client.receive();
        assert_eq!(
            answer.values(&[35, 34, 58]),
            "5 2 Logon failed: invalid credentials",
            "{broken}"
        );
        client.expect_end();
    }
    world.trader().log_out();
    world.expect_service();
    assert_eq!(world.end().sessions_up, 0);
}

#[test]
fn strangers_and_strange_first_messages_get_no_word() {
    let world = World::plain();
    for (sender, msg_type, body) in [
        ("NOBODY", "A", "98=0|108=30|141=Y|"),
        ("TAUT", "0", ""),
        ("TAUT", "D", "11=1|38=1|40=2|44=1|54=1|55=BTC/USD|59=1|"),
        ("TAUT", "V", "262=1|263=1|"),
    ] {
        for door in [&world.trading, &world.market_data] {
            let mut client = door.open(sender);
            client.send(msg_type, body);
            client.expect_end();
        }
    }
    // The TargetCompID of the other service.
    let mut client = world.trading.open("TAUT");
    client.target = "KRAKEN-MD";
    client.send_logon("98=0|108=30|141=Y|");
    client.expect_end();
    world.expect_service();
    world.trader().log_out();
}

#[test]
fn a_second_logon_of_a_live_comp_id_is_closed_and_the_first_lives_on() {
    let world = World::plain();
    let mut first = world.trader();
    let mut second = world.trading.open("TAUT");
    second.send_logon("98=0|108=30|141=Y|");
    second.expect_end();
    first.expect_alive("still");
    first.log_out();
    world.trader().log_out();
}

#[test]
fn a_logon_that_asks_for_the_impossible_is_told_why() {
    let world = World::plain();
    for (fields, part) in [
        ("98=1|108=30|141=Y|", "98"),
        ("98=0|108=-5|141=Y|", "108"),
        ("98=0|141=Y|", "108"),
        ("98=0|108=30|141=Y|8674=2|", "8674"),
    ] {
        let mut client = world.trading.open("TAUT");
        client.send_logon(fields);
        let answer = client.receive();
        assert_eq!(answer.get(35), "5", "{fields}: {answer:?}");
        assert!(answer.get(58).contains(part), "{fields}: {answer:?}");
        client.expect_end();
    }
    world.trader().log_out();
}
