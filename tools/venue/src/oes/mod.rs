//! The order entry service of a market: between the gateway and the trading engine. It knows accounts, permissions,
//! instruments, which ClOrdIDs were used and which orders a request can reach. What it refuses becomes
//! a BusinessMessageReject (35=j); what it admits goes to the engine, which judges money, prices and
//! the market's status (venue file section 5).

mod admit;
mod allocations;
mod ids;
mod owner;
mod rates;
mod reach;
mod registry;
pub mod request;
mod rest;
mod terms;

pub use owner::{Owner, OwnerId};
pub use rates::{AccountLimits, DerivativesLimits, Domain};
pub use reach::Scope;
pub use registry::{OrderRecord, Registry, amend_status, cl_ord_id, fill_status};

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use taut::risk::venue_rate::{Action, Bucket, Counter, Tier};
use taut::types::{ClOrdId, InstrumentId};
use taut_codec::value::UtcTime;

use crate::gateway::Market;
use crate::limits::CLIENTS_MAX;
use crate::matching::{
    AccountId, CancelReason, Command, EngineEvent, EventKind, OrderState, RejectReason,
};
use crate::state::{Restored, Source, Stored, save_all};
use ids::UsedIds;
use rates::Rates;
use request::{AllocAccount, Origin};

/// The switches of this stage.
#[derive(Debug, Clone, Copy)]
pub struct OesSwitches {
    /// Reach of OrderCancelRequest.
    pub cancel_scope: Scope,
    /// Reach of OrderCancelReplaceRequest.
    pub amend_scope: Scope,
    /// Reach of OrderMassCancelRequest with 530=1 and 530=6.
    pub mass_cancel_session: Scope,
    /// Reach of OrderMassCancelRequest with 530=7 (C2).
    pub mass_cancel_all: Scope,
    /// Whether a cancel is refused over the rate limit, as any other transaction.
    pub rate_limit_cancels: bool,
    /// Whether a mass cancel adds the points of each order that it cancels.
    pub mass_cancel_points: bool,
    /// Whether the rollover forgets whose orders are whose.
    pub rollover_clears_cache: bool,
    /// Whether the rollover starts the ClOrdID watermark anew.
    pub rollover_resets_watermark: bool,
    /// Costs and sizes of derivatives sessions.
    pub derivatives: DerivativesLimits,
}

impl Default for OesSwitches {
    fn default() -> Self {
        crate::config::Switches::default().oes()
    }
}

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// Enter, amend and cancel orders.
    pub trade: bool,
    /// Trade with leverage.
    pub margin: bool,
}

/// Why a request was refused: 35=j.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// BusinessRejectReason(380).
    pub reason: u32,
    /// The error, venue file 5.2.
    pub text: Error,
}

/// The text of a refusal. [`std::fmt::Display`] gives it as spot does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// What the engine would say.
    Engine(RejectReason),
    /// As it is.
    Text(&'static str),
    /// `EGeneral:Invalid arguments:<field>`.
    Invalid(&'static str),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Engine(reason) => f.write_str(reason.text()),
            Self::Text(text) => f.write_str(text),
            Self::Invalid(field) => write!(f, "EGeneral:Invalid arguments:{field}"),
        }
    }
}

impl From<RejectReason> for Refusal {
    fn from(reason: RejectReason) -> Self {
        Self { reason: reason.business_reason(), text: Error::Engine(reason) }
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
    permissions: Permissions,
    used: UsedIds,
    /// The gateway remembers orders of this logon and later ones.
    cache_from: u32,
    last_logon: u32,
    /// Of a derivatives session.
    bucket: Bucket,
    /// The sub-accounts that it trades for.
    allocations: BTreeMap<AllocAccount, AccountId>,
    /// Calls of its key by REST.
    calls: Counter,
    calls_tier: Option<Tier>,
    /// The same of a derivatives client.
    rest_bucket: Bucket,
}

impl Client {
    /// The one account that all of its orders are in.
    fn only_account(&self) -> Option<AccountId> {
        if self.has_sub_accounts() { None } else { Some(self.account) }
    }

    fn has_sub_accounts(&self) -> bool {
        !self.allocations.is_empty()
    }
}

/// The order entry service.
#[derive(Debug)]
pub struct Oes {
    market: Market,
    switches: OesSwitches,
    /// By their numbers.
    clients: FxHashMap<u16, Client>,
    registry: Registry,
    rates: Rates,
    /// Account -> the account of the client that owns it.
    customers: FxHashMap<AccountId, AccountId>,
    /// What sub-accounts are called.
    allocations: FxHashMap<AccountId, AllocAccount>,
}

impl Oes {
    /// A service without clients.
    #[must_use]
    pub fn new(market: Market, switches: OesSwitches) -> Self {
        Self {
            market,
            switches,
            clients: FxHashMap::default(),
            registry: Registry::default(),
            rates: Rates::default(),
            customers: FxHashMap::default(),
            allocations: FxHashMap::default(),
        }
    }

