//! The order entry service: between the gateway and the trading engine. It knows accounts, permissions,
//! instruments, which ClOrdIDs were used and which orders a request can reach. What it refuses becomes
//! a BusinessMessageReject (35=j); what it admits goes to the engine, which judges money, prices and
//! the market's status (venue file section 5).

mod ids;
mod registry;
pub mod request;

use std::collections::HashMap;

use taut::types::{Instrument, InstrumentId, OrdType, Px, Qty, Symbol, TimeInForce};
use taut_codec::value::{Decimal, UtcTime, ValueError};

pub use registry::{OrderRecord, Registry, cl_ord_id, fill_status};

use crate::limits::CLIENTS_MAX;
use crate::matching::{
    AccountId, Amend, Cancel, CancelReason, CancelWhere, Command, EngineEvent, NewOrder,
    OrderState, RejectReason, SpotEngine,
};
use ids::UsedIds;
use request::{
    AmendFields, MassCancelScope, NewFields, OrderName, OrderRequest, Origin, RequestKind, Terms,
};

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
    by_account: HashMap<AccountId, u16>,
    registry: Registry,
}

/// ValidUntilTime(62) is at least this far ahead of the request's arrival (venue file 6.6).
const VALID_UNTIL_MIN_NS: u64 = 2_000_000_000;
/// ... and at most this far.
const VALID_UNTIL_MAX_NS: u64 = 60_000_000_000;

impl Oes {
    /// A service without clients.
    #[must_use]
    pub fn new(switches: OesSwitches) -> Self {
        Self {
            switches,
            clients: Vec::new(),
            by_account: HashMap::new(),
            registry: Registry::default(),
        }
    }

    /// Adds a client; the position is its number. Every client has an account of its own.
    pub fn add_client(&mut self, account: AccountId, can_trade: bool) -> u16 {
        assert!(self.clients.len() < CLIENTS_MAX, "the configuration was checked");
        let client = self.clients.len() as u16;
        self.clients.push(Client { account, can_trade, used: UsedIds::default() });
        self.by_account.insert(account, client);
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

    /// The client of an account; `None` for the house.
    #[must_use]
    pub fn client_of(&self, account: AccountId) -> Option<u16> {
        self.by_account.get(&account).copied()
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
        let client_of = |order: &OrderState| self.by_account.get(&order.account).copied();
        self.registry.observe(event, client_of);
    }

    /// The command that cancels what a connection left behind (venue file 2.3).
    #[must_use]
    pub fn cancel_on_disconnect(&self, client: u16, tag: u32) -> EngineRecord {
        let command = Command::CancelWhere(CancelWhere {
            account: self.account(client),
            session: Some(tag),
            instrument: None,
            reason: CancelReason::Disconnect,
            client_key: None,
        });
        EngineRecord { origin: None, command }
    }

    /// Admits or refuses a request. Every request but a status request uses up its ClOrdID, also if
    /// it is refused for another reason (venue file 6.9).
    ///
    /// # Errors
    /// The reject to answer with.
    pub fn admit(
        &mut self,
        request: &OrderRequest,
        engine: &SpotEngine,
        now: UtcTime,
    ) -> Result<Admitted, Refusal> {
        let origin = &request.origin;
        let client = self
            .clients
            .get_mut(usize::from(origin.client))
            .ok_or(RejectReason::PermissionDenied)?;
        // A status request names the order by the ClOrdID (C17), so it uses none up.
        let asks = matches!(request.kind, RequestKind::Status(_));
        if !asks && !client.used.take(origin.cl_ord_id, now) {
            return Err(invalid("ClOrdID is not increasing or already in use"));
        }
        if !asks && !client.can_trade {
            return Err(RejectReason::PermissionDenied.into());
        }
        let command = match &request.kind {
            RequestKind::New(fields) => Command::New(self.new_order(origin, fields, engine, now)?),
            RequestKind::Amend(fields) => Command::Amend(self.amend(origin, fields, engine, now)?),
            RequestKind::Cancel(name) => Command::Cancel(self.cancel(origin, name, engine)?),
            RequestKind::MassCancel(scope) => {
                Command::CancelWhere(self.mass_cancel(origin, *scope, engine)?)
            }
            RequestKind::Status(name) => {
                return self.status(origin, name, engine).map(Admitted::Status);
            }
        };
        Ok(Admitted::Command(EngineRecord { origin: Some(*origin), command }))
    }

    fn new_order(
        &self,
        origin: &Origin,
        fields: &NewFields,
        engine: &SpotEngine,
        now: UtcTime,
    ) -> Result<NewOrder, Refusal> {
        let (instrument, rules) = instrument(engine, fields.symbol)?;
        if fields.allocations {
            return Err(RejectReason::PermissionDenied.into());
        }
        let (ord_type, time_in_force) = check_terms(&fields.terms, now)?;
        let (qty, price) = sizes(&fields.terms, ord_type, rules)?;
        Ok(NewOrder {
            account: self.clients[usize::from(origin.client)].account,
            session: origin.tag,
            client_key: origin.cl_ord_id.bits(),
            instrument,
            side: fields.side,
            ord_type,
            time_in_force,
            qty,
            price,
            post_only: fields.terms.post_only,
            self_trade: fields.self_trade,
        })
    }

    fn amend(
        &self,
        origin: &Origin,
        fields: &AmendFields,
        engine: &SpotEngine,
        now: UtcTime,
    ) -> Result<Amend, Refusal> {
        let (instrument, rules) = instrument(engine, fields.symbol)?;
        let record = fields
            .orig_cl_ord_id
            .and_then(|id| self.registry.named(origin.client, id))
            .filter(|record| engine.order_id(record.state.order) == fields.order_id)
            .filter(|record| reaches(self.switches.amend_scope, record, origin))
            .ok_or(RejectReason::UnknownOrder)?;
        let (ord_type, time_in_force) = check_terms(&fields.terms, now)?;
        let state = &record.state;
        // Only price and quantity can be amended (venue file 6.8).
        let fixed = [
            (state.instrument == instrument, "symbol"),
            (state.side == fields.side, "side"),
            (state.ord_type == ord_type, "ordertype"),
            (state.time_in_force == time_in_force, "timeinforce"),
        ];
        if let Some((_, field)) = fixed.into_iter().find(|(same, _)| !same) {
            return Err(invalid(field));
        }
        let (qty, price) = sizes(&fields.terms, ord_type, rules)?;
        Ok(Amend {
            account: state.account,
            session: origin.tag,
            client_key: origin.cl_ord_id.bits(),
            order: state.order,
            qty,
            price,
            post_only: fields.terms.post_only,
        })
    }

    fn cancel(
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

    fn mass_cancel(
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
            session,
            instrument,
            reason: CancelReason::MassCancel,
            // The reports name the orders by their own ClOrdIDs (unspecified: SIM).
            client_key: None,
        })
    }

