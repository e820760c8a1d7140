//! The venue from outside: hand-written FIX in, FIX out.

mod book;
mod derivatives;
mod faults;
mod harness;
mod hostile;
mod leaving;
mod level3;
mod lifecycle;
mod limits;
mod links;
mod lists;
mod logon;
mod market_data;
mod md_client;
mod mirror;
mod order_types;
mod refusals;
mod rejects;
mod replay;
mod rest;
mod rest_derivatives;
mod scope;
mod services;
mod state;
