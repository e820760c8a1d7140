//! `taut-quickfix SECONDS OUTSTANDING [DICTIONARY]`: QuickFIX as initiator sends orders to QuickFIX as
//! acceptor, in a process of its own, over loopback without TLS. Each order gets one ExecutionReport; so many orders are
//! unanswered at any time. Prints one line of JSON: the time from the application's send to its callback
//! with the report, microseconds, and orders a second.
//!
//! It is set up to be quick: TCP_NODELAY, messages kept in memory, no log; without a dictionary (FIX44.xml of
//! QuickFIX) no message is validated. Messages are made of fields by QuickFIX's own type.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quickfix::{
    Acceptor, Application, ApplicationCallback, ConnectionHandler, Dictionary, FieldMap,
    FixSocketServerKind, Initiator, LogCallback, LogFactory, MemoryMessageStoreFactory, Message,
    MsgFromAppError, QuickFixError, SessionId, SessionSettings, send_to_target,
};

/// Orders that are not counted, at the start.
const WARM_UP: u64 = 500;
/// For everything that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["acceptor", port, ref more @ ..] => answer(port.parse()?, more.first().copied()),
        [seconds, outstanding, ref more @ ..] => {
            ask(seconds.parse()?, outstanding.parse()?, more.first().copied())
        }
        _ => Err("taut-quickfix SECONDS OUTSTANDING [DICTIONARY]".into()),
    }
}

struct Quiet;
impl LogCallback for Quiet {}

/// What both sides need.
fn settings(
    sides: [&str; 2],
    port: u16,
    dictionary: Option<&str>,
) -> Result<SessionSettings, QuickFixError> {
    let accepts = sides[0] == "VENUE";
    let mut all = Dictionary::new();
    all.set("ConnectionType", if accepts { "acceptor" } else { "initiator" }.to_owned())?;
    let mut one = Dictionary::new();
    let port_key = if accepts { "SocketAcceptPort" } else { "SocketConnectPort" };
    one.set(port_key, i32::from(port))?;
    let mut say = |key: &str, value: &str| one.set(key, value.to_owned());
    say("SocketConnectHost", "127.0.0.1")?;
    say("StartTime", "00:00:00")?;
    say("EndTime", "00:00:00")?;
    say("HeartBtInt", "30")?;
    say("ReconnectInterval", "1")?;
    say("SocketNodelay", "Y")?;
    say("ResetOnLogon", "Y")?;
    match dictionary {
        None => say("UseDataDictionary", "N")?,
        Some(file) => say("DataDictionary", file)?,
    }
    let mut settings = SessionSettings::new();
    settings.set(None, all)?;
    settings.set(Some(&SessionId::try_new("FIX.4.4", sides[0], sides[1], "")?), one)?;
    Ok(settings)
}

