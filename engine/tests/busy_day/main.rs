//! One recorded conversation that has everything in it (chained amends, fills, refusals, a burst of market
//! data, a gap, a resend, garbage, new keys), played to every layout. They must answer alike, and no thread
//! of the path may allocate: this binary has the counting allocator and nothing else beside.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

#[allow(dead_code)] // Not all of it is needed here.
#[path = "../acceptor/peer.rs"]
mod peer;
mod script;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use taut::config::EngineConfig;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, Faults, Layout, Running};
use taut::secret::Secret;
use taut::trace::Latency;
use taut::trace::allocation::{CountingAllocator, allocations};
use taut::wire::WireKind;
use taut::wire::tls::Trust;

use peer::{PATIENCE, Peer, accept, get, now_text};
use script::{Heard, Script};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Changes of the book that are sent in one write.
const BURST: u64 = 300;
/// Orders, amends and cancels that messages of the venue cause: one at the start, the chain, those of the burst.
const ORDERS: u64 = 1 + 3 + 3;
/// Page faults of a thread: the first run of each piece of code. Its memory is touched before.
const FAULTS_MAX: u64 = 100;

#[derive(Debug, Clone, Copy)]
struct Setup {
    layout: Layout,
    wire: WireKind,
    tls: bool,
    /// Whether the path begins in the kernel.
    stamped: bool,
}

/// An engine with both of its connections.
struct Rig {
    market_data: Peer,
    trading: Peer,
    running: Running<Script>,
    _journal: tempfile::TempDir,
}

impl Setup {
    fn config(&self, ports: [u16; 2], journal: &std::path::Path) -> EngineConfig {
        let session = |port: u16, target: &str| {
            format!(
                "host = 'localhost'\nport = {port}\nsender = 'TAUT'\ntarget = '{target}'\n\
                 heartbeat_seconds = 30\nreset = 'always'\n"
            )
        };
        let text = format!(
            "[path]\nlayout = '{}'\nwire = '{}'\nidle = 'park'\nkernel_stamps = {}\n\
             [tls]\nenabled = {}\nmode = 'record-layer'\n[market_data]\n{}[trading]\n{}\
             [reconnect]\nenabled = false\n[rollover]\nenabled = false\n\
             [journal]\ndir = '{}'\nsegment_mib = 1\n\
             [instruments]\nsymbols = ['BTC/USD']\ndepth = 10\n\
             [risk]\nmax_order_qty = '100'\nmax_notional = '100000'\ncollar_bps = 5000\n\
             max_position = '100'\nmax_open_orders = 10\ncommands_per_second = 1000\nburst = 1000\n",
            format!("{:?}", self.layout).to_lowercase(),
            self.wire,
            self.stamped,
            self.tls,
            session(ports[0], "KRAKEN-MD"),
            session(ports[1], "KRAKEN-TRD"),
            journal.display(),
        );
        EngineConfig::from_toml(&text).unwrap()
    }

    fn start(&self) -> Rig {
        let journal = tempfile::tempdir().unwrap();
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|l| l.local_addr().unwrap().port());
        let credentials = Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0")).unwrap();
        let mut engine = Engine::new(self.config(ports, journal.path()), credentials).unwrap();
        let mut server_tls = None;
        if self.tls {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let certificate = made.cert.der().clone();
            engine = engine.with_trust(Trust::Der(vec![certificate.to_vec()]));
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
            let builder = ServerConfig::builder().with_no_client_auth();
            server_tls = Some(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()));
        }
        let running = engine.start(Script::new()).unwrap();
        let market_data = accept(&listeners[0], server_tls.as_ref(), "KRAKEN-MD");
        let trading = accept(&listeners[1], server_tls.as_ref(), "KRAKEN-TRD");
        Rig { market_data, trading, running, _journal: journal }
    }
}

/// What one layout answered.
struct Answers {
    trading: Vec<String>,
    market_data: Vec<String>,
    heard: Heard,
    position: String,
    latency: Latency,
    /// Page faults of the threads of the path.
    faults: Vec<Faults>,
}

/// Values that differ from run to run.
const OF_THE_RUN: [u32; 7] = [9, 10, 52, 60, 122, 554, 5025];
/// Ids of requests: which is which differs from run to run, what names which does not.
const IDS: [u32; 2] = [11, 41];

/// Messages without the values that differ from run to run; an id is the number of its first sight.
fn forms(messages: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    let mut field = |field: &str| {
        let (tag, value) = field.split_once('=').expect("tag=value");
        let number = tag.parse().expect("a number");
        if OF_THE_RUN.contains(&number) {
            return format!("{tag}=*|");
        }
        if !IDS.contains(&number) {
            return format!("{field}|");
        }
        let known = ids.iter().position(|id| id == value);
        let at = known.unwrap_or_else(|| {
            ids.push(value.to_owned());
            ids.len() - 1
        });
        format!("{tag}=#{at}|")
    };
    let mut form = |one: &String| one.trim_end_matches('|').split('|').map(&mut field).collect();
    messages.iter().map(&mut form).collect()
}

