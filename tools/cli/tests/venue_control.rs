//! Steps that are typed while `taut venue` runs, as its clients see them.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdin, Stdio};
use std::time::SystemTime;

use common::child::{PATIENCE, Running, taut};
use common::fix::fix;
use common::ports::free_base;
use taut::kraken::logon::Credentials;
use taut::secret::Secret;

/// Nobody but its clients trades there.
const CONFIG: &str = "[liquidity]\nmode = \"none\"\n";

/// A client of the venue.
struct Client {
    stream: TcpStream,
    to: &'static str,
    next: u64,
    heard: String,
}

impl Client {
    /// Logs on.
    fn new(port: u16, to: &'static str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { stream, to, next: 1, heard: String::new() };
        let mut body = "98=0|108=60|141=Y|".to_owned();
        if to.ends_with("TRD") {
            let credentials =
                Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0")).unwrap();
            let nonce = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let nonce = nonce.as_millis() as u64;
            let password = credentials.password(1, b"TAUT", to.as_bytes(), nonce).unwrap();
            let password = std::str::from_utf8(&password).unwrap();
            body += &format!("553=APIKEY|554={password}|5025={nonce}|");
        }
        client.say("A", &body);
        client.hear("|35=A|");
        client
    }

    fn say(&mut self, msg_type: &str, body: &str) {
        self.stream.write_all(&fix("TAUT", self.to, msg_type, self.next, body)).unwrap();
        self.next += 1;
    }

    /// What came up to some text, which has to come.
    fn hear(&mut self, wanted: &str) -> String {
        loop {
            if let Some(at) = self.heard.find(wanted) {
                return self.heard.drain(..at + wanted.len()).collect();
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).unwrap();
            assert!(count > 0, "{wanted} did not come: {}", self.heard);
            self.heard += &String::from_utf8_lossy(&bytes[..count]).replace('\x01', "|");
        }
    }

    /// The venue ends the connection.
    fn ends(mut self) {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
    }
}

/// A venue whose standard input takes steps, its first port, and that input.
fn venue() -> (Running, u16, ChildStdin) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("venue.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let (file, base) = (file.display().to_string(), free_base());
    let offset = base.to_string();
    let mut command = taut(&["venue", "--plain", "--config", &file, "--base-port", &offset]);
    command.args(["--control", "-", "--wire", "mio"]).stdin(Stdio::piped());
    command.env("TAUT_API_KEY", "APIKEY").env("TAUT_API_SECRET", "c2VjcmV0");
    let mut running = Running::start(&mut command);
    let typed = running.0.stdin.take().unwrap();
    assert!(running.lines().any(|line| line.contains("Ctrl-C")), "the venue starts");
    (running, base + 4000, typed)
}

fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = taut_codec::value::UtcTime(since.as_nanos() as u64).to_fix_millis();
    String::from_utf8(now.to_vec()).unwrap()
}

#[test]
fn prices_status_and_the_end_of_a_session_follow_what_is_typed() {
    let (_running, port, mut typed) = venue();
    let mut viewer = Client::new(port, "KRAKEN-MD");
    viewer.say("V", "262=m|263=1|264=10|265=1|267=2|269=0|269=1|146=1|55=BTC/USD|");
    viewer.hear("|35=W|");
    typed.write_all(b"prices BTC/USD off\n").unwrap();
    viewer.hear("|35=W|");
    typed.write_all(b"prices BTC/USD on\n").unwrap();
    viewer.hear("|35=W|");
    viewer.say("g", "335=s|336=SESSION|263=1|");
    viewer.hear("|340=2|");
    viewer.say("x", "320=l|559=0|55=BTC/USD|263=1|");
    viewer.hear("|5032=1|");
    typed.write_all(b"session-status maintenance\nsession-status online\n").unwrap();
    viewer.hear("|340=1|");
    let told = viewer.hear("|340=2|");
    assert!(!told.contains("|5032="), "35=h alone: {told}");
    typed.write_all(b"trading maintenance\n").unwrap();
    viewer.hear("|340=1|");
    viewer.hear("|5032=2|");
    typed.write_all(b"logout TAUT spot-market-data good night\n").unwrap();
    viewer.hear("|58=good night|");
    viewer.say("5", "");
    viewer.ends();
}

#[test]
fn the_index_a_late_report_and_the_end_of_the_venue_follow_what_is_typed() {
    let (mut running, port, mut typed) = venue();
    let mut trader = Client::new(port + 1, "KRAKEN-TRD");
    typed.write_all(b"late-report TAUT spot-trading 300ms\nindex BTC/USD 60000\n").unwrap();
    // Steps are taken in their order: when the second is told, the first was done.
    typed.write_all(b"index NO/NO 1\n").unwrap();
    assert!(running.errors().any(|line| line.contains("NO/NO")));
    let stop = format!("11=1|38=0.1|40=3|54=2|55=BTC/USD|59=1|99=50000|388=1|60={}|", now());
    trader.say("D", &stop);
    let told = trader.hear("|150=A|");
    assert!(told.contains("|150=0|"), "the report that was held back comes later: {told}");
    typed.write_all(b"index BTC/USD 49999\n").unwrap();
    trader.hear("|150=D|");
    typed.write_all(b"stop\n").unwrap();
    trader.hear("|58=Venue is stopping|");
    trader.say("5", "");
    trader.ends();
    running.signal("INT");
    assert!(running.wait().success());
}

#[test]
fn the_help_says_what_each_step_does() {
    let output = taut(&["venue", "--help"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in taut_venue::venue::STEPS.lines() {
        assert!(text.contains(line.trim()), "{line}");
    }
}
