//! A session from outside: the test is its peer, and the clock.

use taut::limits;
use taut::session::{Outbox, Received, Role, SendError, Session, SessionConfig, SessionEvent};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

/// 2026-04-07T14:32:01Z.
pub const START: UtcTime = UtcTime(1_775_572_321_000_000_000);

/// A message from `35=..|34=..|..`: 8, 9 and 10 are filled in.
pub fn fix(fields: &str) -> Vec<u8> {
    let body = fields.replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    bytes
}

pub struct Rig {
    pub session: Session,
    pub out: Outbox,
    pub now: UtcTime,
}

impl Rig {
    /// Not connected yet.
    pub fn new(role: Role, change: impl FnOnce(&mut SessionConfig)) -> Self {
        let (us, peer) = ("US".parse().unwrap(), "PEER".parse().unwrap());
        let mut config = match role {
            Role::Initiator => SessionConfig::initiator(us, peer),
            Role::Acceptor => SessionConfig::acceptor(us, peer),
        };
        config.heartbeat_seconds = 30;
        change(&mut config);
        Self { session: Session::new(config), out: Outbox::new(), now: START }
    }

    /// Connected and logged on: the next numbers are 2 on both sides.
    pub fn active(role: Role, change: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut rig = Self::new(role, change);
        rig.connect();
        rig.log_on(1);
        rig.sent();
        rig.events();
        rig
    }

    pub fn connect(&mut self) {
        self.session.connected(self.now, &mut self.out, |_, _| {}).unwrap();
    }

    /// The peer's Logon with a number.
    pub fn log_on(&mut self, number: u64) {
        if self.feed(&format!("35=A|34={number}|98=0|108=30|")) == Received::Logon {
            self.session.accept_logon(self.now, &mut self.out).unwrap();
        }
    }

    /// The connection breaks, the next one is logged on with this number of the peer's.
    pub fn reconnect(&mut self, number: u64) {
        self.session.disconnected(self.now);
        self.connect();
        self.log_on(number);
    }

    /// The bytes of the peer's message: 49, 52 and 56 are put in.
    pub fn peers(&self, fields: &str) -> Vec<u8> {
        let time = String::from_utf8(self.now.to_fix_millis().to_vec()).unwrap();
        let (msg_type, rest) = fields.split_once('|').unwrap();
        fix(&format!("{msg_type}|49=PEER|56=US|52={time}|{rest}"))
    }

    pub fn feed(&mut self, fields: &str) -> Received {
        let bytes = self.peers(fields);
        read(&bytes, |message| self.session.received(message, self.now, &mut self.out))
    }

    pub fn tick_after(&mut self, millis: u64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        self.session.tick(self.now, &mut self.out);
    }

    /// What waits for the wire, which takes it: without 8, 9, 10, 49, 52, 56.
    pub fn sent(&mut self) -> Vec<String> {
        let mut bytes = self.out.pending();
        let mut all = Vec::new();
        while let Frame::Message { len } = Framer::new(limits::MESSAGE_BYTES_MAX).next(bytes) {
            all.push(read(&bytes[..len], |message| {
                let fields = message.fields().iter();
                let shown = fields.filter(|field| ![8, 9, 10, 49, 52, 56].contains(&field.tag));
                let text =
                    |field: &Field| String::from_utf8_lossy(message.value(field)).into_owned();
                shown.map(|field| format!("{}={}|", field.tag, text(field))).collect()
            }));
            bytes = &bytes[len..];
        }
        assert!(bytes.is_empty(), "a whole number of messages");
        self.out.consume(usize::MAX);
        all
    }

    pub fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.session.next_event()).collect()
    }

    /// An order.
    pub fn order(&mut self, id: u64) -> Result<u64, SendError> {
        self.send(b"D", id)
    }

    pub fn send(&mut self, msg_type: &[u8], id: u64) -> Result<u64, SendError> {
        self.session.send(msg_type, self.now, &mut self.out, |body| {
            body.uint(11, id);
        })
    }
}

/// Runs `f` on a message that frames and scans.
pub fn read<T>(bytes: &[u8], f: impl FnOnce(&Message<'_>) -> T) -> T {
    let mut fields = vec![Field::default(); 8192];
    let count = Scanner::new().index(bytes, &mut fields).unwrap();
    f(&Message::new(bytes, &fields[..count]))
}

/// Runs a test for both roles.
pub fn both(test: impl Fn(Role)) {
    test(Role::Initiator);
    test(Role::Acceptor);
}

/// MsgSeqNum of what [`Rig::sent`] shows.
pub fn number(sent: &str) -> u64 {
    let field = sent.split('|').find_map(|field| field.strip_prefix("34="));
    field.unwrap().parse().unwrap()
}
