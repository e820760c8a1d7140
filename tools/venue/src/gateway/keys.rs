//! Who calls: keys, signatures and nonces. The keys are those of FIX (venue file 1).

use std::collections::BTreeSet;

use taut::kraken::logon::Credentials;
use taut_codec::value::{UtcTime, parse_u64};

use super::{Gateway, Market};
use crate::limits::NONCES_KEPT;
use crate::rest::Call;

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotLetIn {
    UnknownKey,
    /// After wrong logons or signatures (venue file 2.2).
    LockedOut,
    WrongAddress,
    WrongSignature,
    /// The nonce was used before.
    NonceUsed,
    /// It is too low, or no number.
    NonceLow,
}

/// The nonces of a key that cannot be used any more.
#[derive(Debug, Default)]
pub(super) struct UsedNonces {
    /// All up to this one.
    floor: u64,
    /// Those above, of a key whose nonces may come out of order.
    above: BTreeSet<u64>,
}

impl UsedNonces {
    /// The highest.
    pub fn last(&self) -> u64 {
        self.above.last().copied().unwrap_or(self.floor)
    }

    /// Goes on with the highest of an earlier life.
    pub fn go_on(&mut self, last: u64) {
        self.floor = self.floor.max(last);
        self.above.retain(|&nonce| nonce > last);
    }

    /// Uses a nonce up. On derivatives, nonces may come out of order for a while.
    fn take(&mut self, nonce: u64, market: Market) -> Result<(), NotLetIn> {
        if self.above.contains(&nonce) || nonce == self.floor {
            return Err(NotLetIn::NonceUsed);
        }
        if nonce < self.floor {
            return Err(NotLetIn::NonceLow);
        }
        self.above.insert(nonce);
        let kept = if market == Market::Derivatives { NONCES_KEPT } else { 0 };
        while self.above.len() > kept {
            self.floor = self.above.pop_first().unwrap_or(self.floor);
        }
        Ok(())
    }
}

impl Gateway {
    /// The client that signed a call, the first of the market that has the key; its nonce is used up. On
    /// derivatives there may be none. The lock-out after wrong logons (venue file 2.2) is for calls too.
    pub(crate) fn caller(
        &mut self,
        market: Market,
        call: &Call,
        nonce: Option<&[u8]>,
        now: UtcTime,
        is_signed: impl Fn(&Credentials) -> bool,
    ) -> Result<u16, NotLetIn> {
        let switches = self.switches.session;
        let found = self
            .clients
            .iter()
            .position(|client| client.market == market && client.credentials.is_key(&call.api_key));
        let at = found.ok_or(NotLetIn::UnknownKey)?;
        let client = &mut self.clients[at];
        if client.lockout.is_locked(now) {
            return Err(NotLetIn::LockedOut);
        }
        if !client.may_come_from(call.source) {
            return Err(NotLetIn::WrongAddress);
        }
        if !client.credentials.have(is_signed) {
            let nanos = u64::from(switches.lockout_s) * 1_000_000_000;
            client.lockout.wrong(switches.lockout_after, nanos, now);
            return Err(NotLetIn::WrongSignature);
        }
        client.lockout.right();
        match nonce {
            None if market == Market::Derivatives => {}
            nonce => {
                let nonce =
                    nonce.and_then(|text| parse_u64(text).ok()).ok_or(NotLetIn::NonceLow)?;
                client.credentials.rest_nonces.take(nonce, market)?;
            }
        }
        Ok(at as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_of_derivatives_may_come_out_of_order_for_a_while_and_each_only_once() {
        let mut used = UsedNonces::default();
        let take = |used: &mut UsedNonces, nonce| used.take(nonce, Market::Derivatives);
        for nonce in (10..10 + NONCES_KEPT as u64).rev() {
            assert_eq!(take(&mut used, nonce), Ok(()));
            assert_eq!(take(&mut used, nonce), Err(NotLetIn::NonceUsed));
        }
        assert_eq!(take(&mut used, 1_000), Ok(()), "10 is the floor now");
        assert_eq!(take(&mut used, 10), Err(NotLetIn::NonceUsed));
        assert_eq!(take(&mut used, 9), Err(NotLetIn::NonceLow));
        assert_eq!((take(&mut used, 500), used.last()), (Ok(()), 1_000));
        let mut later = UsedNonces::default();
        later.go_on(used.last());
        assert_eq!(take(&mut later, 999), Err(NotLetIn::NonceLow));
        assert_eq!(take(&mut later, 1_001), Ok(()));
    }

    #[test]
    fn nonces_of_spot_only_rise() {
        let mut used = UsedNonces::default();
        let spot = Market::Spot;
        assert_eq!((used.take(5, spot), used.take(7, spot)), (Ok(()), Ok(())));
        assert_eq!(
            (used.take(6, spot), used.take(7, spot)),
            (Err(NotLetIn::NonceLow), Err(NotLetIn::NonceUsed))
        );
    }
}
