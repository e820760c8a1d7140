//! The engine's side of the demo as one commented TOML file.

use taut::config::EngineConfig;
use taut_venue::liquidity::canonical_symbol;

use super::child::Venue;
use super::maker::MakerConfig;
use crate::Failure;

/// The engine's configuration and the strategy's.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Everything that the engine is told.
    pub engine: EngineConfig,
    /// How the market maker quotes.
    pub maker: MakerConfig,
}

/// Attempts in a row that fail before the demo gives its venue up.
const VENUE_GONE_AFTER: u32 = 5;

/// The strategy's part of the file; the rest is [`EngineConfig::commented_toml`].
const MAKER: &str = r#"
# The demo's market maker.
[maker]
# Quantity of each quote, in minimums of the instrument.
size_in_minimums = 20
# Ticks behind the best price of the others; 0 joins it.
behind_ticks = 0
# Largest position, in quotes; beyond it the side that would add to it is not quoted.
position_in_quotes = 20
"#;

/// The defaults with a comment for each field.
pub fn commented() -> String {
    format!("{}{MAKER}", EngineConfig::commented_toml())
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self::from_toml(&commented()).expect("a test reads the text")
    }
}

impl DemoConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`Failure::Toml`], [`Failure::Config`].
    pub fn from_toml(text: &str) -> Result<Self, Failure> {
        let mut table: toml::Table = toml::from_str(text)?;
        let maker = match table.remove("maker") {
            Some(maker) => maker.try_into()?,
            None => MakerConfig::default(),
        };
        let engine: EngineConfig = table.try_into()?;
        engine.check()?;
        Ok(Self { engine, maker })
    }

    /// Points both sessions at the demo's own venue.
    ///
    /// # Errors
    /// If the venue lacks a service or a symbol.
    pub fn use_venue(&mut self, venue: &Venue, symbol: Option<&str>) -> Result<(), Failure> {
        let sections = [
            ("spot-market-data", &mut self.engine.market_data),
            ("spot-trading", &mut self.engine.trading),
        ];
        for (service, section) in sections {
            let address = venue.address(service)?;
            section.host = address.ip().to_string();
            section.port = address.port();
        }
        // Its key is new at each start, and its certificate is the only one that is trusted.
        self.engine.tls.pins.clear();
        // A venue of our own that is gone does not come back.
        self.engine.reconnect.failures_max = VENUE_GONE_AFTER;
        let symbols = &mut self.engine.instruments.symbols;
        if let Some(symbol) = symbol {
            *symbols = vec![canonical_symbol(symbol)];
        }
        check_symbols(symbols, &venue.ready.symbols)
    }
}

/// Whether a venue lists what an engine wants to follow.
///
/// # Errors
/// [`Failure::Usage`] names the first symbol that it does not list.
pub fn check_symbols(followed: &[String], listed: &[impl AsRef<str>]) -> Result<(), Failure> {
    let listed: Vec<&str> = listed.iter().map(AsRef::as_ref).collect();
    match followed.iter().find(|symbol| !listed.contains(&symbol.as_str())) {
        Some(symbol) => {
            let listed = listed.join(", ");
            Err(Failure::Usage(format!("the venue lists {listed}, not {symbol}")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_configuration_is_what_the_demo_runs_with() {
        let config = DemoConfig::from_toml(&commented()).expect("it reads");
        assert_eq!(config.maker, MakerConfig::default());
        assert_eq!(config.engine.instruments.symbols, ["BTC/USD"]);
    }

    #[test]
    fn a_malformed_configuration_says_which_field_is_wrong() {
        let cases = [
            ("depth = 25", "depth = 26", "instruments.depth"),
            ("layout = \"inline\"", "layout = \"quad\"", "layout"),
            ("heartbeat_seconds = 30", "heartbeat_seconds = 0", "heartbeat_seconds"),
            ("sender = \"TAUT\"", "sender = \"\"", "sender"),
            ("size_in_minimums", "size_in_maximums", "size_in_maximums"),
            ("max_notional = \"1000000\"", "max_notional = \"1e6\"", "max_notional"),
            ("host = \"127.0.0.1\"", "host = \"fix.kraken.com\"", "production"),
        ];
        for (from, to, named) in cases {
            let text = commented().replacen(from, to, 1);
            let error = DemoConfig::from_toml(&text).expect_err(to).to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
    }
}
