//! Which orders a request reaches (venue file 3.6): cancel, mass cancel, status.

use super::admit::instrument;
use super::request::{MassCancelScope, OrderName, Origin};
use super::{Oes, OrderRecord, Refusal};
use crate::matching::{Cancel, CancelReason, CancelWhere, RejectReason, SpotEngine};

/// Which orders a request can reach (venue file 3.6, C1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Orders created or replaced on the same connection: the contractual text, which a client has
    /// to survive.
    #[default]
    Connection,
    /// All orders of the SenderCompID, earlier connections included.
    SenderCache,
}

impl Oes {
    pub(super) fn cancel(
        &self,
        origin: &Origin,
        name: &OrderName,
        engine: &SpotEngine,
    ) -> Result<Cancel, Refusal> {
        // If both ids are given, only OrderID counts (venue file 4.2).
        let record = match name.order_id {
            Some(id) => engine.order_ref(id.as_bytes()).and_then(|order| self.registry.get(order)),
            None => name.cl_ord_id.and_then(|id| self.registry.named(origin.client, id)),
        };
        let record = record
            .filter(|record| record.client == origin.client && record.is_live())
            .filter(|record| reaches(self.switches.cancel_scope, record, origin))
            .ok_or(RejectReason::UnknownOrder)?;
        Ok(Cancel {
            account: record.state.account,
            session: origin.tag,
            client_key: origin.cl_ord_id.bits(),
            order: record.state.order,
        })
    }

    pub(super) fn mass_cancel(
        &self,
        origin: &Origin,
        scope: MassCancelScope,
        engine: &SpotEngine,
    ) -> Result<CancelWhere, Refusal> {
        let (session, instrument) = match scope {
            MassCancelScope::SessionSymbol(symbol) => {
                (Some(origin.tag), Some(instrument(engine, symbol)?.0))
            }
            MassCancelScope::Session => (Some(origin.tag), None),
            MassCancelScope::Sender => (None, None),
        };
        Ok(CancelWhere {
            account: self.account(origin.client),
            sessions: session.map(|one| (one, one)),
            instrument,
            reason: CancelReason::MassCancel,
            // The reports name the orders by their own ClOrdIDs (unspecified: SIM).
            client_key: None,
        })
    }

    /// On spot, orders of other connections are found too, and ended ones for a while (4.5).
    pub(super) fn status(
        &self,
        origin: &Origin,
        name: &OrderName,
        engine: &SpotEngine,
    ) -> Result<OrderRecord, Refusal> {
        name.order_id
            .and_then(|id| engine.order_ref(id.as_bytes()))
            .and_then(|order| self.registry.get(order))
            .filter(|record| record.client == origin.client)
            .copied()
            .ok_or(RejectReason::UnknownOrder.into())
    }
}

pub(super) fn reaches(scope: Scope, record: &OrderRecord, origin: &Origin) -> bool {
    scope == Scope::SenderCache || record.state.session == origin.tag
}
