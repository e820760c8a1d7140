//! `path.stall_ms`: a callback that does not return is noticed while it lasts, and told afterwards.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use taut::event::Alarm;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, Layout};
use taut::secret::Secret;
use taut::strategy::{Context, SessionUpdate, Strategy};

use crate::peer::PATIENCE;
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
    for (layout, thread) in [(Layout::Inline, "taut-inline"), (Layout::Full, "taut-strategy")] {
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
