//! `taut venue`: the venue alone, on Kraken's port map behind an offset.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use clap::{Args, Subcommand};
use taut::pipeline::{IdlePolicy, pin_current};
use taut::trace::Clock;
use taut::wire::WireKind;
use taut::wire::tls::TlsMode;
use taut_venue::certificate::Certificate;
use taut_venue::config::{ClientConfig, LiquidityMode, TierName, VenueConfig};
use taut_venue::liquidity::{Capture, canonical_symbol};
use taut_venue::server::{Listen, Server, ServerError};
use taut_venue::state::WentOn;
use taut_venue::venue::STEPS;
use taut_venue::{LiquiditySource, Venue};

use crate::demo::child::{Farewell, Ready};
use crate::{Failure, kebab};

/// What can be said on the command line; the rest stands in the configuration file.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct VenueArgs {
    #[command(subcommand)]
    command: Option<VenueCommand>,
    /// Configuration file (see --print-config)
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print the configuration with comments and end
    #[arg(long)]
    print_config: bool,
    /// The address to listen on, instead of the configuration's
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// Listen where other machines can connect
    #[arg(long)]
    allow_remote: bool,
    /// Added to Kraken's ports, 4000 to 4005, and to 4443 for REST
    #[arg(long, value_name = "OFFSET")]
    base_port: Option<u16>,
    /// Use free ports instead; they are printed
    #[arg(long, conflicts_with = "base_port")]
    any_port: bool,
    /// Replay a recorded Kraken book instead of the synthetic market
    #[arg(long, value_name = "FILE")]
    pub capture: Option<PathBuf>,
    /// The pair to trade: of the recording (`all` for all of them), or one of the configuration for the
    /// synthetic market
    #[arg(long)]
    pub symbol: Option<String>,
    /// Speed of the replay, 1 is as recorded
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Seed of the synthetic market, and of OrderIDs and trade ids
    #[arg(long)]
    pub seed: Option<u64>,
    /// Events a second of the synthetic market
    #[arg(long)]
    pub rate: Option<u32>,
    /// Do something on purpose so long after the start, such as "10s roll-over"; --help lists what. `-`: steps
    /// without a time, such as "roll-over", are read from standard input and done at once
    #[arg(long, value_name = "STEP", allow_hyphen_values = true, long_help = control_help())]
    control: Vec<String>,
    /// Let clients trade without rate limits, whatever their tier
    #[arg(long)]
    no_rate_limits: bool,
    /// Plain TCP, for measurements
    #[arg(long)]
    pub plain: bool,
    /// TLS records by our own layer or by rustls
    #[arg(long, default_value = "record-layer", value_parser = kebab::<TlsMode>)]
    tls: TlsMode,
    /// How connections are read
    #[arg(long, default_value = "busy-poll")]
    wire: WireKind,
    /// Spin when idle instead of sleeping
    #[arg(long)]
    spin: bool,
    /// Pin to this core
    #[arg(long)]
    core: Option<usize>,
    /// Write the certificate that clients have to trust to this file
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Keep accounts, orders, books and sessions in this directory, and go on with them at the next start
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Forget the state that is kept: start clean
    #[arg(long)]
    fresh: bool,
    /// Log the commands that arrive, in that order, and how far each comes
    #[arg(long, value_name = "FILE")]
    arrivals: Option<PathBuf>,
    /// Speak to a parent: a line of JSON when ready and at the end, which comes with the end of
    /// standard input; each line of that is a step to take at once
    #[arg(long, hide = true)]
    child: bool,
}

fn control_help() -> String {
    let steps: Vec<String> = STEPS.lines().map(|line| format!("  {line}")).collect();
    format!(
        "Do something on purpose so long after the start, such as \"10s roll-over\". `-`: steps without a time, \
         such as \"roll-over\", are read from standard input and done at once. The steps:\n\n{}\n\n\
         CLIENT is a SenderCompID, SERVICE spot-trading or the like, TIME 500ms or 1.5s",
        steps.join("\n")
    )
}

/// What can be done with a venue instead of running it.
#[derive(Debug, Subcommand)]
enum VenueCommand {
    /// Play scenarios against the venue in this process, or against any address
    Check(crate::venue_check::CheckArgs),
    /// Keep many sessions busy on this machine for a while, and watch the venue's memory
    Soak(crate::soak::SoakArgs),
}

