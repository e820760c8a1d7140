//! Both ways of TLS against OpenSSL's own `s_server` and `s_client`: other people's records, tickets and
//! key updates. Skipped, saying so, where there is no `openssl` command.
//!
//! `TAUT_RECORDS` sets how many records go each way per cipher suite; 2,000 by default. What was run with more is in
//! `engine/fuzz/README.md`.

#![allow(clippy::unwrap_used)] // A test, whose helpers are outside of test functions.

#[path = "common/skipped.rs"]
mod skipped;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use skipped::skipped;
use taut::wire::tls::{ClientTls, ServerTls, TlsMode, Trust, handshake};
use taut::wire::{Receiver, Transmitter, WireError, WireKind, channel};

const PATIENCE: Duration = Duration::from_secs(60);
const MODES: [TlsMode; 2] = [TlsMode::RecordLayer, TlsMode::Rustls];
const SUITES: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// A self-signed certificate for `localhost`, also as the files that OpenSSL reads.
struct Identity {
    folder: tempfile::TempDir,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
        Self { folder, certificate, key }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn client(&self, mode: TlsMode) -> ClientTls {
        ClientTls::new(Trust::Der(vec![self.certificate.clone()]), mode).unwrap()
    }

    fn server(&self, mode: TlsMode) -> ServerTls {
        ServerTls::new(vec![self.certificate.clone()], self.key.clone(), mode).unwrap()
    }
}

