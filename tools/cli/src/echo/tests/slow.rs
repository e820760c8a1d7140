//! Counterparties that read slowly, or not at all, over sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use taut::wire::{WireKind, channel};

use super::*;
use crate::echo::link::Link;
use crate::echo::{feed, send};

/// A client's end, and ours.
fn connection() -> (TcpStream, Link) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    (client, Link::new(channel::plain(WireKind::BusyPoll, stream).unwrap()))
}

#[test]
fn a_counterparty_that_reads_slowly_gets_every_echo_and_is_not_read_meanwhile() {
    const ORDERS: usize = 300;
    let (mut slow, mut link) = connection();
    slow.set_nonblocking(true).unwrap();
    let mut peer = super::peer(Role::Acceptor);
    log_on(&mut peer, 1);
    let long = "x".repeat(100_000);
    let order = |number: usize| message("THEM", &format!("35=D|34={number}|11={long}|40=1|"));
    let (mut number, mut to_write) = (2, order(2));
    let (mut was_full, mut echoes, mut chunk) = (false, 0, vec![0; 64 * 1024]);
    let deadline = Instant::now() + Duration::from_secs(120);
    while echoes < ORDERS {
        assert!(Instant::now() < deadline, "{number} written, full: {was_full}, {echoes} echoes");
        match slow.write(&to_write) {
            Ok(count) => drop(to_write.drain(..count)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if to_write.is_empty() && number <= ORDERS {
            number += 1;
            to_write = order(number);
        }
        link.receive().unwrap();
        feed(&mut link, &mut peer, NOW);
        peer.settle(NOW).unwrap();
        assert!(!send(&mut link, &mut peer));
        was_full |= !peer.takes_messages();
        if was_full && let Ok(count) = slow.read(&mut chunk) {
            // One in every echo, and nowhere else.
            echoes += chunk[..count].iter().filter(|&&byte| byte == b'D').count();
        }
    }
}

#[test]
fn a_counterparty_that_read_nothing_until_its_connection_was_lost_can_log_on_again() {
    let mut peer = super::peer(Role::Acceptor);
    log_on(&mut peer, 1);
    let (text, mut number) = ("x".repeat(100_000), 1);
    while peer.takes_messages() {
        number += 1;
        say(&mut peer, &format!("35=D|34={number}|11={number}|58={text}|40=1|"));
        assert!(number < 1000, "nothing leaves, so there is an end");
    }
    peer.disconnected(NOW);
    let (mut client, mut link) = connection();
    peer.connected(NOW);
    let logon = format!("35=A|34={}|98=0|108=30|", number + 1);
    client.write_all(&message("THEM", &logon)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while peer.session().phase() != Phase::Active {
        assert!(Instant::now() < deadline, "its Logon is not read");
        link.receive().unwrap();
        feed(&mut link, &mut peer, NOW);
    }
    assert!(!peer.takes_messages(), "what waits is answered first");
    let mut echoed = 0;
    while !peer.takes_messages() {
        peer.settle(NOW).unwrap();
        echoed += heard(&mut peer).iter().filter(|one| one.starts_with("35=D|")).count();
    }
    assert!(echoed > 0);
}

#[test]
fn a_counterparty_that_does_not_read_is_left_with_what_it_has_not_taken() {
    let (silent, mut link) = connection();
    let mut peer = super::peer(Role::Acceptor);
    log_on(&mut peer, 1);
    let id = "x".repeat(200);
    let mut number = 1;
    while !peer.should_close() {
        assert!(!send(&mut link, &mut peer));
        number += 1;
        say(&mut peer, &format!("35=1|34={number}|112={id}|"));
    }
    let timeout = peer.session().config().logout_timeout.as_nanos() as u64;
    for (nanos, over) in [(timeout - 1, false), (timeout, true)] {
        peer.settle(NOW.plus_nanos(nanos)).unwrap();
        assert_eq!(send(&mut link, &mut peer), over, "{nanos}");
    }
    assert_eq!(peer.session().next_deadline(), UtcTime(u64::MAX), "and nothing is due any more");
    drop(silent);
}