/// Runs until Ctrl-C.
pub fn run(args: &VenueArgs) -> Result<(), Failure> {
    match &args.command {
        Some(VenueCommand::Check(check)) => return crate::venue_check::run(check),
        Some(VenueCommand::Soak(soak)) => return crate::soak::run(soak),
        None => {}
    }
    if args.print_config {
        print!("{}", VenueConfig::commented_toml());
        return Ok(());
    }
    if !WireKind::SOCKETS.contains(&args.wire) {
        return Err(ServerError::Wire(args.wire).into());
    }
    let mut config = match &args.config {
        Some(file) => VenueConfig::from_toml(&crate::read_file(file)?)?,
        None => VenueConfig::default(),
    };
    config.bind = args.bind.unwrap_or(config.bind);
    config.allow_remote |= args.allow_remote;
    let (typed, steps): (Vec<_>, Vec<_>) = args.control.iter().cloned().partition(|one| one == "-");
    config.control.extend(steps);
    if args.state.is_some() {
        config.state.dir.clone_from(&args.state);
    }
    config.state.fresh = args.fresh;
    config.id_seed = config.id_seed.or(args.seed);
    if args.fresh && config.state.dir.is_none() {
        return Err(Failure::Usage("--fresh: no state is kept; --state DIR says where".into()));
    }
    if args.no_rate_limits {
        config.clients.iter_mut().for_each(|client| client.tier = TierName::Unlimited);
    }
    let clock = Clock::system();
    let (source, liquidity) = choose_liquidity(args, &mut config)?;
    let venue = Venue::new(&config, source, clock.now())?;
    if let Some(dir) = &config.state.dir {
        eprintln!("{}", describe_state(dir, &venue));
    }
    for problem in venue.journal_problems() {
        eprintln!("journal: {problem}");
    }
    for sender in venue.without_credentials() {
        let named = config.clients.iter().find(|client| client.sender == sender.as_str());
        if let Some(client) = named {
            eprintln!("{}", no_credentials(client));
        }
    }
    let all = venue.engine().instruments().chain(venue.derivatives().instruments());
    let symbols = all.map(|i| i.symbol.to_string()).collect();
    let bound = config.bind.to_string();
    let mut names = vec!["localhost", "127.0.0.1", "::1"];
    if !names.contains(&bound.as_str()) {
        names.push(&bound);
    }
    let certificate = Certificate::generate(&names)?;
    let tls = if args.plain { None } else { Some(certificate.server_tls(args.tls)?) };
    let listen = Listen {
        address: config.bind,
        base_port: (!args.any_port).then(|| args.base_port.unwrap_or(config.port_offset)),
        allow_remote: config.allow_remote,
        wire: args.wire,
        idle: if args.spin { IdlePolicy::Spin } else { IdlePolicy::Park },
    };
    let mut server = Server::bind(venue, tls, &listen, clock)?;
    server.tell(io::stderr());
    if let Some(file) = &args.arrivals {
        let logged = server.log_arrivals(file);
        logged.map_err(|error| Failure::File { path: file.clone(), error })?;
    }
    if let Some(file) = &args.certificate {
        crate::write_file(file, &certificate.pem())?;
    }
    let fix = server.addresses()?.into_iter().map(|(service, at)| (service.name(), at));
    let all = fix.chain([(taut_venue::rest::NAME, server.rest_address()?)]);
    let services: Vec<(String, SocketAddr)> = all.map(|(name, at)| (name.to_owned(), at)).collect();
    let pinning = pin_current("taut-venue", args.core);
    let stop = Arc::new(AtomicBool::new(false));
    if args.child {
        // Ctrl-C reaches the whole group of processes; the parent decides when we end, so that its
        // sessions can log out.
        let ignored = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGINT, ignored)?;
        // The parent closed it, or is gone.
        server.follow(typed_steps(Some(Arc::clone(&stop))));
        let ready = Ready {
            services: services.into_iter().collect(),
            certificate_pem: (!args.plain).then(|| certificate.pem()),
            symbols,
            liquidity,
            cores: pinning.allowed,
        };
        say(&ready)?;
    } else {
        signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))?;
        signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
        for (name, address) in services {
            println!("{name:<18} {address}");
        }
        println!("liquidity          {liquidity}");
        let from =
            if config.bind.is_loopback() { "this machine only" } else { "other machines too" };
        println!("reachable from     {from}");
        println!("TLS                {}", if args.plain { "none" } else { "1.3" });
        if !typed.is_empty() {
            server.follow(typed_steps(None));
            println!("control            a step a line, such as \"roll-over\"; done at once");
        }
        println!("Ctrl-C ends.");
    }
    server.run(&stop)?;
    if args.child {
        let venue = server.venue();
        let open = config.clients.iter().map(|client| venue.open_orders(&client.sender));
        say(&Farewell { open_orders: open.sum() })?;
    }
    Ok(())
}

