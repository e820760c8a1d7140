//! REST of derivatives, written and read by hand.

use serde_json::{Value, json};
use taut::kraken::logon::Credentials;
use taut::secret::Secret;

use super::harness::*;
use crate::config::ClientConfig;
use crate::gateway::Market;
use crate::limits::NONCES_KEPT;
use crate::{ConnectionId, Service};

const UNKNOWN: &str = "022774bc-2c4a-4f26-9317-436c8d85746d";

/// A caller with a connection of its own.
struct Caller {
    id: ConnectionId,
    nonce: u64,
}

fn connect(world: &mut World) -> Caller {
    Caller { id: world.venue.rest_connected(None, world.now), nonce: 0 }
}

/// A signed call; `fields` as they come, in the body or, of a GET, behind the path.
fn request(call: &str, nonce: &str, fields: &str) -> String {
    let credentials = Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0")).unwrap();
    let path = format!("/api/v3/{call}");
    let sign = credentials.authent(&path, nonce.as_bytes(), fields.as_bytes());
    let sign = std::str::from_utf8(&sign).unwrap();
    let head =
        format!("Host: localhost\r\nAPIKey: APIKEY\r\nNonce: {nonce}\r\nAuthent: {sign}\r\n");
    if call == "openorders" {
        return format!("GET /derivatives{path} HTTP/1.1\r\n{head}\r\n");
    }
    let len = fields.len();
    format!("POST /derivatives{path} HTTP/1.1\r\n{head}Content-Length: {len}\r\n\r\n{fields}")
}

impl Caller {
    fn call(&mut self, world: &mut World, call: &str, fields: &str) -> Value {
        self.nonce += 1;
        let answer = self.raw(world, &request(call, &self.nonce.to_string(), fields));
        assert_eq!(answer.0, 200, "{answer:?}");
        answer.1
    }

