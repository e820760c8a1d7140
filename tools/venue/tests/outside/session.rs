use crate::world::World;

#[test]
fn both_sides_keep_a_quiet_session_alive_by_heartbeats() {
    let world = World::plain();
    let mut client = world.trading.log_on_with("TAUT", "98=0|108=1|141=Y|");
    let beat = client.receive();
    assert_eq!(beat.tags(), [8, 9, 35, 34, 49, 52, 56, 10], "{beat:?}");
    assert_eq!(beat.values(&[35, 34, 49, 56]), "0 2 KRAKEN-TRD TAUT");
    client.send("0", "");
    // We say nothing more: the venue asks, then gives up.
    let mut seen = String::new();
    while let Some(message) = client.receive_or_end() {
        seen.push_str(message.get(35));
    }
    assert!(seen.contains('1'), "a TestRequest came first: {seen}");
    assert!(seen.chars().all(|c| c == '0' || c == '1'), "{seen}");
    world.expect_service();
}

#[test]
fn a_test_request_is_answered_with_its_own_id() {
    let world = World::plain();
    let mut client = world.trader();
    client.expect_alive("are you there? =;");
    client.log_out();
}

#[test]
fn a_resend_request_is_answered_by_the_reports_and_gap_fills() {
    let world = World::plain();
    let mut client = world.trader();
    client.limit(1, 1, "0.01", "1000");
    client.expect_live(1);
    client.send("2", "7=1|16=0|");
    let fill = client.receive();
    // 1 Logon, 2 PendingNew, 3 New: the next number is 4.
    assert_eq!(fill.values(&[35, 34, 43, 123, 36]), "4 1 Y Y 2");
    assert_eq!(client.receive().values(&[35, 34, 43, 150, 11]), "8 2 Y A 1");
    assert_eq!(client.receive().values(&[35, 34, 43, 150, 11]), "8 3 Y 0 1");
    client.send("1", "112=x|");
    assert_eq!(client.receive().values(&[35, 34, 112]), "0 4 x");
    client.log_out();
}

#[test]
fn a_gap_of_ours_is_asked_for_and_what_is_behind_it_waits() {
    let world = World::plain();
    let mut client = world.trader();
    client.next_out = 5;
    client.limit(7, 1, "0.01", "1000");
    assert_eq!(client.receive().values(&[35, 7, 16]), "2 2 0");
    client.send_raw(&client.numbered(2, "4", "43=Y|122=20260101-00:00:00.000|123=Y|36=6|"));
    client.limit(8, 1, "0.01", "1000");
    client.expect_live(8);
    client.expect_alive("only one order");
    client.log_out();
}

#[test]
fn a_number_that_is_too_low_ends_the_session() {
    let world = World::plain();
    let mut client = world.trader();
    client.expect_alive("2");
    client.send_raw(&client.numbered(2, "1", "112=again|"));
    let answer = client.receive();
    assert_eq!(answer.get(35), "5");
    assert_eq!(answer.get(58), "MsgSeqNum too low, expecting 3 but received 2");
    client.send("5", "");
    client.expect_end();
    world.expect_service();
}

#[test]
fn a_foreign_comp_id_ends_the_session_that_it_came_in() {
    let world = World::plain();
    let mut client = world.trader();
    let mut other = world.trading.log_on("OTHER");
    client.sender = "OTHER".into();
    client.send("1", "112=x|");
    assert_eq!(client.receive().values(&[35, 371, 373]), "3 49 9");
    assert_eq!(client.receive().get(35), "5");
    client.sender = "TAUT".into();
    client.send("5", "");
    client.expect_end();
    other.expect_alive("not me");
    other.log_out();
}

#[test]
fn numbers_go_on_over_a_reconnect_without_a_reset() {
    let world = World::plain();
    let mut client = world.trader();
    client.expect_alive("2");
    let next_out = client.next_out;
    drop(client);
    let mut client = loop {
        // The venue may not have seen the end of the first connection yet.
        let mut client = world.trading.open("TAUT");
        client.next_out = next_out;
        client.send_logon("98=0|108=30|141=N|");
        match client.receive_or_end() {
            Some(answer) => {
                assert_eq!(answer.values(&[35, 34, 141]), "A 3 N");
                break client;
            }
            None => std::thread::yield_now(),
        }
    };
    client.expect_alive("4");
    client.log_out();
}

#[test]
fn a_venue_that_stops_says_goodbye_to_every_session_first() {
    for world in [World::plain(), World::tls()] {
        let mut clients = [world.trader(), world.market_data.log_on("TAUT")];
        let stranger = world.trading.open("OTHER");
        world.stop();
        for client in &mut clients {
            assert_eq!(client.receive().values(&[35, 58]), "5 Venue is stopping");
            client.send("5", "");
            client.expect_end();
        }
        drop(stranger);
        let stats = world.end();
        assert_eq!((stats.sessions_up, stats.connections), (0, 0));
    }
}
