//! The record layer against scripts, and the handshake: what a peer sends, and what somebody on the way makes of
//! it. Run by a fuzzer (`engine/fuzz`), and by tests with scripts by chance.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use ring::aead;
use rustls::pki_types::ServerName;

use super::handshake::{
    Driver, Established, Handshake, HandshakeError, Opener, Sealer, Side, Turn,
};
use super::schedule::Schedule;
use super::{ClientTls, ServerTls, Shared, TlsRx, TlsTx, content};
use crate::limits::{TLS_IDLE_RECORDS_MAX, TLS_KEY_UPDATES_MAX, WIRE_SEND_BYTES};
use crate::wire::{OutBuffer, Receive, Transmit, WireError};

/// What is on the way.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// Most bytes of one read.
    at_once: usize,
    closed: bool,
}

impl Receive for Pipe {
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        if self.bytes.is_empty() && self.closed {
            return Err(WireError::Closed);
        }
        let count = into.len().min(self.at_once).min(self.bytes.len());
        for (to, byte) in into.iter_mut().zip(self.bytes.drain(..count)) {
            *to = byte;
        }
        Ok(count)
    }
}

/// Takes all that is sealed.
struct Sealed(Vec<u8>);

impl Transmit for Sealed {
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn shutdown(&mut self) {}

    fn reset(&mut self) {}
}

/// A peer, the way and our receiving half.
struct Play {
    peer: TlsTx,
    out: OutBuffer,
    pipe: Pipe,
    ours: TlsRx,
    /// The data that the peer sealed.
    sealed: Vec<u8>,
    got: Vec<u8>,
    /// Whether something happened that an honest peer and a faithful way do not do, or may not do as often.
    spoiled: bool,
    /// Records without data since the last that had some, and KeyUpdates.
    idle: u32,
    updates: u32,
    closed: bool,
    ended: Option<WireError>,
}

/// Runs a script: its bytes say what happens, one after the other.
///
/// # Panics
/// If something is delivered that the peer did not seal, or in another order; if the data of an honest peer
/// is not delivered; if an end is not final.
#[allow(clippy::missing_panics_doc, reason = "the panics are what it is for")]
pub fn records(script: &[u8]) {
    let mut script = Script(script);
    let (algorithm, secret): (_, &[u8]) = match script.byte() % 3 {
        0 => (&aead::AES_128_GCM, &[7; 32]),
        1 => (&aead::AES_256_GCM, &[7; 48]),
        _ => (&aead::CHACHA20_POLY1305, &[7; 32]),
    };
    let keys = || Schedule::with_key(secret, algorithm);
    let is_client = script.byte() % 2 == 0;
    let mut play = Play {
        peer: TlsTx::new(keys(), Arc::default()),
        out: OutBuffer::new(WIRE_SEND_BYTES),
        pipe: Pipe { at_once: usize::MAX, ..Pipe::default() },
        ours: TlsRx::new(keys(), Arc::new(Shared::default()), is_client, &[]).expect("no bytes"),
        sealed: vec![],
        got: vec![],
        spoiled: false,
        idle: 0,
        updates: 0,
        closed: false,
        ended: None,
    };
    while !script.0.is_empty() {
        play.step(&mut script);
    }
    play.pipe.at_once = usize::MAX;
    play.read(4096);
    if !play.spoiled {
        assert!(play.got == play.sealed, "all of it is delivered");
        let end = play.closed.then_some(WireError::Closed);
        assert_eq!(play.ended, end, "nothing was wrong");
    }
    play.pipe.closed = true;
    play.read(1);
    assert!(play.ended.is_some(), "the stream is over");
}

