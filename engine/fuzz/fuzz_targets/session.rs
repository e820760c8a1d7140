//! A peer that sends whatever it likes, in whatever phase: see the invariants in [`World::check`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut::limits;
use taut::session::{
    MemoryStore, Outbox, Phase, Received, ResendPolicy, Role, Session, SessionConfig,
};
use taut_codec::frame::{Frame, Framer, GarbageReason};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

const OUTBOX: usize = 64 * 1024;
const FIELDS: usize = 512;
const TYPES: [&str; 12] = ["0", "1", "2", "3", "4", "5", "A", "D", "8", "j", "", "zz"];
const TAGS: [u32; 26] = [
    7, 16, 34, 36, 43, 45, 49, 50, 52, 56, 58, 97, 98, 108, 112, 115, 122, 123, 128, 141, 369, 371,
    372, 373, 627, 789,
];
const VALUES: [&str; 14] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "30",
    "Y",
    "N",
    "",
    "-1",
    "PEER",
    "US",
    "999999999999",
    "18446744073709551615",
];

/// What the input says, byte by byte.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }
}

struct World {
    session: Session,
    out: Outbox,
    now: UtcTime,
    inbox: Vec<u8>,
    held: Vec<u8>,
    /// Epoch, next in, next out and connection before the last step.
    before: (u32, u64, u64, u32),
    closing: bool,
}

impl World {
    fn new(script: &mut Script<'_>) -> Self {
        let (us, peer) = ("US".parse().unwrap(), "PEER".parse().unwrap());
        let flags = script.byte();
        let flag = |bit: u8| flags & (1 << bit) != 0;
        let mut config = match flag(0) {
            true => SessionConfig::initiator(us, peer),
            false => SessionConfig::acceptor(us, peer),
        };
        config.heartbeat_seconds = 30;
        config.reset_on_logon = flag(1);
        config.next_expected = flag(2);
        config.last_processed = flag(3);
        config.hold_bytes = if flag(4) { 2048 } else { 0 };
        config.resend_chunk = if flag(5) { 3 } else { 0 };
        config.resend_policy = match flag(6) {
            true => ResendPolicy::EVERYTHING,
            false => ResendPolicy::REPORTS,
        };
        config.send_message_bytes_max = limits::SEND_MESSAGE_BYTES_MAX;
        let mut session = Session::new(config);
        if flag(7) {
            session.set_sent_store(Box::new(MemoryStore::new(32, 4096)));
        }
        let now = UtcTime(1_775_572_321_000_000_000);
        let before = (0, 1, 1, 0);
        let held = vec![0; 4096];
        let out = Outbox::with_capacity(OUTBOX);
        Self { session, out, now, inbox: Vec::new(), held, before, closing: false }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 16 {
            0 => {
                // A failure is an end of the connection, which the session knows.
                let _ = self.session.connected(self.now, &mut self.out, |_, _| {});
                self.inbox.clear();
                self.closing = false;
            }
            1 => self.session.disconnected(self.now),
            2 => {
                let _ = self.session.send(b"8", self.now, &mut self.out, |body| {
                    body.uint(11, 1);
                });
            }
            3 => self.session.logout(Some("bye"), self.now, &mut self.out),
            4 | 5 => {
                let millis = u64::from(script.byte()) * 200;
                self.now = self.now.plus_nanos(millis * 1_000_000);
                self.session.tick(self.now, &mut self.out);
            }
            6 => self.leave(usize::from(script.byte()) * 300),
            7 => self.raw(script),
            8 => {
                let number = self.session.next_out() + u64::from(script.byte());
                let _ = self.session.reset_out(number, self.now, &mut self.out);
            }
            9 => {
                let why = GarbageReason::NoBeginString.into();
                self.session.garbled(usize::from(script.byte()) * 100, why, self.now);
            }
            10 => self.logon(),
            _ => self.message(script),
        }
        self.check();
    }

    /// A right Logon of the peer's, or the next phases would hardly ever be reached.
    fn logon(&mut self) {
        let number = self.session.next_in();
        self.take(&self.framed(&format!("35=A|34={number}|98=0|108=30|")));
    }

    /// A message with a right frame and fields that mean something.
    fn message(&mut self, script: &mut Script<'_>) {
        let msg_type = script.one_of(&TYPES);
        let mut text = format!("35={msg_type}|");
        let number = self.session.next_in() + u64::from(script.byte() % 8);
        text += &format!("34={}|", number.saturating_sub(3));
        for _ in 0..script.byte() % 6 {
            let (tag, value) = (script.one_of(&TAGS), script.one_of(&VALUES));
            text += &format!("{tag}={value}|");
        }
        self.take(&self.framed(&text));
    }

