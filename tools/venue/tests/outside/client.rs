//! The hand-written client: strings, its own checksum, its own signature.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ring::{digest, hmac};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What both sides know.
pub const API_KEY: &str = "APIKEY";
/// `c2VjcmV0` in base64.
pub const API_SECRET: &[u8] = b"secret";
/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub trait Stream: Read + Write {
    /// Says that nothing more will come from us.
    fn finish(&mut self) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn finish(&mut self) -> std::io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn finish(&mut self) -> std::io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(Shutdown::Write)
    }
}

/// `8=FIX.4.4|9=..|` in front, `10=..|` behind; `|` stands for SOH.
pub fn fix(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = head.bytes().fold(0u32, |sum, byte| sum + u32::from(byte)) % 256;
    format!("{head}10={sum:03}\x01").into_bytes()
}

/// Milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.expect("the clock is after 1970").as_millis()).expect("not that late")
}

/// `YYYYMMDD-HH:MM:SS.mmm`, by counting years and months.
pub fn time_text(ms: u64) -> String {
    let (mut days, of_day) = (ms / 86_400_000, ms % 86_400_000);
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    format!(
        "{year}{:02}{:02}-{:02}:{:02}:{:02}.{millis:03}",
        month + 1,
        days + 1,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

pub fn now_text() -> String {
    time_text(now_ms())
}

/// Strictly increasing, as the venue wants it, over all clients of this process.
pub fn nonce() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let last = LAST
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now_ms().max(last + 1)))
        .expect("the closure always gives a value");
    now_ms().max(last + 1)
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, &b| group << 8 | u32::from(b))
            << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Password(554), venue file 2.1.
pub fn password(number: u64, sender: &str, target: &str, nonce: u64) -> String {
    let signed =
        format!("35=A|34={number}|49={sender}|56={target}|553={API_KEY}|").replace('|', "\x01");
    let digest = digest::digest(&digest::SHA256, format!("{signed}{nonce}").as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA512, API_SECRET);
    base64(hmac::sign(&key, digest.as_ref()).as_ref())
}

/// API-Sign of a call to REST.
pub fn api_sign(path: &str, nonce: u64, body: &str) -> String {
    let digest = digest::digest(&digest::SHA256, format!("{nonce}{body}").as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA512, API_SECRET);
    base64(hmac::sign(&key, &[path.as_bytes(), digest.as_ref()].concat()).as_ref())
}

/// One received message: its fields in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(pub Vec<(u32, String)>);

impl Message {
    /// Checks 8, 9 and 10 by itself.
    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("the venue writes ASCII");
        let fields: Vec<(u32, String)> = text
            .trim_end_matches('\x01')
            .split('\x01')
            .map(|field| field.split_once('=').expect("tag=value"))
            .map(|(tag, value)| (tag.parse().expect("a number"), value.to_owned()))
            .collect();
        assert_eq!((fields[0].0, fields[0].1.as_str()), (8, "FIX.4.4"));
        let body = text.match_indices('\x01').nth(1).expect("8 and 9 end").0 + 1;
        let trailer = text.len() - 7;
        assert_eq!(fields[1], (9, (trailer - body).to_string()), "{text:?}");
        let sum = bytes[..trailer].iter().fold(0u32, |sum, &b| sum + u32::from(b)) % 256;
        assert_eq!(&text[trailer..], format!("10={sum:03}\x01"), "{text:?}");
        Self(fields)
    }

    /// The value of a tag, `-` if it is not there.
    pub fn get(&self, tag: u32) -> &str {
        self.0.iter().find(|(t, _)| *t == tag).map_or("-", |(_, value)| value)
    }

    /// Several values, separated by spaces.
    pub fn values(&self, tags: &[u32]) -> String {
        tags.iter().map(|&tag| self.get(tag)).collect::<Vec<_>>().join(" ")
    }

    /// The tags in order.
    pub fn tags(&self) -> Vec<u32> {
        self.0.iter().map(|(tag, _)| *tag).collect()
    }
}

/// A connection and who we say we are on it.
pub struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    pub sender: String,
    pub target: &'static str,
    pub next_out: u64,
}

/// Where a service listens, and how to get through to it.
#[derive(Debug, Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub target: &'static str,
    /// The certificate to trust; `None` for plain TCP.
    pub pem: Option<String>,
}

impl Door {
    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the venue listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    /// Raw TCP, whatever the door expects.
    pub fn knock(&self, sender: &str) -> Client {
        self.client(Box::new(self.tcp()), sender)
    }

    fn client(&self, stream: Box<dyn Stream>, sender: &str) -> Client {
        let (received, sender) = (Vec::new(), sender.to_owned());
        Client { stream, received, sender, target: self.target, next_out: 1 }
    }

    /// Connects, with TLS where the door has it.
    pub fn open(&self, sender: &str) -> Client {
        let Some(pem) = &self.pem else { return self.knock(sender) };
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        roots.add(certificate).expect("a root");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        self.client(Box::new(StreamOwned::new(connection, self.tcp())), sender)
    }

