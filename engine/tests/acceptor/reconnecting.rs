//! Sessions that are lost and come back, and an engine that is stopped wherever it stands.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};
use taut::conductor::LinkEvent;
use taut::event::DownReason;
use taut::pipeline::{Layout, MARKET_DATA, TRADING};
use taut::strategy::{Proof, SessionId, SessionUpdate, UpdateKind};
use taut::wire::WireKind;
use taut::wire::tls::TlsMode;

use crate::good_path::serve_market_data;
use crate::peer::{PATIENCE, Peer, get};
use crate::rig::{Heard, Rig, Setup, engine, finish};

const LAYOUTS: [Layout; 3] = [Layout::Inline, Layout::Split, Layout::Full];
const AGAIN: Setup = Setup { reconnect: true, ..Setup::PLAIN };

fn link(rig: &Rig, which: SessionId, wanted: impl Fn(&LinkEvent) -> bool) -> LinkEvent {
    rig.wait(|heard| match *heard {
        Heard::Session(SessionUpdate::Link { session, event }) if session == which => {
            Some(event).filter(&wanted)
        }
        _ => None,
    })
}

/// Logs on without a reset: answers the Logon, then what shows that nothing is missing.
fn go_on(peer: &mut Peer, number: u64) -> String {
    let logon = peer.expect("A");
    assert_eq!(get(&logon, 141), "-", "the numbers go on: {logon}");
    peer.next_out = number;
    peer.send("A", "98=0|108=30|");
    let test = peer.expect("1");
    peer.send("0", &format!("112={}|", get(&test, 112)));
    logon
}

/// After a session has gone on with its numbers: refuses the cancel of no order behind which everything is
/// answered, so that the order, which was never acknowledged, is known not to have arrived.
fn find_out(rig: &mut Rig) {
    let marker = rig.trading.expect("F");
    assert_eq!(get(&marker, 11), get(&marker, 41), "it names itself: {marker}");
    let refusal = format!("45=0|58=EOrder:Unknown order|372=F|379={}|380=101|", get(&marker, 11));
    rig.trading.send("j", &refusal);
    rig.wait(|heard| match heard {
        Heard::Order(update) => {
            (update.kind == UpdateKind::Resolved(Proof::NeverArrived)).then_some(())
        }
        _ => None,
    });
}

fn comes_back(setup: Setup) {
    let mut rig = setup.start();
    let first = rig.trading.accept_logon();
    assert_eq!(get(&first, 141), "Y", "first-connect");
    serve_market_data(&mut rig);
    let order = rig.trading.expect("D");
    rig.trading.cut();
    assert_eq!(rig.wait_down(TRADING), DownReason::ConnectionLost, "{setup:?}");
    rig.accept_trading();
    let again = go_on(&mut rig.trading, 2);
    assert_eq!((get(&order, 34), get(&again, 34)), ("2", "3"), "{setup:?}");
    let nonce = |logon: &str| get(logon, 5025).parse::<u64>().unwrap();
    assert!(nonce(&again) > nonce(&first));
    let up = link(&rig, TRADING, |event| matches!(event, LinkEvent::Up { .. }));
    let LinkEvent::Up { next_out, .. } = up else { panic!("{up:?}") };
    assert_eq!(up, LinkEvent::Up { attempts: 1, epoch: 1, next_in: 4, next_out });
    // The question about the order may have been asked already.
    assert!((5..=6).contains(&next_out), "{up:?}");
    find_out(&mut rig);
    // Market data has not noticed; then it is its turn.
    rig.market_data.send("1", "112=alive|");
    assert_eq!(get(&rig.market_data.expect("0"), 112), "alive");
    let number = rig.market_data.next_out;
    rig.market_data.cut();
    assert_eq!(rig.wait_down(MARKET_DATA), DownReason::ConnectionLost);
    rig.accept_market_data();
    go_on(&mut rig.market_data, number);
    rig.market_data.expect("x");
    rig.end(true, true);
}

#[test]
fn a_lost_session_comes_back_in_every_layout_and_over_every_wire() {
    for layout in LAYOUTS {
        for wire in WireKind::SOCKETS {
            comes_back(Setup { layout, wire, ..AGAIN });
        }
    }
}

#[test]
fn a_lost_session_comes_back_under_tls() {
    for tls in [TlsMode::RecordLayer, TlsMode::Rustls] {
        for layout in LAYOUTS {
            comes_back(Setup { layout, tls: Some(tls), ..AGAIN });
        }
    }
}