    /// 8, 9, 10 and, behind 35, 49, 52 and 56 put in.
    fn framed(&self, fields: &str) -> Vec<u8> {
        let time = String::from_utf8(self.now.to_fix_millis().to_vec()).unwrap();
        let (msg_type, rest) = fields.split_once('|').unwrap();
        let body = format!("{msg_type}|49=PEER|56=US|52={time}|{rest}").replace('|', "\x01");
        let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
        let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
        bytes.extend(format!("10={sum:03}\x01").bytes());
        bytes
    }

    /// Bytes as they stand in the input, and what an engine makes of them.
    fn raw(&mut self, script: &mut Script<'_>) {
        let count = usize::from(script.byte()).min(script.0.len());
        let (bytes, rest) = script.0.split_at(count);
        script.0 = rest;
        self.inbox.extend_from_slice(bytes);
        loop {
            match Framer::new(4096).next(&self.inbox) {
                Frame::Incomplete => break,
                Frame::Garbage { skip, reason } => {
                    self.inbox.drain(..skip);
                    self.session.garbled(skip, reason.into(), self.now);
                }
                Frame::Message { len } => {
                    let message: Vec<u8> = self.inbox.drain(..len).collect();
                    self.take(&message);
                }
            }
        }
        self.inbox.truncate(8192);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.receive(bytes);
        while let Some(len) = self.session.take_held(self.now, &mut self.held) {
            let held = self.held[..len].to_vec();
            self.receive(&held);
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut fields = [Field::default(); FIELDS];
        let Ok(count) = Scanner::new().index(bytes, &mut fields) else { return };
        let message = Message::new(bytes, &fields[..count]);
        if self.session.received(&message, self.now, &mut self.out) == Received::Logon {
            // It may not fit; then the connection is to be closed.
            let _ = self.session.accept_logon(self.now, &mut self.out);
        }
    }

    /// The wire takes bytes: at message ends or anywhere.
    fn leave(&mut self, bytes: usize) {
        self.out.consume(bytes);
    }

    fn check(&mut self) {
        let session = &self.session;
        assert!(self.out.pending().len() <= OUTBOX);
        let numbers = 1..=limits::SEQ_NUM_MAX + 1;
        assert!(numbers.contains(&session.next_in()) && numbers.contains(&session.next_out()));
        let (epoch, next_in, next_out, connection) = self.before;
        if session.epoch() == epoch {
            assert!(session.next_in() >= next_in, "{} after {next_in}", session.next_in());
            assert!(session.next_out() >= next_out, "{} after {next_out}", session.next_out());
        }
        self.before =
            (session.epoch(), session.next_in(), session.next_out(), session.connection());
        if session.connection() == connection {
            let gone = session.phase() == Phase::Disconnected;
            assert!(!self.closing || session.should_close() || gone, "closed, and open again");
        }
        self.closing = session.should_close();
        assert!(session.config().role == Role::Acceptor || session.phase() != Phase::AwaitLogon);
        let mut events = 0;
        while self.session.next_event().is_some() {
            events += 1;
        }
        assert!(events <= limits::SESSION_EVENTS_MAX + 1);
        // A session that is due is never due again at once, or an engine would spin.
        if self.session.next_deadline() <= self.now && self.session.phase() != Phase::Closing {
            self.session.tick(self.now, &mut self.out);
            let due = self.session.next_deadline() <= self.now;
            let closing = self.session.phase() == Phase::Closing;
            assert!(!due || closing, "due for ever in {:?}", self.session.phase());
            self.before.1 = self.session.next_in();
            self.before.2 = self.session.next_out();
            self.closing = self.session.should_close();
        }
        self.whole_messages();
    }

    /// What waits for the wire is the tail of one message and then whole ones, with rising numbers but for
    /// what is sent again.
    fn whole_messages(&self) {
        let mut bytes = self.out.pending();
        let mut last = 0;
        if self.out.consumed_total() > 0 {
            // No value can hold this.
            let head = b"8=FIX.4.4\x019=";
            let found = bytes.windows(head.len()).position(|window| window == head);
            let Some(start) = found else { return };
            bytes = &bytes[start..];
        }
        let mut fields = [Field::default(); FIELDS];
        while let Frame::Message { len } = Framer::new(8192).next(bytes) {
            let count = Scanner::new().index(&bytes[..len], &mut fields).expect("what we write");
            let message = Message::new(&bytes[..len], &fields[..count]);
            let number = message.msg_seq_num().expect("a number");
            let again = message.flag(43) || matches!(message.msg_type(), b"A" | b"4");
            if matches!(message.msg_type(), b"A") {
                last = number;
            } else if !again {
                assert!(number > last, "{number} behind {last}");
                last = number;
            }
            bytes = &bytes[len..];
        }
        assert!(bytes.is_empty(), "a whole number of messages");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script(data);
    let mut world = World::new(&mut script);
    while !script.0.is_empty() {
        world.step(&mut script);
    }
});
