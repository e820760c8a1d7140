//! The engine in twenty lines: `cargo run --release -p taut --example embed -- engine.toml`.
//!
//! `taut venue --certificate venue.pem` in another terminal is a venue to try it on; README.md says
//! how, and holds the same code; a test compares the two.

use taut::config::EngineConfig;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, MARKET_DATA, TRADING};
use taut::strategy::{Context, InstrumentId, Qty, Strategy};

/// Buys ten times the minimum at the best bid once, and looks on.
#[derive(Default)]
struct Once(bool);

impl Strategy for Once {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let (Some(book), Some(facts)) = (ctx.book(id), ctx.instrument(id)) else { return };
        let Some(bid) = book.best_bid() else { return };
        if !self.0 {
            self.0 = ctx.buy(id, Qty(facts.qty_min.0 * 10), bid.px).is_ok();
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("which configuration file?")?;
    let config = EngineConfig::from_toml(&std::fs::read_to_string(file)?)?;
    let running = Engine::new(config, Credentials::from_env()?)?.start(Once::default())?;
    std::thread::sleep(std::time::Duration::from_secs(5));
    running.stop(); // cancels what is open and logs out
    let outcome = running.join()?;
    println!("{:#?}", outcome.desk.stats());
    println!("market data: {}", outcome.how_ended(MARKET_DATA)); // logged out, or why not
    println!("trading: {}", outcome.how_ended(TRADING));
    Ok(())
}
