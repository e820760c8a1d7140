//! The venue from outside: hand-written FIX in, FIX out.

mod book;
mod harness;
mod hostile;
mod lifecycle;
mod limits;
mod logon;
mod market_data;
mod rejects;
mod scope;
mod services;