    /// Connects and logs on with fresh numbers.
    pub fn log_on(&self, sender: &str) -> Client {
        self.log_on_with(sender, "98=0|108=30|141=Y|")
    }

    pub fn log_on_with(&self, sender: &str, fields: &str) -> Client {
        let mut client = self.open(sender);
        client.send_logon(fields);
        let answer = client.receive();
        assert_eq!(answer.get(35), "A", "{answer:?}");
        client
    }
}

impl Client {
    /// An answer of HTTP: its status and its body.
    pub fn receive_http(&mut self) -> (String, String) {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte).expect("a head");
            text.push(byte[0]);
        }
        let head = String::from_utf8(text).expect("ASCII");
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; len.expect("a length").parse().expect("a number")];
        self.stream.read_exact(&mut body).expect("a body");
        let status = head.lines().next().expect("a status line").to_owned();
        (status, String::from_utf8(body).expect("JSON is text"))
    }

    /// Bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).expect("the venue reads");
    }

    /// As [`Client::send_raw`], where the venue may close before all is written.
    pub fn send_if_open(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    /// The bytes of our next message: `body` follows the header.
    pub fn message(&mut self, msg_type: &str, body: &str) -> Vec<u8> {
        let number = self.next_out;
        self.next_out += 1;
        self.numbered(number, msg_type, body)
    }

    /// A message with a number of choice.
    pub fn numbered(&self, number: u64, msg_type: &str, body: &str) -> Vec<u8> {
        let Self { sender, target, .. } = self;
        let time = now_text();
        fix(&format!("35={msg_type}|34={number}|49={sender}|52={time}|56={target}|{body}"))
    }

    pub fn send(&mut self, msg_type: &str, body: &str) {
        let bytes = self.message(msg_type, body);
        self.send_raw(&bytes);
    }

    /// Logon: `fields`, and the credentials if it is for trading.
    pub fn send_logon(&mut self, fields: &str) {
        let mut body = fields.to_owned();
        if self.target.ends_with("TRD") {
            let nonce = nonce();
            let password = password(self.next_out, &self.sender, self.target, nonce);
            write!(body, "553={API_KEY}|554={password}|5025={nonce}|").expect("a string");
        }
        self.send("A", &body);
    }

    /// The next message of the venue.
    pub fn receive(&mut self) -> Message {
        self.receive_or_end().expect("the venue closed the connection")
    }

    /// The next message of the venue, or `None` if it closed the connection.
    pub fn receive_or_end(&mut self) -> Option<Message> {
        loop {
            let end = self.received.windows(4).position(|w| w == b"\x0110=").map(|at| at + 8);
            if let Some(end) = end.filter(|&end| end <= self.received.len()) {
                let rest = self.received.split_off(end);
                let bytes = std::mem::replace(&mut self.received, rest);
                return Some(Message::parse(&bytes));
            }
            if !self.read() {
                assert!(self.received.is_empty(), "half a message: {:?}", self.received);
                return None;
            }
        }
    }

    /// Everything until the venue closes, as it is.
    pub fn receive_rest(&mut self) -> Vec<u8> {
        while self.read() {}
        std::mem::take(&mut self.received)
    }

    /// Reads once; `false` at the end. Fails the test when nothing comes in time.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
                ) =>
            {
                false
            }
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// The venue closes without another message.
    pub fn expect_end(&mut self) {
        assert_eq!(self.receive_or_end(), None);
    }

    /// A TestRequest that is answered: the session lives, and nothing else was waiting.
    pub fn expect_alive(&mut self, id: &str) {
        self.send("1", &format!("112={id}|"));
        assert_eq!(self.receive().values(&[35, 112]), format!("0 {id}"));
    }

    /// A limit order of BTC/USD that is good till cancelled.
    pub fn limit(&mut self, cl_ord_id: u64, side: u8, qty: &str, px: &str) {
        let time = now_text();
        self.send(
            "D",
            &format!("11={cl_ord_id}|38={qty}|40=2|44={px}|54={side}|55=BTC/USD|59=1|60={time}|"),
        );
    }

    /// Two reports: A and 0. Returns the OrderID.
    pub fn expect_live(&mut self, cl_ord_id: u64) -> String {
        let reports = [self.receive(), self.receive()];
        let states = reports.each_ref().map(|report| report.values(&[35, 150, 39, 11]));
        assert_eq!(states, [format!("8 A A {cl_ord_id}"), format!("8 0 0 {cl_ord_id}")]);
        reports[0].get(37).to_owned()
    }

    /// Logouts are exchanged; we close, as who asked should, and the venue closes too.
    pub fn log_out(mut self) {
        self.send("5", "");
        assert_eq!(self.receive().get(35), "5");
        self.finish();
    }

    /// We close, and the venue closes too: the session is free again.
    pub fn finish(mut self) {
        self.stream.finish().expect("the connection stands");
        self.expect_end();
    }
}