/// The stages of every order add up to its total, so over all orders they do, too.
fn check_latency(latency: &Latency, orders: u64) {
    assert_eq!(latency.disordered, 0, "every stamp is there, and none before the one ahead of it");
    assert_eq!(latency.total.count, orders, "{:?}", latency.total);
    for row in &latency.stages {
        assert_eq!(row.count, orders, "{row:?}");
    }
    let sum: f64 = latency.stages.iter().map(|row| row.mean_ns).sum();
    let mean = latency.total.mean_ns;
    // Each sum is cut to a whole nanosecond.
    let off = (sum - mean).abs() * orders as f64;
    assert!(off <= latency.stages.len() as f64, "{sum} ns, not {mean} ns");
    assert!(mean > 0.0, "it takes time");
}

/// A report on an order of 0.5 at 99.0 or what it became. `ids` is 11, or 11 and 41.
struct Report<'a> {
    ids: (&'a str, &'a str),
    exec_type: char,
    status: char,
    qty: &'a str,
    cum: &'a str,
    leaves: &'a str,
    more: &'a str,
}

impl Report<'_> {
    fn body(&self, number: u64) -> String {
        let Report { ids, exec_type, status, qty, cum, leaves, more } = self;
        let orig = if ids.1.is_empty() { String::new() } else { format!("41={}|", ids.1) };
        format!(
            "6=0.0|11={}|14={cum}|17=EXEC:{number}|37=OKWUQF-YPJM2-DTAJHH|38={qty}|39={status}|40=2|\
             {orig}44=99.0|54=1|55=BTC/USD|59=1|60={}|150={exec_type}|151={leaves}|381=0.0|{more}",
            ids.0,
            now_text()
        )
    }
}

impl Rig {
    fn report(&mut self, report: &Report<'_>) {
        let body = report.body(self.trading.next_out);
        self.trading.send("8", &body);
    }

    /// The first two reports of an order of 0.5.
    fn rests(&mut self, id: &str) {
        let new = Report {
            ids: (id, ""),
            exec_type: 'A',
            status: 'A',
            qty: "0.5",
            cum: "0.0",
            leaves: "0.5",
            more: "",
        };
        self.report(&new);
        self.report(&Report { exec_type: '0', status: '0', ..new });
    }

    /// Waits until the engine has looked at everything so far.
    fn settle(&mut self, word: &str) {
        for peer in [&mut self.trading, &mut self.market_data] {
            peer.send("1", &format!("112={word}|"));
            assert_eq!(get(&peer.expect("0"), 112), word);
        }
    }
}

/// A change of the best bid to a quantity, with the checksum (venue file 4.10.1) of the book after it.
fn change(market_data: &mut Peer, request: &str, qty: u64) -> Vec<u8> {
    let sum = crc32fast::hash(format!("1010100990{}", qty * 100).as_bytes());
    let time = &now_text()[9..];
    let entry = format!("279=1|269=0|278=B99.0|270=99.0|271={qty}.0|273={time}|");
    let body = format!("55=BTC/USD|262={request}|268=1|{entry}5041={sum}|");
    market_data.next_out += 1;
    market_data.numbered(market_data.next_out - 1, "X", &body)
}

fn serve_market_data(rig: &mut Rig) -> String {
    rig.market_data.accept_logon();
    let id = get(&rig.market_data.expect("x"), 320).to_owned();
    let rules = "55=BTC/USD|562=0.01|5010=2|5011=0.01|2349=1|5022=0.1|5032=1|";
    rig.market_data.send("y", &format!("320={id}|322=1|560=0|146=1|{rules}"));
    let id = get(&rig.market_data.expect("V"), 262).to_owned();
    let time = now_text();
    let level = |side: u32, name: &str, px: &str| {
        format!("269={side}|278={name}{px}|270={px}|271=1.0|273={}|", &time[9..])
    };
    let levels = level(1, "O", "101.0") + &level(0, "B", "99.0");
    rig.market_data.send("W", &format!("55=BTC/USD|262={id}|268=2|{levels}"));
    id
}

