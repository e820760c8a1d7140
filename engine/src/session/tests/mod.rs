//! One test per row of the FIX session-layer test cases, on scripted bytes; then two sessions
//! against each other over a link that breaks.

mod admin;
mod cuts;
mod hostile;
mod keeping;
mod link;
mod logging_on;
mod logging_out;
mod numbers;
mod options;
mod resending;
mod strays;
mod synchronising;
mod timing;
mod voided;
mod withholding;

use taut_codec::encode::Encoder;
use taut_codec::frame::{Frame, Framer, GarbageReason};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

use super::*;
use crate::event::Awaited;
use crate::limits;

/// 2026-04-07T14:32:01Z.
const START: UtcTime = UtcTime(1_775_572_321_000_000_000);

/// A message from `35=..|34=..|..`: 8, 9 and 10 are filled in.
fn fix(fields: &str) -> Vec<u8> {
    fix_as("FIX.4.4", fields)
}

fn fix_as(begin_string: &str, fields: &str) -> Vec<u8> {
    let body = fields.replace('|', "\x01");
    let mut bytes = format!("8={begin_string}\x019={}\x01{body}", body.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    bytes
}

/// A session and its end of a connection; the test is the peer.
struct Rig {
    session: Session,
    out: Outbox,
    now: UtcTime,
}

impl Rig {
    fn new(role: Role, change: impl FnOnce(&mut SessionConfig)) -> Self {
        let (us, peer) = ("US".parse().unwrap(), "PEER".parse().unwrap());
        let mut config = match role {
            Role::Initiator => SessionConfig::initiator(us, peer),
            Role::Acceptor => SessionConfig::acceptor(us, peer),
        };
        config.heartbeat_seconds = 30;
        change(&mut config);
        Self { session: Session::new(config), out: Outbox::new(), now: START }
    }

    fn connect(&mut self) {
        self.session.connected(self.now, &mut self.out, |_, _| {}).unwrap();
    }

    /// Connected and logged on: the next numbers are 2 on both sides.
    fn active(role: Role, change: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut rig = Self::new(role, change);
        rig.connect();
        rig.log_on("35=A|34=1|98=0|108=30|");
        rig.sent();
        rig.events();
        rig
    }

    fn log_on(&mut self, logon: &str) {
        match self.session.config().role {
            Role::Initiator => assert_eq!(self.feed(logon), Received::Admin),
            Role::Acceptor => {
                assert_eq!(self.feed(logon), Received::Logon);
                self.session.accept_logon(self.now, &mut self.out).unwrap();
            }
        }
        assert_eq!(self.session.phase(), Phase::Active);
    }

    /// Receives a message; 49, 56 and 52 are put in behind 35, unless they are there or left out by
    /// `!49`.
    fn feed(&mut self, fields: &str) -> Received {
        let bytes = fix(&self.complete(fields));
        self.feed_bytes(&bytes)
    }

    fn complete(&self, fields: &str) -> String {
        let time = String::from_utf8(self.now.to_fix_millis().to_vec()).unwrap();
        let mut all: Vec<String> =
            fields.split('|').filter(|f| !f.is_empty()).map(str::to_string).collect();
        for (tag, value) in [("52", time.as_str()), ("56", "US"), ("49", "PEER")] {
            let omit = format!("!{tag}");
            if !all.iter().any(|f| f.starts_with(&format!("{tag}=")) || *f == omit) {
                all.insert(1, format!("{tag}={value}"));
            }
        }
        all.retain(|f| !f.starts_with('!'));
        all.iter().map(|f| format!("{f}|")).collect()
    }

    fn feed_bytes(&mut self, bytes: &[u8]) -> Received {
        with_message(bytes, |message| self.session.received(message, self.now, &mut self.out))
    }

    fn tick_after(&mut self, millis: u64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        self.session.tick(self.now, &mut self.out);
    }

    fn sent(&mut self) -> Vec<String> {
        let sent = messages(self.out.pending());
        self.out.consume(usize::MAX);
        sent
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.session.next_event()).collect()
    }

    fn numbers(&self) -> (u64, u64) {
        (self.session.next_in(), self.session.next_out())
    }

    fn send(&mut self, id: &str) -> Result<u64, SendError> {
        self.session.send(b"D", self.now, &mut self.out, |body: &mut Encoder<'_>| {
            body.bytes(11, id.as_bytes());
        })
    }
}

/// Runs `f` on a message that frames and scans.
fn with_message<T>(bytes: &[u8], f: impl FnOnce(&Message<'_>) -> T) -> T {
    let mut fields = vec![Field::default(); 256];
    let framed = Framer::new(limits::MESSAGE_BYTES_MAX).next(bytes);
    assert_eq!(framed, Frame::Message { len: bytes.len() });
    let count = Scanner::new().index(bytes, &mut fields).unwrap();
    f(&Message::new(bytes, &fields[..count]))
}

/// The messages in `bytes` without what is the same in all of them: 8, 9, 49, 52, 56, 10.
fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while let Frame::Message { len } = Framer::new(limits::MESSAGE_BYTES_MAX).next(bytes) {
        let text = with_message(&bytes[..len], |message| {
            let shown =
                message.fields().iter().filter(|f| ![8, 9, 49, 52, 56, 10].contains(&f.tag));
            shown
                .map(|f| format!("{}={}|", f.tag, String::from_utf8_lossy(message.value(f))))
                .collect()
        });
        all.push(text);
        bytes = &bytes[len..];
    }
    assert!(bytes.is_empty(), "a whole number of messages");
    all
}

/// Runs a test for both roles, logged on.
fn both(test: impl Fn(Rig)) {
    both_with(|_| {}, test);
}

fn both_with(change: impl Fn(&mut SessionConfig), test: impl Fn(Rig)) {
    for role in [Role::Initiator, Role::Acceptor] {
        test(Rig::active(role, &change));
    }
}

/// Why bytes are garbled that begin no message.
const NOISE: Garbled = Garbled::Frame(GarbageReason::NoBeginString);

const fn up(epoch: u32, connection: u32, next_in: u64, next_out: u64) -> SessionEvent {
    SessionEvent::Up { epoch, connection, next_in, next_out }
}

const fn down(reason: DownReason, next_in: u64, next_out: u64) -> SessionEvent {
    SessionEvent::Down { reason, next_in, next_out }
}

fn protocol_error(text: &str) -> DownReason {
    DownReason::ProtocolError(event::event_text(text.as_bytes()))
}
