//! Prints what the session layer takes per message, every method in turn.
//!
//! `session-figures [ROUNDS [METHOD]]`: with a part of a method's name, only those. The messages are framed
//! and indexed already where nothing else is said: that is the codec's share.

use std::hint::black_box;

use taut::session::{Outbox, Phase, Received, Session, SessionConfig};
use taut_bench::alternate::{Method, measure};
use taut_bench::orders::{Kind, orders};
use taut_bench::session::{logon_answer, numbered};
use taut_bench::{corpora, forced_scanner};
use taut_codec::message::Message;
use taut_codec::scan::Field;
use taut_codec::value::{TimestampCache, UtcTime};

/// Messages of one round.
const MESSAGES: usize = 4096;
/// Messages that are different: few enough to stay in the cache, where a message is that has just been
/// indexed.
const CYCLE: usize = 256;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(101);
    let only = std::env::args().nth(2).unwrap_or_default();
    let corpus = Corpus::new();
    let methods = inbound(&corpus).into_iter().chain(outbound(&corpus)).chain(timer(&corpus));
    let methods = methods.filter(|method| method.name.contains(&only)).collect();
    println!("{:46} {:>9} {:>9} {:>9}", "ns per message", "median", "min", "max");
    for one in measure(methods, MESSAGES, rounds) {
        let (median, min, max) = (one.median(), one.min(), one.max());
        println!("{:46} {median:9.1} {min:9.1} {max:9.1}", one.name);
    }
}

/// ExecutionReports in sequence from MsgSeqNum 2 on, and their indexes.
struct Corpus {
    now: UtcTime,
    messages: Vec<(Vec<u8>, Vec<Field>)>,
}

impl Corpus {
    fn new() -> Self {
        let now = UtcTime::from_millis(1_688_738_168_000);
        let scanner = forced_scanner();
        let corpora = corpora();
        let reports = corpora.iter().find(|corpus| corpus.name == "report_353");
        let reports = reports.expect("one of them").messages.iter().cycle();
        let messages = (2..).zip(reports).take(CYCLE).map(|(number, report)| {
            let bytes = numbered(report, number, now);
            let mut fields = vec![Field::default(); 128];
            let count = scanner.index(&bytes, &mut fields).expect("a message");
            fields.truncate(count);
            (bytes, fields)
        });
        Self { now, messages: messages.collect() }
    }

    fn message(&self, at: usize) -> Message<'_> {
        let (bytes, fields) = &self.messages[at % CYCLE];
        Message::new(black_box(bytes), fields)
    }

    /// A session that is logged on, as the engine's trading session is.
    fn session(&self) -> (Session, Outbox) {
        let (us, venue) = ("CLIENT".parse(), "KRAKEN-TRD".parse());
        let config = SessionConfig::initiator(us.expect("an id"), venue.expect("an id"));
        let (mut session, mut out) = (Session::new(config), Outbox::new());
        session.connected(self.now, &mut out, |_, _| {}).expect("room");
        let logon = logon_answer(self.now);
        let mut fields = vec![Field::default(); 32];
        let count = forced_scanner().index(&logon, &mut fields).expect("a message");
        session.received(&Message::new(&logon, &fields[..count]), self.now, &mut out);
        assert!(session.phase() == Phase::Active, "logged on");
        out.clear();
        (session, out)
    }
}

fn inbound(corpus: &Corpus) -> Vec<Method<'_>> {
    let (mut session, mut out) = corpus.session();
    let (mut whole, mut other) = corpus.session();
    let scanner = forced_scanner();
    let mut fields = vec![Field::default(); 128];
    vec![
        Method::new("inbound: session", move |at| {
            if at % CYCLE == 0 {
                session.set_numbers(2, 2);
            }
            let received = session.received(&corpus.message(at), corpus.now, &mut out);
            assert!(black_box(received) == Received::Application);
        }),
        Method::new("inbound: index and session", move |at| {
            if at % CYCLE == 0 {
                whole.set_numbers(2, 2);
            }
            let bytes = black_box(&corpus.messages[at % CYCLE].0[..]);
            let count = scanner.index(bytes, &mut fields).unwrap_or(0);
            let message = Message::new(bytes, &fields[..count]);
            let received = whole.received(&message, corpus.now, &mut other);
            assert!(black_box(received) == Received::Application);
        }),
    ]
}

fn outbound(corpus: &Corpus) -> Vec<Method<'_>> {
    let (mut session, mut out) = corpus.session();
    let by_session = orders();
    let (mut rendered, mut other) = corpus.session();
    let by_template = orders();
    let template = Kind::New.template();
    let mut times = TimestampCache::new();
    let alone = orders();
    let alone_template = Kind::New.template();
    let (mut alone_times, mut alone_buffer) = (TimestampCache::new(), [0; 512]);
    let for_encoder = orders();
    let mut buffer = [0; 512];
    vec![
        Method::new("outbound: encoder alone", move |at| {
            let order = black_box(&for_encoder[at % for_encoder.len()]);
            black_box(Kind::New.encode(order, 10_000 + at as u64, &mut buffer));
            black_box(&mut buffer);
        }),
        Method::new("outbound: encoder through the session", move |at| {
            let order = black_box(&by_session[at % by_session.len()]);
            let sent =
                session.send(b"D", order.time, &mut out, |body| Kind::New.write(order, body));
            let _ = black_box(sent);
            out.consume(usize::MAX);
        }),
        Method::new("outbound: template alone", move |at| {
            let order = black_box(&alone[at % alone.len()]);
            let number = 10_000 + at as u64;
            black_box(Kind::New.fill(
                order,
                &alone_template,
                number,
                &mut alone_times,
                &mut alone_buffer,
            ));
            black_box(&mut alone_buffer);
        }),
        Method::new("outbound: template through the session", move |at| {
            let order = black_box(&by_template[at % by_template.len()]);
            let sent = rendered.send_rendered(b"D", order.time, &mut other, |buffer, number| {
                Kind::New.render(order, &template, number, &mut times, buffer)
            });
            let _ = black_box(sent);
            other.consume(usize::MAX);
        }),
    ]
}

fn timer(corpus: &Corpus) -> Vec<Method<'_>> {
    let (session, _) = corpus.session();
    let (mut ticking, mut out) = corpus.session();
    vec![
        Method::new("timer: is anything due", move |_| {
            black_box(black_box(&session).next_deadline() <= black_box(corpus.now));
        }),
        Method::new("timer: tick with nothing due", move |_| {
            black_box(&mut ticking).tick(black_box(corpus.now), &mut out);
        }),
    ]
}
