//! `taut acceptor` and `taut initiator`: a generic FIX 4.4 echo application over our session, for the
//! conformance tests of other projects and for interoperability. Both run on one thread.

mod acceptor;
mod app;
mod conditions;
mod control;
mod initiator;
mod link;
mod store;
#[cfg(test)]
mod tests;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use taut::limits::{HEARTBEAT_SECONDS_MAX, MESSAGE_BYTES_MAX};
use taut::session::{ResendPolicy, Role, SessionConfig, any_third_party, no_third_party};
use taut::trace::Clock;
use taut::types::CompId;
use taut_codec::dictionary::Dictionary;
use taut_codec::encode::TimePrecision;
use taut_codec::rules::Options;
use taut_codec::value::UtcTime;

pub use self::acceptor::accept;
use self::app::{Peer, Rules};
use self::control::{Order, Request};
pub use self::initiator::initiate;
use self::link::{Front, Link};
use crate::Failure;

/// Connections that have not said who they are, at the same time; for one more the oldest is closed.
const STRANGERS_MAX: usize = 256;
/// Connections that are taken in one round: each is looked at before those that come later can end it.
const TAKEN_MAX: usize = STRANGERS_MAX / 4;
/// A logon that takes longer is given up. Below ten seconds, as the definitions expect.
const LOGON_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the answer to our Logout.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the peer has to close after our Logout answered its own.
const ANSWER_LINGER: Duration = Duration::from_millis(250);
/// How long the logouts may take when the command is ended.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// Who starts with something that is no message is heard out, without an answer, until silent for so
/// long: a connection that is closed while the peer writes would be reset.
const BABBLE_LINGER: Duration = Duration::from_millis(300);
/// How long a dial may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// What both commands do with messages, for their help.
pub const ANSWERS: &str = "\
What is answered:
  NewOrderSingle (D)             itself; not if it has PossResend (97=Y) and its ClOrdID was seen since the logon
  SecurityDefinition (d), Email (C), QuoteRequest (R)
                                 itself
  News (B), Headline echo:TEXT   News with Headline TEXT and nothing else; other news: nothing
  XMLnonFIX (n)                  News that says that it came
  TradeCaptureReportRequest (AD), Reject (3), BusinessMessageReject (j)
                                 nothing
  anything else                  BusinessMessageReject, 380=3; 380=5 if an order lacks what its type requires, 380=4
                                 while the application is not available

What cannot be answered at once waits; if that is too much, the counterparty is not read until it reads. What still
waits when a session ends is answered in the next one, unless that begins with a reset.";

/// What both commands are told.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Our CompID
    #[arg(long, default_value = "ISLD")]
    sender: String,
    /// The messages and fields, in QuickFIX's XML form
    #[arg(long, value_name = "FILE")]
    dictionary: PathBuf,
    /// Keep numbers and messages in this directory, a journal for each counterparty, over restarts
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Logons carry NextExpectedMsgSeqNum (789)
    #[arg(long)]
    next_expected: bool,
    /// Every message carries LastMsgSeqNumProcessed (369)
    #[arg(long)]
    last_processed: bool,
    /// Most messages that one ResendRequest asks for; 0: all
    #[arg(long, value_name = "N", default_value_t = 0)]
    resend_chunk: u64,
    /// Digits of our timestamps: ms, us or ns
    #[arg(long, default_value = "ms", value_parser = precision)]
    timestamps: TimePrecision,
    /// Numbers start at 1 only when a Logon asks for it (141=Y)
    #[arg(long)]
    no_reset: bool,
    /// Let tags from 5000 up pass that the dictionary does not have
    #[arg(long)]
    allow_user_tags: bool,
    /// Refuse messages on behalf of, or to be delivered to, third parties
    #[arg(long)]
    no_third_parties: bool,
    /// Take orders here: GET /?SESSION=FIX.4.4:ISLD->TW44&LOGOUT=1, also RESTART, NEXTSENDERSEQNUM,
    /// NEXTTARGETSEQNUM, NEWS=TEXT (sent once there is a session), AVAILABLE=Y or N
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// Tell on standard error what happens to the sessions
    #[arg(long, short)]
    verbose: bool,
}

