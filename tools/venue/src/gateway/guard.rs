//! Who may come in, and who has to go: the source allow-list (venue file 1), the lock-out of wrong
//! logons (2.2) and the error-rate safeguard (3.7).

use std::net::IpAddr;

use taut_codec::value::UtcTime;

use super::{DropReason, Gateway, Service};

/// An address, or all that start with its first bits: `192.0.2.7`, `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    address: IpAddr,
    bits: u8,
}

impl std::str::FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| "is no IP address")?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => all,
            Some(bits) => {
                bits.parse().ok().filter(|&bits| bits <= all).ok_or("has too many bits")?
            }
        };
        Ok(Self { address, bits })
    }
}

impl Source {
    /// Whether an address is one of these.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |ours: u128, theirs: u128, width: u32| {
            let rest = width - u32::from(self.bits);
            rest == width || (ours ^ theirs) >> rest == 0
        };
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }
}

/// Wrong logons of a client in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lockout {
    wrong: u32,
    until: UtcTime,
}

impl Lockout {
    pub(super) fn is_locked(&self, now: UtcTime) -> bool {
        now < self.until
    }

    pub(super) fn right(&mut self) {
        self.wrong = 0;
    }

    /// One more; `after` so many the client is locked out for `nanos`.
    pub(super) fn wrong(&mut self, after: u32, nanos: u64, now: UtcTime) {
        self.wrong = self.wrong.saturating_add(1);
        if after > 0 && self.wrong >= after {
            *self = Self { wrong: 0, until: now.plus_nanos(nanos) };
        }
    }
}

/// Errors of a session within a second: what was answered by 35=3, j or Y, by 35=h with 567 or by 35=y with 560=1,
/// and garbled input.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Errors {
    since: UtcTime,
    count: u32,
}

impl Errors {
    /// Counts one; whether there are more than `max`, if that is not 0.
    pub(super) fn count(&mut self, max: u32, now: UtcTime) -> bool {
        if now.nanos_since(self.since) >= 1_000_000_000 {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        max > 0 && self.count > max
    }
}

impl Gateway {
    /// A message of a session was refused: too many of them in a second disconnect it.
    pub(super) fn note_error(&mut self, client: u16, service: Service, now: UtcTime) {
        if self.muted {
            return;
        }
        let max = self.switches.session.errors_per_second_max;
        let Some(entry) = self.clients.get_mut(usize::from(client)) else { return };
        let sender = entry.sender;
        let Some(known) = entry.known_mut(service) else { return };
        if !known.errors.count(max, now) {
            return;
        }
        let Some(connection) = known.live.and_then(|live| self.connections.get_mut(&live)) else {
            return;
        };
        if !connection.close {
            known.session.logout(Some("Too many errors"), now, &mut connection.outbox);
            connection.close_by(now.plus_nanos(FLUSH_NS));
            self.drops.note(sender, service, DropReason::Errors);
        }
    }
}

/// How long a connection may stay to flush its Logout.
const FLUSH_NS: u64 = 2_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_network() {
        let is_in = |address: &str, source: &str| {
            source.parse::<Source>().unwrap().contains(address.parse().unwrap())
        };
        assert!(is_in("192.0.2.7", "192.0.2.7") && !is_in("192.0.2.8", "192.0.2.7"));
        assert!(is_in("192.0.2.255", "192.0.2.0/24") && !is_in("192.0.3.0", "192.0.2.0/24"));
        assert!(is_in("10.1.2.3", "0.0.0.0/0") && !is_in("::1", "0.0.0.0/0"));
        assert!(is_in("2001:db8::9", "2001:db8::/32") && !is_in("2001:db9::9", "2001:db8::/32"));
        for bad in ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/-1", "::/129", "localhost"] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_are_counted_by_the_second() {
        let mut errors = Errors::default();
        let at = |millis: u64| UtcTime(5_000_000_000).plus_nanos(millis * 1_000_000);
        assert!((0..3).all(|n| !errors.count(3, at(n * 300))));
        assert!(errors.count(3, at(999)));
        assert!(!errors.count(3, at(1_000)), "a new second");
        assert!((0..1000).all(|_| !errors.count(0, at(1_000))), "0 is never too many");
    }
}
