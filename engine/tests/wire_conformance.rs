//! One suite over every wire and every way of TLS, on loopback: the same bytes must come out,
//! whatever carries them, and every end of a connection must be told for what it is.
//!
//! The wire `xdp` has a veth pair in place of loopback, and is at one end, at the other, or at both; where
//! that may not be made it is left out. The link in memory has no TLS: nothing shakes hands over it. Two
//! threads at most: one per side.

#![allow(clippy::unwrap_used)] // A test, whose helpers are outside of test functions.

#[path = "common/ends.rs"]
mod ends;
#[path = "common/skipped.rs"]
mod skipped;

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use ends::Ends;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use taut::wire::memory::{self, LinkConfig};
use taut::wire::tls::{ClientTls, ServerHandshake, ServerTls, TlsMode, Trust};
use taut::wire::{Receiver, TlsError, Transmitter, WireError, channel};

/// How one combination protects the stream: the client's and the server's TLS mode, or none.
type Security = Option<(TlsMode, TlsMode)>;

const SECURITY: [Security; 5] = [
    None,
    Some((TlsMode::RecordLayer, TlsMode::RecordLayer)),
    Some((TlsMode::RecordLayer, TlsMode::Rustls)),
    Some((TlsMode::Rustls, TlsMode::RecordLayer)),
    Some((TlsMode::Rustls, TlsMode::Rustls)),
];

/// For anything that must happen; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: made.cert.der().to_vec(), key: made.signing_key.serialize_der() }
    }

    fn client(&self, mode: TlsMode) -> ClientTls {
        ClientTls::new(Trust::Der(vec![self.certificate.clone()]), mode).unwrap()
    }

    fn server(&self, mode: TlsMode) -> ServerTls {
        ServerTls::new(vec![self.certificate.clone()], self.key.clone(), mode).unwrap()
    }
}

type Halves = (Receiver, Transmitter);

/// A client's and a server's channel. `tickets` follow the handshake.
fn channels(ends: &Ends, security: Security, tickets: usize) -> (Halves, Halves) {
    let Some([near, far]) = ends.wires else {
        let (near, far, _link) = memory::pair(LinkConfig::default());
        return (channel::memory(near), channel::memory(far));
    };
    let (client, mut server) = ends.connect();
    let Some((client_mode, server_mode)) = security else {
        return (channel::plain(near, client).unwrap(), channel::plain(far, server).unwrap());
    };
    let identity = Identity::new();
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| {
            let tls = identity.client(client_mode);
            let deadline = Instant::now() + PATIENCE;
            channel::connect_tls(near, client, &tls, "localhost", deadline).unwrap()
        });
        server.set_nonblocking(true).unwrap();
        let tls = identity.server(server_mode).with_tickets(tickets);
        let mut handshake = ServerHandshake::new(&tls).unwrap();
        let mut established = None;
        until(|| {
            established = handshake.advance(&mut server).unwrap();
            established.is_some()
        });
        let theirs = channel::accept_tls(far, server, established.unwrap()).unwrap();
        (ours.join().unwrap(), theirs)
    })
}

fn until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "nothing happened");
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Runs `test` on every combination.
fn everywhere(test: impl Fn(&str, &Ends, Security)) {
    test("memory", &Ends::MEMORY, None);
    for ends in Ends::all() {
        for security in SECURITY {
            test(&format!("{ends}, {security:?}"), &ends, security);
        }
    }
}