/// `taut acceptor`.
#[derive(Debug, Args)]
pub struct AcceptorArgs {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:5001")]
    listen: SocketAddr,
    /// The CompID of a counterparty; may be repeated
    #[arg(long, required = true)]
    target: Vec<String>,
    /// A counterparty whose fields may be empty, and come back so; may be repeated
    #[arg(long, value_name = "TARGET")]
    allow_empty_values_of: Vec<String>,
    #[command(flatten)]
    common: CommonArgs,
    /// TLS 1.3, with a certificate made at start
    #[arg(long)]
    tls: bool,
    /// Write the certificate that clients have to trust to this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    certificate: Option<PathBuf>,
}

/// `taut initiator`.
#[derive(Debug, Args)]
pub struct InitiatorArgs {
    /// HOST:PORT to dial
    #[arg(long, default_value = "127.0.0.1:5002")]
    connect: String,
    /// The CompID of the counterparty
    #[arg(long)]
    target: String,
    /// HeartBtInt to ask for, seconds; 0: no heartbeats
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(..=i64::from(HEARTBEAT_SECONDS_MAX)))]
    heartbeat: u32,
    /// Ask with 141=Y that the numbers start at 1
    #[arg(long, conflicts_with = "no_reset")]
    reset: bool,
    /// Seconds between a lost connection and the next dial
    #[arg(long, default_value_t = 1)]
    reconnect: u64,
    #[command(flatten)]
    common: CommonArgs,
    /// TLS 1.3, trusting the certificates of this file
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

/// `taut control`.
#[derive(Debug, Args)]
pub struct ControlArgs {
    /// The --control address
    address: SocketAddr,
    /// FIX.4.4:ISLD->TW44
    session: String,
    /// LOGOUT, RESTART, NEXTSENDERSEQNUM, NEXTTARGETSEQNUM, NEWS or AVAILABLE
    key: String,
    /// The value
    value: String,
}

fn precision(text: &str) -> Result<TimePrecision, String> {
    match text {
        "ms" => Ok(TimePrecision::Millis),
        "us" => Ok(TimePrecision::Micros),
        "ns" => Ok(TimePrecision::Nanos),
        _ => Err("ms, us or ns".into()),
    }
}

/// Sends one order to a running command.
pub fn control(args: &ControlArgs) -> Result<(), Failure> {
    control::send(args.address, &args.session, &args.key, &args.value)
}

impl CommonArgs {
    fn rules(&self) -> Result<Rules, Failure> {
        let xml = crate::read_file(&self.dictionary)?;
        let dictionary = Dictionary::from_xml(&xml)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.dictionary.display())))?;
        let options = Options { allow_user_defined: self.allow_user_tags, ..Options::default() };
        Ok(Rules { dictionary: Arc::new(dictionary), options })
    }

    fn peer(
        &self,
        role: Role,
        target: &str,
        rules: &Rules,
        reset: bool,
        heartbeat_seconds: u32,
    ) -> Result<Peer, Failure> {
        let id = |option: &str, text: &str| {
            let id: Result<CompId, _> = text.parse();
            let id = id.ok().filter(|id| !id.is_empty());
            id.ok_or_else(|| Failure::Usage(format!("{option} {text:?} is no CompID")))
        };
        let (sender, name) = (id("--sender", &self.sender)?, target);
        let target = id("--target", target)?;
        let defaults = match role {
            Role::Initiator => SessionConfig::initiator(sender, target),
            Role::Acceptor => SessionConfig::acceptor(sender, target),
        };
        let config = SessionConfig {
            reset_on_logon: reset,
            heartbeat_seconds,
            logon_timeout: LOGON_TIMEOUT,
            logout_timeout: LOGOUT_TIMEOUT,
            answer_linger: ANSWER_LINGER,
            resend_policy: ResendPolicy::EVERYTHING,
            resend_chunk: self.resend_chunk,
            next_expected: self.next_expected,
            last_processed: self.last_processed,
            time_precision: self.timestamps,
            send_message_bytes_max: MESSAGE_BYTES_MAX,
            allow_empty_values: rules.options.allow_empty,
            third_party: if self.no_third_parties { no_third_party } else { any_third_party },
            ..defaults.with_quickfix_habits()
        };
        let mut peer = Peer::new(config, rules.clone(), self.verbose);
        match &self.store {
            None => store::in_memory(peer.session()),
            Some(dir) => {
                peer.keep_in(dir.join(file_name(&self.sender, name)))?;
            }
        }
        Ok(peer)
    }

    fn control(&self) -> Result<Option<TcpListener>, Failure> {
        self.control.map(listen).transpose()
    }
}

