//! One session of the soak: it answers what it has to, holds the venue's numbers to their order, and trades
//! or watches.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use taut::kraken::logon::Credentials;
use taut::limits::MESSAGE_BYTES_MAX;
use taut::wire::channel::{connect_tls, plain};
use taut::wire::tls::ClientTls;
use taut::wire::{Receiver, Transmitter, WireKind};
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::tag;
use taut_codec::value::UtcTime;

use crate::Failure;

/// Longest time for a connection and its handshake.
const DIAL: Duration = Duration::from_secs(30);
/// HeartBtInt(108), seconds, and how long a session may be silent.
const HEARTBEAT: u64 = 30;
const SILENCE: Duration = Duration::from_secs(HEARTBEAT / 3);
/// A message of ours.
const OWN_BYTES_MAX: usize = 1024;

/// Where a service listens.
pub struct Door<'a> {
    pub address: SocketAddr,
    pub tls: Option<&'a ClientTls>,
}

/// What all sessions did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub up: u64,
    /// Orders that were placed, reported and cancelled.
    pub orders: u64,
    /// Of the trader with the fewest.
    pub fewest_orders: u64,
    /// Orders without their last report.
    pub under_way: u64,
    pub updates: u64,
    /// Of the watcher with the fewest.
    pub fewest_updates: u64,
}

impl Counts {
    pub fn of(sessions: &[Session]) -> Self {
        let mut all = Self { fewest_orders: u64::MAX, fewest_updates: u64::MAX, ..Self::default() };
        for session in sessions {
            all.up += u64::from(session.up);
            match &session.role {
                Role::Watches { updates } => {
                    all.updates += updates;
                    all.fewest_updates = all.fewest_updates.min(*updates);
                }
                Role::Trades { orders, state, .. } => {
                    all.orders += orders;
                    all.fewest_orders = all.fewest_orders.min(*orders);
                    all.under_way += u64::from(*state != State::Idle);
                }
            }
        }
        all
    }
}

enum Role {
    Watches { updates: u64 },
    Trades { orders: u64, state: State, pause: Duration, next: Instant, over: bool },
}

/// How far the order of a trader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Placed,
    Cancelling,
}

/// A session.
pub struct Session {
    sender: String,
    target: &'static str,
    receiver: Receiver,
    transmitter: Transmitter,
    framer: Framer,
    scanner: Scanner,
    input: Vec<u8>,
    next_in: u64,
    next_out: u64,
    /// The ClOrdID of its last request.
    last_id: u64,
    spoke: Instant,
    up: bool,
    fault: Option<String>,
    role: Role,
}

fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

impl Session {
    /// A session that subscribes to the book.
    pub fn watcher(door: &Door<'_>, sender: &str) -> Result<Self, Failure> {
        let mut session = Self::open(door, sender, "KRAKEN-MD", Role::Watches { updates: 0 })?;
        session.say(b"A", logon);
        Ok(session)
    }

    /// A session that places and cancels an order, again and again, at most one each `pause`.
    pub fn trader(
        door: &Door<'_>,
        sender: &str,
        credentials: &Credentials,
        pause: Duration,
    ) -> Result<Self, Failure> {
        let next = Instant::now();
        let role = Role::Trades { orders: 0, state: State::Idle, pause, next, over: false };
        let mut session = Self::open(door, sender, "KRAKEN-TRD", role)?;
        let (sender, target) = (sender.as_bytes(), session.target.as_bytes());
        let mut signed = Ok(());
        session.say(b"A", |body| {
            logon(body);
            let nonce = now().millis();
            signed = credentials.write_logon_fields(body, 1, sender, target, nonce, Some(true));
        });
        signed?;
        Ok(session)
    }

