//! What comes by REST: the account's own, whatever session placed an order. On spot the rate counters are those
//! of FIX (venue file section 7), and the key has a counter of calls beside them; on derivatives calls have a
//! bucket of their own.

use taut::risk::venue_rate::Action;
use taut::types::InstrumentId;
use taut_codec::value::UtcTime;

use super::request::OrderName;
use super::{Error, Oes, OrderRecord, Owner, Refusal, rates};
use crate::gateway::Market;
use crate::matching::{Cancel, CancelReason, CancelWhere, Engine, RejectReason, Settlement};

const CALL_LIMIT: Error = Error::Text("EAPI:Rate limit exceeded");

impl Oes {
    /// A call other than CancelOrder is counted.
    ///
    /// # Errors
    /// `EAPI:Rate limit exceeded`.
    pub fn count_call(&mut self, client: u16, now: UtcTime) -> Result<(), Refusal> {
        let Some(client) = self.clients.get_mut(&client) else { return Ok(()) };
        let Some(tier) = client.calls_tier else { return Ok(()) };
        let refusal = Refusal { reason: 0, text: CALL_LIMIT };
        client.calls.charge(Action::Add, tier, now).map_err(|_| refusal)
    }

    /// A call of a derivatives client costs tokens.
    ///
    /// # Errors
    /// `apiLimitExceeded`.
    pub fn spend_tokens(&mut self, client: u16, tokens: u32, now: UtcTime) -> Result<(), Refusal> {
        let Some(client) = self.clients.get_mut(&client) else { return Ok(()) };
        let refusal = Refusal { reason: 0, text: rates::DERIVATIVES_LIMIT };
        client.rest_bucket.take(tokens, now).map_err(|_| refusal)
    }

    /// The order that a call names, live or ended a while ago, if it is the account's.
    pub fn of_account<S: Settlement>(
        &self,
        client: u16,
        name: &OrderName,
        engine: &Engine<S>,
    ) -> Option<OrderRecord> {
        let record = self.found(client, name, engine).copied();
        record.filter(|record| Some(record.customer) == self.account(client))
    }

    /// The command that cancels one order of a client's account.
    ///
    /// # Errors
    /// The refusal.
    pub fn rest_cancel<S: Settlement>(
        &mut self,
        client: u16,
        name: &OrderName,
        engine: &Engine<S>,
        now: UtcTime,
    ) -> Result<Cancel, Refusal> {
        let record = self
            .of_account(client, name, engine)
            .filter(OrderRecord::is_live)
            .ok_or(RejectReason::UnknownOrder)?;
        let cancel = Cancel {
            account: record.state.account,
            session: Owner { client, logon: 0 }.id(),
            client_key: None,
            order: record.state.order,
        };
        if self.market == Market::Spot {
            let pair = (record.customer, record.state.instrument);
            let action = Action::Cancel { age: now.nanos_since(record.touched) };
            self.charge_cancel(pair, action, now)?;
        }
        Ok(cancel)
    }

    /// The commands that cancel all orders of a client's account, its sub-accounts included, or those on an
    /// instrument.
    pub fn rest_cancel_all(
        &self,
        client: u16,
        instrument: Option<InstrumentId>,
    ) -> impl Iterator<Item = CancelWhere> + use<> {
        self.accounts(client).into_iter().map(move |account| CancelWhere {
            account: Some(account),
            sessions: None,
            instrument,
            reason: CancelReason::MassCancel,
            asker: None,
        })
    }

    /// The live orders of a client's account.
    pub fn open(&self, client: u16) -> impl Iterator<Item = &OrderRecord> {
        let account = self.account(client);
        self.registry.open().filter(move |one| Some(one.customer) == account)
    }

    /// The latest orders of a client's account that have ended.
    pub fn closed(&self, client: u16) -> impl Iterator<Item = &OrderRecord> {
        let account = self.account(client);
        self.registry.closed().filter(move |one| Some(one.customer) == account)
    }

    /// Spot: what a cancel adds to the counter, and whether that is too much.
    pub(super) fn charge_cancel(
        &mut self,
        pair: rates::Pair,
        action: Action,
        now: UtcTime,
    ) -> Result<(), Refusal> {
        if self.switches.rate_limit_cancels {
            return self.rates.charge(pair, action, now);
        }
        self.rates.add(pair, action, now);
        Ok(())
    }
}