    fn raw(&mut self, world: &mut World, bytes: &str) -> (u16, Value) {
        world.venue.received(self.id, bytes.as_bytes(), world.now);
        let text = String::from_utf8(world.take_bytes(self.id)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

fn error(world: &World, text: &str) -> Value {
    json!({ "result": "error", "error": text, "serverTime": iso(world) })
}

/// `2026-04-07T14:32:01.000Z`.
fn iso(world: &World) -> String {
    let time = world.time();
    format!("{}-{}-{}T{}Z", &time[..4], &time[4..6], &time[6..8], &time[9..])
}

fn trader(world: &mut World) -> Peer {
    world.logon("TAUT_DRV", Service::DerivativesTrading)
}

/// Places an order; its OrderID and ClOrdID.
fn place(world: &mut World, peer: &mut Peer, n: u64, terms: &str) -> (String, String) {
    let (id, time) = (comb(world, n), world.time());
    let answers = world.send(peer, &format!("D|11={id}|18=s|59=1|60={time}|{terms}"));
    // Behind a heartbeat, perhaps.
    let order = answers.iter().find_map(|answer| get(answer, 37)).expect("it is accepted");
    (order.to_owned(), id)
}

const BUY: &str = "38=0.1|40=2|44=1000|54=1|55=PF_ETHUSD|";

#[test]
fn a_derivatives_order_is_cancelled_by_rest_and_its_session_is_told() {
    let mut world = World::new();
    let mut peer = trader(&mut world);
    let (order, id) = place(&mut world, &mut peer, 1, BUY);
    let placed = iso(&world);
    let (_, second) = place(&mut world, &mut peer, 2, BUY);
    world.pass(5);
    let mut caller = connect(&mut world);
    let answer = caller.call(&mut world, "cancelorder", &format!("order_id={order}"));
    let before = json!({
        "orderId": order, "cliOrdId": id, "type": "lmt", "symbol": "PF_ETHUSD", "side": "buy",
        "quantity": 0.1, "filled": 0, "limitPrice": 1000, "reduceOnly": false,
        "timestamp": placed, "lastUpdateTimestamp": placed,
    });
    let event = json!({ "type": "CANCEL", "uid": order, "order": before });
    let now = iso(&world);
    let status = json!({
        "status": "cancelled", "order_id": order, "receivedTime": now, "orderEvents": [event],
    });
    assert_eq!(answer, json!({ "result": "success", "cancelStatus": status, "serverTime": now }));
    let told = world.take(peer.id);
    assert_eq!(values(&told[0], &[35, 150, 39, 11, 37]), format!("8 4 4 {id} {order}"));
    let answer = caller.call(&mut world, "cancelorder", &format!("cliOrdId={second}"));
    assert_eq!(answer["cancelStatus"]["status"], "cancelled");
    assert_eq!(world.venue.open_orders("TAUT_DRV"), 0);
}

#[test]
fn a_cancel_of_what_is_not_open_succeeds_and_says_so() {
    let mut config = config();
    // Of the same key, which acts for the first.
    config.clients.push(ClientConfig { sender: "OTHER_DRV".into(), ..ClientConfig::derivatives() });
    let mut world = World::with(&config);
    let mut peer = trader(&mut world);
    let mut other = world.logon("OTHER_DRV", Service::DerivativesTrading);
    let mut caller = connect(&mut world);
    let mut status = |world: &mut World, fields: &str| {
        caller.call(world, "cancelorder", fields)["cancelStatus"].clone()
    };
    let told = |world: &World, text: &str| json!({ "status": text, "receivedTime": iso(world) });
    for unknown in [format!("order_id={UNKNOWN}"), "order_id=x".into(), "cliOrdId=x".into()] {
        assert_eq!(status(&mut world, &unknown), told(&world, "notFound"), "{unknown}");
    }
    let (foreign, _) = place(&mut world, &mut other, 1, BUY);
    assert_eq!(status(&mut world, &format!("order_id={foreign}")), told(&world, "notFound"));
    let (order, id) = place(&mut world, &mut peer, 2, "38=0.1|40=2|44=1000|54=2|55=PF_ETHUSD|");
    assert_eq!(status(&mut world, &format!("order_id={order}")), told(&world, "filled"));
    assert_eq!(status(&mut world, &format!("cliOrdId={id}")), told(&world, "notFound"));
    let (both, _) = place(&mut world, &mut peer, 3, BUY);
    let mut fails = |world: &mut World, call: &str, fields: &str| {
        caller.call(world, call, fields)["error"].clone()
    };
    assert_eq!(fails(&mut world, "cancelorder", ""), "requiredArgumentMissing");
    let fields = format!("order_id={both}&cliOrdId={id}");
    assert_eq!(fails(&mut world, "cancelorder", &fields), "invalidArgument");
    assert_eq!(fails(&mut world, "cancelorder", "{}"), "invalidArgument");
    assert_eq!(fails(&mut world, "cancelallorders", "symbol=PF_NOUSD"), "invalidArgument");
    assert_eq!(world.venue.open_orders("TAUT_DRV"), 1);
}

#[test]
fn cancelallorders_reaches_every_derivatives_order_of_the_account_or_those_of_a_symbol() {
    let mut world = World::new();
    let (mut spot, mut peer) = (world.trader(), trader(&mut world));
    world.limit(&mut spot, 1, 1, "1", "100");
    let (first, _) = place(&mut world, &mut peer, 1, BUY);
    world.pass(1);
    let (second, second_id) =
        place(&mut world, &mut peer, 2, "38=0.01|40=2|44=1000|54=1|55=PF_XBTUSD|");
    let mut caller = connect(&mut world);
    let status = |answer: &Value| {
        let told = &answer["cancelStatus"];
        let orders = told["cancelledOrders"].as_array().unwrap();
        let ids: Vec<_> = orders.iter().map(|one| one["order_id"].as_str().unwrap()).collect();
        let events = told["orderEvents"].as_array().map_or(0, Vec::len);
        assert_eq!(ids.len(), events);
        format!("{} {} {}", told["cancelOnly"], told["status"], ids.join(" "))
    };
    // The fields of a POST may come behind the path.
    let signed = request("cancelallorders", "1", "symbol=PF_XBTUSD");
    let (head, _) = signed.split_once("Content-Length").unwrap();
    let by_query = head.replace("cancelallorders ", "cancelallorders?symbol=PF_XBTUSD ");
    let (_, answer) = caller.raw(&mut world, &format!("{by_query}\r\n"));
    assert_eq!(status(&answer), format!("\"PF_XBTUSD\" \"cancelled\" {second}"));
    assert_eq!(answer["cancelStatus"]["cancelledOrders"][0]["cliOrdId"], second_id.as_str());
    caller.nonce = 1;
    let answer = caller.call(&mut world, "cancelallorders", "");
    assert_eq!(status(&answer), format!("\"all\" \"cancelled\" {first}"));
    let answer = caller.call(&mut world, "cancelallorders", "");
    assert_eq!(status(&answer), "\"all\" \"noOrdersToCancel\" ");
    let told = world.take(peer.id);
    assert_eq!(told.len(), 2);
    assert_eq!((world.venue.open_orders("TAUT_DRV"), world.venue.open_orders("TAUT")), (0, 1));
}

#[test]
fn cancelallordersafter_fires_for_derivatives_alone() {
    let mut world = World::new();
    let (mut spot, mut peer) = (world.trader(), trader(&mut world));
    world.limit(&mut spot, 1, 1, "1", "100");
    place(&mut world, &mut peer, 1, BUY);
    let mut caller = connect(&mut world);
    let answer = caller.call(&mut world, "cancelallordersafter", "timeout=60");
    let now = iso(&world);
    world.pass(60_000);
    let status = json!({ "currentTime": now, "triggerTime": iso(&world) });
    assert_eq!(answer, json!({ "result": "success", "status": status, "serverTime": now }));
    world.venue.tick(world.now);
    assert_eq!((world.venue.open_orders("TAUT_DRV"), world.venue.open_orders("TAUT")), (0, 1));
    place(&mut world, &mut peer, 2, BUY);
    let mut caller = Caller { id: connect(&mut world).id, nonce: caller.nonce };
    caller.call(&mut world, "cancelallordersafter", "timeout=1");
    let answer = caller.call(&mut world, "cancelallordersafter", "timeout=0");
    assert_eq!(answer["status"]["triggerTime"], "0");
    world.pass(2_000);
    world.venue.tick(world.now);
    assert_eq!(world.venue.open_orders("TAUT_DRV"), 1);
    let mut fails = |fields: &str| caller.call(&mut world, "cancelallordersafter", fields);
    assert_eq!(fails("")["error"], "requiredArgumentMissing");
    for fields in ["timeout=-1", "timeout=1.5", "timeout=86401"] {
        assert_eq!(fails(fields)["error"], "invalidArgument", "{fields}");
    }
}

#[test]
fn open_derivatives_orders_are_listed_with_their_terms_and_what_was_done_of_them() {
    let mut config = config();
    let other = ClientConfig { sender: "OTHER_DRV".into(), ..ClientConfig::derivatives() };
    config.clients.push(other);
    let mut world = World::with(&config);
    let (mut peer, mut other) =
        (trader(&mut world), world.logon("OTHER_DRV", Service::DerivativesTrading));
    let mut caller = connect(&mut world);
    let empty = json!({ "result": "success", "openOrders": [], "serverTime": iso(&world) });
    assert_eq!(caller.call(&mut world, "openorders", ""), empty);
    let first_at = iso(&world);
    let (order, id) = place(&mut world, &mut peer, 1, "38=0.5|40=2|44=1000.5|54=1|55=PF_ETHUSD|");
    world.pass(10);
    let stop_at = iso(&world);
    let stop = "38=0.2|40=4|44=900|99=950|388=1|54=2|55=PF_ETHUSD|";
    let (stop, stop_id) = place(&mut world, &mut peer, 2, stop);
    world.pass(10);
    let filled_at = iso(&world);
    place(&mut world, &mut other, 3, "38=0.123|40=2|44=1000.5|54=2|55=PF_ETHUSD|");
    world.pass(10);
    let answer = caller.call(&mut world, "openorders", "");
    let listed = json!([
        {
            "order_id": order, "cliOrdId": id, "symbol": "PF_ETHUSD", "side": "buy",
            "orderType": "lmt", "limitPrice": 1000.5, "unfilledSize": 0.377, "filledSize": 0.123,
            "receivedTime": first_at, "lastUpdateTime": filled_at, "status": "partiallyFilled",
            "reduceOnly": false,
        },
        {
            "order_id": stop, "cliOrdId": stop_id, "symbol": "PF_ETHUSD", "side": "sell",
            "orderType": "stp", "limitPrice": 900, "stopPrice": 950, "unfilledSize": 0.2,
            "filledSize": 0, "receivedTime": stop_at, "lastUpdateTime": stop_at,
            "status": "untouched", "reduceOnly": false, "triggerSignal": "spot",
        },
    ]);
    assert_eq!(answer["openOrders"], listed);
}

#[test]
fn a_derivatives_call_has_to_be_signed_by_a_known_key_with_a_nonce_that_was_not_used() {
    let mut world = World::new();
    let mut caller = connect(&mut world);
    let refused = error(&world, "authenticationError");
    let good = request("cancelallorders", "5", "");
    for (from, to) in [
        ("APIKey: APIKEY", "APIKey: OTHER"),
        ("APIKey: APIKEY", "API-Key: APIKEY"),
        ("Nonce: 5", "Nonce: 6"),
        ("Nonce: 5\r\n", ""),
        ("cancelallorders", "cancelallordersafter"),
        ("Authent: ", "Authent: A"),
        ("Authent: ", "API-Sign: "),
    ] {
        assert!(good.contains(from));
        let answer = caller.raw(&mut world, &good.replacen(from, to, 1));
        assert_eq!(answer, (200, refused.clone()), "{from} -> {to}");
    }
    // A wrong signature uses no nonce up, a right one does.
    let fate = |world: &mut World, caller: &mut Caller, nonce: &str| {
        let (_, answer) = caller.raw(world, &request("openorders", nonce, ""));
        answer["error"].as_str().unwrap_or("none").to_owned()
    };
    assert_eq!(fate(&mut world, &mut caller, "5"), "none");
    assert_eq!(fate(&mut world, &mut caller, "5"), "nonceDuplicate");
    assert_eq!(fate(&mut world, &mut caller, "4"), "none", "a little out of order");
    assert_eq!(fate(&mut world, &mut caller, ""), "none", "without one");
    assert_eq!(fate(&mut world, &mut caller, "x"), "nonceBelowThreshold");
    for nonce in 100..100 + NONCES_KEPT {
        assert_eq!(fate(&mut world, &mut caller, &nonce.to_string()), "none");
    }
    assert_eq!(fate(&mut world, &mut caller, "6"), "none");
    assert_eq!(fate(&mut world, &mut caller, "3"), "nonceBelowThreshold");
}

#[test]
fn a_spot_client_and_one_that_may_not_trade_cannot_call_for_derivatives() {
    let mut config = config();
    config.clients.retain(|client| client.market == Market::Spot);
    let mut world = World::with(&config);
    let answer = connect(&mut world).call(&mut world, "cancelallorders", "");
    assert_eq!(answer, error(&world, "authenticationError"));
    config.clients.push(ClientConfig { can_trade: false, ..ClientConfig::derivatives() });
    let mut world = World::with(&config);
    let answer = connect(&mut world).call(&mut world, "cancelallorders", "");
    assert_eq!(answer, error(&world, "authenticationError"));
}

#[test]
fn derivatives_calls_spend_tokens_that_fix_does_not_share() {
    let mut world = World::new();
    let mut peer = trader(&mut world);
    let mut caller = connect(&mut world);
    for _ in 0..20 {
        assert_eq!(caller.call(&mut world, "cancelallorders", "")["result"], "success");
    }
    let limit = error(&world, "apiLimitExceeded");
    assert_eq!(caller.call(&mut world, "openorders", ""), limit);
    for n in 0..50 {
        place(&mut world, &mut peer, n, BUY);
    }
    world.pass(200);
    let unknown = format!("order_id={UNKNOWN}");
    let answer = caller.call(&mut world, "cancelorder", &unknown);
    assert_eq!(answer["cancelStatus"]["status"], "notFound", "10 of 50 a second are there again");
    let answer = caller.call(&mut world, "openorders", "");
    assert_eq!(answer["error"], "apiLimitExceeded");
}

#[test]
fn a_derivatives_market_in_maintenance_refuses_cancels_by_rest() {
    let mut world = World::new();
    let mut peer = trader(&mut world);
    let (order, _) = place(&mut world, &mut peer, 1, BUY);
    let maintenance = taut::types::PairStatus::Maintenance;
    assert!(world.venue.set_market_status("PF_ETHUSD", maintenance, world.now));
    let mut caller = connect(&mut world);
    let answer = caller.call(&mut world, "cancelorder", &format!("order_id={order}"));
    assert_eq!(answer, error(&world, "marketUnavailable"));
    let answer = caller.call(&mut world, "cancelallorders", "");
    assert_eq!(answer["cancelStatus"]["status"], "noOrdersToCancel");
    assert_eq!(world.venue.open_orders("TAUT_DRV"), 1);
}

#[test]
fn another_path_or_method_has_its_status() {
    let mut world = World::new();
    let mut caller = connect(&mut world);
    let get = request("openorders", "1", "");
    let unknown = caller.raw(&mut world, &get.replace("openorders", "sendorder"));
    assert_eq!(unknown, (404, error(&world, "notFound")));
    let posted = get.replace("GET", "POST");
    assert_eq!(caller.raw(&mut world, &posted), (405, error(&world, "invalidArgument")));
    let cancel = request("cancelallorders", "1", "").replace("POST", "GET");
    assert_eq!(caller.raw(&mut world, &cancel), (405, error(&world, "invalidArgument")));
    assert_eq!(caller.raw(&mut world, &get).0, 200, "the connection goes on");
}