    fn open(
        door: &Door<'_>,
        sender: &str,
        target: &'static str,
        role: Role,
    ) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&door.address, DIAL)?;
        let (receiver, transmitter) = match door.tls {
            None => plain(WireKind::Mio, stream)?,
            Some(tls) => {
                let made =
                    connect_tls(WireKind::Mio, stream, tls, "localhost", Instant::now() + DIAL);
                made.map_err(|error| std::io::Error::other(error.to_string()))?
            }
        };
        Ok(Self {
            sender: sender.to_owned(),
            target,
            receiver,
            transmitter,
            framer: Framer::new(MESSAGE_BYTES_MAX),
            scanner: Scanner::new(),
            input: Vec::new(),
            next_in: 1,
            next_out: 1,
            last_id: 0,
            spoke: Instant::now(),
            up: false,
            fault: None,
            role,
        })
    }

    /// What went wrong with it.
    pub fn fault(&self) -> Option<String> {
        self.fault.as_ref().map(|fault| format!("{} {}: {fault}", self.sender, self.target))
    }

    /// Places no further order.
    pub fn finish(&mut self) {
        if let Role::Trades { over, .. } = &mut self.role {
            *over = true;
        }
    }

    /// Reads, answers, and does what is due. Returns whether there was anything to do.
    pub fn turn(&mut self, now: Instant, buffer: &mut [u8], fields: &mut [Field]) -> bool {
        if self.fault.is_some() {
            return false;
        }
        let worked = match self.receiver.receive(buffer, |_| ()) {
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) => {
                self.fail(format!("the venue ended it: {error}"));
                return true;
            }
        };
        if worked {
            self.read(fields);
        }
        if self.up {
            self.place(now);
            if now.duration_since(self.spoke) > SILENCE {
                self.say(b"0", |_| ());
            }
        }
        if self.transmitter.pending() > 0
            && let Err(error) = self.transmitter.flush()
        {
            self.fail(format!("the venue ended it: {error}"));
        }
        worked
    }

    fn fail(&mut self, why: String) {
        self.up = false;
        self.fault.get_or_insert(why);
    }

    fn read(&mut self, fields: &mut [Field]) {
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        loop {
            match self.framer.next(&input[at..]) {
                Frame::Incomplete => break,
                Frame::Garbage { reason, .. } => {
                    return self.fail(format!("no message: {reason:?}"));
                }
                Frame::Message { len } => {
                    let bytes = &input[at..at + len];
                    at += len;
                    match self.scanner.index(bytes, fields) {
                        Ok(count) => self.take(&Message::new(bytes, &fields[..count])),
                        Err(error) => return self.fail(format!("no message: {error:?}")),
                    }
                }
            }
        }
        self.input = input;
        self.input.drain(..at);
    }

    fn take(&mut self, message: &Message<'_>) {
        let number = message.msg_seq_num().unwrap_or(0);
        if number != self.next_in {
            return self.fail(format!("number {number}, but {} was next", self.next_in));
        }
        self.next_in += 1;
        match (message.msg_type(), &mut self.role) {
            (b"A", Role::Watches { .. }) => {
                self.up = true;
                self.say(b"V", |body| {
                    body.uint(tag::NO_RELATED_SYM, 1).bytes(tag::SYMBOL, b"BTC/USD");
                    body.uint(tag::MD_REQ_ID, 1).byte(tag::SUBSCRIPTION_REQUEST_TYPE, b'1');
                    body.uint(tag::MARKET_DEPTH, 10).uint(tag::MD_UPDATE_TYPE, 1);
                    body.uint(tag::NO_MD_ENTRY_TYPES, 2).byte(tag::MD_ENTRY_TYPE, b'0');
                    body.byte(tag::MD_ENTRY_TYPE, b'1');
                });
            }
            (b"A", Role::Trades { .. }) => self.up = true,
            (b"W" | b"X", Role::Watches { updates }) => *updates += 1,
            (b"8", Role::Trades { .. }) => self.report(message),
            (b"0", _) => {}
            (b"1", _) => {
                let id = message.get(tag::TEST_REQ_ID).unwrap_or(b"?");
                self.say(b"0", |body| {
                    body.bytes(tag::TEST_REQ_ID, id);
                });
            }
            _ => self.fail(format!("not expected: {}", String::from_utf8_lossy(message.bytes()))),
        }
    }

    /// Places an order if one is due.
    fn place(&mut self, now: Instant) {
        let Role::Trades { state: state @ State::Idle, pause, next, over: false, .. } =
            &mut self.role
        else {
            return;
        };
        if now < *next {
            return;
        }
        *next = (*next + *pause).max(now);
        *state = State::Placed;
        self.last_id = (self.last_id + 1).max(self::now().0 / 1000);
        let id = self.last_id;
        self.say(b"D", |body| {
            body.uint(tag::CL_ORD_ID, id).bytes(tag::ORDER_QTY, b"0.001").byte(tag::ORD_TYPE, b'2');
            body.bytes(tag::PRICE, b"1000").byte(tag::SIDE, b'1').bytes(tag::SYMBOL, b"BTC/USD");
            body.byte(tag::TIME_IN_FORCE, b'1').time(tag::TRANSACT_TIME, self::now());
        });
    }

    fn report(&mut self, message: &Message<'_>) {
        let Role::Trades { state, orders, .. } = &mut self.role else { return };
        match (*state, message.get(tag::EXEC_TYPE)) {
            (State::Placed, Some(b"A")) => {}
            (State::Placed, Some(b"0")) => {
                *state = State::Cancelling;
                let placed = self.last_id;
                self.last_id += 1;
                let id = self.last_id;
                self.say(b"F", |body| {
                    body.uint(tag::CL_ORD_ID, id).uint(tag::ORIG_CL_ORD_ID, placed);
                    body.byte(tag::SIDE, b'1').bytes(tag::SYMBOL, b"BTC/USD");
                    body.time(tag::TRANSACT_TIME, now());
                });
            }
            (State::Cancelling, Some(b"4")) => {
                *state = State::Idle;
                *orders += 1;
            }
            _ => self.fail(format!("not expected: {}", String::from_utf8_lossy(message.bytes()))),
        }
    }

    fn say(&mut self, msg_type: &[u8], body: impl FnOnce(&mut Encoder<'_>)) {
        let mut buffer = [0; OWN_BYTES_MAX];
        let header = Header {
            msg_type,
            msg_seq_num: self.next_out,
            sender: self.sender.as_bytes(),
            target: self.target.as_bytes(),
            sending_time: now(),
            orig_sending_time: None,
            order: HeaderOrder::default(),
        };
        let mut message = Encoder::begin(&mut buffer, &header);
        body(&mut message);
        let Ok(range) = message.finish() else { return self.fail("a message is too long".into()) };
        self.next_out += 1;
        self.spoke = Instant::now();
        let bytes = &buffer[range];
        match self.transmitter.accept(bytes).and_then(|taken| {
            self.transmitter.flush()?;
            Ok(taken == bytes.len())
        }) {
            Ok(true) => {}
            Ok(false) => self.fail("the venue does not read".into()),
            Err(error) => self.fail(format!("the venue ended it: {error}")),
        }
    }
}

/// The fields that every Logon has.
fn logon(body: &mut Encoder<'_>) {
    body.byte(tag::ENCRYPT_METHOD, b'0').uint(tag::HEART_BT_INT, HEARTBEAT);
    body.byte(tag::RESET_SEQ_NUM_FLAG, b'Y');
}
