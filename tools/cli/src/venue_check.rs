//! `taut venue check`: the scenario suite against the venue in this process, or against any address.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use taut::kraken::logon::Credentials;
use taut::secret::Secret;
use taut::wire::tls::{ClientTls, TlsMode, Trust};
use taut_venue::scenario::socket::{Sockets, Target};
use taut_venue::scenario::{self, Grants, Outcome, Peer, Scenario, embedded};

use crate::Failure;

/// What to check, and where.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Scenario files; without any, the suite that is built in
    files: Vec<PathBuf>,
    /// Where the venue is; without it, every scenario gets a venue of its own in this process, with a
    /// virtual clock
    #[arg(long, value_name = "HOST")]
    address: Option<String>,
    /// Added to Kraken's ports, 4000 to 4005
    #[arg(long, value_name = "OFFSET", default_value_t = 0)]
    base_port: u16,
    /// Who a SenderCompID of the scenarios is there, and which environment variables hold its API key and
    /// secret; may be given several times. Scenarios of senders that are not given are skipped
    #[arg(
        long,
        value_name = "NAME=COMPID,KEY_VARIABLE,SECRET_VARIABLE",
        default_value = "TAUT=TAUT,TAUT_API_KEY,TAUT_API_SECRET"
    )]
    peer: Vec<String>,
    /// Plain TCP
    #[arg(long)]
    plain: bool,
    /// The certificates to trust (PEM); without it, those of the public web
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    certificate: Option<PathBuf>,
    /// Trust anybody: only for a test host that serves a certificate for another name
    #[arg(long, conflicts_with_all = ["plain", "certificate"])]
    uat_insecure: bool,
    /// Scenarios place orders: a production host is refused without this
    #[arg(long)]
    live: bool,
    /// Nobody else trades there and no orders rest: scenarios that need that are played too
    #[arg(long)]
    alone: bool,
    /// The clients' ClOrdIDs may start anew there by 5030=Y: scenarios with captured ones, which are old, are
    /// played too
    #[arg(long)]
    fresh: bool,
    /// Only scenarios with this text in the title
    #[arg(long)]
    only: Option<String>,
    /// Show every line, not only those of scenarios that fail
    #[arg(long, short)]
    verbose: bool,
}

/// Plays the scenarios and says what came of each; an error if one failed, or if none was played to its end.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let mut scenarios = read(args)?;
    if let Some(text) = &args.only {
        scenarios.retain(|one| one.title.contains(text.as_str()));
    }
    if scenarios.is_empty() {
        return Err(Failure::Usage("there is no such scenario: nothing would be checked".into()));
    }
    let target = match &args.address {
        None => None,
        Some(host) => Some(target(args, host)?),
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for scenario in &scenarios {
        let report = match &target {
            None => embedded::play(scenario),
            Some(target) => scenario::run_as_it_is(scenario, &mut Sockets::new(target)),
        };
        match report.outcome {
            Outcome::Passed => passed += 1,
            Outcome::Failed => failed += 1,
            Outcome::Skipped { .. } => skipped += 1,
        }
        println!("{report}");
        if args.verbose && report.outcome != Outcome::Failed {
            print!("{}", report.in_full());
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    match (failed, passed) {
        (0, 0) => Err(Failure::NothingChecked(skipped)),
        (0, _) => Ok(()),
        _ => Err(Failure::Scenarios(failed)),
    }
}

fn read(args: &CheckArgs) -> Result<Vec<Scenario>, Failure> {
    let mut all = Vec::new();
    if args.files.is_empty() {
        for (name, text) in crate::suite::SUITE {
            all.extend(scenario::parse(name, text)?);
        }
    }
    for file in &args.files {
        all.extend(scenario::parse(&file.display().to_string(), &crate::read_file(file)?)?);
    }
    Ok(all)
}

fn target(args: &CheckArgs, host: &str) -> Result<Target, Failure> {
    if taut::config::is_production(host) && !args.live {
        let text = format!(
            "{host} is a production host, and scenarios place orders: refused without --live"
        );
        return Err(Failure::Usage(text));
    }
    let tls = if args.plain {
        None
    } else {
        let trust = match &args.certificate {
            Some(file) => Trust::Pem(crate::read_file(file)?.into_bytes()),
            None if args.uat_insecure => Trust::UatInsecure,
            None => Trust::WebPki,
        };
        let made = ClientTls::new(trust, TlsMode::Rustls);
        Some(made.map_err(|error| Failure::Usage(error.to_string()))?)
    };
    let peers: Result<BTreeMap<String, Peer>, Failure> =
        args.peer.iter().map(|text| peer(text)).collect();
    let (host, base_port) = (host.to_owned(), args.base_port);
    let grants = Grants { alone: args.alone, fresh: args.fresh };
    Ok(Target { host, base_port, tls, grants, peers: peers? })
}

/// `NAME=COMPID,KEY_VARIABLE,SECRET_VARIABLE`; without variables it can see market data only.
fn peer(text: &str) -> Result<(String, Peer), Failure> {
    let usage =
        || Failure::Usage(format!("--peer {text}: NAME=COMPID,KEY_VARIABLE,SECRET_VARIABLE"));
    let (name, rest) = text.split_once('=').ok_or_else(usage)?;
    let (sender, variables) = match rest.split(',').collect::<Vec<_>>().as_slice() {
        [sender] => ((*sender).to_owned(), None),
        [sender, key, secret] => {
            ((*sender).to_owned(), Some(((*key).to_owned(), (*secret).to_owned())))
        }
        _ => return Err(usage()),
    };
    let credentials = match variables {
        None => None,
        Some((key, secret)) => match (std::env::var(key), std::env::var(secret)) {
            (Ok(key), Ok(secret)) => Some(Credentials::new(Secret::new(key), Secret::new(secret))?),
            _ => None,
        },
    };
    Ok((name.to_owned(), Peer { sender, credentials }))
}