/// `20261123-13:00:00.000`, of now.
fn now_text() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Civil from days, era by era (proleptic Gregorian).
    let z = days as i64 + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let millis = since.subsec_millis();
    format!("{year:04}{month:02}{day:02}-{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// Answers every order by a report, until its standard input ends.
fn answer(port: u16, dictionary: Option<&str>) -> Result<(), Box<dyn Error>> {
    let settings = settings(["VENUE", "CLIENT"], port, dictionary)?;
    let venue = Venue::default();
    let app = Application::try_new(&venue)?;
    let log = LogFactory::try_new(&Quiet)?;
    let (store, kind) = (MemoryMessageStoreFactory::new(), FixSocketServerKind::SingleThreaded);
    let mut acceptor = Acceptor::try_new(&settings, &app, &store, &log, kind)?;
    acceptor.start()?;
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_line(&mut String::new())?;
    acceptor.stop()?;
    drop(acceptor);
    Ok(())
}

#[derive(Default)]
struct Venue {
    reports: AtomicU64,
}

impl ApplicationCallback for Venue {
    fn on_msg_from_app(&self, order: &Message, session: &SessionId) -> Result<(), MsgFromAppError> {
        let number = self.reports.fetch_add(1, Ordering::Relaxed);
        self.report(order, number, session).map_err(|_| MsgFromAppError::FieldNotFound)
    }
}

impl Venue {
    fn report(
        &self,
        order: &Message,
        number: u64,
        session: &SessionId,
    ) -> Result<(), Box<dyn Error>> {
        let field = |tag: i32| order.get_field(tag).ok_or("a field is missing");
        let mut report = Message::new();
        report.with_header_mut(|header| header.set_field(35, "8"))?;
        report.set_field(37, format!("OKWUQF-{number}").as_str())?;
        report.set_field(17, format!("EXEC-{number}").as_str())?;
        for (tag, value) in [(150, "0"), (39, "0"), (14, "0.0"), (6, "0.0")] {
            report.set_field(tag, value)?;
        }
        report.set_field(151, field(38)?.as_str())?;
        for tag in [11, 55, 54, 38, 40, 44, 59] {
            report.set_field(tag, field(tag)?.as_str())?;
        }
        report.set_field(60, now_text().as_str())?;
        Ok(send_to_target(report, session)?)
    }
}

/// The acceptor's process; ends with its standard input.
struct Answering(Child);

impl Answering {
    fn start(port: u16, dictionary: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let port = port.to_string();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["acceptor", &port]).args(dictionary);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let told = child.stdout.take().ok_or("no output")?;
        let this = Self(child);
        let mut line = String::new();
        BufReader::new(told).read_line(&mut line)?;
        if line.trim() == "ready" { Ok(this) } else { Err("the acceptor does not start".into()) }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let since = Instant::now();
        while since.elapsed() < PATIENCE && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends orders for so many seconds behind the warm-up.
fn ask(seconds: u64, outstanding: u64, dictionary: Option<&str>) -> Result<(), Box<dyn Error>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let _answering = Answering::start(port, dictionary)?;
    let settings = settings(["CLIENT", "VENUE"], port, dictionary)?;
    let client = Client::default();
    let app = Application::try_new(&client)?;
    let log = LogFactory::try_new(&Quiet)?;
    let (store, kind) = (MemoryMessageStoreFactory::new(), FixSocketServerKind::SingleThreaded);
    let mut initiator = Initiator::try_new(&settings, &app, &store, &log, kind)?;
    initiator.start()?;
    wait(|| initiator.is_logged_on().unwrap_or(false))?;
    let session = SessionId::try_new("FIX.4.4", "CLIENT", "VENUE", "")?;
    client.outstanding.store(outstanding, Ordering::SeqCst);
    client.order(&session)?;
    wait(|| client.state().answers >= WARM_UP)?;
    std::thread::sleep(Duration::from_secs(seconds));
    client.over.store(true, Ordering::SeqCst);
    wait(|| client.state().waiting.is_empty())?;
    initiator.stop()?;
    drop(initiator);
    print!("{}", client.state().found()?);
    Ok(())
}

fn wait(mut done: impl FnMut() -> bool) -> Result<(), &'static str> {
    let since = Instant::now();
    while !done() {
        if since.elapsed() > PATIENCE {
            return Err("nothing happens");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[derive(Default)]
struct Client {
    over: AtomicBool,
    outstanding: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: u64,
    answers: u64,
    /// ClOrdID and time of the orders without a report, oldest first.
    waiting: VecDeque<(String, Instant)>,
    not_in_order: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    nanos: Vec<u64>,
}

impl Client {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn order(&self, session: &SessionId) -> Result<(), Box<dyn Error>> {
        let mut state = self.state();
        state.sent += 1;
        let id = format!("{:018}", state.sent);
        state.waiting.push_back((id.clone(), Instant::now()));
        drop(state);
        let mut order = Message::new();
        order.with_header_mut(|header| header.set_field(35, "D"))?;
        let fields =
            [(55, "BTC/USD"), (54, "1"), (38, "0.5"), (40, "2"), (44, "9999.5"), (59, "1")];
        for (tag, value) in fields {
            order.set_field(tag, value)?;
        }
        order.set_field(11, id.as_str())?;
        order.set_field(60, now_text().as_str())?;
        Ok(send_to_target(order, session)?)
    }
}

impl ApplicationCallback for Client {
    fn on_msg_from_app(
        &self,
        report: &Message,
        session: &SessionId,
    ) -> Result<(), MsgFromAppError> {
        let now = Instant::now();
        let id = report.get_field(11).ok_or(MsgFromAppError::FieldNotFound)?;
        let mut state = self.state();
        let Some((oldest, sent)) = state.waiting.pop_front() else {
            state.not_in_order += 1;
            return Ok(());
        };
        state.not_in_order += u64::from(oldest != id);
        state.answers += 1;
        if state.answers > WARM_UP && !self.over.load(Ordering::SeqCst) {
            state.first.get_or_insert(now);
            state.last = Some(now);
            let nanos = (now - sent).as_nanos() as u64;
            state.nanos.push(nanos);
        }
        // One more at each answer until there are enough: only this thread sends, in its order.
        let missing =
            self.outstanding.load(Ordering::SeqCst).saturating_sub(state.waiting.len() as u64);
        drop(state);
        if !self.over.load(Ordering::SeqCst) {
            for _ in 0..missing.min(2) {
                self.order(session).map_err(|_| MsgFromAppError::UnsupportedMessageType)?;
            }
        }
        Ok(())
    }
}

impl State {
    fn found(&mut self) -> Result<String, &'static str> {
        if self.not_in_order > 0 {
            return Err("reports came in another order than their orders");
        }
        self.nanos.sort_unstable();
        let count = self.nanos.len();
        let (Some(first), Some(last), 2..) = (self.first, self.last, count) else {
            return Err("nothing was measured");
        };
        let at = |part: f64| self.nanos[((count - 1) as f64 * part) as usize] as f64 / 1_000.0;
        let per_second = (count - 1) as f64 / (last - first).as_secs_f64();
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(at);
        Ok(format!(
            "{{\"orders\":{count},\"p50_us\":{p50:.2},\"p99_us\":{p99:.2},\"p999_us\":{p999:.2},\
             \"per_second\":{per_second:.0}}}\n"
        ))
    }
}
