//! `taut acceptor`: listens, finds out who dials, and serves all counterparties on one thread.

use std::net::TcpListener;

use taut::pipeline::{Idle, IdlePolicy};
use taut::session::Role;
use taut::trace::Clock;
use taut::wire::tls::{ServerHandshake, ServerTls, TlsMode};
use taut::wire::{WireKind, channel};
use taut_codec::tag;
use taut_codec::value::UtcTime;
use taut_venue::certificate::Certificate;

use super::app::Peer;
use super::link::{Front, Link};
use super::{
    AcceptorArgs, BABBLE_LINGER, LOGON_TIMEOUT, STRANGERS_MAX, feed, is_over, listen, send,
    serve_control, stop_on_signals, time,
};
use crate::Failure;

/// Most bytes of a stranger's value that are told.
const SHOWN_BYTES: usize = 64;

/// A connection, and whose it is as soon as that is known.
struct Guest {
    link: Link,
    peer: Option<usize>,
    since: UtcTime,
    /// It said something that is no message: when it last spoke.
    babbled: Option<UtcTime>,
}

/// Runs until Ctrl-C.
pub fn accept(args: &AcceptorArgs) -> Result<(), Failure> {
    let rules = args.common.rules()?;
    if let Some(unknown) =
        args.allow_empty_values_of.iter().find(|name| !args.target.contains(name))
    {
        return Err(Failure::Usage(format!("{unknown} is no --target")));
    }
    if let Some(twice) =
        args.target.iter().enumerate().find(|(at, name)| args.target[..*at].contains(name))
    {
        return Err(Failure::Usage(format!("--target {} is given twice", twice.1)));
    }
    let peer = |target: &String| {
        let mut rules = rules.clone();
        rules.options.allow_empty = args.allow_empty_values_of.contains(target);
        args.common.peer(Role::Acceptor, target, &rules, !args.common.no_reset, 30)
    };
    let peers = args.target.iter().map(peer).collect::<Result<Vec<_>, _>>()?;
    let tls = match args.tls {
        false => None,
        true => {
            let certificate = Certificate::generate(&["localhost", "127.0.0.1", "::1"])?;
            if let Some(file) = &args.certificate {
                crate::write_file(file, &certificate.pem())?;
            }
            Some(certificate.server_tls(TlsMode::RecordLayer)?)
        }
    };
    let listener = listen(args.listen)?;
    let control = args.common.control()?;
    let stop = stop_on_signals()?;
    println!("listening on {}", listener.local_addr()?);
    let mut acceptor = Acceptor {
        peers,
        guests: Vec::new(),
        handshakes: Vec::new(),
        tls,
        listener,
        clock: Clock::system(),
        idle: Idle::new(IdlePolicy::Park)?,
    };
    let mut farewell = None;
    while !is_over(&stop, &mut farewell, acceptor.guests.is_empty()) {
        let now = acceptor.clock.now();
        if farewell.is_some() {
            acceptor.peers.iter_mut().for_each(|peer| peer.log_out(now));
        }
        let worked = acceptor.step();
        serve_control(control.as_ref(), &mut acceptor.peers, now)?;
        if worked { acceptor.idle.worked() } else { acceptor.idle.sleep() }
    }
    Ok(())
}

struct Acceptor {
    peers: Vec<Peer>,
    guests: Vec<Guest>,
    handshakes: Vec<(std::net::TcpStream, ServerHandshake, UtcTime)>,
    tls: Option<ServerTls>,
    listener: TcpListener,
    clock: Clock,
    idle: Idle,
}

impl Acceptor {
    /// One round over everything; whether there was anything to do.
    fn step(&mut self) -> bool {
        let now = time(&self.clock);
        self.take_guests(now);
        let mut worked = false;
        let mut at = 0;
        while at < self.guests.len() {
            let (busy, over) = self.turn(at, now);
            worked |= busy;
            if over {
                let guest = self.guests.swap_remove(at);
                guest.link.close();
                if let Some(peer) = guest.peer {
                    self.peers[peer].disconnected(now);
                    settle(&mut self.peers[peer], now);
                }
            } else {
                at += 1;
            }
        }
        worked
    }

    /// One connection's turn: whether it was busy, and whether it is over.
    fn turn(&mut self, at: usize, now: UtcTime) -> (bool, bool) {
        let Guest { link, peer, since, babbled } = &mut self.guests[at];
        let mut over = false;
        let mut busy = false;
        match link.receive() {
            Ok(came) => busy |= came,
            // What came before the end still counts.
            Err(_) => over = true,
        }
        if peer.is_none() {
            let late = now.nanos_since(*since) > LOGON_TIMEOUT.as_nanos() as u64;
            if let Some(spoke) = babbled {
                link.discard();
                if busy {
                    *spoke = now;
                }
                let quiet = now.nanos_since(*spoke) > BABBLE_LINGER.as_nanos() as u64;
                return (busy, over || late || quiet);
            }
            match introduce(link, &self.peers) {
                Introduction::Waiting => {
                    if late && !over {
                        tell_closed(format_args!("no Logon came within {LOGON_TIMEOUT:?}"));
                    }
                    return (busy, over || late);
                }
                Introduction::Babble => {
                    tell_closed(format_args!("what it began with is no message of FIX 4.4"));
                    *babbled = Some(now);
                    return (true, over || late);
                }
                Introduction::Stranger(reason) => {
                    tell_closed(format_args!("{reason}"));
                    return (true, true);
                }
                Introduction::Known(index) => {
                    *peer = Some(index);
                    self.peers[index].connected(now);
                }
            }
        }
        let Some(index) = *peer else { return (busy, over) };
        let peer = &mut self.peers[index];
        busy |= feed(link, peer, now);
        if !settle(peer, now) {
            return (true, true);
        }
        over |= send(link, peer);
        (busy, over)
    }

