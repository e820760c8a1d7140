//! `path.stall_ms`: a callback that does not return is noticed while it lasts, and told afterwards.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use taut::event::Alarm;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, Layout, TRADING};
use taut::secret::Secret;
use taut::session::Resend;
use taut::strategy::{Context, SessionUpdate, Strategy};

use crate::peer::{PATIENCE, accept};
use crate::rig::{API_KEY, API_SECRET, Setup};

/// Does not return from its first callback until it is let go.
struct Stuck {
    go: Receiver<()>,
    tell: Sender<Alarm>,
}

impl Strategy for Stuck {
    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        // A test that has failed is gone.
        let _ = self.go.recv();
        if let SessionUpdate::Alarm { alarm, .. } = update {
            let _ = self.tell.send(*alarm);
        }
    }
}

#[test]
fn a_strategy_that_does_not_return_is_named_while_it_lasts_and_hears_of_it_afterwards() {
    for (layout, thread) in [
        (Layout::Inline, "taut-inline"),
        (Layout::Split, "taut-strategy"),
        (Layout::Full, "taut-strategy"),
    ] {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|l| l.local_addr().unwrap().port());
        let setup = Setup { layout, ..Setup::PLAIN };
        let mut config = setup.config(ports[0], ports[1], Path::new("unused"));
        config.path.stall_ms = 50;
        let credentials = Credentials::new(Secret::new(API_KEY), Secret::new(API_SECRET)).unwrap();
        let (let_go, go) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let engine = Engine::new(config, credentials).unwrap();
        // The first thing that it is told, a dial, keeps it.
        let running = engine.start(Stuck { go, tell }).expect("nothing is missing");
        let deadline = Instant::now() + PATIENCE;
        while !running.stalled().any(|name| name == thread) {
            assert!(Instant::now() < deadline, "{layout:?}: nobody notices");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        drop(let_go);
        let mut alarms = std::iter::from_fn(|| told.recv_timeout(PATIENCE).ok())
            .skip_while(|alarm| !matches!(alarm, Alarm::Stalled { .. }));
        assert_eq!(alarms.next(), Some(Alarm::Stalled { thread }));
        match alarms.find(|alarm| matches!(alarm, Alarm::Resumed { .. })) {
            Some(Alarm::Resumed { thread: resumed, ms }) => {
                assert_eq!(resumed, thread);
                assert!(ms >= 50, "{ms} ms");
            }
            other => panic!("{layout:?}: {other:?}"),
        }
        running.stop();
        drop(listeners);
        running.join().unwrap();
    }
}

/// Tells the test of alarms.
struct Listening(Sender<Alarm>);

impl Strategy for Listening {
    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        if let SessionUpdate::Alarm { alarm, .. } = update {
            let _ = self.0.send(*alarm);
        }
    }
}

#[test]
fn the_thread_of_the_sessions_that_stands_still_is_named_and_a_strategy_beside_it_hears_of_it_at_once()
 {
    for (layout, thread) in
        [(Layout::Inline, "taut-inline"), (Layout::Split, "taut-io"), (Layout::Full, "taut-core")]
    {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|l| l.local_addr().unwrap().port());
        let setup = Setup { layout, journal: true, ..Setup::PLAIN };
        let dir = tempfile::tempdir().unwrap();
        let mut config = setup.config(ports[0], ports[1], dir.path());
        config.path.stall_ms = 50;
        let journal = config.journal.as_mut().expect("it is asked for");
        journal.resend.insert("q".to_owned(), Resend::Ask);
        config.orders.recovery.cancel_at_start = true;
        let credentials = Credentials::new(Secret::new(API_KEY), Secret::new(API_SECRET)).unwrap();
        let (let_go, go) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let engine = Engine::new(config, credentials).unwrap();
        // Asked on the thread of the sessions; it does not answer until it is let go.
        let engine = engine.ask_before_resend(TRADING, Box::new(move |_| go.recv().is_ok()));
        let running = engine.start(Listening(tell)).expect("nothing is missing");
        let mut market_data = accept(&listeners[0], None, "KRAKEN-MD");
        let mut trading = accept(&listeners[1], None, "KRAKEN-TRD");
        market_data.accept_logon();
        trading.accept_logon();
        trading.expect("q");
        trading.send("2", "7=1|16=0|");
        let deadline = Instant::now() + PATIENCE;
        while !running.stalled().any(|name| name == thread) {
            assert!(Instant::now() < deadline, "{layout:?}: nobody notices");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let wait = |wanted: fn(&Alarm) -> bool| {
            let mut alarms = std::iter::from_fn(|| told.recv_timeout(PATIENCE).ok());
            alarms.find(wanted).unwrap_or_else(|| panic!("{layout:?}: it is not told"))
        };
        let is_stall = |alarm: &Alarm| matches!(alarm, Alarm::Stalled { .. });
        let while_it_lasts = (layout != Layout::Inline).then(|| wait(is_stall));
        drop(let_go);
        let stalled = while_it_lasts.unwrap_or_else(|| wait(is_stall));
        assert_eq!(stalled, Alarm::Stalled { thread });
        match wait(|alarm| matches!(alarm, Alarm::Resumed { .. })) {
            Alarm::Resumed { thread: resumed, ms } => {
                assert_eq!(resumed, thread);
                assert!(ms >= 50, "{ms} ms");
            }
            other => panic!("{layout:?}: {other:?}"),
        }
        running.stop();
        drop((listeners, market_data, trading));
        running.join().unwrap();
    }
}