/// The whole conversation.
fn play(setup: Setup) -> Answers {
    let mut rig = setup.start();
    rig.trading.accept_logon();
    let request = serve_market_data(&mut rig);

    // An order, two amends and a cancel in a chain, a fill that crosses it.
    let first = get(&rig.trading.expect("D"), 11).to_owned();
    rig.rests(&first);
    let second = get(&rig.trading.expect("G"), 11).to_owned();
    let third = get(&rig.trading.expect("G"), 11).to_owned();
    let of = |ids, exec_type, status, qty, cum, leaves, more| Report {
        ids,
        exec_type,
        status,
        qty,
        cum,
        leaves,
        more,
    };
    rig.report(&of((&second, &first), '5', '0', "0.7", "0.0", "0.7", ""));
    rig.report(&of((&third, &second), '5', '0', "0.8", "0.0", "0.8", ""));
    let cancel = get(&rig.trading.expect("F"), 11).to_owned();
    rig.report(&of((&third, ""), 'F', '1', "0.8", "0.3", "0.5", "31=99.0|32=0.3|"));
    rig.report(&of((&cancel, &third), '4', '4', "0.8", "0.3", "0.0", ""));
    rig.settle("after the chain");

    // Many changes in one write; the strategy sends an order with every hundredth.
    let burst: Vec<u8> =
        (1..=BURST).flat_map(|qty| change(&mut rig.market_data, &request, qty)).collect();
    rig.market_data.send_raw(&burst);
    let orders = [(); 3].map(|()| get(&rig.trading.expect("D"), 11).to_owned());
    rig.rests(&orders[0]);
    rig.report(&of((&orders[0], ""), 'F', '2', "0.5", "0.5", "0.0", "31=99.0|32=0.5|"));
    rig.report(&of((&orders[1], ""), '8', '8', "0.5", "0.0", "0.0", "103=0|58=no|"));
    rig.trading.send("j", &format!("45=0|372=D|379={}|380=4|58=Market in maintenance|", orders[2]));
    rig.settle("after the burst");
    // The tables can be read while it runs, and miss nothing for long.
    let deadline = Instant::now() + PATIENCE;
    while rig.running.latency().total.count < ORDERS {
        assert!(Instant::now() < deadline, "{:?}", rig.running.latency().total);
        std::thread::sleep(Duration::from_millis(2));
    }
    check_latency(&rig.running.latency(), ORDERS);

    if setup.tls {
        rig.trading.refresh_keys();
        rig.market_data.refresh_keys();
        rig.settle("after new keys");
    }

    // Two numbers are missing; one comes again as a duplicate, the other is filled.
    let missing = rig.trading.next_out;
    rig.trading.next_out += 2;
    rig.trading.send("0", "");
    assert_eq!(get(&rig.trading.expect("2"), 7), missing.to_string());
    let old = format!("43=Y|122={}|112=early|", now_text());
    let again = rig.trading.numbered(missing, "0", &old);
    rig.trading.send_raw(&again);
    let fill = format!("43=Y|122={}|123=Y|36={}|", now_text(), missing + 3);
    let fill = rig.trading.numbered(missing + 1, "4", &fill);
    rig.trading.send_raw(&fill);
    rig.settle("after the gap");

    // The venue has missed everything: nothing of it is an order that may go out again.
    rig.trading.send("2", "7=1|16=0|");
    assert_eq!(get(&rig.trading.expect("4"), 123), "Y");
    rig.trading.send_raw(b"\x00garbage 8=FIX.4.4\x019=5\x0135=0\x0110=0\x01");
    rig.trading.send("3", "45=3|371=44|373=5|58=bad price|");
    rig.settle("after garbage");

    rig.running.stop();
    rig.trading.accept_logout();
    rig.market_data.accept_logout();
    let (trading, market_data) = (forms(&rig.trading.seen), forms(&rig.market_data.seen));
    let deadline = Instant::now() + PATIENCE;
    while !rig.running.is_finished() {
        assert!(Instant::now() < deadline, "the engine does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
    let outcome = rig.running.join().unwrap();
    let position = outcome.desk.positions().get(taut::types::InstrumentId(0));
    Answers {
        trading,
        market_data,
        heard: outcome.desk.strategy().heard(),
        position: format!("{position:?}"),
        latency: outcome.latency,
        faults: outcome.faults,
    }
}

#[test]
fn one_recorded_conversation_is_answered_alike_by_every_layout_and_none_of_them_allocates() {
    let combinations = [
        (WireKind::BusyPoll, false, false),
        (WireKind::Uring, true, false),
        (WireKind::BusyPoll, true, true),
        (WireKind::Uring, false, true),
    ];
    for (wire, tls, stamped) in combinations {
        let mut first = None;
        for layout in [Layout::Inline, Layout::Split, Layout::Full] {
            let answers = play(Setup { layout, wire, tls, stamped });
            let counted = allocations();
            assert!(counted.counted, "the allocator is installed");
            assert_eq!(counted.count, 0, "{layout:?}: {}", counted.first_stack.unwrap_or_default());
            assert_eq!(
                answers.heard.books,
                BURST + 1,
                "a callback for the snapshot and each change"
            );
            assert_eq!(answers.heard.filled, 2, "two fills were heard");
            check_latency(&answers.latency, ORDERS);
            let names: Vec<_> = answers.faults.iter().map(|faults| faults.thread).collect();
            assert_eq!(names, layout.threads(), "each thread of the path says");
            let few = |faults: &Faults| faults.minor + faults.major < FAULTS_MAX;
            assert!(answers.faults.iter().all(few), "{layout:?}, {wire}: {:?}", answers.faults);
            match &first {
                None => first = Some(answers),
                Some(first) => {
                    assert_eq!(answers.trading, first.trading, "{layout:?}, {wire}");
                    assert_eq!(answers.market_data, first.market_data, "{layout:?}, {wire}");
                    assert_eq!(answers.heard, first.heard, "{layout:?}, {wire}");
                    assert_eq!(answers.position, first.position, "{layout:?}, {wire}");
                }
            }
        }
    }
}
