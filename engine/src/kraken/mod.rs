//! Kraken's dialect: what its FIX gateway wants beyond the standard.

pub mod logon;
