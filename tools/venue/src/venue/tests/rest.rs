//! REST: what a client can do without a session, written and read by hand.

mod calls;

use serde_json::{Value, json};
use taut::kraken::logon::Credentials;
use taut::secret::Secret;

use super::harness::*;
use crate::ConnectionId;
use crate::config::{TierName, VenueConfig};
use crate::gateway::Market;

/// A caller with a connection of its own.
struct Caller {
    id: ConnectionId,
    nonce: u64,
}

fn connect(world: &mut World) -> Caller {
    Caller { id: world.venue.rest_connected(None, world.now), nonce: 0 }
}

/// A signed request.
fn request(path: &str, nonce: u64, fields: &str) -> Vec<u8> {
    let credentials = Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0")).unwrap();
    let path = format!("/0/private/{path}");
    let body = format!("nonce={nonce}{fields}");
    let sign = credentials.api_sign(&path, nonce.to_string().as_bytes(), body.as_bytes());
    let (sign, len) = (std::str::from_utf8(&sign).unwrap(), body.len());
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAPI-Key: APIKEY\r\nAPI-Sign: {sign}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The statuses and bodies of the answers that wait.
fn answers(world: &mut World, id: ConnectionId) -> Vec<(u16, Value)> {
    let (outbox, len) = world.venue.sendable(id, world.now);
    let text = String::from_utf8(outbox.pending()[..len].to_vec()).unwrap();
    outbox.consume(len);
    let mut rest = text.as_str();
    let mut answers = Vec::new();
    while let Some((head, tail)) = rest.split_once("\r\n\r\n") {
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, len) = head.split_once("Content-Length: ").unwrap();
        let len: usize = len.lines().next().unwrap().parse().unwrap();
        answers.push((status, serde_json::from_str(&tail[..len]).unwrap()));
        rest = &tail[len..];
    }
    assert!(rest.is_empty(), "{rest}");
    answers
}

impl Caller {
    fn call(&mut self, world: &mut World, path: &str, fields: &str) -> Value {
        self.nonce += 1;
        self.raw(world, &request(path, self.nonce, fields))
    }

    fn raw(&mut self, world: &mut World, bytes: &[u8]) -> Value {
        world.venue.received(self.id, bytes, world.now);
        let mut answers = answers(world, self.id);
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].0, 200, "{answers:?}");
        answers.remove(0).1
    }
}

fn done(count: usize) -> Value {
    json!({ "error": [], "result": { "count": count } })
}

fn error(text: &str) -> Value {
    json!({ "error": [text] })
}

/// The OrderID that a report tells.
fn order_id(answers: &[String]) -> String {
    get(&answers[0], 37).unwrap().to_owned()
}

#[test]
fn an_order_is_cancelled_by_rest_whatever_session_placed_it_and_that_session_is_told() {
    let mut world = World::new();
    let mut peer = world.trader();
    let first = order_id(&world.limit(&mut peer, 1, 1, "1", "100"));
    world.limit(&mut peer, 2, 1, "1", "101");
    let mut caller = connect(&mut world);
    assert_eq!(caller.call(&mut world, "CancelOrder", &format!("&txid={first}")), done(1));
    let told = world.take(peer.id);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        values(&told[0], &[35, 150, 39, 11, 41, 37, 151, 58]),
        format!("8 4 4 1 - {first} 0.0 Order canceled by user")
    );
    assert_eq!(caller.call(&mut world, "CancelOrder", "&cl_ord_id=2"), done(1));
    assert_eq!(values(&world.take(peer.id)[0], &[150, 11]), "4 2");
    assert_eq!(world.venue.open_orders("TAUT"), 0);
}

#[test]
fn an_order_that_is_not_there_or_not_the_callers_is_unknown() {
    let mut config = config();
    config.clients[1].api_key_env = "OTHER_KEY".into();
    config.clients[1].api_secret_env = "OTHER_SECRET".into();
    let mut world = World::with(&config);
    let mut caller = connect(&mut world);
    let unknown = error("EOrder:Unknown order");
    for fields in ["&txid=OKWUQF-YPJM2-DTAJHH", "&txid=1", "&cl_ord_id=7", "&cl_ord_id=x"] {
        assert_eq!(caller.call(&mut world, "CancelOrder", fields), unknown, "{fields}");
    }
    let mut peer = world.trader();
    let order = order_id(&world.limit(&mut peer, 1, 1, "1", "100"));
    let both = format!("&txid={order}&cl_ord_id=1");
    for fields in ["", "&txid=", &both] {
        let answer = caller.call(&mut world, "CancelOrder", fields);
        assert_eq!(answer, error("EGeneral:Invalid arguments"), "{fields}");
    }
    assert_eq!(world.venue.open_orders("TAUT"), 1);
}

