//! Who may call, how often, and what of HTTP is taken.

use super::*;

#[test]
fn a_call_has_to_be_signed_by_a_known_key_with_a_nonce_that_increases() {
    let mut config = config();
    config.clients[1].can_trade = false;
    let mut world = World::with(&config);
    let mut caller = connect(&mut world);
    let good = request("CancelAll", 5, "");
    let swap = |from: &str, to: &str| {
        let text = String::from_utf8(good.clone()).unwrap();
        assert!(text.contains(from));
        text.replacen(from, to, 1).into_bytes()
    };
    let key = error("EAPI:Invalid key");
    assert_eq!(caller.raw(&mut world, &swap("API-Key: APIKEY", "API-Key: OTHER")), key);
    assert_eq!(caller.raw(&mut world, &swap("API-Key: APIKEY", "X: y")), key);
    let signature = error("EAPI:Invalid signature");
    for (from, to) in [
        ("nonce=5", "nonce=6"),
        ("CancelAll ", "OpenOrders "),
        ("API-Sign: ", "API-Sign: A"),
        ("API-Sign: ", "X: "),
    ] {
        assert_eq!(caller.raw(&mut world, &swap(from, to)), signature, "{from}");
    }
    // A wrong signature uses no nonce up, a right one does.
    assert_eq!(caller.raw(&mut world, &good), done(0));
    let nonce = error("EAPI:Invalid nonce");
    assert_eq!(caller.raw(&mut world, &good), nonce);
    assert_eq!(caller.raw(&mut world, &request("CancelAll", 4, "")), nonce);
    assert_eq!(caller.raw(&mut world, &request("CancelAll", 6, "")), done(0));
}

#[test]
fn a_client_without_permission_and_one_of_derivatives_cannot_call() {
    let mut config = config();
    config.clients[0].can_trade = false;
    let mut world = World::with(&config);
    let answer = connect(&mut world).call(&mut world, "CancelAll", "");
    assert_eq!(answer, error("EGeneral:Permission denied"));
    config.clients.truncate(1);
    config.clients[0].sender = "TAUT-DRV".into();
    config.clients[0].market = Market::Derivatives;
    let mut world = World::with(&config);
    let answer = connect(&mut world).call(&mut world, "CancelAll", "");
    assert_eq!(answer, error("EAPI:Invalid key"));
}

#[test]
fn a_client_that_is_locked_out_of_fix_is_locked_out_of_rest() {
    let mut config = config();
    config.switches.session.lockout_after = 2;
    let mut world = World::with(&config);
    let mut caller = connect(&mut world);
    let wrong = request("CancelAll", 1, "&x=1");
    let wrong = String::from_utf8(wrong).unwrap().replace("x=1", "x=2").into_bytes();
    for _ in 0..2 {
        assert_eq!(caller.raw(&mut world, &wrong), error("EAPI:Invalid signature"));
    }
    let locked = error("EGeneral:Temporary lockout");
    assert_eq!(caller.call(&mut world, "CancelAll", ""), locked);
    let body = world.logon_body("TAUT", crate::Service::SpotTrading, 1, "141=Y|");
    let (_, answers) = world.try_logon(crate::Service::SpotTrading, &body);
    assert_eq!(get(&answers[0], 58), Some("EGeneral:Temporary lockout"));
}

#[test]
fn calls_are_limited_per_key_and_cancels_of_single_orders_share_the_counter_of_fix() {
    let mut config = config();
    let starter = |config: &mut VenueConfig| config.clients[0].tier = TierName::Starter;
    starter(&mut config);
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let order = order_id(&world.limit(&mut peer, 1, 1, "1", "100"));
    let mut caller = connect(&mut world);
    for _ in 0..15 {
        assert_eq!(caller.call(&mut world, "OpenOrders", "")["error"], json!([]));
    }
    let limited = error("EAPI:Rate limit exceeded");
    assert_eq!(caller.call(&mut world, "OpenOrders", ""), limited);
    let points = world.venue.rate_points("TAUT", "BTC/USD", world.now);
    assert_eq!(caller.call(&mut world, "CancelOrder", &format!("&txid={order}")), done(1));
    assert_eq!(world.venue.rate_points("TAUT", "BTC/USD", world.now), points + 8);
    world.pass(10_000);
    assert_eq!(caller.call(&mut world, "OpenOrders", "")["error"], json!([]), "0.33 a second");
    // Full on the pair: the cancel is refused as on FIX.
    world.take(peer.id);
    let order = order_id(&world.limit(&mut peer, 2, 1, "1", "100"));
    for id in 3..70 {
        world.limit(&mut peer, id, 1, "1", "-1");
    }
    let refused = error("EOrder:Rate limit exceeded");
    assert_eq!(caller.call(&mut world, "CancelOrder", &format!("&txid={order}")), refused);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
}

#[test]
fn calls_that_come_in_pieces_or_together_are_answered_in_order() {
    let mut world = World::new();
    let mut caller = connect(&mut world);
    let two = [request("CancelAll", 1, ""), request("Nothing", 2, "")].concat();
    for byte in two {
        world.venue.received(caller.id, &[byte], world.now);
    }
    let both = answers(&mut world, caller.id);
    assert_eq!(both, [(200, done(0)), (404, error("EGeneral:Unknown method"))]);
    let three: Vec<u8> = (3..6).flat_map(|nonce| request("CancelAll", nonce, "")).collect();
    world.venue.received(caller.id, &three, world.now);
    assert_eq!(answers(&mut world, caller.id).len(), 3);
    assert!(!world.venue.should_close(caller.id));
    caller.nonce = 6;
    let last = String::from_utf8(request("CancelAll", 7, "")).unwrap();
    let last = last.replacen("Host", "Connection: close\r\nHost", 1);
    assert_eq!(caller.raw(&mut world, last.as_bytes()), done(0));
    assert!(world.venue.should_close(caller.id));
}

#[test]
fn what_is_no_call_is_answered_by_a_status_and_the_end_and_harms_nobody() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    let no_form = "POST /0/private/CancelAll HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    let mut caller = connect(&mut world);
    let answer = caller.raw(&mut world, no_form.as_bytes());
    assert_eq!(answer, error("EGeneral:Invalid arguments"));
    for (bytes, status) in
        [("8=FIX.4.4|9=5|35=A|", 400), ("GET /0/private/OpenOrders HTTP/1.1\r\n\r\n", 405)]
    {
        let id = connect(&mut world).id;
        world.venue.received(id, bytes.as_bytes(), world.now);
        world.venue.received(id, &request("CancelAll", 1, ""), world.now);
        let all = answers(&mut world, id);
        assert_eq!(all, [(status, error("EGeneral:Invalid arguments"))]);
        assert!(world.venue.should_close(id), "nothing is taken behind it");
    }
    assert_eq!(world.venue.open_orders("TAUT"), 1);
}

#[test]
fn a_connection_on_which_nothing_comes_is_closed_and_a_half_request_is_told() {
    let mut world = World::new();
    let (silent, half) = (connect(&mut world).id, connect(&mut world).id);
    world.venue.received(half, b"POST /0/pri", world.now);
    assert!(world.venue.next_deadline() <= world.now.plus_nanos(30_000_000_000));
    world.pass(29_999);
    world.venue.tick(world.now);
    assert!(!world.venue.should_close(silent) && !world.venue.should_close(half));
    world.pass(1);
    world.venue.tick(world.now);
    assert!(world.venue.should_close(silent) && world.venue.should_close(half));
    assert!(answers(&mut world, silent).is_empty());
    assert_eq!(answers(&mut world, half)[0].0, 408);
}
