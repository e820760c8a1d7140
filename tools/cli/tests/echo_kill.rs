//! `taut acceptor --store` is killed (kill -9) at random moments while a client sends it orders in bursts, and
//! goes on from its journal: no order that the client has sent stays without an answer. `TAUT_KILLS=N` for
//! more kills than the usual dozen.

mod common;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::child::{PATIENCE, Running, taut};
use taut::session::{
    MemoryStore, Outbox, Phase, ResendPolicy, Session, SessionConfig, SessionEvent,
};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

const MESSAGE_BYTES: usize = 4096;

fn now() -> UtcTime {
    UtcTime(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64)
}

/// A running acceptor and where it listens.
struct Acceptor {
    process: Running,
    address: String,
}

impl Acceptor {
    fn kill(&mut self) {
        self.process.0.kill().expect("it is ours");
        self.process.0.wait().expect("it is ours");
    }
}

fn start(store: &Path) -> Acceptor {
    let dictionary = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/small.xml");
    let mut command =
        taut(&["acceptor", "--listen", "127.0.0.1:0", "--target", "TW", "--no-reset"]);
    command.arg("--dictionary").arg(dictionary).arg("--store").arg(store).stderr(Stdio::inherit());
    let mut process = Running::start(&mut command);
    let line = process.lines().next().expect("a line");
    let address = line.strip_prefix("listening on ").expect("an address").to_owned();
    Acceptor { process, address }
}

/// The counterparty: it lives on, and counts how often each of its orders came back.
struct Client {
    session: Session,
    out: Outbox,
    stream: Option<TcpStream>,
    inbox: Vec<u8>,
    last_id: u64,
    answers: BTreeMap<u64, u32>,
}

impl Client {
    fn new() -> Self {
        let id = |text: &str| text.parse().expect("a CompID");
        let config = SessionConfig {
            resend_policy: ResendPolicy::EVERYTHING,
            heartbeat_seconds: 60,
            ..SessionConfig::initiator(id("TW"), id("ISLD"))
        };
        let mut session = Session::new(config);
        session.set_sent_store(Box::new(MemoryStore::new(100_000, 32 << 20)));
        Self {
            session,
            out: Outbox::new(),
            stream: None,
            inbox: Vec::new(),
            last_id: 0,
            answers: BTreeMap::new(),
        }
    }

    fn connect(&mut self, address: &str) {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nonblocking(true).expect("a socket");
        self.stream = Some(stream);
        self.session.connected(now(), &mut self.out, |_, _| {}).expect("room for a Logon");
    }

    fn is_up(&self) -> bool {
        self.session.phase() == Phase::Active && !self.session.has_gap()
    }

    /// One order, if it can be sent.
    fn order(&mut self) {
        let id = self.last_id + 1;
        let sent = self.session.send(b"D", now(), &mut self.out, |body| {
            body.uint(11, id).byte(40, b'1');
        });
        self.last_id += u64::from(sent.is_ok());
    }

    /// Sends and receives what there is; `false` once the connection is over.
    fn step(&mut self) -> bool {
        self.session.tick(now(), &mut self.out);
        while let Some(event) = self.session.next_event() {
            assert!(!matches!(event, SessionEvent::Forgotten { .. }), "{event:?}");
        }
        let Some(stream) = &mut self.stream else { return false };
        let mut open = true;
        match stream.write(self.out.pending()) {
            Ok(count) => self.out.consume(count),
            Err(error) => open = error.kind() == ErrorKind::WouldBlock,
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk) {
            Ok(0) => open = false,
            Ok(count) => self.inbox.extend(&chunk[..count]),
            Err(error) => open &= error.kind() == ErrorKind::WouldBlock,
        }
        let mut framer = Framer::new(MESSAGE_BYTES);
        while let Frame::Message { len } = framer.next(&self.inbox) {
            let bytes: Vec<u8> = self.inbox.drain(..len).collect();
            self.take(&bytes);
        }
        if !open || self.session.should_close() {
            self.stream = None;
            self.inbox.clear();
            self.session.disconnected(now());
        }
        open
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut fields = [Field::default(); 64];
        let count = Scanner::new().index(bytes, &mut fields).expect("it indexes");
        let message = Message::new(bytes, &fields[..count]);
        let received = self.session.received(&message, now(), &mut self.out);
        if received == taut::session::Received::Application {
            assert_eq!(message.msg_type(), b"D");
            *self.answers.entry(message.uint(11).expect("its own")).or_default() += 1;
        }
    }

    /// Steps until `done`, or the connection is over.
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "too long, at {} orders", self.last_id);
            if !self.step() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        true
    }
}

#[test]
fn an_acceptor_that_is_killed_answers_every_order_in_one_of_its_lives() {
    let kills = std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12u64);
    let store = tempfile::tempdir().expect("a directory for the test");
    let mut client = Client::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15u64 ^ kills;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..kills {
        let mut acceptor = start(store.path());
        client.connect(&acceptor.address);
        assert!(client.until(Client::is_up), "the acceptor ended by itself");
        let (orders, turns) = (1 + random(300), random(4));
        for _ in 0..orders {
            client.order();
        }
        for _ in 0..=turns {
            client.step();
        }
        std::thread::sleep(Duration::from_micros(random(3_000)));
        acceptor.kill();
        // What it had sent still comes.
        client.until(|_| false);
    }
    let mut acceptor = start(store.path());
    client.connect(&acceptor.address);
    // One that is lost would never be answered: what comes behind it shows that it is.
    client.until(Client::is_up);
    client.order();
    client.until(|client| client.answers.contains_key(&client.last_id));
    acceptor.kill();
    let missing: Vec<u64> =
        (1..=client.last_id).filter(|id| !client.answers.contains_key(id)).collect();
    assert!(missing.is_empty(), "never answered: {missing:?}");
    let again = client.answers.values().filter(|&&times| times > 1).count();
    println!("{kills} kills, {} orders, {again} answered more than once", client.last_id);
    assert!(client.last_id > kills, "there were orders");
}