#[test]
fn cancel_all_reaches_every_order_of_the_account_and_no_other() {
    let mut config = config();
    config.clients[0].account = "shared".into();
    let mut third = config.clients[0].clone();
    third.sender = "THIRD".into();
    config.clients.push(third);
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let mut third = world.logon("THIRD", crate::Service::SpotTrading);
    let mut other = world.logon("OTHER", crate::Service::SpotTrading);
    world.limit(&mut peer, 1, 1, "1", "100");
    world.limit(&mut third, 2, 1, "1", "101");
    world.limit(&mut other, 1, 1, "1", "102");
    let mut caller = connect(&mut world);
    assert_eq!(caller.call(&mut world, "CancelAll", ""), done(2));
    assert_eq!(
        values(&world.take(third.id)[0], &[150, 11]),
        "4 2",
        "each session hears of its own"
    );
    assert_eq!(caller.call(&mut world, "CancelAll", ""), done(0));
    assert_eq!((world.take(peer.id).len(), world.take(other.id).len()), (1, 0));
    assert_eq!(world.venue.open_orders("OTHER"), 1);
}

#[test]
fn cancel_all_orders_after_fires_on_the_venues_clock_unless_it_is_pushed_back_or_taken_away() {
    let mut world = World::new();
    let mut peer = world.trader();
    let mut caller = connect(&mut world);
    let answer = caller.call(&mut world, "CancelAllOrdersAfter", "&timeout=60");
    let times =
        json!({"currentTime": "2026-04-07T14:32:01Z", "triggerTime": "2026-04-07T14:33:01Z"});
    assert_eq!(answer, json!({ "error": [], "result": times }));
    world.limit(&mut peer, 1, 1, "1", "100");
    world.pass(59_000);
    caller.call(&mut world, "CancelAllOrdersAfter", "&timeout=60");
    world.pass(59_999);
    world.venue.tick(world.now);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    assert!(world.venue.next_deadline() <= world.now.plus_nanos(1_000_000));
    world.pass(1);
    world.venue.tick(world.now);
    assert_eq!(world.venue.open_orders("TAUT"), 0);
    let told = world.take(peer.id);
    assert!(told.iter().any(|one| values(one, &[150, 11]) == "4 1"), "{told:?}");
    // It fires once, and 0 takes it away.
    world.limit(&mut peer, 2, 1, "1", "100");
    let mut caller = Caller { id: connect(&mut world).id, nonce: caller.nonce };
    caller.call(&mut world, "CancelAllOrdersAfter", "&timeout=1");
    let answer = caller.call(&mut world, "CancelAllOrdersAfter", "&timeout=0");
    assert_eq!(answer["result"]["triggerTime"], "0");
    world.pass(2_000);
    world.venue.tick(world.now);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    for fields in ["", "&timeout=-1", "&timeout=1.5", "&timeout=86401"] {
        let answer = caller.call(&mut world, "CancelAllOrdersAfter", fields);
        assert_eq!(answer, error("EGeneral:Invalid arguments"), "{fields}");
    }
}

#[test]
fn open_orders_are_listed_with_their_terms_and_what_was_done_of_them() {
    let mut world = World::new();
    let (mut peer, mut other) = (world.trader(), world.logon("OTHER", crate::Service::SpotTrading));
    let mut caller = connect(&mut world);
    assert_eq!(
        caller.call(&mut world, "OpenOrders", ""),
        json!({"error": [], "result": {"open": {}}})
    );
    let time = world.time();
    let order = order_id(&world.limit(&mut peer, 1, 1, "2", "100.5"));
    world.limit(&mut other, 1, 2, "0.5", "100.5");
    world.take(peer.id);
    let body = format!(
        "D|11=2|38=1|40=4|44=79500|99=80000|54=1|55=BTC/USD|59=1|60={time}|168=20260408-00:00:00|"
    );
    let stop = order_id(&world.send(&mut peer, &body));
    let answer = caller.call(&mut world, "OpenOrders", "");
    let open = &answer["result"]["open"];
    assert_eq!(open.as_object().unwrap().len(), 2, "{answer}");
    assert_eq!(
        open[&order],
        json!({
            "refid": null, "userref": null, "cl_ord_id": "1", "status": "open",
            "opentm": 1_775_572_321.002, "starttm": 0, "expiretm": 0,
            "descr": {
                "pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100.5",
                "price2": "0.0", "leverage": "none",
                "order": "buy 2.00000000 XBTUSD @ limit 100.5", "close": "",
            },
            "vol": "2.00000000", "vol_exec": "0.50000000", "cost": "50.250000000",
            "fee": "0.080400000", "price": "100.5", "stopprice": "0.0", "limitprice": "0.0",
            "misc": "", "oflags": "fciq", "margin": false, "reduce_only": false,
        })
    );
    let pending = &open[&stop];
    assert_eq!((&pending["status"], &pending["trigger"]), (&json!("pending"), &json!("last")));
    assert_eq!(pending["starttm"], json!(1_775_606_400.0));
    assert_eq!(
        pending["descr"]["order"],
        "buy 1.00000000 XBTUSD @ stop loss limit 80000.0 -> limit 79500.0"
    );
    let one = caller.call(&mut world, "OpenOrders", "&cl_ord_id=2");
    let keys: Vec<_> = one["result"]["open"].as_object().unwrap().keys().collect();
    assert_eq!(keys, [&stop]);
    let none = caller.call(&mut world, "OpenOrders", "&userref=1");
    assert_eq!(none["result"]["open"], json!({}));
}

