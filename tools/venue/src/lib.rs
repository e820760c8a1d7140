//! taut-venue: a local mirror of Kraken's FIX service.
