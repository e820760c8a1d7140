//! Calls to the derivatives' interface.

use taut::event::OrdStatus;
use taut::types::{ClOrdId, InstrumentId, OrderId, Symbol};
use taut_codec::value::UtcTime;

use crate::gateway::Market;
use crate::oes::OrderRecord;
use crate::oes::request::OrderName;
use crate::rest::derivatives::{
    CancelStatus, Cancelled, Endpoint, Failed, SwitchStatus, Told, cancelled, iso, open_order,
};
use crate::rest::{Answer, Call, Form, TIMEOUT_MAX_S};
use crate::state::Input;
use crate::venue::Venue;

impl Venue {
    /// Carries out a call below [`DERIVATIVES_PATH`](taut::kraken::rest::DERIVATIVES_PATH).
    pub(super) fn call_derivatives(&mut self, path: &str, call: &Call, now: UtcTime) -> Answer {
        let Some(endpoint) = Endpoint::of(path) else {
            return Answer::of_derivatives_failed(404, Failed("notFound"), now);
        };
        if call.is_get != endpoint.is_get() {
            return Answer::of_derivatives_failed(405, Failed::ARGUMENT, now);
        }
        let outcome =
            self.let_in(endpoint, path, call, now).and_then(|(client, form)| match endpoint {
                Endpoint::CancelOrder => self.cancel_named(client, &form, now),
                Endpoint::CancelAllOrders => self.cancel_every(client, &form, now),
                Endpoint::CancelAllOrdersAfter => self.cancel_unless_heard(client, &form, now),
                Endpoint::OpenOrders => Ok(self.open_derivatives(client)),
            });
        Answer::of_derivatives(outcome, now)
    }

    /// Who calls, if they may, and with what.
    fn let_in(
        &mut self,
        endpoint: Endpoint,
        path: &str,
        call: &Call,
        now: UtcTime,
    ) -> Result<(u16, Form), Failed> {
        let nonce = Some(&call.nonce[..]).filter(|nonce| !nonce.is_empty());
        let client = self.gateway.caller(Market::Derivatives, call, nonce, now, |credentials| {
            let nonce = nonce.unwrap_or_default();
            credentials.verify_authent(path, nonce, &call.form(), &call.signature)
        })?;
        if !self.derivatives.oes.can_trade(client) {
            return Err(Failed::AUTHENTICATION);
        }
        self.enter(&Input::SpendTokens(client, endpoint.cost()), now).map_err(|_| Failed::LIMIT)?;
        Ok((client, Form::read(&call.form()).ok_or(Failed::ARGUMENT)?))
    }

    fn cancel_named(&mut self, client: u16, form: &Form, now: UtcTime) -> Result<Told, Failed> {
        let (order_id, cl_ord_id) = match (form.get("order_id"), form.get("cliOrdId")) {
            (Some(id), None) => (Some(OrderId::new(id.as_bytes()).unwrap_or_default()), None),
            (None, Some(id)) => (None, ClOrdId::parse(id.as_bytes()).ok()),
            (None, None) => return Err(Failed::MISSING),
            (Some(_), Some(_)) => return Err(Failed::ARGUMENT),
        };
        let name = OrderName { order_id, cl_ord_id };
        let told = |status| CancelStatus { status, received_time: iso(now), ..Default::default() };
        let desk = &self.derivatives;
        let record = desk.oes.of_account(client, &name, &desk.engine);
        let event =
            record.filter(OrderRecord::is_live).and_then(|one| cancelled(&one, &desk.engine));
        let Some(event) = event else {
            let is_filled = record.is_some_and(|record| record.status == OrdStatus::Filled);
            return Ok(Told::CancelStatus(told(if is_filled { "filled" } else { "notFound" })));
        };
        let order_id = record.map(|one| desk.engine.order_id(one.state.order).to_string());
        self.enter(&Input::CancelOrder(client, name), now).map_err(|_| Failed::MARKET)?;
        Ok(Told::CancelStatus(CancelStatus {
            order_id,
            order_events: vec![event],
            ..told("cancelled")
        }))
    }

    fn cancel_every(&mut self, client: u16, form: &Form, now: UtcTime) -> Result<Told, Failed> {
        let (input, instrument) = match form.get("symbol") {
            None => (Input::CancelAll(client), None),
            Some(text) => {
                let symbol = text.parse::<Symbol>().map_err(|_| Failed::ARGUMENT)?;
                let instrument = self.derivatives.engine.instrument_id(symbol.as_bytes());
                let instrument = instrument.ok_or(Failed::ARGUMENT)?;
                (Input::CancelSymbol(client, symbol), Some(instrument))
            }
        };
        let before = self.open_records(client, instrument);
        let engine = &self.derivatives.engine;
        let events: Vec<_> = before.iter().map(|record| cancelled(record, engine)).collect();
        self.enter(&input, now).map_err(|_| Failed::MARKET)?;
        let engine = &self.derivatives.engine;
        let mut status = CancelStatus {
            status: "noOrdersToCancel",
            received_time: iso(now),
            cancel_only: Some(form.get("symbol").unwrap_or("all").to_owned()),
            ..Default::default()
        };
        let mut orders = Vec::new();
        for (record, event) in before.iter().zip(events) {
            // A market in maintenance keeps its orders.
            if engine.order(record.state.order).is_none() {
                status.status = "cancelled";
                orders.push(Cancelled {
                    order_id: engine.order_id(record.state.order).to_string(),
                    cli_ord_id: crate::oes::cl_ord_id(record.state.client_key).to_string(),
                });
                status.order_events.extend(event);
            }
        }
        status.cancelled_orders = Some(orders);
        Ok(Told::CancelStatus(status))
    }

    fn cancel_unless_heard(
        &mut self,
        client: u16,
        form: &Form,
        now: UtcTime,
    ) -> Result<Told, Failed> {
        let seconds = form.get("timeout").ok_or(Failed::MISSING)?.parse::<u64>().ok();
        let seconds =
            seconds.filter(|&seconds| seconds <= TIMEOUT_MAX_S).ok_or(Failed::ARGUMENT)?;
        let at = (seconds > 0).then(|| now.plus_nanos(seconds * 1_000_000_000));
        self.enter(&Input::CancelAllAt(client, at), now).map_err(|_| Failed::MARKET)?;
        Ok(Told::Status(SwitchStatus {
            current_time: iso(now),
            trigger_time: at.map_or_else(|| "0".to_owned(), iso),
        }))
    }

    fn open_derivatives(&self, client: u16) -> Told {
        let records = self.open_records(client, None);
        let engine = &self.derivatives.engine;
        Told::OpenOrders(records.iter().filter_map(|one| open_order(one, engine)).collect())
    }

    /// The live orders of a client's account, the oldest first.
    fn open_records(&self, client: u16, instrument: Option<InstrumentId>) -> Vec<OrderRecord> {
        let desk = &self.derivatives;
        let is_meant = |record: &&OrderRecord| {
            instrument.is_none_or(|instrument| instrument == record.state.instrument)
        };
        let mut records: Vec<_> = desk.oes.open(client).filter(is_meant).copied().collect();
        let age = |record: &OrderRecord| {
            (
                desk.engine.order(record.state.order).map(|order| order.created_at),
                record.state.order,
            )
        };
        records.sort_by_key(age);
        records
    }
}