impl Play {
    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 8 {
            // Data, in a record of its own.
            0 | 1 => {
                let (length, byte) = (usize::from(script.byte()) * 16, script.byte());
                self.seal(content::APPLICATION_DATA, &vec![byte; length]);
            }
            2 => {
                let request = script.byte() % 2 == 1;
                self.peer.forge_key_update(request, &mut self.out);
                self.updates += 1;
                self.idle += 1;
                self.spoiled |=
                    self.updates > TLS_KEY_UPDATES_MAX || self.idle > TLS_IDLE_RECORDS_MAX;
                self.send();
            }
            // Any record under the right key.
            3 => {
                let kind = script.byte();
                let length = usize::from(script.byte());
                let text = script.take(length).to_vec();
                self.seal(kind, &text);
            }
            // Somebody on the way adds bytes, changes one, or takes some away.
            4 => {
                let length = usize::from(script.byte());
                self.pipe.bytes.extend(script.take(length));
                self.spoiled |= length > 0;
            }
            5 => {
                let (at, with) = (usize::from(script.byte()), script.byte());
                if let Some(byte) = self.pipe.bytes.get_mut(at) {
                    *byte ^= with;
                    self.spoiled |= with != 0;
                }
            }
            6 => {
                let left = self.pipe.bytes.len().saturating_sub(usize::from(script.byte()));
                self.spoiled |= left < self.pipe.bytes.len();
                self.pipe.bytes.truncate(left);
            }
            _ => {
                self.pipe.at_once = usize::from(script.byte()) * 8 + 1;
                self.read(usize::from(script.byte()) + 1);
            }
        }
    }

    fn seal(&mut self, kind: u8, text: &[u8]) {
        self.peer.forge(kind, text, &mut self.out);
        // Zeros at the end are padding (RFC 8446 5.4).
        let inner = [text, &[kind]].concat();
        let last = inner.iter().rposition(|byte| *byte != 0);
        let (text, kind) = last.map_or((&[][..], 0), |at| (&inner[..at], inner[at]));
        self.idle =
            if kind == content::APPLICATION_DATA && !text.is_empty() { 0 } else { self.idle + 1 };
        self.spoiled |= self.idle > TLS_IDLE_RECORDS_MAX;
        match (kind, text) {
            // Nothing is read behind the end.
            _ if self.closed => {}
            (content::APPLICATION_DATA, data) => self.sealed.extend_from_slice(data),
            (content::ALERT, [_, 0]) => self.closed = true,
            _ => self.spoiled = true,
        }
        self.send();
    }

    fn send(&mut self) {
        let mut sealed = Sealed(vec![]);
        assert_eq!(self.out.flush(&mut sealed), Ok(true));
        self.pipe.bytes.extend(sealed.0);
    }

    /// Reads until nothing comes.
    fn read(&mut self, at_once: usize) {
        let mut into = vec![0; at_once];
        loop {
            let left = self.pipe.bytes.len();
            let read = self.ours.receive(&mut self.pipe, &mut into, |_| ());
            if let Some(ended) = self.ended {
                assert_eq!(read, Err(ended), "an end is final");
                return;
            }
            match read {
                Ok(0) if self.pipe.bytes.len() == left => return,
                Ok(count) => {
                    self.got.extend_from_slice(&into[..count]);
                    assert!(self.sealed.starts_with(&self.got), "what the peer did not seal");
                }
                Err(error) => self.ended = Some(error),
            }
        }
    }
}

/// Turns that an honest handshake has by far.
const TURNS_MAX: u32 = 10_000;

/// One side's socket.
#[derive(Default)]
struct Port {
    incoming: VecDeque<u8>,
    outgoing: VecDeque<u8>,
}

impl Read for Port {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            Err(ErrorKind::WouldBlock.into())
        } else {
            self.incoming.read(into)
        }
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Receive for Port {
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        Ok(self.incoming.read(into).expect("memory does not fail"))
    }
}

/// One side of a handshake and what became of it.
struct Party<S: Side> {
    handshake: Handshake<S>,
    port: Port,
    outcome: Option<Result<Box<Established>, HandshakeError>>,
    turns: u32,
}

impl<S: Side> Party<S> {
    fn new(driver: Driver<S>) -> Self {
        let handshake = Handshake::Record(driver);
        Self { handshake, port: Port::default(), outcome: None, turns: 0 }
    }

