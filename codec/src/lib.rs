//! FIX 4.4 bytes to messages and back.
//!
//! `no_std`, no allocation, knows no socket, clock or thread.
#![no_std]
#[cfg(test)]
extern crate std;

pub mod value;
