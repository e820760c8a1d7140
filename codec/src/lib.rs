//! FIX 4.4 bytes to messages and back.
//!
//! `no_std`, no allocation; knows no socket, clock or thread. Inbound bytes go through [`frame`]
//! (where a message starts and ends), [`scan`] (an index of its fields), [`message`] (a read-only
//! view, with repeating groups) and [`value`] (typed values). Outbound bytes come from [`encode`].
//! [`mask`] shows bytes to people without the secrets in them.
//!
//! # From fields to bytes and back
//!
//! ```
//! use taut_codec::encode::{Encoder, Header, HeaderOrder};
//! use taut_codec::frame::{Frame, Framer};
//! use taut_codec::message::Message;
//! use taut_codec::scan::{Field, Scanner};
//! use taut_codec::tag;
//! use taut_codec::value::{Decimal, UtcTime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Everything is sized at start.
//! let mut framer = Framer::new(4096);
//! let scanner = Scanner::new();
//! let mut fields = [Field::default(); 64];
//! let mut buffer = [0; 512];
//!
//! // An order. Fields are chained; the first error is kept until `finish`.
//! let header = Header {
//!     msg_type: b"D",
//!     msg_seq_num: 2,
//!     sender: b"damien",
//!     target: b"KRAKEN-TRD",
//!     sending_time: UtcTime::parse(b"20230707-13:56:08.000")?,
//!     orig_sending_time: None,
//!     order: HeaderOrder::SeqSenderTimeTarget,
//! };
//! let range = Encoder::begin(&mut buffer, &header)
//!     .bytes(tag::CL_ORD_ID, b"1688738168")
//!     .decimal(tag::ORDER_QTY, Decimal::parse(b"0.01")?, 0)
//!     .byte(tag::SIDE, b'1')
//!     .bytes(tag::SYMBOL, b"BTC/USD")
//!     .finish()?;
//! let stream = &buffer[range];
//!
//! // The other side: cut the stream, index the message, read it.
//! let Frame::Message { len } = framer.next(stream) else {
//!     return Err("a whole message is there".into());
//! };
//! let bytes = &stream[..len];
//! let count = scanner.index(bytes, &mut fields)?; // verifies the CheckSum
//! let message = Message::new(bytes, &fields[..count]);
//! assert_eq!(message.msg_type(), b"D");
//! assert_eq!(message.require(tag::SYMBOL)?, b"BTC/USD");
//! // Exact: 0.01 in units of 10^-8.
//! assert_eq!(message.decimal(tag::ORDER_QTY)?.to_scale(8)?, 1_000_000);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | a message of Kraken's, typed: reading, writing, what it has to have | [`messages`], one module each |
//! | whether a message is right, by whose rules, and what Kraken answers | [`kraken::check`], [`rules::Options`], [`kraken::RejectText`] |
//! | fields that may hold a delimiter | [`scan::DataFields`] |
//! | the same message over and over, with other numbers | [`encode::template`] |
//! | ids: what they look like on each market | [`ids`] |
//! | another venue's dialect | `dictionary` (a feature), or a table of one's own: [`rules::Dialect`] |
//!
//! [`messages`], [`tag`] and the tables of the checks are generated from
//! `codec/dictionary/kraken-fix44.xml`, which tells at its top what its attributes mean;
//! `cargo run -p taut-codegen` writes them anew, and a test fails while they are stale.
//!
//! `unsafe` code is in [`scan`] only; every other module forbids it.
//!
//! # What is done about a hostile peer
//!
//! | risk | here |
//! |---|---|
//! | BodyLength huge, negative, overflowing | at most 9 digits, refused with its head before its bytes are awaited ([`frame::TooLong`]) |
//! | garbage | skipped in time proportional to its length ([`frame`]) |
//! | delimiters in data fields | length first, and only in the field that belongs to the length ([`scan`]) |
//! | control bytes in what we send | the encoder and [`value::FixStr`] refuse them |
//! | control bytes and credentials in logs | escaped and masked ([`mask`]) |
//! | tags that stand twice, lying group counts | typed errors ([`message`]) |
//! | prices and quantities that overflow | checked integers ([`value`]) |
#![no_std]
#[cfg(any(test, feature = "dictionary"))]
extern crate std;

#[cfg(feature = "dictionary")]
#[forbid(unsafe_code)]
pub mod dictionary;
#[forbid(unsafe_code)]
pub mod encode;
#[forbid(unsafe_code)]
pub mod frame;
#[forbid(unsafe_code)]
pub mod garbled;
#[forbid(unsafe_code)]
pub mod ids;
#[forbid(unsafe_code)]
pub mod kraken;
#[forbid(unsafe_code)]
pub mod mask;
#[forbid(unsafe_code)]
pub mod message;
#[forbid(unsafe_code)]
pub mod messages;
#[cfg(test)]
mod nested;
#[forbid(unsafe_code)]
pub mod rules;
pub mod scan;
#[forbid(unsafe_code)]
pub mod tag;
#[forbid(unsafe_code)]
pub mod typed;
#[forbid(unsafe_code)]
pub mod value;

/// The field delimiter, 0x01.
pub const SOH: u8 = 0x01;