/// A CompID may hold any printable byte; a file name may not.
fn file_name(sender: &str, target: &str) -> String {
    let clean = |text: &str| -> String {
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.chars()
            .map(|c| if safe(c) { c.to_string() } else { format!("%{:x}", c as u32) })
            .collect()
    };
    format!("{}-{}", clean(sender), clean(target))
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure::Usage(format!("{address} can be reached from other machines")));
    }
    let what = "cannot listen on";
    let bound = TcpListener::bind(address);
    let listener = bound.map_err(|error| Failure::Address { what, address, error })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))?;
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
    Ok(stop)
}

/// The time of day, held to the system's: once a round is often enough.
fn time(clock: &Clock) -> UtcTime {
    clock.discipline();
    clock.now()
}

/// Whether to end: at the signal every session is logged out, which takes no longer than
/// [`FAREWELL_TIMEOUT`].
fn is_over(stop: &AtomicBool, farewell: &mut Option<Instant>, idle: bool) -> bool {
    if !stop.load(Ordering::Relaxed) {
        return false;
    }
    let since = *farewell.get_or_insert_with(Instant::now);
    idle || since.elapsed() > FAREWELL_TIMEOUT
}

/// Ends here and starts again with the same arguments: what is not in the store is lost.
fn restart() -> Failure {
    match std::env::current_exe() {
        Ok(program) => {
            let error =
                std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
            Failure::System(error)
        }
        Err(error) => Failure::System(error),
    }
}

/// Carries out what the hook asks for, but a restart.
///
/// # Errors
/// Why not, in words.
fn obey(peers: &mut [Peer], request: &Request, now: UtcTime) -> Result<(), String> {
    let target = request.target.as_bytes();
    let named = |peer: &mut Peer| peer.session().config().target.as_bytes() == target;
    let Some(at) = peers.iter_mut().position(named) else {
        return Err(format!("{} is no session of this process", request.target));
    };
    let peer = &mut peers[at];
    let (done, otherwise) = match &request.order {
        Order::NextIn(number) => {
            (peer.session().set_next_in(*number), "a MsgSeqNum cannot be that")
        }
        Order::NextOut(number) => {
            (peer.session().set_next_out(*number), "a MsgSeqNum cannot be that")
        }
        Order::LogOut => {
            peer.log_out(now);
            (true, "")
        }
        Order::News(headline) => {
            (peer.send_news(headline), "too many wait already, or it is no text of a field")
        }
        Order::Available(available) => {
            peer.set_available(*available);
            (true, "")
        }
        Order::Restart => (true, ""),
    };
    if done { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn serve_control(
    listener: Option<&TcpListener>,
    peers: &mut [Peer],
    now: UtcTime,
) -> Result<(), Failure> {
    let mut again = false;
    if let Some(listener) = listener {
        control::serve(listener, |request| {
            again = request.order == Order::Restart;
            if again { Ok(()) } else { obey(peers, request, now) }
        });
    }
    if again { Err(restart()) } else { Ok(()) }
}

/// Sends what waits for a counterparty, as far as it takes it; whether the connection is over.
fn send(link: &mut Link, peer: &mut Peer) -> bool {
    match link.send(&mut peer.outbox) {
        Ok(all_left) => peer.must_drop() || all_left && peer.should_close(),
        Err(_) => true,
    }
}

/// Takes in what a connection brought for a counterparty, as far as that can be answered; whether there
/// was anything.
fn feed(link: &mut Link, peer: &mut Peer, now: UtcTime) -> bool {
    let mut worked = false;
    while !peer.should_close() && peer.takes_messages() {
        let len = match link.front() {
            None => break,
            Some(Front::Message { len, fields }) => {
                peer.received(&link.message(len, fields), None, now);
                len
            }
            Some(Front::Flawed { len, fields, repaired, fault }) => {
                peer.received(&link.indexed(&repaired, fields), Some(fault), now);
                len
            }
            Some(Front::Garbled { len, why }) => {
                peer.garbled(len, why, now);
                len
            }
        };
        link.drop_front(len);
        worked = true;
    }
    worked
}
