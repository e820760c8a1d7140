//! What F, G and q reach (venue file 3.6; C1, C2), and the rules of ClOrdIDs (6.9).

use super::harness::*;
use crate::Service;
use crate::oes::Scope;

/// A world whose TAUT has an order of an earlier logon, and whose OTHER shares the account and has
/// one too. Returns a fresh session of TAUT and both orders.
fn two_of_one_account(scope: Scope) -> (World, Peer, [String; 2]) {
    let (world, peer, _, orders) = three_sessions(scope);
    (world, peer, orders)
}

/// The same, and the session of OTHER.
fn three_sessions(scope: Scope) -> (World, Peer, Peer, [String; 2]) {
    let mut config = config();
    config.clients.iter_mut().for_each(|client| client.account = "one".into());
    config.switches.cancel_scope = scope;
    config.switches.amend_scope = scope;
    config.switches.mass_cancel_session_scope = scope;
    config.switches.mass_cancel_all_scope = scope;
    let mut world = World::with(&config);
    let mut old = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    let mut other = world.logon("OTHER", Service::SpotTrading);
    let order_id = |reports: Vec<String>| get(&reports[0], 37).unwrap().to_owned();
    let orders = [
        order_id(world.limit(&mut old, 1, 1, "1", "100")),
        order_id(world.limit(&mut other, 2, 1, "1", "100")),
    ];
    world.lose(&old);
    let peer = world.trader();
    (world, peer, other, orders)
}

#[test]
fn a_cancel_of_another_clients_order_is_answered_and_its_owner_is_told() {
    let (mut world, mut peer, other, orders) = three_sessions(Scope::Account);
    let time = world.time();
    let cancel = format!("F|11=10|37={}|54=1|55=BTC/USD|60={time}|", orders[1]);
    let answers = world.send(&mut peer, &cancel);
    let told = world.take(other.id);
    for reports in [&answers, &told] {
        let report = reports.last().unwrap();
        assert_eq!(values(report, &[35, 150, 39, 11, 41]), "8 4 4 10 2", "{reports:?}");
        assert_eq!(get(report, 37), Some(orders[1].as_str()));
    }
    assert_eq!((answers.len(), told.len()), (1, 1), "each once");
    let answers = world.send(&mut peer, &format!("q|11=11|60={time}|530=7|"));
    assert_eq!(answers.len(), 1, "one order is left, its own: {answers:?}");
    assert!(world.take(other.id).is_empty());
}

#[test]
fn a_mass_cancel_of_the_account_tells_who_asked_and_whose_each_order_was() {
    let (mut world, mut peer, other, orders) = three_sessions(Scope::Account);
    let time = world.time();
    let answers = world.send(&mut peer, &format!("q|11=10|60={time}|530=7|"));
    let ids: Vec<&str> = answers.iter().filter_map(|one| get(one, 37)).collect();
    assert_eq!(ids, orders, "all of them, to who asked");
    let told = world.take(other.id);
    assert_eq!(told.len(), 1);
    assert_eq!(values(&told[0], &[150, 11]), "4 2");
}

#[test]
fn an_amend_of_another_clients_order_is_told_to_both() {
    let (mut world, mut peer, other, orders) = three_sessions(Scope::Account);
    let (order, time) = (&orders[1], world.time());
    let amend = format!("G|11=10|37={order}|38=2|40=2|41=2|44=100|54=1|55=BTC/USD|59=1|60={time}|");
    let answers = world.send(&mut peer, &amend);
    let told = world.take(other.id);
    for reports in [answers, told] {
        assert_eq!(values(&reports[0], &[35, 150, 11, 41, 38]), "8 5 10 2 2.0");
        assert_eq!(reports.len(), 1);
    }
}

#[test]
fn a_scope_is_the_connection_the_comp_id_or_the_account() {
    for (scope, reached) in [
        (Scope::Connection, [false, false]),
        (Scope::SenderCache, [true, false]),
        (Scope::Account, [true, true]),
    ] {
        for at in 0..2 {
            let (mut world, mut peer, orders) = two_of_one_account(scope);
            let (order, orig, time) = (&orders[at], at + 1, world.time());
            let amend = format!(
                "G|11=10|37={order}|38=2|40=2|41={orig}|44=100|54=1|55=BTC/USD|59=1|60={time}|"
            );
            let answers = world.send(&mut peer, &amend);
            let expected = if reached[at] { "8" } else { "j" };
            assert_eq!(get(&answers[0], 35), Some(expected), "amend, {scope:?}, order {at}");
            let (mut world, mut peer, orders) = two_of_one_account(scope);
            let cancel = format!("F|11=10|37={}|54=1|55=BTC/USD|60={time}|", orders[at]);
            let answers = world.send(&mut peer, &cancel);
            let open = world.venue.open_orders("TAUT");
            assert_eq!(open, if reached[at] { 1 } else { 2 }, "cancel, {scope:?}, order {at}");
            if !reached[at] {
                assert_eq!(values(&answers[0], &[35, 372, 380]), "j F 101");
            }
        }
        for kind in ["530=6|", "530=7|", "530=1|55=BTC/USD|"] {
            let (mut world, mut peer, _) = two_of_one_account(scope);
            let time = world.time();
            world.send(&mut peer, &format!("q|11=10|60={time}|{kind}"));
            let left = reached.iter().filter(|&&reached| !reached).count();
            assert_eq!(world.venue.open_orders("TAUT"), left, "{kind}, {scope:?}");
        }
    }
}

