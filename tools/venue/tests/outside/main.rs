//! The venue from outside: a FIX client written by hand, over real sockets, against
//! [`taut_venue::server::Server`] on a thread. Nothing here uses our codec or session.

mod bad_input;
mod client;
mod logon;
mod market_data;
mod orders;
mod rest;
mod session;
mod world;
