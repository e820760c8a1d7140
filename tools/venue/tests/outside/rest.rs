//! REST over HTTPS, written and read by hand.

use std::time::{Duration, Instant};

use taut::command::RestKind;
use taut::event::{Listed, RestSaid};
use taut::kraken::logon::Credentials;
use taut::kraken::rest::RestClient;
use taut::secret::Secret;
use taut::types::OrderId;
use taut::wire::tls::{ClientTls, TlsMode, Trust};
use taut_codec::ids::Market;

use crate::client::{API_KEY, Client, api_sign, nonce, now_ms, time_text};
use crate::world::World;

/// Sends a call and returns the body of its answer.
fn call(client: &mut Client, path: &str, fields: &str) -> String {
    let nonce = nonce();
    let body = format!("nonce={nonce}{fields}");
    let (sign, len) = (api_sign(path, nonce, &body), body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAPI-Key: {API_KEY}\r\nAPI-Sign: {sign}\r\n\
         Content-Length: {len}\r\n\r\n"
    );
    // Head and body in two writes, as many clients do.
    client.send_raw(head.as_bytes());
    client.send_raw(body.as_bytes());
    let (status, body) = client.receive_http();
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    body
}

#[test]
fn an_order_of_a_fix_session_is_listed_and_cancelled_over_https_and_reported_over_fix() {
    let world = World::tls();
    let mut trader = world.trader();
    trader.limit(1, 1, "0.5", "1000");
    let id = trader.receive().get(37).to_owned();
    trader.receive();
    let mut caller = world.rest.open("");
    let open = call(&mut caller, "/0/private/OpenOrders", "");
    let start = format!("{{\"error\":[],\"result\":{{\"open\":{{\"{id}\":{{");
    assert!(open.starts_with(&start), "{open}");
    let done = call(&mut caller, "/0/private/CancelOrder", &format!("&txid={id}"));
    assert_eq!(done, r#"{"error":[],"result":{"count":1}}"#);
    assert_eq!(trader.receive().values(&[150, 39, 11, 37]), format!("4 4 1 {id}"));
    let again = call(&mut caller, "/0/private/CancelOrder", &format!("&txid={id}"));
    assert_eq!(again, r#"{"error":["EOrder:Unknown order"]}"#);
    trader.log_out();
    assert_eq!(world.end().live_orders, 0);
}

#[test]
fn what_is_no_call_ends_its_connection_and_nothing_else() {
    let world = World::plain();
    let mut trader = world.trader();
    for bytes in [&b"\x16\x03\x01\x00\x05hello\r\n"[..], b"POST / HTTP/9\r\n\r\n"] {
        let mut caller = world.rest.open("");
        caller.send_raw(bytes);
        let (status, _) = caller.receive_http();
        assert_eq!(status, "HTTP/1.1 400 Bad Request");
        caller.expect_end();
    }
    trader.expect_alive("after bad calls");
}

#[test]
fn a_venue_that_stops_closes_connections_of_rest_too() {
    let world = World::tls();
    let mut caller = world.rest.open("");
    let none = call(&mut caller, "/0/private/CancelAll", "");
    assert_eq!(none, r#"{"error":[],"result":{"count":0}}"#);
    world.stop();
    caller.expect_end();
}

/// The engine's client.
fn caller(world: &World, market: Market) -> RestClient {
    let tls = world.rest.pem.as_ref().map(|pem| {
        let trust = Trust::Pem(pem.clone().into());
        ClientTls::new(trust, TlsMode::RecordLayer).expect("the venue's certificate")
    });
    let secret = Secret::new("c2VjcmV0");
    let credentials = Credentials::new(Secret::new(API_KEY), secret).expect("good ones");
    let port = world.rest.address.port();
    RestClient::new(market, "localhost".to_owned(), port, tls, credentials)
}

/// All that the answer to a call says.
fn said(client: &mut RestClient, kind: RestKind) -> Vec<RestSaid> {
    let (mut said, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
    client.call(&kind, nonce(), deadline, |part| said.push(part));
    said
}

/// The order of a list of one.
fn only(list: &[RestSaid]) -> Listed {
    match *list {
        [RestSaid::Listed(listed), RestSaid::ListEnd { count: 1 }] => listed,
        _ => panic!("{list:?}"),
    }
}

#[test]
fn the_engines_own_client_lists_and_cancels_derivatives_over_https() {
    let world = World::tls();
    let mut trader = world.derivatives.log_on("TAUT_DRV");
    let time = now_ms();
    let (ticks, at) = (time * 100, time_text(time));
    let id = format!("{:08x}-{:04x}-4abc-9def-000000000001", ticks >> 16, ticks & 0xffff);
    let order = format!("11={id}|18=s|38=0.125|40=2|44=1000.5|54=1|55=PF_ETHUSD|59=1|60={at}|");
    trader.send("D", &order);
    let order_id = trader.receive().get(37).to_owned();
    let mut client = caller(&world, Market::Derivatives);
    let mut call = |kind| said(&mut client, kind);
    let listed = only(&call(RestKind::OpenOrders));
    assert_eq!(listed.order_id.as_str(), order_id);
    assert_eq!(listed.qty.to_scale(3), Ok(125));
    assert_eq!(listed.px.map(|px| px.to_scale(1)), Some(Ok(10_005)));
    let (order_id, cl_ord_id) = (listed.order_id, listed.cl_ord_id.expect("it has one"));
    assert_eq!(call(RestKind::CancelAllAfter { seconds: 60 }), [RestSaid::TimerSet]);
    let kind = RestKind::CancelOrder { order_id, cl_ord_id };
    assert_eq!(call(kind), [RestSaid::Canceled { count: 1 }]);
    assert_eq!(trader.receive().values(&[150, 11]), format!("4 {id}"));
    let again = call(kind);
    assert!(
        matches!(again[..], [RestSaid::Failed(problem)] if problem.is_unknown_order()),
        "{again:?}"
    );
    assert_eq!(call(RestKind::CancelAll), [RestSaid::Canceled { count: 0 }]);
    trader.log_out();
}

#[test]
fn the_engines_own_client_lists_and_cancels_over_https_and_over_plain_tcp() {
    for world in [World::tls(), World::plain()] {
        let mut trader = world.trader();
        trader.limit(1, 1, "0.5", "1000");
        let order_id = trader.receive().get(37).to_owned();
        trader.receive();
        let mut client = caller(&world, Market::Spot);
        let mut call = |kind| said(&mut client, kind);
        let listed = only(&call(RestKind::OpenOrders));
        assert_eq!(listed.order_id.as_str(), order_id);
        let order_id = listed.order_id;
        let cl_ord_id = listed.cl_ord_id.expect("it has one");
        let kind = RestKind::CancelOrder { order_id, cl_ord_id };
        assert_eq!(call(kind), [RestSaid::Canceled { count: 1 }]);
        assert_eq!(trader.receive().values(&[150, 11]), "4 1");
        let again = call(kind);
        assert!(
            matches!(again[..], [RestSaid::Failed(problem)] if problem.is_unknown_order()),
            "{again:?}"
        );
        let empty = RestKind::CancelOrder { order_id: OrderId::EMPTY, cl_ord_id };
        assert!(matches!(call(empty)[..], [RestSaid::Failed(_)]), "it is not open by that name");
        assert_eq!(call(RestKind::CancelAllAfter { seconds: 60 }), [RestSaid::TimerSet]);
        assert_eq!(call(RestKind::CancelAll), [RestSaid::Canceled { count: 0 }]);
        trader.log_out();
    }
}
