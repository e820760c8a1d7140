//! `taut acceptor` from outside, by hand over sockets; needs nothing but this repository.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::child::{Running, taut};

/// A running acceptor.
struct Acceptor {
    process: Running,
    address: String,
}

impl Acceptor {
    fn start() -> Self {
        Self::start_with(Stdio::inherit())
    }

    fn start_with(errors: Stdio) -> Self {
        let mut command = taut(&["acceptor", "--listen", "127.0.0.1:0", "--target", "TW"]);
        let mut process = Running::start(with_dictionary(&mut command).stderr(errors));
        let line = process.lines().next().expect("a line");
        let address = line.strip_prefix("listening on ").expect("an address").to_owned();
        Self { process, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream
    }
}

fn with_dictionary(command: &mut Command) -> &mut Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/small.xml");
    command.arg("--dictionary").arg(file)
}

/// A message of TW's with 34 and what follows the header.
fn fix(msg_type: &str, number: u64, body: &str) -> Vec<u8> {
    common::fix::fix("TW", "ISLD", msg_type, number, body)
}

fn logon() -> Vec<u8> {
    fix("A", 1, "98=0|108=30|")
}

/// What comes until a message of the type is whole or the other side closes.
fn hear(stream: &mut TcpStream, msg_type: &str) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let start = text.find(&format!("|35={msg_type}|"));
        if start.is_some_and(|start| text[start..].contains("|10=")) && text.ends_with('|') {
            return Some(text);
        }
        match stream.read(&mut buffer).expect("nothing came in time") {
            0 => return (!text.is_empty()).then_some(text),
            count => text += &String::from_utf8_lossy(&buffer[..count]).replace('\x01', "|"),
        }
    }
}

#[test]
fn of_two_logons_at_the_same_time_one_is_answered_and_the_other_closed_1s_b() {
    let acceptor = Acceptor::start();
    let mut both = [acceptor.connect(), acceptor.connect()];
    for stream in &mut both {
        stream.write_all(&logon()).expect("it reads");
    }
    let mut answered = Vec::new();
    for (at, stream) in both.iter_mut().enumerate() {
        if let Some(text) = hear(stream, "A") {
            assert!(text.contains("|35=A|34=1|"), "{text}");
            answered.push(at);
        }
    }
    assert_eq!(answered.len(), 1, "one has the session, the other not a word: {answered:?}");
    let winner = &mut both[answered[0]];
    winner.write_all(&fix("1", 2, "112=still here|")).expect("it reads");
    assert!(hear(winner, "0").is_some_and(|text| text.contains("|112=still here|")));
}

#[test]
fn a_conversation_that_breaks_at_any_byte_leaves_the_acceptor_ready_for_the_next() {
    let acceptor = Acceptor::start();
    let mut whole = logon();
    whole.extend(fix("D", 2, "11=a|40=1|"));
    for cut in (0..whole.len()).step_by(7) {
        let mut stream = acceptor.connect();
        stream.write_all(&whole[..cut]).expect("it reads");
        drop(stream);
        // The end of the last one may not have been noticed yet: then the identity is still taken.
        let answered = (0..200).any(|_| {
            let mut stream = acceptor.connect();
            stream.write_all(&logon()).expect("it reads");
            let answer = hear(&mut stream, "A");
            std::thread::sleep(Duration::from_millis(1));
            answer.is_some()
        });
        assert!(answered, "cut behind {cut} bytes");
    }
}

#[test]
fn why_a_connection_is_closed_without_a_word_is_told_where_the_acceptor_runs() {
    let mut acceptor = Acceptor::start_with(Stdio::piped());
    let mut said = acceptor.process.errors();
    let mut told = || said.next().expect("a line");
    let mut served = acceptor.connect();
    served.write_all(&logon()).expect("it reads");
    assert!(hear(&mut served, "A").is_some());
    let stranger = String::from_utf8(logon()).expect("ASCII").replace("49=TW", "49=WT");
    for (first, reason) in [
        (logon(), "TW is connected already"),
        (stranger.into_bytes(), "WT to ISLD is no session of ours"),
        (fix("1", 1, "112=x|"), "TW did not log on first"),
    ] {
        let mut stream = acceptor.connect();
        stream.write_all(&first).expect("it reads");
        assert_eq!(hear(&mut stream, "A"), None, "not a word");
        assert_eq!(told(), format!("taut: a connection was closed without a word: {reason}"));
    }
}

#[test]
fn an_initiator_tells_once_why_it_does_not_connect_and_again_after_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let to = listener.local_addr().expect("an address");
    drop(listener);
    let to_text = to.to_string();
    let mut command =
        taut(&["initiator", "--target", "ISLD", "--sender", "TW", "--connect", &to_text]);
    with_dictionary(&mut command).arg("--verbose").stdout(Stdio::inherit());
    let mut initiator = Running::start(&mut command);
    let mut said = initiator.errors();
    let mut told = || said.next().expect("a line");
    let reason = told();
    assert!(reason.starts_with(&format!("taut: cannot connect to {to} ")), "{reason}");
    // It dials on every second; the next line must be that of the logon.
    std::thread::sleep(Duration::from_millis(1500));
    let listener = TcpListener::bind(to).expect("the same port");
    let (mut stream, _) = listener.accept().expect("it dials");
    assert!(hear(&mut stream, "A").is_some());
    let ours = String::from_utf8(logon()).expect("ASCII");
    let theirs = ours.replace("49=TW", "49=ISLD").replace("56=ISLD", "56=TW");
    stream.write_all(theirs.as_bytes()).expect("it reads");
    let up = told();
    assert!(up.starts_with("ISLD: up: "), "{up}");
    drop((listener, stream));
    let next = std::iter::from_fn(|| Some(told())).find(|line| line.starts_with("taut: "));
    assert_eq!(next, Some(reason));
}
