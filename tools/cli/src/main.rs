//! The `taut` command: `demo`, `bench`, `venue`, `decode`, `journal`, `acceptor`, `initiator`, `control`.

mod bench;
mod decode;
mod demo;
mod echo;
mod journal;
#[cfg(test)]
#[path = "../tests/common/skipped.rs"]
mod skipped;
mod soak;
mod suite;
mod venue;
mod venue_check;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use taut::trace::allocation::CountingAllocator;

/// Counts what the threads of the path allocate after their start.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// taut: a FIX 4.4 trading engine, and a local mirror of the venue that it trades on.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the engine trade against the venue, over two TLS sessions on this machine
    Demo(demo::DemoArgs),
    /// Measure latency and throughput on this machine, beside a spinning echo
    Bench(bench::BenchArgs),
    /// Run the venue alone
    Venue(venue::VenueArgs),
    /// Print, verify or export what an engine kept of a session
    Journal(journal::JournalArgs),
    /// FIX bytes or a log on standard input, one readable line per field out
    Decode(decode::DecodeArgs),
    /// A generic FIX 4.4 echo application that is dialled, for conformance tests
    #[command(after_long_help = echo::ANSWERS)]
    Acceptor(echo::AcceptorArgs),
    /// A generic FIX 4.4 echo application that dials, for conformance tests
    #[command(after_long_help = echo::ANSWERS)]
    Initiator(echo::InitiatorArgs),
    /// Tell a running acceptor or initiator to do something (its --control)
    Control(echo::ControlArgs),
}

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Nobody can be listened to there, or there is nobody.
    #[error("{what} {address}: {error}")]
    Address {
        /// What was tried.
        what: &'static str,
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The dictionary is refused.
    #[error("{}: {error}", path.display())]
    Dictionary {
        /// The file.
        path: PathBuf,
        /// Why.
        error: taut_codec::dictionary::DictionaryError,
    },
    /// The engine's configuration is refused.
    #[error(transparent)]
    Config(#[from] taut::config::ConfigError),
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] taut::pipeline::StartError),
    /// The credentials are unusable.
    #[error(transparent)]
    Credentials(#[from] taut::kraken::logon::CredentialError),
    /// The venue's configuration is refused.
    #[error(transparent)]
    VenueConfig(#[from] taut_venue::config::ConfigError),
    /// The recording is refused.
    #[error(transparent)]
    Capture(#[from] taut_venue::liquidity::CaptureError),
    /// A scenario file is refused.
    #[error(transparent)]
    Scenario(#[from] taut_venue::scenario::ScenarioError),
    /// Scenarios that were not as expected; the report says where.
    #[error("{0} scenarios failed")]
    Scenarios(usize),
    /// No scenario was played to its end; the report says why not.
    #[error("nothing was checked: {}", none_played(*.0))]
    NothingChecked(usize),
    /// The venue cannot listen.
    #[error(transparent)]
    Server(#[from] taut_venue::server::ServerError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] taut_venue::certificate::CertificateError),
    /// A journal cannot be read.
    #[error("journal: {0}")]
    Journal(#[from] taut::journal::JournalError),
    /// A journal is not whole, in so many places; what was found is on standard output and error.
    #[error("the journal is damaged: {}", faults(*.0))]
    JournalDamaged(usize),
    /// So many segments of a journal could not be read; why is on standard output and error.
    #[error("the journal could not be read in full: {} not readable", segments(*.0))]
    JournalUnread(usize),
    /// The venue's process failed.
    #[error(transparent)]
    Child(#[from] demo::child::ChildError),
    /// Text that should be TOML is not.
    #[error("configuration: {0}")]
    Toml(#[from] toml::de::Error),
    /// Something could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// There is no place for the wire.
    #[error("wire xdp: {0}")]
    Wire(#[from] taut::wire::xdp::XdpError),
    /// The system refused something.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// Ctrl-C, before there was anything to judge.
    #[error("interrupted before it had traded")]
    Interrupted,
    /// The run is over and something that must hold did not; the summary says what.
    #[error("an invariant did not hold; see the summary")]
    Invariant,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Venue(args) => venue::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Acceptor(args) => echo::accept(&args),
        Command::Initiator(args) => echo::initiate(&args),
        Command::Control(args) => echo::control(&args),
        Command::Journal(args) => journal::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Child(demo::child::ChildError::Told)) => ExitCode::FAILURE,
        Err(
            failure @ (Failure::Interrupted | Failure::Child(demo::child::ChildError::Interrupted)),
        ) => {
            eprintln!("taut: {failure}");
            ExitCode::from(demo::interrupt::EXIT_CODE)
        }
        Err(failure) => {
            eprintln!("taut: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn faults(count: usize) -> String {
    if count == 1 { "1 fault".into() } else { format!("{count} faults") }
}

fn none_played(skipped: usize) -> String {
    match skipped {
        1 => "the only scenario was skipped".into(),
        _ => format!("all {skipped} scenarios were skipped"),
    }
}

fn segments(count: usize) -> String {
    if count == 1 { "1 segment is".into() } else { format!("{count} segments are") }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::File { path: path.into(), error })
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::File { path: path.into(), error })
}

/// Parses a command line value by the names that configuration files use.
fn kebab<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = serde_json::Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|error| error.to_string())
}