    /// The market that it serves.
    #[must_use]
    pub const fn market(&self) -> Market {
        self.market
    }

    /// Adds a client under its number at the gateway. Clients may share an account; then they share its
    /// limits too, which are those of the first.
    pub fn add_client(
        &mut self,
        client: u16,
        account: AccountId,
        permissions: Permissions,
        limits: AccountLimits,
    ) {
        assert!(usize::from(client) < CLIENTS_MAX, "the configuration was checked");
        let added = Client {
            account,
            permissions,
            used: UsedIds::default(),
            cache_from: 1,
            last_logon: 0,
            bucket: self.switches.derivatives.bucket(),
            allocations: BTreeMap::new(),
            calls: Counter::default(),
            calls_tier: limits.calls,
            rest_bucket: self.switches.derivatives.rest_bucket(),
        };
        self.clients.insert(client, added);
        if self.customers.insert(account, account).is_none() {
            self.rates.set(account, limits);
        }
    }

    /// The account of a client.
    #[must_use]
    pub fn account(&self, client: u16) -> Option<AccountId> {
        self.clients.get(&client).map(|client| client.account)
    }

    /// Whether a client has the permission to trade.
    #[must_use]
    pub fn can_trade(&self, client: u16) -> bool {
        self.clients.get(&client).is_some_and(|client| client.permissions.trade)
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
        if let Some(client) = self.clients.get_mut(&client) {
            client.used = UsedIds::default();
        }
    }

    /// Takes in what the engine did.
    pub fn observe(&mut self, event: &EngineEvent) {
        let mass = CancelReason::MassCancel;
        if let EventKind::Cancelled { order, reason, .. } = &event.kind
            && *reason == mass
            && self.switches.mass_cancel_points
            && let Some(record) = self.registry.get(order.order)
        {
            let action = Action::Cancel { age: event.at.nanos_since(record.touched) };
            self.rates.add((record.customer, order.instrument), action, event.at);
        }
        let Self { registry, rates, customers, .. } = self;
        let customer_of = |order: &OrderState| customers.get(&order.account).copied();
        registry.observe(event, customer_of, |customer, instrument, opened| {
            rates.count(customer, instrument, opened);
        });
    }

    /// A client logged on to trading; counts its logons.
    pub fn logged_on(&mut self, owner: Owner) {
        if let Some(client) = self.clients.get_mut(&owner.client) {
            client.last_logon = owner.logon;
        }
    }

    /// The live order on which a client, or another one of its account, used this ClOrdID last.
    #[must_use]
    pub fn named(&self, client: u16, cl_ord_id: ClOrdId) -> Option<&OrderRecord> {
        self.registry.named(self.account(client)?, cl_ord_id)
    }

    /// Live orders of a client's account.
    #[must_use]
    pub fn live(&self, client: u16) -> usize {
        self.account(client).map_or(0, |account| self.registry.live(account))
    }

    /// Points of a client's rate counter on a pair, rounded up (venue file 7).
    #[must_use]
    pub fn rate_points(&self, client: u16, instrument: InstrumentId, now: UtcTime) -> u64 {
        self.account(client).map_or(0, |account| self.rates.points(account, instrument, now))
    }

    /// Tokens in the bucket of a client's session (venue file 7). Spot has none.
    #[must_use]
    pub fn rate_tokens(&self, client: u16, now: UtcTime) -> u32 {
        self.clients.get(&client).map_or(0, |client| client.bucket.tokens(now))
    }
}

/// Clients, permissions and limits are the configuration's.
impl Restored for Oes {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { market: _, switches: _, customers: _, allocations: _, clients, registry, rates } =
            self;
        let mut clients: Vec<(&u16, &Client)> = clients.iter().collect();
        clients.sort_unstable_by_key(|&(number, _)| number);
        save_all(clients.into_iter().map(|(_, client)| client), out);
        registry.store(out);
        rates.save(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let mut clients: Vec<(&u16, &mut Client)> = self.clients.iter_mut().collect();
        clients.sort_unstable_by_key(|&(number, _)| number);
        from.restore_all(clients.into_iter().map(|(_, client)| client))?;
        self.registry = from.get()?;
        self.rates.restore(from)
    }
}

impl Restored for Client {
    fn save(&self, out: &mut Vec<u8>) {
        let Self {
            account: _,
            permissions: _,
            allocations: _,
            calls_tier: _,
            used,
            cache_from,
            last_logon,
            bucket,
            calls,
            rest_bucket,
        } = self;
        used.store(out);
        (*cache_from, *last_logon).store(out);
        (*bucket, *calls).store(out);
        rest_bucket.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.used = from.get()?;
        (self.cache_from, self.last_logon) = from.get()?;
        (self.bucket, self.calls) = from.get()?;
        self.rest_bucket = from.get()?;
        Some(())
    }
}
