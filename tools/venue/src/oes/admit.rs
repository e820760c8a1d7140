//! From a request to a command of the trading engine, or a refusal.

use taut::risk::venue_rate::Action;
use taut::types::{Instrument, InstrumentId, Symbol};
use taut_codec::value::UtcTime;

use super::request::{AmendFields, NewFields, OrderRequest, Origin, RequestKind};
use super::terms::{self, Kind, Sizes};
use super::{Admitted, EngineRecord, Oes, OrderRecord, Refusal, invalid, rates};
use crate::gateway::Market;
use crate::matching::{Amend, Command, Engine, NewOrder, RejectReason, Settlement};

impl Oes {
    /// Admits or refuses a request. Every request but a status request uses up its ClOrdID, also if
    /// it is refused for another reason (venue file 6.9).
    ///
    /// # Errors
    /// The reject to answer with.
    pub fn admit<S: Settlement>(
        &mut self,
        request: &OrderRequest,
        engine: &Engine<S>,
        now: UtcTime,
    ) -> Result<Admitted, Refusal> {
        let origin = &request.origin;
        // A status request names the order by the ClOrdID (C17), so it uses none up.
        if !matches!(request.kind, RequestKind::Status(_)) {
            self.use_up(origin, now)?;
            self.permit(request)?;
        }
        match origin.market {
            Market::Spot => self.charge(request, engine, now)?,
            Market::Derivatives => self.take_tokens(origin, now)?,
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

    /// Venue file 6.9: increasing and new within the session, and on none of the account's open orders.
    fn use_up(&mut self, origin: &Origin, now: UtcTime) -> Result<(), Refusal> {
        let open = self.named(origin.client, origin.cl_ord_id).is_some();
        let client = self.clients.get_mut(&origin.client);
        let client = client.ok_or(RejectReason::PermissionDenied)?;
        if client.used.take(origin.cl_ord_id, now) && !open {
            Ok(())
        } else {
            Err(invalid("ClOrdID is not increasing or already in use"))
        }
    }

    fn permit(&self, request: &OrderRequest) -> Result<(), Refusal> {
        let permissions = self.clients[&request.origin.client].permissions;
        if permissions.trade { Ok(()) } else { Err(RejectReason::PermissionDenied.into()) }
    }

    /// Derivatives: the bucket of the session (venue file 7).
    fn take_tokens(&mut self, origin: &Origin, now: UtcTime) -> Result<(), Refusal> {
        let cost = self.switches.derivatives.cost(origin.msg_type);
        let client = self.clients.get_mut(&origin.client);
        let client = client.ok_or(RejectReason::PermissionDenied)?;
        let refusal = Refusal { reason: 0, text: rates::DERIVATIVES_LIMIT };
        client.bucket.take(cost, now).map_err(|_| refusal)
    }

    /// Spot: the counter of the account and pair, and the number of open orders (venue file 7). What an
    /// unknown order would have cost beyond the fixed part cannot be known.
    fn charge<S: Settlement>(
        &mut self,
        request: &OrderRequest,
        engine: &Engine<S>,
        now: UtcTime,
    ) -> Result<(), Refusal> {
        let client = request.origin.client;
        let account = self.account(client).ok_or(RejectReason::PermissionDenied)?;
        let young = |record: Option<&OrderRecord>| {
            record.map_or(u64::MAX, |record| now.nanos_since(record.touched))
        };
        match &request.kind {
            RequestKind::New(fields) => {
                let (instrument, _) = instrument(engine, fields.symbol)?;
                self.rates.charge((account, instrument), Action::Add, now)?;
                self.rates.room(account, instrument)
            }
            RequestKind::Amend(fields) => {
                let (instrument, _) = instrument(engine, fields.symbol)?;
                let record = fields.orig_cl_ord_id.and_then(|id| self.named(client, id));
                let action = Action::Amend { age: young(record) };
                self.rates.charge((account, instrument), action, now)
            }
            RequestKind::Cancel(name) => {
                let Some(record) = self.cancelled(client, name, engine) else { return Ok(()) };
                let pair = (account, record.state.instrument);
                let action = Action::Cancel { age: young(Some(record)) };
                self.charge_cancel(pair, action, now)
            }
            RequestKind::MassCancel(_) | RequestKind::Status(_) => Ok(()),
        }
    }

    fn new_order<S: Settlement>(
        &self,
        origin: &Origin,
        fields: &NewFields,
        engine: &Engine<S>,
        now: UtcTime,
    ) -> Result<NewOrder, Refusal> {
        let (instrument, rules) = instrument(engine, fields.symbol)?;
        let account = self.account_of(origin.client, fields.allocation)?;
        let Kind { ord_type, time_in_force } = Kind::read(&fields.terms, now)?;
        let flags = fields.terms.flags;
        if fields.terms.leveraged && !self.clients[&origin.client].permissions.margin {
            return Err(RejectReason::CannotOpenPosition.into());
        }
        let sizes = Sizes::read(&fields.terms, ord_type, flags.qty_in_quote, rules)?;
        Ok(NewOrder {
            account,
            session: origin.tag,
            client_key: origin.cl_ord_id.bits(),
            instrument,
            side: fields.side,
            ord_type,
            time_in_force,
            qty: sizes.qty,
            price: sizes.price,
            post_only: flags.post_only,
            self_trade: fields.self_trade,
            conditions: terms::conditions(&fields.terms, &sizes),
        })
    }

    fn amend<S: Settlement>(
        &self,
        origin: &Origin,
        fields: &AmendFields,
        engine: &Engine<S>,
        now: UtcTime,
    ) -> Result<Amend, Refusal> {
        let (instrument, rules) = instrument(engine, fields.symbol)?;
        let record = fields
            .orig_cl_ord_id
            .and_then(|id| self.named(origin.client, id))
            .filter(|record| engine.order_id(record.state.order) == fields.order_id)
            .filter(|record| self.reaches(self.switches.amend_scope, record, origin))
            .ok_or(RejectReason::UnknownOrder)?;
        let Kind { ord_type, time_in_force } = Kind::read(&fields.terms, now)?;
        let state = &record.state;
        // Only prices and quantities can be amended (venue file 6.8). A triggered order may be called by
        // the type that it came with.
        let same_type = [state.ord_type, state.placed_as].contains(&ord_type);
        let fixed = [
            (state.instrument == instrument, "symbol"),
            (state.side == fields.side, "side"),
            (same_type, "ordertype"),
            (state.time_in_force == time_in_force, "timeinforce"),
        ];
        if let Some((_, field)) = fixed.into_iter().find(|(same, _)| !same) {
            return Err(invalid(field));
        }
        let sizes = Sizes::read(&fields.terms, state.ord_type, state.qty_in_quote, rules)?;
        Ok(Amend {
            account: state.account,
            session: origin.tag,
            client_key: origin.cl_ord_id.bits(),
            order: state.order,
            qty: sizes.qty,
            price: sizes.price,
            post_only: fields.terms.flags.post_only,
            stop: sizes.stop,
            display: sizes.display,
            valid_until: fields.terms.valid_until,
        })
    }
}

/// The instrument of a symbol. `XBT` is an alias of `BTC` (venue file C16).
pub(crate) fn instrument<S: Settlement>(
    engine: &Engine<S>,
    symbol: Symbol,
) -> Result<(InstrumentId, &Instrument), Refusal> {
    let id = engine
        .instrument_id(symbol.as_bytes())
        .or_else(|| engine.instrument_id(symbol.as_str().replace("XBT", "BTC").as_bytes()))
        .ok_or(RejectReason::UnknownInstrument)?;
    let rules = engine.instrument(id).ok_or(RejectReason::UnknownInstrument)?;
    Ok((id, rules))
}
