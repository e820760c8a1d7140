//! Somebody else: logs on, trades through the book in both directions, and is gone. Its bytes go to the
//! venue without a socket.

use taut::kraken::logon::Credentials;
use taut_codec::value::UtcTime;
use taut_venue::{ConnectionId, Service, Venue};

pub const SENDER: &str = "OTHER";
/// What it buys and sells, in BTC: whatever rests near the market.
const QTY: u32 = 20;

/// Trades. Each call at a later millisecond than the one before.
pub fn sweep(venue: &mut Venue, credentials: &Credentials, now: UtcTime) {
    let (service, nonce) = (Service::SpotTrading, now.millis());
    let target = service.comp_id();
    let password = credentials.password(1, SENDER.as_bytes(), target.as_bytes(), nonce);
    let password = String::from_utf8(password.expect("good ones").to_vec()).expect("base64");
    let id = venue.connected(service, now);
    let logon = format!("98=0|108=60|141=Y|553=APIKEY|554={password}|5025={nonce}|");
    assert!(tell(venue, id, now, "A", 1, &logon).contains("\x0135=A\x01"));
    let time = text(now);
    for side in [1, 2] {
        let cl_ord_id = now.0 / 1_000 + side;
        let order = format!("11={cl_ord_id}|38={QTY}|40=1|54={side}|55=BTC/USD|59=3|60={time}|");
        let answer = tell(venue, id, now, "D", side + 1, &order);
        assert!(answer.contains("\x01150=F\x01"), "nothing was traded: {answer:?}");
    }
    venue.disconnected(id, now);
}

/// Sends a message and returns what the venue says then.
fn tell(
    venue: &mut Venue,
    id: ConnectionId,
    now: UtcTime,
    msg_type: &str,
    number: u64,
    body: &str,
) -> String {
    let (time, target) = (text(now), Service::SpotTrading.comp_id());
    let body = format!("35={msg_type}|34={number}|49={SENDER}|52={time}|56={target}|{body}");
    let body = body.replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = head.bytes().fold(0u8, u8::wrapping_add);
    venue.received(id, format!("{head}10={sum:03}\x01").as_bytes(), now);
    let (outbox, open) = venue.sendable(id, now);
    let said = String::from_utf8_lossy(&outbox.pending()[..open]).into_owned();
    outbox.consume(open);
    said
}

fn text(now: UtcTime) -> String {
    String::from_utf8(now.to_fix_millis().to_vec()).expect("digits")
}