#[test]
fn a_market_in_maintenance_refuses_cancels_by_rest_as_by_fix() {
    let mut world = World::new();
    let mut peer = world.trader();
    let order = order_id(&world.limit(&mut peer, 1, 1, "1", "100"));
    let maintenance = taut::types::PairStatus::Maintenance;
    assert!(world.venue.set_market_status("BTC/USD", maintenance, world.now));
    let mut caller = connect(&mut world);
    let answer = caller.call(&mut world, "CancelOrder", &format!("&txid={order}"));
    assert_eq!(answer, error("EService:Unavailable"));
    assert!(world.take(peer.id).is_empty(), "the session did not ask for anything");
    assert_eq!(caller.call(&mut world, "CancelAll", ""), done(0));
    assert_eq!(world.venue.open_orders("TAUT"), 1);
}

#[test]
fn a_brokers_sub_accounts_are_listed_and_cancelled_with_its_own() {
    let mut config = config();
    config.clients[0].sub_accounts =
        [("ALICE".into(), [("USD".into(), "1000".into())].into())].into();
    let mut world = World::with(&config);
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    let time = world.time();
    let body = format!("D|11=2|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60={time}|78=1|79=ALICE|");
    let alice = order_id(&world.send(&mut peer, &body));
    let mut caller = connect(&mut world);
    let open = caller.call(&mut world, "OpenOrders", "");
    assert_eq!(open["result"]["open"].as_object().unwrap().len(), 2, "{open}");
    assert_eq!(caller.call(&mut world, "CancelOrder", &format!("&txid={alice}")), done(1));
    assert_eq!(values(&world.take(peer.id)[0], &[150, 11, 79]), "4 2 ALICE");
    let again = body.replace("11=2", "11=3");
    world.send(&mut peer, &again);
    assert_eq!(caller.call(&mut world, "CancelAll", ""), done(2));
    assert_eq!(world.venue.open_orders("TAUT"), 0);
}

#[test]
fn what_became_of_an_order_is_shown_by_its_order_id_and_among_the_closed_ones_by_its_cl_ord_id() {
    let mut world = World::new();
    let mut peer = world.trader();
    let filled = order_id(&world.limit(&mut peer, 1, 1, "1", "100"));
    let mut other = world.logon("OTHER", crate::Service::SpotTrading);
    world.limit(&mut other, 2, 2, "0.4", "100");
    world.take(peer.id);
    let open = order_id(&world.limit(&mut peer, 3, 1, "1", "90"));
    let mut caller = connect(&mut world);
    assert_eq!(caller.call(&mut world, "CancelOrder", &format!("&txid={filled}")), done(1));
    let both = caller.call(&mut world, "QueryOrders", &format!("&txid={filled},{open}"));
    assert_eq!(both["error"], json!([]));
    let shown = |id: &str, what: &str| both["result"][id][what].clone();
    assert_eq!([shown(&filled, "status"), shown(&open, "status")], ["canceled", "open"]);
    let numbers = ["vol", "vol_exec", "cost"].map(|what| shown(&filled, what));
    let number = |at: usize| numbers[at].as_str().unwrap().parse::<f64>().unwrap();
    assert_eq!([number(0), number(1), number(2)], [1.0, 0.4, 40.0]);
    let closed = caller.call(&mut world, "ClosedOrders", "&cl_ord_id=1");
    assert_eq!(closed["result"]["closed"][&filled], both["result"][&filled]);
    assert_eq!(closed["result"]["count"], 1);
    // An open one is not among them, and an unknown one nowhere.
    for id in ["3", "77"] {
        let none = caller.call(&mut world, "ClosedOrders", &format!("&cl_ord_id={id}"));
        assert_eq!(none["result"], json!({ "closed": {}, "count": 0 }), "{id}");
    }
    let unknown = error("EOrder:Unknown order");
    assert_eq!(caller.call(&mut world, "QueryOrders", "&txid=OAAAAA-AAAAA-AAAAAA"), unknown);
    assert_eq!(caller.call(&mut world, "QueryOrders", ""), error("EGeneral:Invalid arguments"));
}
