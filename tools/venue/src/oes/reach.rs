//! Which orders a request reaches (venue file 3.6): cancel, mass cancel, status.

use super::admit::instrument;
use super::ids::UsedIds;
use super::request::{MassCancelScope, OrderName, Origin};
use super::{EngineRecord, Oes, OrderRecord, Owner, OwnerId, Refusal};
use crate::matching::{
    Asker, Cancel, CancelReason, CancelWhere, Command, Engine, RejectReason, Settlement,
};

/// Which orders a request can reach (venue file 3.6; C1, C2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Orders created or replaced on the same connection: the contractual text, which a client has
    /// to survive.
    #[default]
    Connection,
    /// Orders that the gateway remembers for the SenderCompID, earlier connections included.
    SenderCache,
    /// All orders of the account, whoever placed them and how.
    Account,
}

impl Oes {
    /// Whether a request reaches an order.
    pub(super) fn reaches(&self, scope: Scope, record: &OrderRecord, origin: &Origin) -> bool {
        let Some(client) = self.clients.get(&origin.client) else { return false };
        match scope {
            Scope::Connection => record.state.session == origin.tag,
            Scope::SenderCache => {
                let cache = Owner { client: origin.client, logon: client.cache_from }.and_later();
                (cache.0..=cache.1).contains(&record.state.session)
            }
            Scope::Account => record.customer == client.account,
        }
    }

    pub(super) fn cancel<S: Settlement>(
        &self,
        origin: &Origin,
        name: &OrderName,
        engine: &Engine<S>,
    ) -> Result<Cancel, Refusal> {
        let record = self
            .cancelled(origin.client, name, engine)
            .filter(|record| self.reaches(self.switches.cancel_scope, record, origin))
            .ok_or(RejectReason::UnknownOrder)?;
        Ok(Cancel {
            account: record.state.account,
            session: origin.tag,
            client_key: Some(origin.cl_ord_id.bits()),
            order: record.state.order,
        })
    }

    /// The live order that a cancel names.
    pub(super) fn cancelled<S: Settlement>(
        &self,
        client: u16,
        name: &OrderName,
        engine: &Engine<S>,
    ) -> Option<&OrderRecord> {
        self.found(client, name, engine).filter(|record| record.is_live())
    }

    /// The order of a name, which by its OrderID is found for a while after its end. If both ids are given,
    /// only OrderID counts (venue file 4.2).
    pub(super) fn found<S: Settlement>(
        &self,
        client: u16,
        name: &OrderName,
        engine: &Engine<S>,
    ) -> Option<&OrderRecord> {
        match name.order_id {
            Some(id) => engine.order_ref(id.as_bytes()).and_then(|order| self.registry.get(order)),
            None => name.cl_ord_id.and_then(|id| self.named(client, id)),
        }
    }

    pub(super) fn mass_cancel<S: Settlement>(
        &self,
        origin: &Origin,
        scope: MassCancelScope,
        engine: &Engine<S>,
    ) -> Result<CancelWhere, Refusal> {
        let client = self.clients.get(&origin.client);
        let client = client.ok_or(RejectReason::PermissionDenied)?;
        let (scope, instrument) = match scope {
            MassCancelScope::SessionSymbol(symbol) => {
                (self.switches.mass_cancel_session, Some(instrument(engine, symbol)?.0))
            }
            MassCancelScope::Session => (self.switches.mass_cancel_session, None),
            MassCancelScope::Sender => (self.switches.mass_cancel_all, None),
        };
        let of_client = |logon| Owner { client: origin.client, logon };
        let sessions = match scope {
            Scope::Connection => Some((origin.tag, origin.tag)),
            Scope::SenderCache => Some(of_client(client.cache_from).and_later()),
            // A broker's sub-accounts are accounts of their own; what it placed there goes too.
            Scope::Account if client.has_sub_accounts() => Some(of_client(0).and_later()),
            Scope::Account => None,
        };
        Ok(CancelWhere {
            account: client.only_account(),
            sessions,
            instrument,
            reason: CancelReason::MassCancel,
            // The reports name the orders by their own ClOrdIDs (unspecified: SIM).
            asker: Some(Asker { session: origin.tag, client_key: None }),
        })
    }

    /// On spot, orders of other connections are found too, and ended ones for a while (4.5).
    pub(super) fn status<S: Settlement>(
        &self,
        origin: &Origin,
        name: &OrderName,
        engine: &Engine<S>,
    ) -> Result<OrderRecord, Refusal> {
        name.order_id
            .and_then(|id| engine.order_ref(id.as_bytes()))
            .and_then(|order| self.registry.get(order))
            .filter(|record| Some(record.customer) == self.account(origin.client))
            .copied()
            .ok_or(RejectReason::UnknownOrder.into())
    }

    /// The command that cancels what a connection left behind (venue file 2.3).
    #[must_use]
    pub fn cancel_on_disconnect(&self, owner: OwnerId) -> EngineRecord {
        let client = self.clients.get(&Owner::of(owner).client);
        let command = Command::CancelWhere(CancelWhere {
            account: client.and_then(|client| client.only_account()),
            sessions: Some((owner, owner)),
            instrument: None,
            reason: CancelReason::Disconnect,
            asker: None,
        });
        EngineRecord { origin: None, command }
    }

    /// The daily rollover: by switch, what is remembered of the orders of earlier sessions is forgotten
    /// (venue file 3.6), and the ClOrdID watermark starts anew (6.9).
    pub fn roll_over(&mut self) {
        for client in self.clients.values_mut() {
            if self.switches.rollover_clears_cache {
                client.cache_from = client.last_logon + 1;
            }
            if self.switches.rollover_resets_watermark {
                client.used = UsedIds::default();
            }
        }
    }
}
