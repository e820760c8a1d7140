//! Calls by REST: the same stages as a FIX message, with answers of their own.

mod derivatives;

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use taut::kraken::rest::DERIVATIVES_PATH;
use taut::types::{ClOrdId, OrderId, Symbol};
use taut_codec::value::UtcTime;

use super::Venue;
use crate::gateway::{ConnectionId, Market};
use crate::matching::RejectReason;
use crate::oes::OrderRecord;
use crate::oes::request::OrderName;
use crate::rest::{self, Answer, Call, Form, Refused};
use crate::state::Input;

const INVALID: &str = "EGeneral:Invalid arguments";

impl Venue {
    /// Somebody connected to REST, from an address if it is known. Bytes are taken and given as for any other
    /// connection.
    pub fn rest_connected(&mut self, source: Option<IpAddr>, now: UtcTime) -> ConnectionId {
        let id = self.gateway.new_id();
        self.rest.connected(id, source, now);
        id
    }

    pub(super) fn rest_received(&mut self, id: ConnectionId, bytes: &[u8], now: UtcTime) {
        self.rest.feed(id, bytes, now);
        while let Some((call, close)) = self.rest.next(id) {
            let answer = self.call(&call, now);
            self.rest.answer(id, &answer, close);
        }
    }

    /// Carries out a call of the REST interface.
    pub fn call(&mut self, call: &Call, now: UtcTime) -> Answer {
        self.is_dirty = true;
        if let Some(path) = call.path.strip_prefix(DERIVATIVES_PATH) {
            return self.call_derivatives(path, call, now);
        }
        let run = match call.path.as_str() {
            "/0/private/CancelOrder" => Self::cancel_one,
            "/0/private/CancelAll" => Self::cancel_all,
            "/0/private/CancelAllOrdersAfter" => Self::cancel_all_orders_after,
            "/0/private/OpenOrders" => Self::list_open_orders,
            "/0/private/QueryOrders" => Self::query_orders,
            "/0/private/ClosedOrders" => Self::list_closed_orders,
            _ => return Answer::error(404, "EGeneral:Unknown method"),
        };
        let outcome = self.caller(call, now);
        Answer::new(outcome.and_then(|(client, form)| run(self, client, &form, now)))
    }

    /// Who calls, if they may.
    fn caller(&mut self, call: &Call, now: UtcTime) -> Result<(u16, Form), Refused> {
        let form = Form::read(&call.body).ok_or(INVALID)?;
        let nonce = form.get("nonce").map(str::as_bytes);
        let client = self.gateway.caller(Market::Spot, call, nonce, now, |credentials| {
            let Call { path, body, signature, .. } = call;
            credentials.verify_api_sign(path, nonce.unwrap_or_default(), body, signature)
        })?;
        if !self.spot.oes.can_trade(client) {
            return Err(RejectReason::PermissionDenied.into());
        }
        // Cancels of single orders have the limiter of the trading engine only.
        if call.path != "/0/private/CancelOrder" {
            self.enter(&Input::CountCall(client), now)?;
        }
        Ok((client, form))
    }

    fn cancel_one(&mut self, client: u16, form: &Form, now: UtcTime) -> Result<Value, Refused> {
        let name = match (form.get("txid"), form.get("cl_ord_id")) {
            // An id too long for any is as unknown as one that was never given.
            (Some(id), None) => OrderName {
                order_id: Some(OrderId::new(id.as_bytes()).unwrap_or_default()),
                cl_ord_id: None,
            },
            (None, Some(id)) => {
                let id = ClOrdId::parse(id.as_bytes()).map_err(|_| RejectReason::UnknownOrder)?;
                OrderName { order_id: None, cl_ord_id: Some(id) }
            }
            _ => return Err(INVALID.into()),
        };
        self.enter(&Input::CancelOrder(client, name), now).map(rest::result)
    }

    fn cancel_all(&mut self, client: u16, _: &Form, now: UtcTime) -> Result<Value, Refused> {
        self.enter(&Input::CancelAll(client), now).map(rest::result)
    }