/// An `openssl` that runs, its input, and the lines that it prints. Ends with the test.
struct OpenSsl {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl OpenSsl {
    fn start(identity: &Identity, arguments: &[&str]) -> Self {
        // Line by line, or what it prints stays in its buffer.
        let mut child = Command::new("stdbuf")
            .args(["-oL", "openssl"])
            .args(arguments)
            .current_dir(identity.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let (sender, lines) = mpsc::channel();
        pass_on(child.stdout.take().unwrap(), sender.clone());
        pass_on(child.stderr.take().unwrap(), sender);
        Self { child, input, lines }
    }

    /// A line of its input is a command if it is one letter, else it is sent.
    fn say(&mut self, line: &str) {
        self.input.write_all(line.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Changes its key (`k`), or both keys (`K`). What it reads behind the letter at once is lost, so
    /// its answer is waited for.
    fn change_keys(&mut self, letter: &str, answer: &str) {
        self.say(&format!("{letter}\n"));
        self.must_print(answer);
    }

    /// Waits for a line that ends with `text`.
    fn must_print(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line {text:?}"));
            if line.ends_with(text) {
                return;
            }
        }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_on(from: impl Read + Send + 'static, to: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
}

fn openssl_is_missing() -> bool {
    let tried = Command::new("stdbuf").args(["-oL", "openssl", "version"]).output();
    let missing = !tried.is_ok_and(|output| output.status.success());
    if missing {
        skipped(format_args!("there is no openssl, or no stdbuf"));
    }
    missing
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn connect(port: u16) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < PATIENCE, "nobody listens: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// OpenSSL serves, we are the client.
fn to_server(
    identity: &Identity,
    mode: TlsMode,
    arguments: &[&str],
) -> (OpenSsl, Receiver, Transmitter) {
    let port = free_port();
    let accept = port.to_string();
    let mut all = vec!["s_server", "-tls1_3", "-cert", "certificate.pem", "-key", "key.pem"];
    all.extend_from_slice(&["-accept", &accept, "-naccept", "1"]);
    all.extend_from_slice(arguments);
    let server = OpenSsl::start(identity, &all);
    let deadline = Instant::now() + PATIENCE;
    let (rx, tx) = channel::connect_tls(
        WireKind::BusyPoll,
        connect(port),
        &identity.client(mode),
        "localhost",
        deadline,
    )
    .unwrap();
    (server, rx, tx)
}

/// We serve, OpenSSL is the client.
fn from_client(
    identity: &Identity,
    mode: TlsMode,
    arguments: &[&str],
) -> (OpenSsl, Receiver, Transmitter) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut all = vec!["s_client", "-tls1_3", "-connect", &address, "-servername", "localhost"];
    all.extend_from_slice(&["-CAfile", "certificate.pem", "-verify_return_error"]);
    all.extend_from_slice(arguments);
    let client = OpenSsl::start(identity, &all);
    let (stream, _) = listener.accept().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let established = handshake::accept(&stream, &identity.server(mode), deadline).unwrap();
    let (rx, tx) = channel::accept_tls(WireKind::BusyPoll, stream, established).unwrap();
    (client, rx, tx)
}

fn send(tx: &mut Transmitter, text: &str) {
    assert_eq!(tx.accept(text.as_bytes()), Ok(text.len()));
    let start = Instant::now();
    while !tx.flush().unwrap() {
        assert!(start.elapsed() < PATIENCE, "the peer does not read");
    }
}

/// Adds what comes to `got` until it ends with `text`.
fn must_receive(rx: &mut Receiver, got: &mut Vec<u8>, text: &str) {
    let mut into = [0; 4096];
    let start = Instant::now();
    while !got.ends_with(text.as_bytes()) {
        let count = rx.receive(&mut into, |_| ()).unwrap();
        got.extend_from_slice(&into[..count]);
        assert!(start.elapsed() < PATIENCE, "{text:?} did not come");
        if count == 0 {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

fn records() -> usize {
    std::env::var("TAUT_RECORDS").map_or(2_000, |text| text.parse().unwrap())
}

/// Few, so that our keys change all the time.
const RECORDS_PER_KEY: u64 = 97;

/// A line of 1 to 300 letters that depends on `i`.
fn line(i: usize) -> String {
    let length = 1 + i * 7919 % 300;
    (0..length).map(|at| char::from(b'a' + ((i + at * 31) % 26) as u8)).collect()
}

fn reversed(line: &str) -> String {
    line.chars().rev().collect()
}

#[test]
fn every_record_comes_back_reversed_from_openssl_in_every_cipher_suite() {
    if openssl_is_missing() {
        return;
    }
    let identity = Identity::new();
    for (mode, suite) in MODES.into_iter().flat_map(|mode| SUITES.map(|suite| (mode, suite))) {
        let arguments = ["-rev", "-ciphersuites", suite];
        let (_server, mut rx, mut tx) = to_server(&identity, mode, &arguments);
        let (count, mut got, mut into) = (records(), Vec::new(), [0; 4096]);
        // Once: with `-rev` OpenSSL sleeps for a second after a new key.
        tx.set_records_per_key(count as u64 / 2 + 1);
        let (mut sent, mut checked) = (0, 0);
        let start = Instant::now();
        while checked < count {
            // One record a line; OpenSSL answers each before it reads on, so few are on the way.
            if sent < count && sent - checked < 16 {
                send(&mut tx, &format!("{}\n", line(sent)));
                sent += 1;
            }
            let bytes = rx.receive(&mut into, |_| ()).unwrap();
            got.extend_from_slice(&into[..bytes]);
            while let Some(end) = got.iter().position(|byte| *byte == b'\n') {
                let expected = reversed(&line(checked));
                assert_eq!(&got[..end], expected.as_bytes(), "{mode:?}, {suite}, record {checked}");
                got.drain(..=end);
                checked += 1;
            }
            assert!(start.elapsed() < PATIENCE * 20, "{mode:?}, {suite}: stuck at {checked}");
        }
    }
}

#[test]
fn every_line_that_openssl_sends_as_a_client_goes_back_reversed_in_every_cipher_suite() {
    if openssl_is_missing() {
        return;
    }
    let identity = Identity::new();
    for (mode, suite) in MODES.into_iter().flat_map(|mode| SUITES.map(|suite| (mode, suite))) {
        // Quiet: no line of the input is a command.
        let arguments = ["-quiet", "-ciphersuites", suite];
        let (mut client, mut rx, mut tx) = from_client(&identity, mode, &arguments);
        tx.set_records_per_key(RECORDS_PER_KEY);
        let (count, mut got, mut into) = (records(), Vec::new(), [0; 4096]);
        let (mut said, mut echoed, mut checked) = (0, 0, 0);
        let start = Instant::now();
        while checked < count {
            if said < count && said - checked < 64 {
                client.say(&format!("{}\n", line(said)));
                said += 1;
            }
            let bytes = rx.receive(&mut into, |_| ()).unwrap();
            got.extend_from_slice(&into[..bytes]);
            while let Some(end) = got.iter().position(|byte| *byte == b'\n') {
                let text = String::from_utf8(got.drain(..=end).collect()).unwrap();
                assert_eq!(text.trim_end(), line(echoed), "{mode:?}, {suite}, line {echoed}");
                send(&mut tx, &format!("{}\n", reversed(text.trim_end())));
                echoed += 1;
            }
            for text in client.lines.try_iter() {
                // What it says of itself has a space or a digit.
                if text.bytes().all(|byte| byte.is_ascii_lowercase()) {
                    assert_eq!(text, reversed(&line(checked)), "{mode:?}, {suite}, line {checked}");
                    checked += 1;
                }
            }
            assert!(start.elapsed() < PATIENCE * 20, "{mode:?}, {suite}: stuck at {checked}");
        }
    }
}

#[test]
fn openssl_as_server_and_we_change_keys_in_either_direction() {
    if openssl_is_missing() {
        return;
    }
    let identity = Identity::new();
    for mode in MODES {
        let (mut server, mut rx, mut tx) = to_server(&identity, mode, &[]);
        let mut got = Vec::new();
        send(&mut tx, "before\n");
        server.must_print("before");
        // `k` changes the server's key, `K` asks for ours too.
        for (round, command) in ["k", "K", "K", "k", "K"].into_iter().enumerate() {
            server.change_keys(command, "SSL_do_handshake -> 1");
            server.say(&format!("down {round}\n"));
            must_receive(&mut rx, &mut got, &format!("down {round}\n"));
            send(&mut tx, &format!("up {round}\n"));
            server.must_print(&format!("up {round}"));
        }
        assert_eq!(got, b"down 0\ndown 1\ndown 2\ndown 3\ndown 4\n", "{mode:?}");
    }
}

#[test]
fn openssl_as_client_verifies_our_certificate_changes_keys_and_closes_in_order() {
    if openssl_is_missing() {
        return;
    }
    let identity = Identity::new();
    for (mode, suite) in MODES.into_iter().flat_map(|mode| SUITES.map(|suite| (mode, suite))) {
        let (mut client, mut rx, mut tx) = from_client(&identity, mode, &["-ciphersuites", suite]);
        let mut got = Vec::new();
        for (round, command) in ["K", "k", "K"].into_iter().enumerate() {
            client.change_keys(command, "KEYUPDATE");
            client.say(&format!("up {round}\n"));
            must_receive(&mut rx, &mut got, &format!("up {round}\n"));
            send(&mut tx, &format!("down {round}\n"));
            client.must_print(&format!("down {round}"));
        }
        assert_eq!(got, b"up 0\nup 1\nup 2\n", "{mode:?}, {suite}");
        client.say("Q\n");
        let mut into = [0; 64];
        let start = Instant::now();
        let end = loop {
            match rx.receive(&mut into, |_| ()) {
                Ok(0) => assert!(start.elapsed() < PATIENCE, "{mode:?}, {suite}: no end"),
                Ok(_) => panic!("{mode:?}, {suite}: data after the end"),
                Err(end) => break end,
            }
        };
        assert_eq!(end, WireError::Closed, "{mode:?}, {suite}: a close_notify, then the end");
    }
}

#[test]
fn openssl_refuses_a_server_whose_certificate_it_does_not_know() {
    if openssl_is_missing() {
        return;
    }
    let (identity, other) = (Identity::new(), Identity::new());
    for mode in MODES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let all = ["s_client", "-tls1_3", "-connect", &address, "-CAfile", "certificate.pem"];
        let all = [&all[..], &["-verify_return_error"]].concat();
        let _client = OpenSsl::start(&other, &all);
        let (stream, _) = listener.accept().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let refused = handshake::accept(&stream, &identity.server(mode), deadline);
        assert!(refused.is_err(), "{mode:?}: the handshake ended well");
    }
}