    /// On spot, orders of other connections are found too, and ended ones for a while (4.5).
    fn status(
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

fn reaches(scope: Scope, record: &OrderRecord, origin: &Origin) -> bool {
    scope == Scope::SenderCache || record.state.session == origin.tag
}

/// The instrument of a symbol. `XBT` is an alias of `BTC` (venue file C16).
pub(crate) fn instrument(
    engine: &SpotEngine,
    symbol: Symbol,
) -> Result<(InstrumentId, &Instrument), Refusal> {
    let id = engine
        .instrument_id(symbol.as_bytes())
        .or_else(|| engine.instrument_id(symbol.as_str().replace("XBT", "BTC").as_bytes()))
        .ok_or(RejectReason::UnknownInstrument)?;
    let rules = engine.instrument(id).ok_or(RejectReason::UnknownInstrument)?;
    Ok((id, rules))
}

fn check_terms(terms: &Terms, now: UtcTime) -> Result<(OrdType, TimeInForce), Refusal> {
    if let Some(field) = terms.unsupported {
        return Err(invalid(field));
    }
    if let Some(until) = terms.valid_until {
        if now > until {
            return Err(Refusal { reason: 0, text: Error::Text("EService:Deadline elapsed") });
        }
        if !(VALID_UNTIL_MIN_NS..=VALID_UNTIL_MAX_NS).contains(&until.nanos_since(now)) {
            return Err(invalid("deadline"));
        }
    }
    let ord_type = match terms.ord_type {
        b'1' => OrdType::Market,
        b'2' => OrdType::Limit,
        _ => return Err(invalid("ordertype")),
    };
    let time_in_force = match terms.time_in_force {
        b'1' => TimeInForce::Gtc,
        b'3' => TimeInForce::Ioc,
        _ => return Err(invalid("timeinforce")),
    };
    Ok((ord_type, time_in_force))
}

fn sizes(terms: &Terms, ord_type: OrdType, rules: &Instrument) -> Result<(Qty, Px), Refusal> {
    let qty = rules.qty(terms.qty).map_err(|_| RejectReason::InvalidQuantity)?;
    let price = match (ord_type, terms.price) {
        (OrdType::Market, _) => Px(0),
        (OrdType::Limit, price) => {
            rules.px(price.unwrap_or(Decimal::new(0, 0))).map_err(|error| match error {
                ValueError::Inexact => RejectReason::TickSize,
                _ => RejectReason::InvalidPrice,
            })?
        }
    };
    Ok((qty, price))
}
