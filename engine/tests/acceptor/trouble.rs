use taut::event::{Alarm, Awaited, DownReason};
use taut::order::{OrderState, UpdateKind};
use taut::pipeline::{Layout, MARKET_DATA, TRADING};
use taut::session::SessionEvent;
use taut::strategy::SessionUpdate;

use crate::good_path::{report, serve_market_data};
use crate::peer::{Peer, get};
use crate::rig::{Heard, Rig, Setup, finish};

const LAYOUTS: [Layout; 3] = [Layout::Inline, Layout::Split, Layout::Full];

/// Both sessions are up and an order is on the wire; returns its ClOrdID.
fn trading(setup: Setup) -> (Rig, String) {
    let mut rig = setup.start();
    rig.trading.accept_logon();
    serve_market_data(&mut rig);
    let new = rig.trading.expect("D");
    (rig, get(&new, 11).to_owned())
}

fn alarm(heard: &Heard) -> Option<Alarm> {
    match *heard {
        Heard::Session(SessionUpdate::Alarm { alarm, .. }) => Some(alarm),
        _ => None,
    }
}

/// The engine may close a connection before it has logged on.
fn ends_after_a_logon_at_most(peer: &mut Peer) {
    while let Some(message) = peer.receive_or_end() {
        assert_eq!(get(&message, 35), "A", "{message}");
    }
}

/// Reports the order as live and answers what the script does with it.
fn serve_the_order(rig: &mut Rig, first: &str) {
    report(rig, (first, ""), 'A', "0.5", "99.0");
    report(rig, (first, ""), '0', "0.5", "99.0");
    let second = get(&rig.trading.expect("G"), 11).to_owned();
    report(rig, (&second, first), '5', "0.7", "99.5");
    let third = get(&rig.trading.expect("F"), 11).to_owned();
    report(rig, (&third, &second), '4', "0.7", "99.5");
}

#[test]
fn a_gap_is_asked_for_and_the_resent_report_counts_once() {
    for layout in LAYOUTS {
        let (mut rig, id) = trading(Setup { layout, ..Setup::PLAIN });
        // 2 is missing: 3 is not looked at until it comes.
        rig.trading.next_out = 3;
        report(&mut rig, (&id, ""), '0', "0.5", "99.0");
        let request = rig.trading.expect("2");
        assert_eq!((get(&request, 7), get(&request, 16)), ("2", "0"));
        assert_eq!(rig.wait(alarm), Alarm::Gap { from: 2, to: 3 });
        // Both come now: the one that was lost, and the one behind it anew.
        rig.trading.next_out = 2;
        serve_the_order(&mut rig, &id);
        let outcome = rig.end(true, true);
        assert_eq!(outcome.desk.orders().live_len(), 0);
    }
}

#[test]
fn a_hard_reset_to_one_by_the_venue_goes_on_with_the_orders_of_the_session() {
    for layout in LAYOUTS {
        let (mut rig, id) = trading(Setup { layout, journal: true, ..Setup::PLAIN });
        report(&mut rig, (&id, ""), 'A', "0.5", "99.0");
        let reset = rig.trading.numbered(40, "4", "123=N|36=1|");
        rig.trading.send_raw(&reset);
        rig.trading.next_out = 1;
        report(&mut rig, (&id, ""), '0', "0.5", "99.0");
        let replace = rig.trading.expect("G");
        assert_eq!((get(&replace, 34), rig.trading.next_out), ("3", 2), "ours go on: {replace}");
        let told = rig.wait(|heard| match *heard {
            Heard::Session(SessionUpdate::Session { event, .. }) => Some(event),
            _ => None,
        });
        assert_eq!(told, SessionEvent::SequenceReset { from: 3, to: 1, gap_fill: false });
        let second = get(&replace, 11).to_owned();
        report(&mut rig, (&second, &id), '5', "0.7", "99.5");
        let cancel = rig.trading.expect("F");
        report(&mut rig, (get(&cancel, 11), &second), '4', "0.7", "99.5");
        assert_eq!(rig.end(true, true).desk.orders().live_len(), 0);
    }
}

#[test]
fn garbled_bytes_are_passed_over_and_the_session_lives() {
    for layout in LAYOUTS {
        let (mut rig, id) = trading(Setup { layout, ..Setup::PLAIN });
        rig.trading.send_raw(b"\x00\xffgarbage 8=FIX.4.4\x019=5\x0135=0\x0110=0\x01");
        let mut bad = rig.trading.numbered(rig.trading.next_out, "1", "112=bad|");
        let at = bad.len() - 2;
        bad[at] = if bad[at] == b'0' { b'1' } else { b'0' };
        rig.trading.send_raw(&bad);
        rig.trading.send("1", "112=good|");
        assert_eq!(get(&rig.trading.expect("0"), 112), "good");
        assert!(matches!(rig.wait(alarm), Alarm::Garbled { bytes: 1.., .. }));
        serve_the_order(&mut rig, &id);
        rig.end(true, true);
    }
}

#[test]
fn a_number_that_is_too_low_makes_the_engine_log_out() {
    let (mut rig, _) = trading(Setup::PLAIN);
    let low = rig.trading.numbered(1, "0", "");
    rig.trading.send_raw(&low);
    let logout = rig.trading.expect("5");
    assert_eq!(get(&logout, 58), "MsgSeqNum too low, expecting 2 but received 1");
    rig.trading.send("5", "");
    assert_eq!(rig.trading.receive_or_end(), None);
    assert!(matches!(rig.wait_down(TRADING), DownReason::ProtocolError(_)));
    let order = rig.wait(|heard| match heard {
        Heard::Order(update) if update.kind == UpdateKind::Uncertain => Some(*update),
        _ => None,
    });
    assert_eq!(order.state, OrderState::Uncertain);
    rig.market_data.accept_logout();
    finish(rig.running);
}

