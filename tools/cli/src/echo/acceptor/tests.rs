//! The acceptor over sockets, step by step.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use taut::event::DownReason;
use taut::journal::{Durability, Journal, JournalConfig, Keeper};

use super::*;
use crate::echo::tests::{NOW, message, message_at, peer_named};

/// Connects and sends a Logon.
fn dial(to: SocketAddr, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(&message(name, "35=A|34=1|98=0|108=30|")).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// What a client hears until it is logged on or the connection ends.
fn heard(acceptor: &mut Acceptor, client: &mut TcpStream) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut text, mut chunk) = (String::new(), [0; 1024]);
    while !text.contains("\x0135=A\x01") {
        assert!(Instant::now() < deadline, "{text}");
        acceptor.step();
        match client.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&chunk[..count])),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{text}"),
        }
    }
    text
}

fn acceptor(peers: Vec<Peer>) -> (Acceptor, SocketAddr) {
    let acceptor = Acceptor {
        peers,
        guests: Vec::new(),
        handshakes: Vec::new(),
        tls: None,
        listener: listen("127.0.0.1:0".parse().unwrap()).unwrap(),
        clock: Clock::virtual_at(Arc::new(AtomicU64::new(NOW.0))),
        idle: Idle::new(IdlePolicy::Park).unwrap(),
    };
    let to = acceptor.listener.local_addr().unwrap();
    (acceptor, to)
}

#[test]
fn of_logons_at_the_same_moment_one_is_answered_and_the_others_get_no_word_1s_b() {
    let (mut acceptor, to) = acceptor(vec![peer_named(Role::Acceptor, "TWINS")]);
    // All of them are there before the acceptor looks.
    let mut clients = [(); 3].map(|()| dial(to, "TWINS"));
    let said = clients.each_mut().map(|client| heard(&mut acceptor, client));
    let answered = said.iter().filter(|text| text.contains("\x0135=A\x01")).count();
    let silent = said.iter().filter(|text| text.is_empty()).count();
    assert_eq!((answered, silent), (1, 2), "{said:?}");
    assert!(acceptor.peers[0].is_connected());
}

#[test]
fn a_logon_with_a_tag_that_is_no_tag_number_is_refused_by_a_logout_that_says_so_1s_d() {
    for bad in ["0=x|", "-1=x|"] {
        let (mut acceptor, to) = acceptor(vec![peer_named(Role::Acceptor, "THEM")]);
        for (from, known) in [("WHO", false), ("THEM", true)] {
            let mut client = TcpStream::connect(to).unwrap();
            let logon = message(from, &format!("35=A|34=1|98=0|{bad}108=30|"));
            client.write_all(&logon).unwrap();
            client.set_nonblocking(true).unwrap();
            let said = heard(&mut acceptor, &mut client);
            assert_eq!(said.contains("\x0135=5\x01"), known, "{from} {bad}: {said}");
            assert_eq!(said.contains("\x0158="), known, "{from} {bad}: {said}");
        }
    }
}

#[test]
fn a_journal_that_fails_ends_the_connections_of_its_own_counterparty_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut peers = ["FULL", "GOOD"].map(|name| peer_named(Role::Acceptor, name));
    // The answer to the Logon is longer.
    let (durability, message_bytes_max) = (Durability::None, 64);
    let config = JournalConfig { durability, message_bytes_max, ..JournalConfig::default() };
    let (journal, _) = Journal::open(dir.path(), config).unwrap();
    Keeper::attach(peers[0].session(), journal).unwrap();
    let (mut acceptor, to) = acceptor(peers.into());
    for _ in 0..2 {
        let mut full = dial(to, "FULL");
        assert_eq!(heard(&mut acceptor, &mut full), "", "what is not stored is not sent");
        assert_eq!(acceptor.peers[0].told(), DownReason::JournalFailed.to_string());
    }
    let mut good = dial(to, "GOOD");
    assert!(heard(&mut acceptor, &mut good).contains("\x0156=GOOD\x01"));
}

#[test]
fn connections_that_say_nothing_shut_nobody_out_because_the_oldest_makes_place() {
    let (mut acceptor, to) = acceptor(vec![peer_named(Role::Acceptor, "GOOD")]);
    let mut silent = Vec::new();
    while acceptor.guests.len() < STRANGERS_MAX {
        silent.push(TcpStream::connect(to).unwrap());
        acceptor.step();
        // Each has a time of its own.
        acceptor.clock = Clock::virtual_at(Arc::new(AtomicU64::new(NOW.0 + silent.len() as u64)));
    }
    let mut good = dial(to, "GOOD");
    let said = heard(&mut acceptor, &mut good);
    assert!(said.contains("\x0135=A\x01"), "{said}");
    // The first is closed, the second is not; whoever has logged on has no place among them.
    silent[0].set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(silent[0].read(&mut [0; 8]).unwrap(), 0);
    silent[1].set_nonblocking(true).unwrap();
    assert!(silent[1].read(&mut [0; 8]).is_err());
    assert_eq!(acceptor.guests.len(), STRANGERS_MAX);
    silent.push(TcpStream::connect(to).unwrap());
    while acceptor.guests.len() == STRANGERS_MAX {
        acceptor.step();
    }
    assert!(acceptor.peers[0].is_connected());
}

#[test]
fn a_step_of_the_systems_clock_is_followed_and_logons_go_on() {
    let (mut acceptor, to) = acceptor(vec![peer_named(Role::Acceptor, "GOOD")]);
    acceptor.clock = Clock::system_stepped(-3_600_000_000_000);
    let time = Clock::system().now().to_fix_millis();
    let logon = message_at(&String::from_utf8_lossy(&time), "GOOD", "35=A|34=1|98=0|108=30|");
    let mut client = TcpStream::connect(to).unwrap();
    client.write_all(&logon).unwrap();
    client.set_nonblocking(true).unwrap();
    let said = heard(&mut acceptor, &mut client);
    assert!(said.contains("\x0135=A\x01"), "{said}");
}