    fn take_guests(&mut self, now: UtcTime) {
        // An error is one connection's, or nothing is waiting.
        while let Ok((stream, _)) = self.listener.accept() {
            let strangers = self.guests.iter().filter(|guest| guest.peer.is_none()).count();
            if strangers + self.handshakes.len() >= STRANGERS_MAX {
                tell_closed(format_args!("{STRANGERS_MAX} others have not logged on yet"));
                continue;
            }
            if stream.set_nonblocking(true).is_err() || stream.set_nodelay(true).is_err() {
                continue;
            }
            match &self.tls {
                None => {
                    if let Ok(halves) = channel::plain(WireKind::BusyPoll, stream) {
                        self.welcome(Link::new(halves), now);
                    }
                }
                Some(tls) => {
                    if let Ok(handshake) = ServerHandshake::new(tls) {
                        self.handshakes.push((stream, handshake, now));
                    }
                }
            }
        }
        let mut at = 0;
        while at < self.handshakes.len() {
            let (stream, handshake, since) = &mut self.handshakes[at];
            let late = now.nanos_since(*since) > LOGON_TIMEOUT.as_nanos() as u64;
            match handshake.advance(stream) {
                Ok(None) if !late => at += 1,
                Ok(Some(established)) => {
                    let (stream, ..) = self.handshakes.swap_remove(at);
                    if let Ok(halves) = channel::accept_tls(WireKind::BusyPoll, stream, established)
                    {
                        self.welcome(Link::new(halves), now);
                    }
                }
                Ok(None) => {
                    tell_closed(format_args!("no TLS handshake within {LOGON_TIMEOUT:?}"));
                    drop(self.handshakes.swap_remove(at));
                }
                Err(error) => {
                    tell_closed(format_args!("{error}"));
                    drop(self.handshakes.swap_remove(at));
                }
            }
        }
    }

    fn welcome(&mut self, link: Link, now: UtcTime) {
        if let Some(fd) = link.readiness_fd() {
            // One that cannot be watched leaves the sleeper to its time-out.
            let _ = self.idle.watch(fd);
        }
        self.guests.push(Guest { link, peer: None, since: now, babbled: None });
    }
}

/// Why somebody is not served is for whoever runs the acceptor; the other side gets no word.
fn tell_closed(reason: std::fmt::Arguments<'_>) {
    eprintln!("taut: a connection was closed without a word: {reason}");
}

/// Settles a counterparty before its bytes leave. `false` if its journal takes nothing more: they must not
/// go, so its connection ends, and the others' go on.
fn settle(peer: &mut Peer, now: UtcTime) -> bool {
    let settled = peer.settle(now).is_ok();
    if let Some(error) = peer.untold_failure() {
        eprintln!("taut: {}: journal: {error}", peer.session().config().target.as_str());
    }
    settled
}

enum Introduction {
    Waiting,
    /// What came is no message.
    Babble,
    /// Why it is not served.
    Stranger(String),
    Known(usize),
}

/// Whose connection it is, by its first message. Who says nothing sensible, is not known, or is
/// connected already gets no word (FIX session cases 1S.b, 1S.c, 2S); nor does one whose journal failed.
/// The reason is for whoever runs the acceptor. A Logon with a malformed tag is its sender's all the same:
/// the session refuses it, in words (1S.d).
fn introduce(link: &mut Link, peers: &[Peer]) -> Introduction {
    let Some(front) = link.front() else { return Introduction::Waiting };
    let message = match &front {
        Front::Message { len, fields } => link.message(*len, *fields),
        Front::Flawed { repaired, fields, .. } => link.indexed(repaired, *fields),
        Front::Garbled { .. } => return Introduction::Babble,
    };
    let id = |tag| message.get(tag).unwrap_or(b"");
    let named = |peer: &Peer| peer.is_named(id(tag::SENDER_COMP_ID), id(tag::TARGET_COMP_ID));
    let from = shown(id(tag::SENDER_COMP_ID));
    let Some(index) = peers.iter().position(named) else {
        let to = shown(id(tag::TARGET_COMP_ID));
        return Introduction::Stranger(if from.is_empty() || to.is_empty() {
            "it does not say who it is, and whom it means (49, 56)".into()
        } else {
            format!("{from} to {to} is no session of ours")
        });
    };
    let peer = &peers[index];
    if message.msg_type() != b"A" {
        Introduction::Stranger(format!("{from} did not log on first"))
    } else if peer.is_connected() {
        Introduction::Stranger(format!("{from} is connected already"))
    } else if peer.has_failed() {
        Introduction::Stranger(format!("the journal of {from} has failed"))
    } else {
        Introduction::Known(index)
    }
}

/// A value of a stranger, fit for a terminal.
fn shown(value: &[u8]) -> String {
    let front = &value[..value.len().min(SHOWN_BYTES)];
    front.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, Instant};

    use taut::event::DownReason;
    use taut::journal::{Durability, Journal, JournalConfig, Keeper};

    use super::super::tests::{NOW, message, message_at, peer_named};
    use super::*;

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
}
