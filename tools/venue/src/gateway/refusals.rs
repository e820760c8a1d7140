//! Connections that came to no session, and why: for whoever runs the venue, because the other side may be
//! told nothing (venue file 2).

use std::fmt::{Display, Formatter, Result};
use std::mem::discriminant;
use std::net::IpAddr;

use taut_codec::value::UtcTime;

use super::Service;
use crate::limits::{REFUSAL_SENDER_BYTES, REFUSALS_MAX};

/// How long refusals of one kind are counted before they are told again, nanoseconds.
const PERIOD_NS: u64 = 1_000_000_000;

/// Why a connection came to no session. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its TLS handshake failed, in words: it speaks plain text, no TLS 1.3, or does not trust the certificate.
    Handshake(Box<str>),
    /// It began with bytes that are no message.
    NoMessage,
    /// Its first message was not a Logon.
    NoLogon,
    /// No Logon came in time.
    Silent,
    /// TargetCompID(56) is not that of the service.
    Target,
    /// SenderCompID(49) is no client's of this market.
    Sender,
    /// It came from an address that the client does not have in its list.
    Address,
    /// The venue has no credentials of the client.
    NoCredentials,
    /// Username(553) is not the client's API key.
    Key,
    /// Password(554) is not what the key, MsgSeqNum(34), the CompIDs and the nonce lead to.
    Password,
    /// Nonce(5025) is missing or no number.
    NonceMalformed,
    /// Nonce(5025) is too far from the time.
    NonceFar {
        /// The nonce minus our time, milliseconds.
        ms: i64,
    },
    /// Nonce(5025) is not above the last one.
    NonceNotIncreasing,
    /// The client is locked out for a while: too many wrong Logons.
    LockedOut,
    /// The client may not see market data.
    NotPermitted,
    /// The daily rollover is under way.
    Rollover,
    /// Logons are refused on purpose.
    OnPurpose,
    /// The client is connected to the service already.
    Connected,
    /// No gateway instance takes it, or there are too many connections.
    Full,
    /// The session did not take the Logon, for its number, its reset flag or its heartbeat interval; in words.
    Session(Box<str>),
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::NoMessage => "what it began with is no message of FIX 4.4",
            Self::NoLogon => "its first message was not a Logon",
            Self::Silent => "no Logon came in time",
            Self::Target => "TargetCompID(56) is not this service",
            Self::Sender => "SenderCompID(49) is no client of this market",
            Self::Address => "the client may not come from this address",
            Self::NoCredentials => "the venue has no credentials of the client",
            Self::Key => "Username(553) is not the API key of the client",
            Self::Password => "Password(554) is wrong: another secret, or other fields were signed",
            Self::NonceMalformed => "Nonce(5025) is missing or no number",
            Self::NonceFar { ms } => {
                let side = if *ms < 0 { "behind" } else { "ahead of" };
                return write!(
                    f,
                    "Nonce(5025) is {} ms {side} the venue's time",
                    ms.unsigned_abs()
                );
            }
            Self::NonceNotIncreasing => "Nonce(5025) is not above the last one",
            Self::LockedOut => "the client is locked out for a while after too many wrong Logons",
            Self::NotPermitted => "the client may not see market data",
            Self::Rollover => "the daily rollover is under way",
            Self::OnPurpose => "Logons are refused on purpose",
            Self::Connected => "the client is connected to this service already",
            Self::Full => "there are too many connections",
            Self::Handshake(text) | Self::Session(text) => text,
        })
    }
}

/// A line for whoever runs the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLogon {
    /// What was connected to.
    pub service: Service,
    /// SenderCompID(49), cut and printable; empty if none came, `others` if there are too many to list.
    pub sender: String,
    /// Where the last of them came from, if that is known.
    pub source: Option<IpAddr>,
    /// Why.
    pub refusal: Refusal,
    /// How many were refused so since the last line, or within a second: 1 or more.
    pub count: u32,
}

impl Display for RefusedLogon {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { service, sender, source, refusal, count } = self;
        let who = if sender.is_empty() { "somebody" } else { sender };
        write!(f, "logon refused: {who} on {}", service.name())?;
        if let Some(source) = source {
            write!(f, " from {source}")?;
        }
        write!(f, ": {refusal}")?;
        if *count > 1 { write!(f, " ({count} times)") } else { Ok(()) }
    }
}

/// Refusals that are to be told: of one kind, client and service one at once, and then one a second with the
/// count, so that a client that dials in a loop does not flood.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    /// Its count is of those that are not told yet.
    line: RefusedLogon,
    told: Option<UtcTime>,
}

impl Refusals {
    /// Notes one. `sender` as it came.
    pub(super) fn note(
        &mut self,
        service: Service,
        sender: &[u8],
        source: Option<IpAddr>,
        refusal: Refusal,
    ) {
        let shown = &sender[..sender.len().min(REFUSAL_SENDER_BYTES)];
        let mut sender = shown.escape_ascii().to_string();
        let mut known = self.place(service, &sender, &refusal);
        if known.is_none() && self.kinds.len() >= REFUSALS_MAX {
            // Somebody makes names up.
            "others".clone_into(&mut sender);
            known = self.place(service, &sender, &refusal);
        }
        let Some(at) = known else {
            let line = RefusedLogon { service, sender, source, refusal, count: 1 };
            return self.kinds.push(Kind { line, told: None });
        };
        let line = &mut self.kinds[at].line;
        line.count = line.count.saturating_add(1);
        (line.source, line.refusal) = (source, refusal);
    }

    fn place(&self, service: Service, sender: &str, refusal: &Refusal) -> Option<usize> {
        let kind = discriminant(refusal);
        self.kinds.iter().position(|Kind { line, .. }| {
            line.service == service && line.sender == sender && discriminant(&line.refusal) == kind
        })
    }

    /// What is to be told now.
    pub(super) fn take(&mut self, now: UtcTime) -> Vec<RefusedLogon> {
        let mut lines = Vec::new();
        self.kinds.retain_mut(|Kind { line, told }| {
            let waits = told.is_some_and(|told| now.nanos_since(told) < PERIOD_NS);
            if waits {
                return true;
            }
            if line.count == 0 {
                return false;
            }
            lines.push(line.clone());
            (line.count, *told) = (0, Some(now));
            true
        });
        lines
    }
}
