//! `tls.pins`: an engine talks to a venue that has a pinned key, and tells nothing to one that has not.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ServerConfig, ServerConnection};
use taut::conductor::{DialProblem, LinkEvent};
use taut::config::EngineConfig;
use taut::pipeline::TRADING;
use taut::strategy::SessionUpdate;
use taut::wire::tls::{KeyPin, TlsMode, Trust};

use crate::peer::{PATIENCE, accept};
use crate::rig::{Heard, Setup, engine_of, finish};

const MODES: [TlsMode; 2] = [TlsMode::RecordLayer, TlsMode::Rustls];

struct Venue {
    listeners: [TcpListener; 2],
    certificate: CertificateDer<'static>,
    pin: KeyPin,
    tls: Arc<ServerConfig>,
}

fn venue() -> Venue {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let builder = ServerConfig::builder().with_no_client_auth();
    Venue {
        listeners: [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap()),
        pin: KeyPin::of_certificate(&certificate).unwrap(),
        tls: Arc::new(builder.with_single_cert(vec![certificate.clone()], key).unwrap()),
        certificate,
    }
}

fn config(venue: &Venue, mode: TlsMode, pins: &[KeyPin]) -> EngineConfig {
    let setup = Setup { tls: Some(mode), reconnect: true, ..Setup::PLAIN };
    let [market_data, trading] =
        venue.listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
    let mut config = setup.config(market_data, trading, Path::new("unused"));
    config.tls.pins = pins.to_vec();
    config
}

#[test]
fn a_venue_with_a_pinned_key_is_logged_on_to() {
    for mode in MODES {
        let (venue, other) = (venue(), venue().pin);
        let ((engine, strategy), _heard) = engine_of(config(&venue, mode, &[other, venue.pin]));
        let trust = Trust::Der(vec![venue.certificate.to_vec()]);
        let running = engine.with_trust(trust).start(strategy).expect("nothing is missing");
        let mut market_data = accept(&venue.listeners[0], Some(&venue.tls), "KRAKEN-MD");
        let mut trading = accept(&venue.listeners[1], Some(&venue.tls), "KRAKEN-TRD");
        market_data.expect("A");
        trading.expect("A");
        assert_eq!(running.dial_problem(TRADING), None);
        drop((market_data, trading));
        running.stop();
        finish(running);
    }
}

#[test]
fn a_venue_whose_key_is_not_pinned_hears_no_logon_and_the_engine_names_the_key() {
    for mode in MODES {
        let (venue, other) = (venue(), venue().pin);
        let ((engine, strategy), heard) = engine_of(config(&venue, mode, &[other]));
        let trust = Trust::Der(vec![venue.certificate.to_vec()]);
        let running = engine.with_trust(trust).start(strategy).expect("nothing is missing");
        let (mut tcp, _) = venue.listeners[1].accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut connection = ServerConnection::new(Arc::clone(&venue.tls)).unwrap();
        let refused = loop {
            if let Err(error) = connection.complete_io(&mut tcp) {
                break error;
            }
        };
        let alert = refused.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        let expected = rustls::Error::AlertReceived(AlertDescription::CertificateUnknown);
        assert_eq!(alert, Some(&expected), "{mode:?}: {refused:?}");
        assert!(matches!(connection.reader().read(&mut [0]), Err(_) | Ok(0)), "not a byte");
        // What the strategy is told, and what an operator reads.
        let deadline = Instant::now() + PATIENCE;
        let is_refusal = |heard: &Heard| match *heard {
            Heard::Session(SessionUpdate::Link { session: TRADING, event }) => {
                matches!(event, LinkEvent::DialFailed { problem: DialProblem::Tls, .. })
            }
            _ => false,
        };
        while !is_refusal(&heard.recv_timeout(PATIENCE).unwrap()) {
            assert!(Instant::now() < deadline, "the strategy is not told");
        }
        let words = loop {
            if let Some(words) = running.dial_problem(TRADING) {
                break words;
            }
            assert!(Instant::now() < deadline, "nothing says why");
            std::thread::sleep(Duration::from_millis(1));
        };
        let key = format!("the peer's certificate has the key {}, which is not", venue.pin);
        assert!(words.contains(&key), "{words}");
        // The market data session's dial waits for us.
        drop(venue);
        running.stop();
        finish(running);
    }
}