    /// Goes as far as it can.
    fn advance(&mut self) {
        while self.outcome.is_none() {
            self.turns += 1;
            assert!(self.turns < TURNS_MAX, "a handshake ends, or waits");
            self.outcome = match self.handshake.turn(&mut self.port) {
                Ok(Turn::Progress) => continue,
                Ok(Turn::Blocked) => return,
                Ok(Turn::Done(established)) => Some(Ok(established)),
                Err(error) => Some(Err(error)),
            };
        }
    }

    fn halves(self) -> Option<(TlsRx, TlsTx, Port)> {
        let Established { rx: Opener::Record(rx), tx: Sealer::Record(tx), .. } =
            *self.outcome?.ok()?
        else {
            unreachable!("both have the record layer")
        };
        Some((rx, tx, self.port))
    }
}

/// Runs a script over a handshake of our client and our server, and the first data behind it.
///
/// # Panics
/// If two sides that nobody disturbs do not come together; if one reads what the other did not seal; if one neither
/// ends nor waits.
#[allow(clippy::missing_panics_doc, reason = "the panics are what it is for")]
pub fn handshake(script: &[u8], client: &ClientTls, server: &ServerTls) {
    let mut script = Script(script);
    let name = ServerName::try_from("localhost").expect("it is a name");
    let mut client = Party::new(Driver::client(client, name).expect("rustls takes it"));
    let mut server = Party::new(Driver::server(server).expect("rustls takes it"));
    let mut spoiled = false;
    while !script.0.is_empty() {
        let (what, much) = (script.byte(), usize::from(script.byte()));
        match what % 8 {
            0 | 1 => carry(&mut client.port, &mut server.port, much * 4 + 1),
            2 | 3 => carry(&mut server.port, &mut client.port, much * 4 + 1),
            4 => client.advance(),
            5 => server.advance(),
            // Somebody on the way changes a byte, or adds some.
            6 => {
                let port = if what & 8 == 0 { &mut client.port } else { &mut server.port };
                let (at, with) = (much * 4 + usize::from(script.byte()), script.byte());
                if let Some(byte) = port.incoming.get_mut(at) {
                    *byte ^= with;
                    spoiled |= with != 0;
                }
            }
            _ => {
                let port = if what & 8 == 0 { &mut client.port } else { &mut server.port };
                let added = script.take(much);
                spoiled |= !added.is_empty();
                port.incoming.extend(added);
            }
        }
    }
    loop {
        client.advance();
        server.advance();
        if client.port.outgoing.is_empty() && server.port.outgoing.is_empty() {
            break;
        }
        carry(&mut client.port, &mut server.port, usize::MAX);
        carry(&mut server.port, &mut client.port, usize::MAX);
    }
    if !spoiled {
        let done = |outcome: bool| assert!(outcome, "nobody disturbed them");
        done(matches!(client.outcome, Some(Ok(_))));
        done(matches!(server.outcome, Some(Ok(_))));
    }
    let (Some(client), Some((mut rx, _, mut port))) = (client.halves(), server.halves()) else {
        return;
    };
    let (_, mut tx, mut near) = client;
    let mut out = OutBuffer::new(WIRE_SEND_BYTES);
    tx.seal(FIRST, &mut out).expect("the key is new");
    let mut sealed = Sealed(vec![]);
    assert_eq!(out.flush(&mut sealed), Ok(true));
    near.outgoing.extend(sealed.0);
    carry(&mut near, &mut port, usize::MAX);
    let (mut got, mut into) = (vec![], [0; 64]);
    while let Ok(count @ 1..) = rx.receive(&mut port, &mut into, |_| ()) {
        got.extend_from_slice(&into[..count]);
    }
    assert!(FIRST.starts_with(&got), "what nobody sealed");
    assert!(spoiled || got == FIRST, "nobody disturbed it");
}

/// The first data of a client.
const FIRST: &[u8] = b"8=FIX.4.4";

/// Brings up to `most` bytes from one side to the other.
fn carry(from: &mut Port, to: &mut Port, most: usize) {
    let count = most.min(from.outgoing.len());
    to.incoming.extend(from.outgoing.drain(..count));
}

/// What is left of a script; zeros behind its end.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
