//! The acceptor's side of one connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub trait Stream: Read + Write {
    fn tcp(&self) -> &TcpStream;

    /// Changes the keys of both directions, if there are any.
    fn refresh_keys(&mut self) {}
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }

    fn refresh_keys(&mut self) {
        self.conn.refresh_traffic_keys().unwrap();
    }
}

/// Fields with a `|` for SOH: `8=FIX.4.4|9=..|` in front, `10=..|` behind.
pub fn fix(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = head.bytes().fold(0u32, |sum, byte| sum + u32::from(byte)) % 256;
    format!("{head}10={sum:03}\x01").into_bytes()
}

/// `YYYYMMDD-HH:MM:SS.mmm` of now (Howard Hinnant's days-to-civil).
pub fn now_text() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let z = seconds / 86_400 + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year}{month:02}{day:02}-{h:02}:{m:02}:{s:02}.{millis:03}")
}

/// The value of a tag in a message with `|` for SOH.
pub fn get(message: &str, tag: u32) -> &str {
    let start = format!("{tag}=");
    message.split('|').find_map(|field| field.strip_prefix(start.as_str())).unwrap_or("-")
}

/// One accepted connection.
pub struct Peer {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    us: &'static str,
    pub next_out: u64,
    /// Everything that the engine sent, `|` for SOH.
    pub seen: Vec<String>,
}

/// Waits for the engine to dial.
pub fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, us: &'static str) -> Peer {
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut tcp = loop {
        match listener.accept() {
            Ok((tcp, _)) => break tcp,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "nobody dials {us}");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    };
    tcp.set_nonblocking(false).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_nodelay(true).unwrap();
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(tcp),
        Some(config) => {
            let mut connection = ServerConnection::new(Arc::clone(config)).unwrap();
            while connection.is_handshaking() {
                connection.complete_io(&mut tcp).unwrap();
            }
            Box::new(StreamOwned::new(connection, tcp))
        }
    };
    Peer { stream, received: Vec::new(), us, next_out: 1, seen: Vec::new() }
}

impl Peer {
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).unwrap();
    }

    /// Sends to an engine that may be dead.
    pub fn try_send_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    /// [`Peer::send`] to an engine that may be dead.
    pub fn try_send(&mut self, msg_type: &str, body: &str) {
        let bytes = self.numbered(self.next_out, msg_type, body);
        self.next_out += 1;
        self.try_send_raw(&bytes);
    }

    /// The bytes of our message with a number of choice.
    pub fn numbered(&self, number: u64, msg_type: &str, body: &str) -> Vec<u8> {
        let (us, time) = (self.us, now_text());
        fix(&format!("35={msg_type}|34={number}|49={us}|52={time}|56=TAUT|{body}"))
    }

    pub fn send(&mut self, msg_type: &str, body: &str) {
        let bytes = self.numbered(self.next_out, msg_type, body);
        self.next_out += 1;
        self.send_raw(&bytes);
    }

    /// The engine's next message.
    pub fn receive(&mut self) -> String {
        self.receive_or_end().expect("the engine closed the connection")
    }

    pub fn expect(&mut self, msg_type: &str) -> String {
        let message = self.receive();
        assert_eq!(get(&message, 35), msg_type, "{message}");
        message
    }

    /// The engine's next message, or `None` if it closed.
    pub fn receive_or_end(&mut self) -> Option<String> {
        loop {
            let end = self.received.windows(4).position(|w| w == b"\x0110=").map(|at| at + 8);
            if let Some(end) = end.filter(|&end| end <= self.received.len()) {
                let rest = self.received.split_off(end);
                let bytes = std::mem::replace(&mut self.received, rest);
                let text = String::from_utf8(bytes.clone()).unwrap();
                let body = text.split_inclusive('\x01').skip(2).collect::<String>();
                assert_eq!(
                    fix(&body[..body.len() - 7]),
                    bytes,
                    "BodyLength and CheckSum: {text:?}"
                );
                let text = text.replace('\x01', "|");
                self.seen.push(text.clone());
                return Some(text);
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionReset
                            | ErrorKind::UnexpectedEof
                            | ErrorKind::BrokenPipe
                    ) =>
                {
                    return None;
                }
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// Answers the Logon.
    pub fn accept_logon(&mut self) -> String {
        let logon = self.expect("A");
        let (heartbeat, reset) = (get(&logon, 108).to_owned(), get(&logon, 141).to_owned());
        self.send("A", &format!("98=0|108={heartbeat}|141={reset}|"));
        logon
    }

    /// Answers the Logout, once the engine asks.
    pub fn accept_logout(&mut self) {
        self.expect("5");
        self.send("5", "");
        assert_eq!(self.receive_or_end(), None);
    }

    /// Asks the engine's TLS to change its keys, with our own changed already.
    pub fn refresh_keys(&mut self) {
        self.stream.refresh_keys();
    }

    /// Closes without a word.
    pub fn cut(&self) {
        self.stream.tcp().shutdown(Shutdown::Both).unwrap();
    }
}
