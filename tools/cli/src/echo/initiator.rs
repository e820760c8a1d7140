//! `taut initiator`: dials, logs on, and dials again.

use std::error::Error;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use taut::pipeline::{Idle, IdlePolicy};
use taut::session::Role;
use taut::trace::Clock;
use taut::wire::tls::{ClientTls, TlsMode, Trust};
use taut::wire::{WireKind, channel, dial};

use super::app::Peer;
use super::link::Link;
use super::{
    DIAL_TIMEOUT, InitiatorArgs, feed, is_over, send, serve_control, stop_on_signals, time,
};
use crate::Failure;

/// Runs until Ctrl-C.
pub fn initiate(args: &InitiatorArgs) -> Result<(), Failure> {
    let rules = args.common.rules()?;
    let (target, heartbeat) = (&args.target, args.heartbeat);
    let peer = args.common.peer(Role::Initiator, target, &rules, args.reset, heartbeat)?;
    let (host, port) = args
        .connect
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
        .filter(|(host, port)| !host.is_empty() && *port != 0)
        .ok_or_else(|| {
            Failure::Usage(format!("--connect {}: that is not HOST:PORT", args.connect))
        })?;
    let tls = match &args.tls_ca {
        None => None,
        Some(file) => {
            let pem = crate::read_file(file)?.into_bytes();
            let tls = ClientTls::new(Trust::Pem(pem), TlsMode::RecordLayer);
            Some(tls.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?)
        }
    };
    let control = args.common.control()?;
    let stop = stop_on_signals()?;
    let clock = Clock::system();
    let pause = Duration::from_secs(args.reconnect);
    let mut peers = [peer];
    let mut dial_at = Instant::now();
    // Why there is no connection, as told last.
    let mut reason = String::new();
    while !stop.load(Ordering::Relaxed) {
        peers[0].recover(clock.now());
        peers[0].tell_store_events();
        if Instant::now() < dial_at || peers[0].has_failed() {
            serve_control(control.as_ref(), &mut peers, clock.now())?;
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        match open(host, port, tls.as_ref()) {
            Ok(link) => {
                reason.clear();
                run_connection(link, &mut peers, control.as_ref(), &clock, &stop)?;
            }
            Err(error) => {
                let now = error.to_string();
                if now != reason {
                    eprintln!("taut: {now}");
                    reason = now;
                }
            }
        }
        dial_at = Instant::now() + pause;
    }
    Ok(())
}

fn open(host: &str, port: u16, tls: Option<&ClientTls>) -> Result<Link, Box<dyn Error>> {
    let stream = dial(host.trim_matches(['[', ']']), port, DIAL_TIMEOUT)?;
    let halves = match tls {
        None => {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            channel::plain(WireKind::BusyPoll, stream)?
        }
        Some(tls) => {
            let deadline = Instant::now() + DIAL_TIMEOUT;
            channel::connect_tls(WireKind::BusyPoll, stream, tls, host, deadline)
                .map_err(|error| format!("{host}:{port}: {error}"))?
        }
    };
    Ok(Link::new(halves))
}

/// One connection of the initiator, from the Logon to the end.
fn run_connection(
    mut link: Link,
    peers: &mut [Peer; 1],
    control: Option<&TcpListener>,
    clock: &Clock,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut idle = Idle::new(IdlePolicy::Park)?;
    if let Some(fd) = link.readiness_fd() {
        let _ = idle.watch(fd);
    }
    peers[0].connected(time(clock));
    let mut over = false;
    let mut farewell = None;
    while !is_over(stop, &mut farewell, over) && !over {
        let now = time(clock);
        if farewell.is_some() {
            peers[0].log_out(now);
        }
        let mut busy = false;
        match link.receive() {
            Ok(came) => busy |= came,
            Err(_) => over = true,
        }
        busy |= feed(&mut link, &mut peers[0], now);
        if let Err(error) = peers[0].settle(now) {
            peers[0].tell_store_events();
            if !peers[0].can_recover() {
                return Err(error.into());
            }
            break;
        }
        over |= send(&mut link, &mut peers[0]);
        serve_control(control, peers, now)?;
        if busy { idle.worked() } else { idle.sleep() }
    }
    link.close();
    peers[0].disconnected(clock.now());
    match peers[0].settle(clock.now()) {
        Err(error) if !peers[0].can_recover() => Err(error.into()),
        _ => Ok(()),
    }
}
