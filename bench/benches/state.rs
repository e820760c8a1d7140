//! What it costs the venue to keep its state: a client's order and its cancel, one at a time, from the bytes
//! that come to those that may leave, by a venue with and without a state, in turn; and what of that depends
//! on how many clients there are. The venue is embedded: no sockets, no TLS.
//!
//! With two numbers, of clients and of those that are logged on, it is that row only. The journal lies in
//! `TAUT_BENCH_DIR`, or in the system's directory for temporary files.

use std::time::Instant;

use taut::kraken::logon::Credentials;
use taut::secret::Secret;
use taut_codec::value::UtcTime;
use taut_venue::config::{ClientConfig, LiquidityMode, TierName, VenueConfig};
use taut_venue::{ConnectionId, Service, Venue};

const ORDERS: u64 = 2_000;
const ROUNDS: usize = 9;
const SECRET: &str = "c2VjcmV0";

fn main() {
    println!(
        "| clients | logged on | without, ns an order | with, ns | more, ns | orders/s without | with |"
    );
    println!("|---|---|---|---|---|---|---|");
    // Cargo adds a word of its own.
    let asked: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    match asked[..] {
        [clients, logged_on] => row(clients, logged_on),
        _ => [(2, 1), (100, 100), (1_000, 1), (1_000, 1_000), (4_000, 1)]
            .into_iter()
            .for_each(|(clients, logged_on)| row(clients, logged_on)),
    }
}

fn row(clients: usize, logged_on: usize) {
    let dir = match std::env::var_os("TAUT_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let dir = dir.expect("a directory that can be written");
    let mut both = [None, Some(dir.path().to_owned())].map(|state| {
        let mut config = VenueConfig::default();
        config.liquidity.mode = LiquidityMode::None;
        config.state.dir = state;
        let client = ClientConfig { tier: TierName::Unlimited, ..config.clients[0].clone() };
        let sender = |at: usize| ClientConfig { sender: format!("C{at}"), ..client.clone() };
        config.clients = (0..clients).map(sender).collect();
        Trader::new(&config, logged_on)
    });
    let mut least = [u64::MAX; 2];
    for _ in 0..ROUNDS {
        for (trader, least) in both.iter_mut().zip(&mut least) {
            *least = trader.round().min(*least);
        }
    }
    let [without, with] = least;
    let rate = |ns: u64| 1_000_000_000 / ns;
    println!(
        "| {clients} | {logged_on} | {without} | {with} | {} | {} | {} |",
        with.saturating_sub(without),
        rate(without),
        rate(with),
    );
}

/// A venue and the first of its clients.
struct Trader {
    venue: Venue,
    id: ConnectionId,
    now: UtcTime,
    number: u64,
    order: u64,
}

impl Trader {
    fn new(config: &VenueConfig, logged_on: usize) -> Self {
        let now = UtcTime(1_775_572_321_000_000_000);
        let secrets = |_: &str| Some(SECRET.to_owned());
        let mut venue = Venue::with_secrets(config, None, now, secrets).expect("it is good");
        let ids: Vec<_> = (0..logged_on).map(|at| log_on(&mut venue, at, now)).collect();
        Self { venue, id: ids[0], now, number: 2, order: 0 }
    }

    /// Nanoseconds an order, its cancel included.
    fn round(&mut self) -> u64 {
        let start = Instant::now();
        for _ in 0..ORDERS {
            self.now = self.now.plus_nanos(1_000_000);
            self.order += 2;
            let (order, cancel) = (self.order, self.order + 1);
            let time = String::from_utf8_lossy(&self.now.to_fix_millis()).into_owned();
            self.say(
                &time,
                'D',
                &format!("11={order}|38=1|40=2|44=1000|54=1|55=BTC/USD|59=1|60={time}|"),
            );
            self.say(&time, 'F', &format!("11={cancel}|41={order}|54=1|55=BTC/USD|60={time}|"));
        }
        start.elapsed().as_nanos() as u64 / ORDERS
    }

    fn say(&mut self, time: &str, kind: char, body: &str) {
        let number = self.number;
        self.number += 1;
        let target = Service::SpotTrading.comp_id();
        let body = format!("35={kind}|34={number}|49=C0|52={time}|56={target}|{body}");
        self.venue.received(self.id, &fix(&body), self.now);
        let (outbox, len) = self.venue.sendable(self.id, self.now);
        assert!(len > 0, "each is answered");
        outbox.consume(len);
    }
}

fn log_on(venue: &mut Venue, at: usize, now: UtcTime) -> ConnectionId {
    let (sender, target) = (format!("C{at}"), Service::SpotTrading.comp_id());
    let credentials = Credentials::new(Secret::new(SECRET), Secret::new(SECRET)).expect("usable");
    let nonce = now.millis();
    let password = credentials.password(1, sender.as_bytes(), target.as_bytes(), nonce);
    let password = String::from_utf8_lossy(&password.expect("it is made")).into_owned();
    let time = String::from_utf8_lossy(&now.to_fix_millis()).into_owned();
    let body = format!(
        "35=A|34=1|49={sender}|52={time}|56={target}|98=0|108=60|141=Y|553={SECRET}|554={password}|5025={nonce}|"
    );
    let id = venue.connected(Service::SpotTrading, now);
    venue.received(id, &fix(&body), now);
    let (outbox, len) = venue.sendable(id, now);
    assert!(outbox.pending()[..len].windows(5).any(|field| field == b"35=A\x01"), "it is let in");
    outbox.consume(len);
    id
}

fn fix(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = head.bytes().fold(0u8, u8::wrapping_add);
    format!("{head}10={sum:03}\x01").into_bytes()
}
