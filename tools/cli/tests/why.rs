//! What a user is told when something is wrong: where, and why, in one line, and soon.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use common::child::{PATIENCE, Running, run, taut};
use common::fix::fix;

fn dictionary() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/small.xml");
    path.to_str().unwrap().to_owned()
}

/// `taut acceptor` for TW on a port of 127.0.0.1; what it is told besides.
fn acceptor(more: &[&str]) -> (Running, String) {
    let dictionary = dictionary();
    let arguments = ["acceptor", "--target", "TW", "--dictionary", &dictionary];
    let mut arguments = [&arguments[..], more].concat();
    if !more.contains(&"--listen") {
        arguments.extend(["--listen", "127.0.0.1:0"]);
    }
    let mut running = Running::start(&mut taut(&arguments));
    let line = running.lines().next().unwrap();
    let address = line.strip_prefix("listening on ").unwrap().to_owned();
    (running, address)
}

/// The first line that `taut initiator`, which dials again and again, says of a peer.
fn told_by_initiator(to: &str, more: &[&str]) -> String {
    let dictionary = dictionary();
    let arguments = ["initiator", "--sender", "TW", "--target", "ISLD", "--connect", to];
    let arguments = [&arguments[..], &["--dictionary", &dictionary], more].concat();
    let mut running = Running::start(&mut taut(&arguments));
    let line = running.errors().next().unwrap();
    running.signal("INT");
    assert_eq!(running.wait().code(), Some(0), "{line}");
    line
}

/// A peer that hears the first bytes of every connection, says something, and closes unless it is to stay.
fn peer(says: Vec<u8>, stays: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // The initiator may be gone already.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&says);
            if stays {
                open.push(stream);
            }
        }
    });
    to
}

#[test]
fn what_cannot_be_read_written_or_listened_to_is_named_in_one_line() {
    let dictionary = dictionary();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let scratch = tempfile::tempdir().unwrap();
    let broken = scratch.path().join("broken.xml");
    std::fs::write(&broken, "<fix major='4'").unwrap();
    let broken = broken.to_str().unwrap();
    let accept = ["acceptor", "--target", "TW", "--listen", "127.0.0.1:0", "--dictionary"];
    let dial = ["initiator", "--target", "TW", "--dictionary", &dictionary, "--connect"];
    let with = |all: &[&'static str], more: &[&str]| {
        all.iter().chain(more).map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    let dial =
        |more: &[&str]| dial.iter().chain(more).map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let cases = [
        (with(&accept, &["/nowhere/at/all.xml"]), "/nowhere/at/all.xml"),
        (with(&accept, &[broken]), broken),
        (
            with(&accept, &[&dictionary, "--tls", "--certificate", "/nowhere/x.pem"]),
            "/nowhere/x.pem",
        ),
        (with(&accept, &[&dictionary, "--control", &busy]), &busy),
        (with(&accept, &[&dictionary, "--target", "TW"]), "--target TW is given twice"),
        (with(&accept, &[&dictionary, "--sender", ""]), "--sender"),
        (with(&accept, &[&dictionary, "--store", broken]), broken),
        (with(&["venue", "--any-port", "--certificate"], &["/nowhere/x.pem"]), "/nowhere/x.pem"),
        (with(&["venue", "--any-port", "--arrivals"], &["/nowhere/x.log"]), "/nowhere/x.log"),
        (dial(&["nowhere"]), "--connect nowhere: that is not HOST:PORT"),
        (dial(&[":5001"]), "--connect :5001: that is not HOST:PORT"),
        (dial(&[&busy, "--tls-ca", "/nowhere/x.pem"]), "/nowhere/x.pem"),
        (dial(&[&busy, "--tls-ca", &dictionary]), "small.xml: no certificate given"),
        (with(&["control"], &[&free, "FIX.4.4:A->B", "LOGOUT", "1"]), &free),
    ];
    for (arguments, named) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = run(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        // A venue without credentials says so first.
        let told: Vec<_> = errors.lines().filter(|line| !line.starts_with("trading:")).collect();
        assert_eq!(told.len(), 1, "{arguments:?}: {errors}");
        assert!(
            told[0].starts_with("taut: ") && told[0].contains(named),
            "{arguments:?}: {errors}"
        );
    }
    let hostile = ["--heartbeat", "4000000000"];
    let output = run(&[
        &["initiator", "--target", "TW", "--dictionary", &dictionary],
        &hostile[..],
    ]
    .concat());
    assert_eq!(output.status.code(), Some(2), "no session has such a HeartBtInt");
}

#[test]
fn the_acceptor_tells_why_it_closes_on_whoever_does_not_log_on() {
    let (mut plain, to) = acceptor(&[]);
    let mut told = plain.errors();
    let mut next = || {
        let line = told.next().unwrap();
        line.strip_prefix("taut: a connection was closed without a word: ").unwrap().to_owned()
    };
    let no_fix = "what it began with is no message of FIX 4.4: no BeginString";
    for (first, why) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], no_fix),
        (b"\x16\x03\x01\x00\xc8\x01", no_fix),
        (
            b"8=FIX.4.2\x019=5\x0135=0\x0110=161\x01",
            "it does not say who it is, and whom it means (49, 56)",
        ),
    ] {
        let mut stream = TcpStream::connect(&to).unwrap();
        stream.write_all(first).unwrap();
        assert_eq!(next(), why);
    }
    let since = Instant::now();
    let silent = TcpStream::connect(&to).unwrap();
    assert_eq!(next(), "no Logon came within 5s");
    assert!(since.elapsed() < Duration::from_secs(20));
    drop(silent);

    let (mut secure, to) = acceptor(&["--tls"]);
    let mut stream = TcpStream::connect(&to).unwrap();
    stream.write_all(b"8=FIX.4.4\x019=5\x0135=A\x01").unwrap();
    let line = secure.errors().next().unwrap();
    assert!(line.ends_with("TLS handshake: the peer does not speak TLS"), "{line}");
}