#[test]
fn a_disk_that_hangs_does_not_keep_a_lost_session_from_being_dialled() {
    let mut rig = Setup { journal: true, ..AGAIN }.start();
    rig.trading.accept_logon();
    serve_market_data(&mut rig);
    rig.trading.expect("D");
    // Pipes in the segments' places: who opens one to flush it waits until somebody reads.
    let folder = rig.journal.path().join("trading");
    let segments: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let segments: Vec<&PathBuf> = segments
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "journal"))
        .collect();
    assert!(!segments.is_empty(), "{folder:?}");
    let (fifo, mode) = (FileType::Fifo, Mode::RUSR | Mode::WUSR);
    for segment in &segments {
        std::fs::rename(segment, segment.with_extension("aside")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, segment.as_path(), fifo, mode, 0).unwrap();
    }
    // Something to flush, and more than the time between two flushes.
    rig.trading.send("1", "112=before|");
    rig.trading.expect("0");
    std::thread::sleep(Duration::from_millis(300));
    rig.trading.cut();
    assert_eq!(rig.wait_down(TRADING), DownReason::ConnectionLost);
    rig.accept_trading();
    go_on(&mut rig.trading, 3);
    find_out(&mut rig);
    // The disk answers again, badly.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let open = |path: &&PathBuf| rustix::fs::open(path.as_path(), flags, Mode::empty()).unwrap();
    let readers: Vec<_> = segments.iter().map(open).collect();
    let outcome = rig.end(true, true);
    drop(readers);
    assert!(outcome.journal_trouble.is_some(), "the flush was under way all the time");
}

#[test]
fn an_engine_that_never_connected_says_why_at_its_end() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let ((engine, strategy), _heard) = engine(&AGAIN, port, port, folder.path());
    let running = engine.start(strategy).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while running.dial_problem(TRADING).is_none() || running.dial_problem(MARKET_DATA).is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop();
    let outcome = running.join().unwrap();
    for session in [MARKET_DATA, TRADING] {
        let said = outcome.how_ended(session);
        assert!(said.starts_with("never connected: cannot connect to localhost:"), "{said}");
        assert!(said.contains("Connection refused"), "{said}");
    }
}

#[test]
fn a_session_that_is_lost_many_times_leaves_no_descriptor_behind() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut rig = Setup { layout: Layout::Full, wire: WireKind::Uring, ..AGAIN }.start();
    rig.trading.accept_logon();
    serve_market_data(&mut rig);
    rig.trading.expect("D");
    let mut counts = Vec::new();
    for life in 0..12 {
        let number = rig.trading.next_out;
        rig.trading.cut();
        rig.wait_down(TRADING);
        rig.accept_trading();
        go_on(&mut rig.trading, number);
        link(&rig, TRADING, |event| matches!(event, LinkEvent::Up { .. }));
        if life == 0 {
            find_out(&mut rig);
        }
        counts.push(descriptors());
    }
    // What is over is put away a few milliseconds later.
    if is_alone() {
        assert!(counts[11] <= counts[1] + 4, "{counts:?}");
    }
    rig.end(true, true);
}

#[test]
fn a_logon_that_is_closed_in_silence_is_told_and_tried_again() {
    for layout in LAYOUTS {
        let mut rig = Setup { layout, ..AGAIN }.start();
        rig.trading.expect("A");
        rig.trading.cut();
        assert_eq!(rig.wait_down(TRADING), DownReason::ClosedAtLogon);
        let waiting = link(&rig, TRADING, |event| matches!(event, LinkEvent::Waiting { .. }));
        assert!(matches!(waiting, LinkEvent::Waiting { failures: 1, .. }), "{waiting:?}");
        rig.accept_trading();
        rig.trading.accept_logon();
        serve_market_data(&mut rig);
        rig.trading.expect("D");
        rig.end_open_order();
    }
}

/// Whether no other test runs in this process.
fn is_alone() -> bool {
    std::env::var_os("NEXTEST").is_some()
}

/// Threads of this process whose names begin so.
fn threads(prefix: &str) -> usize {
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(name).filter(|name| name.starts_with(prefix)).count()
}

#[test]
fn an_engine_is_stopped_while_it_dials_waits_or_shakes_hands_and_leaves_no_thread() {
    for layout in LAYOUTS {
        for tls in [None, Some(TlsMode::RecordLayer)] {
            // Nobody listens on the first; the second listens and says nothing, so that a TLS
            // handshake hangs, and without TLS a Logon has no answer.
            let closed = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = closed.local_addr().unwrap().port();
            drop(closed);
            let mute = TcpListener::bind("127.0.0.1:0").unwrap();
            let setup = Setup { layout, tls, ..AGAIN };
            let silent = mute.local_addr().unwrap().port();
            // Without a journal it looks at no directory.
            let (engine, heard) = engine(&setup, port, silent, Path::new(""));
            let running = engine.0.start(engine.1).unwrap();
            let mut seen = Vec::new();
            while !seen.iter().any(|event| matches!(event, LinkEvent::Waiting { .. })) {
                if let Ok(Heard::Session(SessionUpdate::Link { event, .. })) =
                    heard.recv_timeout(Duration::from_secs(20))
                {
                    seen.push(event);
                }
            }
            let _held = mute.accept().unwrap();
            // The words come by another road and may be late.
            let deadline = Instant::now() + Duration::from_secs(20);
            while running.dial_problem(MARKET_DATA).is_none() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            let problem = running.dial_problem(MARKET_DATA).unwrap();
            assert!(problem.contains(&port.to_string()), "{problem}");
            running.operator().stop();
            let outcome = finish(running);
            assert!(!outcome.desk.is_started());
            // The kernel forgets a thread a moment after it was joined.
            let deadline = Instant::now() + Duration::from_secs(20);
            while is_alone() && threads("taut") > 0 {
                assert!(Instant::now() < deadline, "{layout:?} {tls:?}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
