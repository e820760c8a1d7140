//! Who calls by REST: keys, signatures and nonces. The keys are those of FIX (venue file 1).

use taut_codec::value::{UtcTime, parse_u64};

use super::{Gateway, Market};
use crate::rest::Call;

impl Gateway {
    /// The client that signed a call, the first spot client that has the key; its nonce is used up. The
    /// lock-out after wrong logons (venue file 2.2) is for calls too.
    ///
    /// # Errors
    /// Kraken's error string.
    pub(crate) fn caller(
        &mut self,
        call: &Call,
        nonce: Option<&str>,
        now: UtcTime,
    ) -> Result<u16, &'static str> {
        let switches = self.switches.session;
        let mut clients = (0u16..).zip(&mut self.clients);
        let found = clients.find(|(_, client)| {
            client.market == Market::Spot && client.credentials.is_key(&call.api_key)
        });
        let (at, client) = found.ok_or("EAPI:Invalid key")?;
        if client.lockout.is_locked(now) {
            return Err("EGeneral:Temporary lockout");
        }
        if !client.may_come_from(call.source) {
            return Err("EGeneral:Permission denied");
        }
        if !client.credentials.signed(call, nonce.unwrap_or_default()) {
            let nanos = u64::from(switches.lockout_s) * 1_000_000_000;
            client.lockout.wrong(switches.lockout_after, nanos, now);
            return Err("EAPI:Invalid signature");
        }
        client.lockout.right();
        let nonce = nonce.and_then(|text| parse_u64(text.as_bytes()).ok());
        match nonce.filter(|&nonce| nonce > client.credentials.rest_nonce) {
            Some(nonce) => client.credentials.rest_nonce = nonce,
            None => return Err("EAPI:Invalid nonce"),
        }
        Ok(at)
    }
}