/// What the venue went on from.
fn describe_state(dir: &Path, venue: &Venue) -> String {
    let dir = dir.display();
    let Some(went_on) = venue.went_on() else { return format!("state: {dir}, a clean start") };
    let WentOn { at, turns, torn_bytes, unconfirmed, .. } = went_on;
    let at = String::from_utf8_lossy(&at.to_fix_seconds()).into_owned();
    let torn = match torn_bytes {
        0 => String::new(),
        bytes => format!("; {bytes} bytes of a turn that nobody was told of were cut off"),
    };
    let lost =
        if *unconfirmed { "; the machine went down: the last turns may be missing" } else { "" };
    format!(
        "state: {dir}, gone on from {at} UTC, {turns} turns replayed, {} live orders{torn}{lost}",
        venue.stats().live_orders
    )
}

/// Why every trading logon of a client will be refused.
fn no_credentials(client: &ClientConfig) -> String {
    let ClientConfig { sender, api_key_env, api_secret_env, .. } = client;
    format!("trading: no credentials for {sender} (set {api_key_env}, {api_secret_env})")
}

/// Applies the command line to the configuration; returns the recording, if there is one, and what
/// liquidity there is, in words.
fn choose_liquidity(
    args: &VenueArgs,
    config: &mut VenueConfig,
) -> Result<(Option<LiquiditySource>, String), Failure> {
    let section = &mut config.liquidity;
    if let Some(symbol) = &args.symbol {
        section.symbol = canonical_symbol(symbol);
    }
    if let Some(file) = &args.capture {
        let captures = match args.symbol.as_deref() {
            Some("all") => Capture::load_all(file)?,
            _ => vec![Capture::load(file, &section.symbol)?],
        };
        // A recorded pair may well be one that the configuration gives nobody money for.
        for client in &mut config.clients {
            captures.iter().for_each(|one| client.fund(one.symbol, "1000000"));
        }
        let text = describe(&captures, args.speed);
        return Ok((Some(LiquiditySource::Captures { captures, speed: speed(args.speed)? }), text));
    }
    let synthetic = &mut section.synthetic;
    synthetic.seed = args.seed.unwrap_or(synthetic.seed);
    synthetic.events_per_second = args.rate.unwrap_or(synthetic.events_per_second);
    let text = match section.mode {
        LiquidityMode::None => "none".into(),
        LiquidityMode::Synthetic => format!(
            "synthetic {}, seed {}, {} events a second",
            section.symbol, synthetic.seed, synthetic.events_per_second
        ),
    };
    Ok((None, text))
}

/// What is replayed, in words.
fn describe(captures: &[Capture], speed: f64) -> String {
    let names: Vec<&str> = captures.iter().map(|one| one.symbol.as_str()).collect();
    let longest = captures.iter().map(Capture::duration).max().unwrap_or(0);
    format!(
        "{} replayed at {speed}x: {} updates in {:.1} s, {} checksums verified",
        names.join(", "),
        captures.iter().map(|one| one.updates.len() - 1).sum::<usize>(),
        longest as f64 / 1e9,
        captures.iter().map(|one| one.checksums).sum::<usize>()
    )
}

/// Thousandths of the recorded speed.
pub fn speed(times: f64) -> Result<std::num::NonZeroU32, Failure> {
    let thousandths = (times * 1000.0).round();
    let in_range = (1.0..=1_000_000.0).contains(&thousandths);
    let speed = in_range.then(|| std::num::NonZeroU32::new(thousandths as u32)).flatten();
    speed.ok_or_else(|| Failure::Usage(format!("--speed {times}: 0.001 to 1000")))
}

fn say(line: &impl serde::Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// The steps that come on standard input, as lines. Sets `stop`, if there is one, when it ends.
fn typed_steps(stop: Option<Arc<AtomicBool>>) -> mpsc::Receiver<String> {
    let (steps, inbox) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            // A venue that has ended takes none.
            let _ = steps.send(line);
        }
        if let Some(stop) = stop {
            stop.store(true, Ordering::Relaxed);
        }
    });
    inbox
}
