//! REST over HTTPS, written and read by hand.

use crate::client::{API_KEY, Client, api_sign, nonce};
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