#[test]
fn an_amend_takes_the_order_over_into_the_session() {
    let (mut world, mut peer, orders) = two_of_one_account(Scope::SenderCache);
    let time = world.time();
    let order = &orders[0];
    let amend = format!("G|11=10|37={order}|38=2|40=2|41=1|44=100|54=1|55=BTC/USD|59=1|60={time}|");
    assert_eq!(get(&world.send(&mut peer, &amend)[0], 150), Some("5"));
    world.lose(&peer);
    assert_eq!(world.venue.open_orders("TAUT"), 1, "cancelled with the session that replaced it");
}

#[test]
fn every_request_uses_its_cl_ord_id_up_also_if_it_is_refused() {
    let mut world = World::new();
    let mut peer = world.trader();
    let time = world.time();
    let refused = |answers: &[String]| {
        let text = get(answers.last().unwrap(), 58).unwrap_or("-").to_owned();
        text.contains("ClOrdID is not increasing or already in use")
    };
    for (id, request) in [
        (10, "F|11=10|37=OAAAAA-BBBBB-CCCCCC|54=1|55=BTC/USD|".to_owned()),
        (11, "q|11=11|530=6|".to_owned()),
        (12, "G|11=12|37=OAAAAA-BBBBB-CCCCCC|38=1|40=2|41=3|44=1|54=1|55=BTC/USD|59=1|".to_owned()),
    ] {
        let answers = world.send(&mut peer, &format!("{request}60={time}|"));
        assert!(answers.last().is_none_or(|answer| !refused(std::slice::from_ref(answer))));
        let order = world.limit(&mut peer, id, 1, "1", "100");
        assert!(refused(&order), "{id} is used: {order:?}");
    }
    assert_eq!(world.limit(&mut peer, 13, 1, "1", "100").len(), 2);
}

#[test]
fn the_watermark_survives_reconnects_and_resets_unless_the_client_forces_it() {
    for (switch, logon, accepted) in [
        (false, "141=Y|", false),
        (true, "141=Y|", true),
        (false, "141=Y|5030=Y|", true),
        (false, "141=Y|5030=N|", false),
    ] {
        let mut config = config();
        config.switches.reset_flag_resets_watermark = switch;
        let mut world = World::with(&config);
        let mut peer = world.trader();
        world.limit(&mut peer, 100, 1, "1", "100");
        world.lose(&peer);
        let mut peer = world.logon_with("TAUT", Service::SpotTrading, logon);
        let answers = world.limit(&mut peer, 50, 1, "1", "100");
        let expected = if accepted { "8" } else { "j" };
        assert_eq!(get(&answers[0], 35), Some(expected), "{switch} {logon}");
    }
}

#[test]
fn a_forced_reset_does_not_free_the_ids_of_open_orders() {
    let mut world = World::new();
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    world.limit(&mut peer, 100, 1, "1", "100");
    world.lose(&peer);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|5030=Y|");
    let answers = world.limit(&mut peer, 100, 1, "1", "100");
    assert_eq!(get(&answers[0], 35), Some("j"));
    assert_eq!(world.limit(&mut peer, 101, 1, "1", "100").len(), 2);
}

#[test]
fn a_numeric_id_is_held_to_the_time_window_by_switch() {
    let mut config = config();
    config.switches.numeric_id_window = true;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let micros = world.now.0 / 1000;
    let answers = world.limit(&mut peer, micros - 121_000_000, 1, "1", "100");
    assert_eq!(
        values(&answers[0], &[35, 371, 373, 58]),
        "3 11 5 ClOrdID invalid value (timestamp is out of date)"
    );
    assert_eq!(world.limit(&mut peer, micros - 119_000_000, 1, "1", "100").len(), 2);
    let answers = world.limit(&mut peer, micros + 121_000_000, 1, "1", "100");
    assert_eq!(get(&answers[0], 35), Some("3"));
}
