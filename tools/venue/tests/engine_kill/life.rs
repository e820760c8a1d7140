//! One life of the engine: what is configured, and what trades until it is killed.

use taut::config::EngineConfig;
use taut::pipeline::Engine;
use taut::strategy::{Context, InstrumentId, OrderSpec, Px, Qty, Side, Strategy};
use taut_venue::simulation::strategies::Storm;

use crate::markets::Markets;
use crate::{PORTS, SEED, credentials};

/// Whether the orders of a life outlive it: of every other one, by its seed.
pub const fn orders_stay(seed: u64) -> bool {
    seed % 2 == 1
}

/// `ports` as the parent writes them: what is traded, and for each market two ports.
pub fn engine_config(dir: &str, ports: &str, stays: bool) -> EngineConfig {
    let (markets, ports) = Markets::read(ports);
    let sessions = |at: usize, within: &str| {
        let market = &markets.traded()[at];
        let session = |name: &str, port: &str, reset: &str, target: String| {
            format!(
                "[{within}{name}]\nhost = '127.0.0.1'\nport = {port}\nsender = '{}'\n\
                 target = '{target}'\nheartbeat_seconds = 30\nreset = '{reset}'\n",
                market.sender
            )
        };
        format!(
            "{}{}cancel_on_disconnect = {}\n",
            session("market_data", ports[2 * at], "always", format!("{}-MD", market.target)),
            session("trading", ports[2 * at + 1], "never", format!("{}-TRD", market.target)),
            !stays
        )
    };
    let second = match markets.traded() {
        [_, second] => {
            format!("[second]\nsymbols = ['{}']\n{}", second.symbol, sessions(1, "second."))
        }
        _ => String::new(),
    };
    let text = format!(
        "[path]\nlayout = 'inline'\nwire = 'busy-poll'\nidle = 'park'\n\
         [tls]\nenabled = false\nmode = 'record-layer'\n{}\
         [instruments]\nsymbols = ['{}']\ndepth = 10\n\
         [risk]\nmax_order_qty = '100'\nmax_notional = '100000'\ncollar_bps = 5000\n\
         max_position = '100'\nmax_open_orders = 20\ncommands_per_second = 500\nburst = 50\n\
         [journal]\ndir = '{dir}'\ndurability = 'none'\nsegment_mib = 1\nsegments_kept = 0\n\
         [rollover]\nenabled = false\n{second}",
        sessions(0, ""),
        markets.traded()[0].symbol,
    );
    EngineConfig::from_toml(&text).expect("a good configuration")
}

/// Does nothing.
struct Listener;

impl Strategy for Listener {}

/// Keeps a few orders away from the market, so that there are some whenever it is killed.
struct Patient;

impl Patient {
    const ORDERS: usize = 6;
    const TICKS: i64 = 30;
}

impl Strategy for Patient {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        if ctx.open_orders().filter(|order| order.instrument == id).count() >= Self::ORDERS {
            return;
        }
        let Some(facts) = ctx.instrument(id) else { return };
        let (qty, away) = (Qty(facts.qty_min.0 * 10), Self::TICKS * facts.tick_size.0);
        for side in [Side::Buy, Side::Sell] {
            let Some(best) = ctx.book(id).and_then(|book| book.best(side)) else { return };
            let px = Px(best.px.0 - side.sign() * away);
            // A refusal is no more than an order less.
            let _ = ctx.order(OrderSpec::limit(id, side, qty, px));
        }
    }
}

/// The child: trades until it is killed.
pub fn live(dir: &str) -> ! {
    let ports = std::env::var(PORTS).expect("the parent sets it");
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let config = engine_config(dir, &ports, orders_stay(seed));
    let engine = Engine::new(config, credentials()).expect("a good configuration");
    match seed {
        0 => trade(engine, Listener),
        _ if orders_stay(seed) => trade(engine, Patient),
        _ => trade(engine, Storm::new(seed, 4)),
    }
    // Only a lost venue ends the engine.
    std::process::exit(3)
}

fn trade<S: Strategy + Send + 'static>(engine: Engine, strategy: S) {
    drop(engine.start(strategy).expect("the venue is there").join());
}
