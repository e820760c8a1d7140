//! taut-venue: a local mirror of Kraken's FIX service.

pub mod liquidity;
pub mod matching;