#[test]
fn an_initiator_tells_why_it_is_not_let_in_without_being_asked_to() {
    let refusal = fix("ISLD", "TW", "5", 1, "58=no such user|");
    for (says, stays, told) in [
        (Vec::new(), false, "taut: ISLD: the peer closed without an answer to the logon"),
        (refusal, false, "taut: ISLD: the logon was refused: no such user"),
        (vec![b'z'; 200_000], true, "taut: ISLD: the peer broke the protocol: garbled input, "),
        (Vec::new(), true, "taut: ISLD: the peer did not answer our logon within 5"),
    ] {
        let line = told_by_initiator(&peer(says, stays), &[]);
        assert!(line.starts_with(told), "{line}");
    }
}

#[test]
fn a_peer_that_cannot_prove_who_it_is_is_named_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let (ours, others) = (file("ours.pem"), file("others.pem"));
    let (_ours, to) = acceptor(&["--tls", "--certificate", &ours]);
    let (_others, _) = acceptor(&["--tls", "--certificate", &others]);
    let (_elsewhere, elsewhere) =
        acceptor(&["--tls", "--certificate", &file("x.pem"), "--listen", "127.0.0.2:0"]);
    let plain = peer(b"HTTP/1.0 400 Bad Request\r\n\r\n".to_vec(), true);
    for (to, trusted, why) in [
        (&to, &others, "certificate"),
        (&elsewhere, &file("x.pem"), "not valid for name \"127.0.0.2\""),
        (&plain, &ours, "the peer does not speak TLS"),
    ] {
        let line = told_by_initiator(to, &["--tls-ca", trusted]);
        assert!(line.starts_with(&format!("taut: {to}: ")) && line.contains(why), "{line}");
    }
}

#[test]
fn a_request_to_control_that_is_refused_says_why() {
    let control = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (_running, to) = acceptor(&["--control", &control]);
    let ask = |to: &str, session: &str, key: &str, value: &str| {
        let output = run(&["control", to, session, key, value]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let session = "FIX.4.4:ISLD->TW";
    assert_eq!(ask(&control, session, "NEXTSENDERSEQNUM", "7"), (Some(0), String::new()));
    for (to, session, key, value, reason) in [
        (&control, "FIX.4.4:ISLD->XX", "LOGOUT", "1", "XX is no session of this process"),
        (&control, "ISLD", "LOGOUT", "1", "ISLD: FIX.4.4:SENDER->TARGET"),
        (&control, session, "LOGOFF", "1", "LOGOFF is none of LOGOUT, RESTART, "),
        (&control, session, "NEXTSENDERSEQNUM", "x", "not a number"),
        (&control, session, "NEXTSENDERSEQNUM", "0", "a MsgSeqNum cannot be that"),
        (&to, session, "LOGOUT", "1", "no --control of taut"),
    ] {
        let (code, errors) = ask(to, session, key, value);
        assert_eq!(code, Some(1));
        let wanted = format!("taut: {key}={value} was refused for {session}: ");
        assert!(errors.starts_with(&wanted) && errors.contains(reason), "{errors}");
    }
}
