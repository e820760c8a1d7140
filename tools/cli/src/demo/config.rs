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

/// The defaults with a comment for each field.
pub const fn commented() -> &'static str {
    r#"# taut, the engine's side. Secrets are not in this file: TAUT_API_KEY and TAUT_API_SECRET.

# How the path runs on this machine.
[path]
# "inline" (one thread: lowest latency), "split" (sockets and sessions; strategy) or "full" (reader;
# sessions; strategy).
layout = "inline"
# "uring", "busy-poll" (what Onload and VMA accelerate) or "mio" (sleeps when idle).
wire = "uring"
# What threads do when idle: "spin" or "park"; absent: spin if each thread has a core of its own.
# idle = "spin"
# Cores for the threads of the path: reader, sessions, strategy; empty: no pinning (the demo then
# takes all but the last, which is the venue's).
cores = []
# Core for what is not on the path; absent: not pinned.
# housekeeping_core = 1
# Must be true to dial a production host.
live = false

[tls]
# Kraken takes TLS 1.3 only; false is for measurements on loopback.
enabled = true
# "record-layer": records sealed in place, without allocation; "rustls": rustls's own, which allocates.
mode = "record-layer"
# PEM file of the roots to trust; absent: those that browsers trust.
# ca_file = "venue.pem"
# Do not verify the certificate; for UAT only, refused with a production host.
uat_insecure = false

# The two sessions. The demo puts the address of its own venue here.
[market_data]
host = "127.0.0.1"
port = 4000
sender = "TAUT"
target = "KRAKEN-MD"
heartbeat_seconds = 30
# ResetSeqNumFlag: both sides start at 1.
reset_on_logon = true
# How long the venue may take to answer the Logon.
logon_timeout_ms = 10000

[trading]
host = "127.0.0.1"
port = 4001
sender = "TAUT"
target = "KRAKEN-TRD"
heartbeat_seconds = 30
reset_on_logon = true
# Whether the venue cancels this session's orders when the connection is lost.
cancel_on_disconnect = true

[instruments]
symbols = ["BTC/USD"]
# 1, 10, 25, 100, 500 or 1000; the checksum is over the best 10.
depth = 25

# Limits of each instrument. Decimal numbers are texts, so that they are exact.
[risk]
max_order_qty = "1000000"
# Price x quantity, in the quote currency.
max_notional = "1000000"
# Farthest from the mid price, basis points.
collar_bps = 1000
# That all open orders together could lead to.
max_position = "10000000"
max_open_orders = 10
# Orders and amends a second, sustained, and at once after a pause.
commands_per_second = 20000
burst = 1000

# The demo's market maker.
[maker]
# Quantity of each quote, in minimums of the instrument.
size_in_minimums = 20
# Ticks behind the best price of the others; 0 joins it.
behind_ticks = 0
# Largest position, in quotes; beyond it the side that would add to it is not quoted.
position_in_quotes = 20
"#
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self::from_toml(commented()).expect("a test reads the text")
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
        let symbols = &mut self.engine.instruments.symbols;
        if let Some(symbol) = symbol {
            *symbols = vec![canonical_symbol(symbol)];
        }
        for symbol in symbols {
            if !venue.ready.symbols.contains(symbol) {
                let listed = venue.ready.symbols.join(", ");
                return Err(Failure::Usage(format!("the venue lists {listed}, not {symbol}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_configuration_is_what_the_demo_runs_with() {
        let config = DemoConfig::from_toml(commented()).expect("it reads");
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
