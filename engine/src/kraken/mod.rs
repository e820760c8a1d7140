//! The Kraken dialect: what the venue file says about logon and messages, on top of the codec.

pub mod decode;
pub mod earlier;
pub mod encode;
pub mod instruments;
pub mod logon;
pub mod rest;
pub mod session;
