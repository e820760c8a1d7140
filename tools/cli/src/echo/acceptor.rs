//! `taut acceptor`: listens, finds out who dials, and serves all counterparties on one thread.

use std::net::TcpListener;

use taut::pipeline::{Idle, IdlePolicy};
use taut::session::Role;
use taut::trace::Clock;
use taut::wire::tls::{ServerHandshake, ServerTls, TlsMode};
use taut::wire::{WireKind, channel};
use taut_codec::garbled::Garbled;
use taut_codec::tag;
use taut_codec::value::UtcTime;
use taut_venue::certificate::Certificate;

use super::app::Peer;
use super::link::{Front, Link};
use super::{
    AcceptorArgs, BABBLE_LINGER, LOGON_TIMEOUT, STRANGERS_MAX, TAKEN_MAX, feed, is_over, listen,
    send, serve_control, stop_on_signals, time,
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
        for peer in &mut self.peers {
            peer.recover(now);
            peer.tell_store_events();
        }
        let mut worked = self.take_guests(now);
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
                Introduction::Babble(why) => {
                    tell_closed(format_args!("what it began with is no message of FIX 4.4: {why}"));
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

    /// Takes new connections, and goes on with their handshakes; whether there was a new one.
    fn take_guests(&mut self, now: UtcTime) -> bool {
        let mut taken = 0;
        // An error is one connection's, or nothing is waiting.
        while taken < TAKEN_MAX
            && let Ok((stream, _)) = self.listener.accept()
        {
            taken += 1;
            self.make_place();
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
        taken > 0
    }

    /// Whoever has not logged on for the longest makes place, if there is none: else some that say nothing
    /// would shut everybody out.
    fn make_place(&mut self) {
        let strangers = self.guests.iter().filter(|guest| guest.peer.is_none()).count();
        if strangers + self.handshakes.len() < STRANGERS_MAX {
            return;
        }
        tell_closed(format_args!(
            "{STRANGERS_MAX} have not logged on yet, it for the longest, and one more came"
        ));
        let guests = self.guests.iter().enumerate().filter(|(_, guest)| guest.peer.is_none());
        let guest = guests.map(|(at, guest)| (guest.since, at)).min();
        let handshakes = self.handshakes.iter().enumerate();
        let handshake = handshakes.map(|(at, (_, _, since))| (*since, at)).min();
        match (guest, handshake) {
            (Some((since, at)), other) if other.is_none_or(|(other, _)| since <= other) => {
                self.guests.swap_remove(at).link.close();
            }
            (_, Some((_, at))) => drop(self.handshakes.swap_remove(at)),
            (_, None) => {}
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
    peer.tell_store_events();
    settled
}

enum Introduction {
    Waiting,
    /// What came is no message, and why.
    Babble(Garbled),
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
        Front::Garbled { why, .. } => return Introduction::Babble(*why),
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
        Introduction::Stranger(format!("the journal of {from} takes nothing"))
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
mod tests;