/// A small generator, so that a failure can be run again (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Mostly messages, sometimes large blocks.
    fn chunk(&mut self) -> usize {
        let most = if self.next().is_multiple_of(4) { 60_000 } else { 500 };
        1 + self.next() as usize % most
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Sends `send` and receives `receive_bytes` at the same time, in random chunks; returns what came. Goes on
/// until `done` says that both sides are, as a stack of our own moves only when it is asked.
fn exchange(
    halves: &mut Halves,
    send: &[u8],
    receive_bytes: usize,
    seed: u64,
    done: &AtomicUsize,
) -> Vec<u8> {
    let (rx, tx) = halves;
    let mut random = Random(seed);
    let mut got = Vec::with_capacity(receive_bytes);
    let mut into = vec![0; 70_000];
    let (mut given, mut pushed) = (0, false);
    let start = Instant::now();
    let mut finished = false;
    loop {
        if !finished && got.len() >= receive_bytes && pushed {
            finished = true;
            done.fetch_add(1, Ordering::SeqCst);
        }
        if done.load(Ordering::SeqCst) == 2 {
            return got;
        }
        assert!(start.elapsed() < PATIENCE, "stuck after {given} out, {} in", got.len());
        let chunk = random.chunk().min(send.len() - given);
        let taken = tx.accept(&send[given..given + chunk]).unwrap();
        assert!(taken <= chunk);
        given += taken;
        pushed = tx.flush().unwrap() && given == send.len();
        let room = random.chunk();
        let mut stamps = 0;
        let count = rx.receive(&mut into[..room], |bytes| {
            assert!(bytes > 0);
            stamps += 1;
        });
        let count = count.unwrap();
        assert!(count <= room && stamps <= 1);
        got.extend_from_slice(&into[..count]);
        if count == 0 && taken == 0 {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// Receives until an end; returns what came before it.
fn drain(rx: &mut Receiver) -> (Vec<u8>, WireError) {
    let mut got = vec![];
    let mut into = [0; 4096];
    let mut end = None;
    until(|| {
        loop {
            match rx.receive(&mut into, |_| ()) {
                Ok(0) => return false,
                Ok(count) => got.extend_from_slice(&into[..count]),
                Err(error) => {
                    end = Some(error);
                    return true;
                }
            }
        }
    });
    let end = end.unwrap();
    assert_eq!(rx.receive(&mut into, |_| ()), Err(end), "the end is final");
    (got, end)
}

fn send(tx: &mut Transmitter, bytes: &[u8]) {
    assert_eq!(tx.accept(bytes), Ok(bytes.len()));
    until(|| tx.flush().unwrap());
}

#[test]
fn megabytes_in_random_chunks_arrive_intact_and_in_order_both_ways() {
    everywhere(|name, ends, security| {
        let (mut client, mut server) = channels(ends, security, 2);
        let up = Random(7).bytes(1_500_000);
        let down = Random(11).bytes(2_000_000);
        let done = AtomicUsize::new(0);
        let (from_client, from_server) = std::thread::scope(|scope| {
            let server = scope.spawn(|| exchange(&mut server, &down, up.len(), 3, &done));
            let from_server = exchange(&mut client, &up, down.len(), 5, &done);
            (server.join().unwrap(), from_server)
        });
        assert!(from_client == up, "{name}: what the server received");
        assert!(from_server == down, "{name}: what the client received");
    });
}

#[test]
fn the_kernel_tells_when_it_took_what_a_wire_reads() {
    let now = || UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    everywhere(|name, ends, security| {
        let (mut client, mut server) = channels(ends, security, 0);
        if ends.wires.is_none() {
            // It has no kernel.
            return;
        }
        if ends.is_xdp(0) {
            let refused = client.0.stamp_arrivals().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unsupported, "{name}");
            return;
        }
        client.0.stamp_arrivals().unwrap();
        let (client_rx, (server_rx, server_tx)) = (&mut client.0, &mut server);
        let mut pass = |size: usize| {
            let sent = Random(17).bytes(size);
            send(server_tx, &sent);
            let mut got = vec![];
            let mut into = vec![0; 8_192];
            until(|| {
                // Both ends, as a stack of our own moves only when it is asked.
                assert_eq!(server_rx.receive(&mut [0; 100], |_| ()), Ok(0));
                let count = client_rx.receive(&mut into, |_| ()).unwrap();
                got.extend_from_slice(&into[..count]);
                got.len() == size
            });
            assert!(got == sent, "{name}");
            client_rx.arrived()
        };
        // The kernel begins to stamp a little after the first socket of the machine asks for it.
        until(|| pass(1).is_some());
        let mut last = 0;
        for size in [1, 100, 5_000, 1] {
            let before = now();
            let at = pass(size).unwrap();
            assert!((before.max(last)..=now()).contains(&at), "{name}: {at} after {before}");
            last = at;
        }
        // Others, as a ring belongs to its thread.
        let (mut client, mut server) = channels(ends, security, 0);
        client.0.stamp_arrivals().unwrap();
        let (up, down) = (Random(7).bytes(400_000), Random(11).bytes(3_000_000));
        let done = AtomicUsize::new(0);
        let from_server = std::thread::scope(|scope| {
            scope.spawn(|| exchange(&mut server, &down, up.len(), 3, &done));
            exchange(&mut client, &up, down.len(), 5, &done)
        });
        assert!(from_server == down, "{name}: nothing of the stamps is among the bytes");
        server.1.close();
        if !ends.is_xdp(1) {
            assert_eq!(drain(&mut client.0), (vec![], WireError::Closed), "{name}");
        }
    });
}

#[test]
fn a_full_socket_pushes_back_and_nothing_is_lost_or_reordered() {
    everywhere(|name, ends, security| {
        let ((mut client_rx, mut tx), (mut rx, _server_tx)) = channels(ends, security, 0);
        let wanted = Random(13).bytes(24_000_000);
        // Nobody reads: the socket fills, then the channel's own buffer.
        let mut given = 0;
        loop {
            let taken = tx.accept(&wanted[given..]).unwrap();
            given += taken;
            if !tx.flush().unwrap() && taken == 0 {
                break;
            }
            assert!(given < wanted.len(), "{name}: the socket takes everything");
        }
        assert!(tx.pending() > 0);
        let mut got = Vec::with_capacity(given);
        let mut into = vec![0; 100_000];
        until(|| {
            // Who sends reads, too, as every application does.
            assert_eq!(client_rx.receive(&mut [0; 100], |_| ()), Ok(0));
            loop {
                let count = rx.receive(&mut into, |_| ()).unwrap();
                got.extend_from_slice(&into[..count]);
                let all = tx.flush().unwrap();
                if count == 0 {
                    return all && got.len() == given;
                }
            }
        });
        assert!(got == wanted[..given], "{name}");
    });
}

#[test]
fn an_orderly_end_comes_after_the_last_bytes() {
    everywhere(|name, ends, security| {
        let ((mut client_rx, mut client_tx), (mut rx, mut server_tx)) = channels(ends, security, 2);
        assert_eq!(client_rx.is_tls(), security.is_some());
        send(&mut client_tx, b"last words");
        client_tx.close();
        assert_eq!(drain(&mut rx), (b"last words".to_vec(), WireError::Closed), "{name}");
        assert_eq!(client_tx.accept(b"x"), Err(WireError::Closed));
        // The other direction goes on.
        send(&mut server_tx, b"answer");
        server_tx.close();
        assert_eq!(drain(&mut client_rx), (b"answer".to_vec(), WireError::Closed), "{name}");
    });
}

#[test]
fn a_reset_is_not_an_end() {
    everywhere(|name, ends, security| {
        let (mut client, (mut rx, mut tx)) = channels(ends, security, 0);
        // Closing a socket with unread bytes resets the connection; a link in memory is told to.
        send(&mut tx, b"never read");
        std::thread::sleep(Duration::from_millis(2));
        if ends.wires.is_none() {
            client.1.reset();
        }
        drop(client);
        let (_, end) = drain(&mut rx);
        assert_eq!(end, WireError::Reset, "{name}");
        let mut refused = None;
        until(|| {
            refused = tx.accept(b"x").and_then(|_| tx.flush()).err();
            refused.is_some()
        });
        assert_eq!(refused, Some(WireError::Reset), "{name}");
    });
}

#[test]
fn a_connection_that_we_reset_is_reset_behind_what_was_read() {
    everywhere(|name, ends, security| {
        let ((client_rx, mut client_tx), (mut rx, _tx)) = channels(ends, security, 0);
        send(&mut client_tx, b"last words");
        let mut into = [0; 64];
        let mut got = Vec::new();
        until(|| {
            let count = rx.receive(&mut into, |_| ()).unwrap();
            got.extend_from_slice(&into[..count]);
            got == b"last words"
        });
        client_tx.reset();
        assert_eq!(client_tx.accept(b"x"), Err(WireError::Reset), "{name}");
        drop((client_rx, client_tx));
        assert_eq!(drain(&mut rx), (Vec::new(), WireError::Reset), "{name}");
    });
}

#[test]
fn a_stream_that_ends_without_close_notify_was_truncated() {
    for ends in Ends::all() {
        for security in SECURITY.into_iter().skip(1) {
            let (client, (mut rx, _tx)) = channels(&ends, security, 0);
            let (client_rx, mut client_tx) = client;
            send(&mut client_tx, b"whole");
            drop((client_rx, client_tx));
            let end = WireError::Tls(TlsError::Truncated);
            assert_eq!(drain(&mut rx), (b"whole".to_vec(), end), "{ends}, {security:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_record_end_the_connection_with_a_typed_error() {
    for ends in Ends::all() {
        let [near, far] = ends.wires.unwrap();
        for mode in [TlsMode::RecordLayer, TlsMode::Rustls] {
            let (client, mut server) = ends.connect();
            let behind = client.try_clone().unwrap();
            let identity = Identity::new();
            let (_client, established) = std::thread::scope(|scope| {
                let ours = scope.spawn(|| {
                    let deadline = Instant::now() + PATIENCE;
                    let tls = identity.client(TlsMode::RecordLayer);
                    channel::connect_tls(near, client, &tls, "localhost", deadline).unwrap()
                });
                let mut handshake = ServerHandshake::new(&identity.server(mode)).unwrap();
                server.set_nonblocking(true).unwrap();
                let mut established = None;
                until(|| {
                    established = handshake.advance(&mut server).unwrap();
                    established.is_some()
                });
                (ours.join().unwrap(), established.unwrap())
            });
            let (mut rx, mut tx) = channel::accept_tls(far, server, established).unwrap();
            // Around TLS: a well-formed record that nobody sealed.
            (&behind).write_all(&[23, 3, 3, 0, 20]).unwrap();
            (&behind).write_all(&[7; 20]).unwrap();
            let end = WireError::Tls(TlsError::Decrypt);
            assert_eq!(drain(&mut rx), (vec![], end), "{ends}, {mode:?}");
            // The peer hears of it.
            tx.close();
            let (mut client_rx, _client_tx) = _client;
            let told = WireError::Tls(TlsError::Alert(20));
            assert_eq!(drain(&mut client_rx), (vec![], told), "{ends}, {mode:?}");
        }
    }
}

#[test]
fn a_sleeper_that_watches_the_socket_wakes_for_bytes_and_for_the_end() {
    everywhere(|name, ends, security| {
        let ((_client_rx, mut client_tx), (mut rx, _tx)) = channels(ends, security, 0);
        if ends.wires.is_none() {
            assert_eq!(rx.readiness_fd(), None);
            return;
        }
        let got = std::thread::spawn(move || {
            let mut got = vec![];
            let mut into = [0; 100];
            let mut poll = Poll::new().unwrap();
            let fd = rx.readiness_fd().unwrap();
            poll.registry().register(&mut SourceFd(&fd), Token(0), Interest::READABLE).unwrap();
            let mut events = Events::with_capacity(1);
            loop {
                match rx.receive(&mut into, |_| ()) {
                    Ok(0) => match poll.poll(&mut events, Some(PATIENCE)) {
                        Ok(()) => assert!(!events.is_empty(), "it is not woken"),
                        // A ring's thread is interrupted by its work.
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                    },
                    Ok(count) => got.extend_from_slice(&into[..count]),
                    Err(end) => return (got, end),
                }
            }
        });
        for message in [b"one ", b"two "] {
            send(&mut client_tx, message);
            std::thread::sleep(Duration::from_millis(2));
        }
        client_tx.close();
        assert_eq!(got.join().unwrap(), (b"one two ".to_vec(), WireError::Closed), "{name}");
    });
}

#[test]
fn a_simulated_link_carries_a_channel() {
    use taut::wire::memory::{Cut, Direction, LinkConfig, pair};
    let config = LinkConfig { latency_ns: 1_000, receive_max: 3, transmit_max: 5, capacity: 16 };
    let (a, b, link) = pair(config);
    let (_a_rx, mut a_tx) = channel::memory(a);
    let (mut b_rx, _b_tx) = channel::memory(b);
    let wanted: Vec<u8> = (0..100).collect();
    assert_eq!(a_tx.accept(&wanted), Ok(100));
    let mut got = vec![];
    let mut into = [0; 10];
    while got.len() < wanted.len() {
        let _ = a_tx.flush().unwrap();
        link.advance_to(link.next_arrival_ns().expect("bytes are in flight"));
        loop {
            let count = b_rx.receive(&mut into, |_| ()).unwrap();
            if count == 0 {
                break;
            }
            got.extend_from_slice(&into[..count]);
        }
    }
    assert_eq!(got, wanted);
    link.cut(Direction::AToB, Cut::Reset);
    assert_eq!(a_tx.accept(b"x").and_then(|_| a_tx.flush()), Err(WireError::Reset));
    assert_eq!(b_rx.receive(&mut into, |_| ()), Err(WireError::Reset));
}
