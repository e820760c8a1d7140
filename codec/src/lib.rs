//! FIX 4.4 bytes to messages and back.
//!
//! `no_std`, no allocation; knows no socket, clock or thread. Inbound bytes go through [`frame`]
//! (where a message starts and ends), [`scan`] (an index of its fields), [`message`] (a read-only
//! view, with repeating groups) and [`value`] (typed values). Outbound bytes come from [`encode`].
#![no_std]
#[cfg(test)]
extern crate std;

pub mod encode;
pub mod frame;
pub mod mask;
pub mod message;
pub mod scan;
pub mod tag;
pub mod value;

/// The field delimiter, 0x01.
pub const SOH: u8 = 0x01;