    fn cancel_all_orders_after(
        &mut self,
        client: u16,
        form: &Form,
        now: UtcTime,
    ) -> Result<Value, Refused> {
        let seconds = form.get("timeout").and_then(|text| text.parse::<u64>().ok());
        let seconds = seconds.filter(|&seconds| seconds <= rest::TIMEOUT_MAX_S).ok_or(INVALID)?;
        let at = (seconds > 0).then(|| now.plus_nanos(seconds * 1_000_000_000));
        self.enter(&Input::CancelAllAt(client, at), now)?;
        Ok(json!({
            "currentTime": rfc3339(now),
            "triggerTime": at.map_or_else(|| "0".to_owned(), rfc3339),
        }))
    }

    fn list_open_orders(&mut self, client: u16, form: &Form, _: UtcTime) -> Result<Value, Refused> {
        let mut open = Map::new();
        for record in self.spot.oes.open(client) {
            let own = |id: &str| crate::oes::cl_ord_id(record.state.client_key).to_string() == id;
            if form.get("userref").is_some() || !form.get("cl_ord_id").is_none_or(own) {
                continue;
            }
            if let Some(value) = rest::listed(record, &self.spot.engine) {
                open.insert(self.spot.engine.order_id(record.state.order).to_string(), value);
            }
        }
        Ok(json!({ "open": open }))
    }

    fn query_orders(&mut self, client: u16, form: &Form, _: UtcTime) -> Result<Value, Refused> {
        let ids: Vec<&str> = form.get("txid").ok_or(INVALID)?.split(',').map(str::trim).collect();
        if ids.len() > rest::QUERIED_MAX {
            return Err(INVALID.into());
        }
        let (oes, engine) = (&self.spot.oes, &self.spot.engine);
        let mut found = Map::new();
        for id in ids {
            let order_id = Some(OrderId::new(id.as_bytes()).unwrap_or_default());
            let name = OrderName { order_id, cl_ord_id: None };
            let record = oes.of_account(client, &name, engine).ok_or(RejectReason::UnknownOrder)?;
            let value = if record.is_live() {
                rest::listed(&record, engine)
            } else {
                rest::closed(&record, engine)
            };
            found.insert(id.to_owned(), value.ok_or(RejectReason::UnknownOrder)?);
        }
        Ok(found.into())
    }

    fn list_closed_orders(
        &mut self,
        client: u16,
        form: &Form,
        _: UtcTime,
    ) -> Result<Value, Refused> {
        let (oes, engine) = (&self.spot.oes, &self.spot.engine);
        let own = |record: &&OrderRecord| {
            let named = |id: &str| crate::oes::cl_ord_id(record.state.client_key).to_string() == id;
            form.get("userref").is_none() && form.get("cl_ord_id").is_none_or(named)
        };
        let mut closed: Vec<&OrderRecord> = oes.closed(client).filter(own).collect();
        closed
            .sort_unstable_by_key(|record| std::cmp::Reverse((record.touched, record.state.order)));
        let count = closed.len();
        closed.truncate(rest::CLOSED_MAX);
        let one = |record: &OrderRecord| {
            Some((engine.order_id(record.state.order).to_string(), rest::closed(record, engine)?))
        };
        let closed: Map<String, Value> = closed.into_iter().filter_map(one).collect();
        Ok(json!({ "closed": closed, "count": count }))
    }

    /// Cancels all orders of a client's account, or those of a symbol; returns how many.
    pub(super) fn cancel_orders_of(
        &mut self,
        client: u16,
        symbol: Option<Symbol>,
        now: UtcTime,
    ) -> usize {
        let market = self.gateway.market(client);
        let (spot, derivatives, mut front) = self.parts();
        match market {
            Some(Market::Derivatives) => derivatives.cancel_all(client, symbol, &mut front, now),
            _ => spot.cancel_all(client, symbol, &mut front, now),
        }
    }

    /// Clients whose CancelAllOrdersAfter is due lose their orders.
    pub(super) fn follow_cancel_timers(&mut self, now: UtcTime) {
        while let Some(client) = self.cancel_timers.pop(now) {
            self.cancel_orders_of(client, None, now);
        }
    }
}

/// `2023-03-24T17:41:56Z`.
fn rfc3339(at: UtcTime) -> String {
    let fix = String::from_utf8_lossy(&at.to_fix_seconds()).into_owned();
    format!("{}-{}-{}T{}Z", &fix[..4], &fix[4..6], &fix[6..8], &fix[9..])
}