#[test]
fn a_trading_connection_that_is_closed_at_logon_is_a_refusal_without_a_word() {
    for layout in LAYOUTS {
        let mut rig = Setup { layout, ..Setup::PLAIN }.start();
        rig.trading.expect("A");
        rig.trading.cut();
        assert_eq!(rig.wait_down(TRADING), DownReason::ClosedAtLogon, "{layout:?}");
        // Half an engine does not trade on: market data is closed, whether it still logs on or not.
        ends_after_a_logon_at_most(&mut rig.market_data);
        finish(rig.running);
    }
}

#[test]
fn the_reason_of_a_refused_logon_reaches_the_strategy() {
    for layout in LAYOUTS {
        let mut rig = Setup { layout, ..Setup::PLAIN }.start();
        rig.market_data.accept_logon();
        rig.market_data.expect("x");
        rig.trading.expect("A");
        // As the venue does: number 2, although no Logon was sent (venue file 2.2).
        rig.trading.next_out = 2;
        rig.trading.send("5", "58=Logon failed: invalid credentials|");
        let DownReason::LogonRefused(text) = rig.wait_down(TRADING) else { panic!("{layout:?}") };
        assert_eq!(text.as_str(), "Logon failed: invalid credentials");
        assert_eq!(rig.trading.receive_or_end(), None);
        rig.market_data.accept_logout();
        let outcome = finish(rig.running);
        assert!(!outcome.desk.is_started());
        assert!(matches!(outcome.ended[1], Some(DownReason::LogonRefused(_))));
    }
}

#[test]
fn a_logon_that_is_never_answered_times_out() {
    let mut rig = Setup { logon_timeout_ms: 100, ..Setup::PLAIN }.start();
    // The session that was dialled first; the other one is closed with the engine.
    rig.wait(|heard| match *heard {
        Heard::Session(SessionUpdate::Down {
            reason: DownReason::TimedOut { awaited: Awaited::LogonAnswer, ms: 100.. },
            ..
        }) => Some(()),
        _ => None,
    });
    ends_after_a_logon_at_most(&mut rig.trading);
    ends_after_a_logon_at_most(&mut rig.market_data);
    // Nothing is left to wait for: the engine ends by itself.
    finish(rig.running);
}

#[test]
fn a_peer_that_falls_silent_is_asked_and_then_left() {
    for layout in LAYOUTS {
        let (mut rig, _) = trading(Setup { layout, heartbeat_seconds: 1, ..Setup::PLAIN });
        // Both connections stay open; nothing comes any more.
        let mut seen = Vec::new();
        while let Some(message) = rig.trading.receive_or_end() {
            seen.push(get(&message, 35).to_owned());
        }
        assert!(seen.contains(&"1".to_owned()), "asked first: {seen:?}");
        assert!(seen.iter().all(|kind| kind == "0" || kind == "1"), "{seen:?}");
        let reason = rig.wait(|heard| match *heard {
            Heard::Session(SessionUpdate::Down { session: TRADING, reason, .. }) => Some(reason),
            _ => None,
        });
        // HeartBtInt and a fifth, twice.
        let silent =
            matches!(reason, DownReason::TimedOut { awaited: Awaited::AnyMessage, ms: 2_400.. });
        assert!(silent, "{reason}");
        while rig.market_data.receive_or_end().is_some() {}
        finish(rig.running);
    }
}

#[test]
fn a_lost_connection_leaves_the_order_uncertain_and_logs_the_other_session_out() {
    for layout in LAYOUTS {
        let (mut rig, _) = trading(Setup { layout, ..Setup::PLAIN });
        rig.trading.cut();
        assert_eq!(rig.wait_down(TRADING), DownReason::ConnectionLost);
        rig.market_data.accept_logout();
        let outcome = finish(rig.running);
        assert!(outcome.desk.orders().live().all(|order| order.state == OrderState::Uncertain));
        assert_eq!(outcome.desk.orders().live_len(), 1);
    }
}

#[test]
fn a_venue_that_logs_market_data_out_is_answered_and_the_order_cancelled() {
    let (mut rig, id) = trading(Setup::PLAIN);
    rig.market_data.send("5", "58=rollover|");
    rig.market_data.expect("5");
    // Who asked first closes.
    rig.market_data.cut();
    let DownReason::VenueLoggedOut(text) = rig.wait_down(MARKET_DATA) else { panic!() };
    assert_eq!(text.as_str(), "rollover");
    let cancel = rig.trading.expect("F");
    assert_eq!(get(&cancel, 41), id);
    report(&mut rig, (get(&cancel, 11), &id), '4', "0.5", "99.0");
    rig.trading.accept_logout();
    assert_eq!(finish(rig.running).desk.orders().live_len(), 0);
}

#[test]
fn an_engine_that_is_stopped_while_it_logs_on_closes_both_connections() {
    for layout in LAYOUTS {
        let mut rig = Setup { layout, ..Setup::PLAIN }.start();
        rig.trading.expect("A");
        rig.market_data.expect("A");
        rig.running.stop();
        assert_eq!(rig.trading.receive_or_end(), None);
        assert_eq!(rig.market_data.receive_or_end(), None);
        assert!(!finish(rig.running).desk.is_started());
    }
}
