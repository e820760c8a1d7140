//! The order entry service: between the gateway and the trading engine. It knows accounts, permissions,
//! instruments, which ClOrdIDs were used and which orders a request can reach. What it refuses becomes
//! a BusinessMessageReject (35=j); what it admits goes to the engine, which judges money, prices and
//! the market's status (venue file section 5).

mod admit;
mod ids;
mod owner;
mod reach;
mod registry;
pub mod request;

pub(crate) use admit::instrument;
pub use owner::{Owner, OwnerId};
pub use reach::Scope;
pub use registry::{OrderRecord, Registry, cl_ord_id, fill_status};

use crate::limits::CLIENTS_MAX;
use crate::matching::{
    AccountId, CancelReason, CancelWhere, Command, EngineEvent, OrderState, RejectReason,
};
use ids::UsedIds;
use request::Origin;

/// The switches of this stage.
#[derive(Debug, Clone, Copy, Default)]
pub struct OesSwitches {
    /// Reach of OrderCancelRequest.
    pub cancel_scope: Scope,
    /// Reach of OrderCancelReplaceRequest.
    pub amend_scope: Scope,
}

/// Why a request was refused: 35=j.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// BusinessRejectReason(380).
    pub reason: u32,
    /// The error, venue file 5.2.
    pub text: Error,
}

/// The text of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// As it is.
    Text(&'static str),
    /// `EGeneral:Invalid arguments:<field>`.
    Invalid(&'static str),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Invalid(field) => write!(f, "EGeneral:Invalid arguments:{field}"),
        }
    }
}

impl From<RejectReason> for Refusal {
    fn from(reason: RejectReason) -> Self {
        Self { reason: reason.business_reason(), text: Error::Text(reason.text()) }
    }
}

const fn invalid(field: &'static str) -> Refusal {
    Refusal { reason: 0, text: Error::Invalid(field) }
}

/// What becomes of an admitted request.
#[derive(Debug, Clone, Copy)]
pub enum Admitted {
    /// It goes to the trading engine.
    Command(EngineRecord),
    /// It is answered from the registry: 150=I.
    Status(OrderRecord),
}

/// A command on its way to the trading engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineRecord {
    /// The request that it comes from; `None` for a cancel on disconnect.
    pub origin: Option<Origin>,
    /// The command.
    pub command: Command,
}

#[derive(Debug)]
struct Client {
    account: AccountId,
    can_trade: bool,
    used: UsedIds,
}

/// The order entry service.
#[derive(Debug)]
pub struct Oes {
    switches: OesSwitches,
    clients: Vec<Client>,
    registry: Registry,
}

impl Oes {
    /// A service without clients.
    #[must_use]
    pub fn new(switches: OesSwitches) -> Self {
        Self { switches, clients: Vec::new(), registry: Registry::default() }
    }

    /// Adds a client; the position is its number. Every client has an account of its own.
    pub fn add_client(&mut self, account: AccountId, can_trade: bool) -> u16 {
        assert!(self.clients.len() < CLIENTS_MAX, "the configuration was checked");
        let client = self.clients.len() as u16;
        self.clients.push(Client { account, can_trade, used: UsedIds::default() });
        client
    }

    /// The account of a client.
    #[must_use]
    pub fn account(&self, client: u16) -> Option<AccountId> {
        self.clients.get(usize::from(client)).map(|client| client.account)
    }

    /// Whether a client has the permission to trade.
    #[must_use]
    pub fn can_trade(&self, client: u16) -> bool {
        self.clients.get(usize::from(client)).is_some_and(|client| client.can_trade)
    }

    /// The client whose session hears of an order; `None` if no session placed it (REST, the house).
    #[must_use]
    pub fn client_of(&self, session: OwnerId) -> Option<u16> {
        let owner = Owner::of(session);
        owner.is_fix().then_some(owner.client)
    }

    /// The orders.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A client logged on with ForceResetClOrdID(5030) `Y`.
    pub fn reset_watermark(&mut self, client: u16) {
        if let Some(client) = self.clients.get_mut(usize::from(client)) {
            client.used = UsedIds::default();
        }
    }

    /// Takes in what the engine did.
    pub fn observe(&mut self, event: &EngineEvent) {
        let of_fix = |order: &OrderState| Some(Owner::of(order.session)).filter(|one| one.is_fix());
        self.registry.observe(event, |order| of_fix(order).map(|owner| owner.client));
    }

    /// The command that cancels what a connection left behind (venue file 2.3).
    #[must_use]
    pub fn cancel_on_disconnect(&self, owner: OwnerId) -> EngineRecord {
        let command = Command::CancelWhere(CancelWhere {
            account: self.account(Owner::of(owner).client),
            sessions: Some((owner, owner)),
            instrument: None,
            reason: CancelReason::Disconnect,
            client_key: None,
        });
        EngineRecord { origin: None, command }
    }
}
