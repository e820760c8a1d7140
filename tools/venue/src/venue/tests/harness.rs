//! A client that writes its messages by hand and reads the answers without our codec.

use taut::kraken::logon::Credentials;
use taut::secret::Secret;
use taut_codec::value::UtcTime;

use crate::config::{ClientConfig, ConfigError, LiquidityMode, TierName, VenueConfig};
use crate::liquidity::LiquiditySource;
use crate::{ConnectionId, Service, Venue};

/// `8=FIX.4.4|9=..|` in front, `10=..|` behind; `|` stands for SOH.
pub fn fix(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = head.bytes().fold(0u8, u8::wrapping_add);
    format!("{head}10={sum:03}\x01").into_bytes()
}

/// The messages in a stream of bytes, without trailer, `|` for SOH.
pub fn split(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap().replace('\x01', "|");
    let mut messages = Vec::new();
    for part in text.split_inclusive("|10=") {
        // Behind the first, a part starts with the checksum of the message before it.
        let checksum = if messages.is_empty() { 0 } else { 4 };
        match part.strip_suffix("|10=") {
            Some(part) => messages.push(format!("{}|", &part[checksum..])),
            None => assert_eq!(part.len(), 4, "the stream ends with a checksum: {part:?}"),
        }
    }
    messages
}

/// The value of a tag.
pub fn get(message: &str, tag: u32) -> Option<&str> {
    let start = format!("{tag}=");
    message.split('|').find_map(|field| field.strip_prefix(start.as_str()))
}

/// The values of some tags, `-` for one that is not there.
pub fn values(message: &str, tags: &[u32]) -> String {
    let all: Vec<&str> = tags.iter().map(|&tag| get(message, tag).unwrap_or("-")).collect();
    all.join(" ")
}

/// A logged-on session.
#[derive(Debug, Clone)]
pub struct Peer {
    pub id: ConnectionId,
    pub sender: &'static str,
    pub service: Service,
    pub next_out: u64,
}

/// A COMB UUID of now; `n` makes it one of many (venue file 6.9).
pub fn comb(world: &World, n: u64) -> String {
    let ticks = world.now.0 / 10_000;
    format!("{:08x}-{:04x}-4abc-9def-{n:012x}", ticks >> 16, ticks & 0xffff)
}

/// A venue and the time.
pub struct World {
    pub venue: Venue,
    pub now: UtcTime,
}

pub const START: &[u8] = b"20260407-14:32:01.000";

pub fn config() -> VenueConfig {
    let mut config = VenueConfig::default();
    config.liquidity.mode = LiquidityMode::None;
    config.clients[0].tier = TierName::Unlimited;
    let other = ClientConfig { sender: "OTHER".into(), ..config.clients[0].clone() };
    config.clients.insert(1, other);
    config
}

fn secrets(name: &str) -> Option<String> {
    match name {
        "TAUT_API_KEY" => Some("APIKEY".into()),
        "TAUT_API_SECRET" => Some("c2VjcmV0".into()),
        _ => None,
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(&config())
    }

    pub fn with(config: &VenueConfig) -> Self {
        Self::at(config, UtcTime::parse(START).unwrap())
    }

    pub fn at(config: &VenueConfig, now: UtcTime) -> Self {
        Self::try_at(config, now).unwrap()
    }

    pub fn try_at(config: &VenueConfig, now: UtcTime) -> Result<Self, ConfigError> {
        Self::fed(config, None, now)
    }

    /// With another liquidity than that of the configuration.
    pub fn fed(
        config: &VenueConfig,
        liquidity: Option<LiquiditySource>,
        now: UtcTime,
    ) -> Result<Self, ConfigError> {
        Ok(Self { venue: Venue::with_secrets(config, liquidity, now, secrets)?, now })
    }

    pub fn pass(&mut self, millis: u64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
    }

    pub fn time(&self) -> String {
        String::from_utf8(self.now.to_fix_millis().to_vec()).unwrap()
    }

    /// Takes all that waits for a connection.
    pub fn take(&mut self, id: ConnectionId) -> Vec<String> {
        split(&self.take_bytes(id))
    }

    /// The bytes that a server would send now.
    pub fn take_bytes(&mut self, id: ConnectionId) -> Vec<u8> {
        let (outbox, open) = self.venue.sendable(id, self.now);
        let bytes = outbox.pending()[..open].to_vec();
        outbox.consume(open);
        bytes
    }

    /// The body of a Logon, signed if it is for trading.
    pub fn logon_body(&self, sender: &str, service: Service, number: u64, extra: &str) -> String {
        let (target, time) = (service.comp_id(), self.time());
        let mut body =
            format!("35=A|34={number}|49={sender}|52={time}|56={target}|98=0|108=60|{extra}");
        if service.is_trading() {
            let credentials =
                Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0")).unwrap();
            let nonce = self.now.millis();
            let password =
                credentials.password(number, sender.as_bytes(), target.as_bytes(), nonce).unwrap();
            let password = std::str::from_utf8(&password).unwrap();
            body += &format!("553=APIKEY|554={password}|5025={nonce}|");
        }
        body
    }

    /// Connects, sends a Logon, and returns the connection with the answers.
    pub fn try_logon(&mut self, service: Service, body: &str) -> (ConnectionId, Vec<String>) {
        let id = self.venue.connected(service, self.now);
        self.venue.received(id, &fix(body), self.now);
        let answers = self.take(id);
        (id, answers)
    }

    /// A new session with fresh sequence numbers.
    pub fn logon(&mut self, sender: &'static str, service: Service) -> Peer {
        self.logon_with(sender, service, "141=Y|")
    }

    pub fn logon_with(&mut self, sender: &'static str, service: Service, extra: &str) -> Peer {
        self.pass(1);
        let body = self.logon_body(sender, service, 1, extra);
        let (id, answers) = self.try_logon(service, &body);
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(get(&answers[0], 35), Some("A"), "{answers:?}");
        Peer { id, sender, service, next_out: 2 }
    }

    /// A trading session of `TAUT`.
    pub fn trader(&mut self) -> Peer {
        self.logon("TAUT", Service::SpotTrading)
    }

    /// The bytes of a message with its header; `type_and_body` is `D|11=1|...`.
    pub fn message(&self, peer: &mut Peer, type_and_body: &str) -> Vec<u8> {
        let (msg_type, body) = type_and_body.split_once('|').unwrap();
        let (number, sender) = (peer.next_out, peer.sender);
        let (target, time) = (peer.service.comp_id(), self.time());
        peer.next_out += 1;
        fix(&format!("35={msg_type}|34={number}|49={sender}|52={time}|56={target}|{body}"))
    }

    /// Sends a message and returns what the same session is told.
    pub fn send(&mut self, peer: &mut Peer, type_and_body: &str) -> Vec<String> {
        let bytes = self.message(peer, type_and_body);
        self.venue.received(peer.id, &bytes, self.now);
        self.take(peer.id)
    }

    /// A limit order of BTC/USD.
    pub fn limit(
        &mut self,
        peer: &mut Peer,
        id: u64,
        side: u8,
        qty: &str,
        px: &str,
    ) -> Vec<String> {
        let time = self.time();
        self.send(
            peer,
            &format!("D|11={id}|38={qty}|40=2|44={px}|54={side}|55=BTC/USD|59=1|60={time}|"),
        )
    }

    /// The connection breaks.
    pub fn lose(&mut self, peer: &Peer) {
        self.venue.disconnected(peer.id, self.now);
    }
}
