//! What stands behind the gateway for one market: order entry service, trading engine, market data and the
//! house.

use std::collections::VecDeque;

use taut::types::{ClOrdId, InstrumentId, PairStatus, Px, Side, Symbol};
use taut_codec::value::{Decimal, UtcTime};

use super::{Arrival, Outcome};
use crate::gateway::report::BusinessReject;
use crate::gateway::reporter::{Reporter, refusal_text};
use crate::gateway::{Gateway, Subscriber};
use crate::limits::ARRIVALS_MAX;
use crate::liquidity::Liquidity;
use crate::market_data::MarketData;
use crate::market_data::request::MdRequest;
use crate::matching::{Engine, EngineEvent, EventKind, Index, Settlement};
use crate::oes::request::{OrderName, OrderRequest, Origin, RequestKind};
use crate::oes::{Admitted, EngineRecord, Oes, OwnerId};
use crate::rest::Refused;
use crate::state::{Restored, Source, Stored};

/// One market.
pub(super) struct Desk<S> {
    pub oes: Oes,
    pub engine: Engine<S>,
    pub market_data: MarketData,
    pub liquidity: Option<Box<dyn Liquidity<S> + Send>>,
    /// Instruments whose index follows their book.
    pub indices: Vec<InstrumentId>,
    pub events: Vec<EngineEvent>,
}

/// What the desks share.
pub(super) struct Front<'a> {
    pub gateway: &'a mut Gateway,
    pub reporter: &'a mut Reporter,
    pub arrivals: &'a mut Arrivals,
}

/// The commands that arrived, until they are taken.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    pub queue: VecDeque<Arrival>,
    pub lost: u64,
}

impl Arrivals {
    pub(super) fn note(&mut self, arrival: Arrival) {
        if self.queue.len() >= ARRIVALS_MAX {
            self.lost += 1;
        } else {
            self.queue.push_back(arrival);
        }
    }
}

impl Front<'_> {
    fn note(&mut self, origin: &Origin, outcome: Outcome, now: UtcTime) {
        self.arrivals.note(Arrival {
            sender: self.gateway.sender(origin.client).unwrap_or_default(),
            msg_seq_num: origin.msg_seq_num,
            msg_type: origin.msg_type,
            cl_ord_id: Some(origin.cl_ord_id),
            poss_dup: origin.poss_dup,
            at: now,
            outcome,
        });
    }
}

impl<S: Settlement> Restored for Desk<S> {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { oes, engine, market_data, liquidity, indices, events: _ } = self;
        oes.save(out);
        engine.save(out);
        market_data.save(out);
        if let Some(liquidity) = liquidity {
            liquidity.save(out);
        }
        indices.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.oes.restore(from)?;
        self.engine.restore(from)?;
        self.market_data.restore(from)?;
        if let Some(liquidity) = &mut self.liquidity {
            liquidity.restore(from)?;
        }
        self.indices = from.get()?;
        Some(())
    }
}

impl<S: Settlement> Desk<S> {
    /// A request of a trading session.
    pub(super) fn order(&mut self, request: &OrderRequest, front: &mut Front<'_>, now: UtcTime) {
        match self.oes.admit(request, &self.engine, now) {
            Ok(Admitted::Command(record)) => self.trade(&record, front, now),
            Ok(Admitted::Status(record)) => {
                let Front { reporter, gateway, .. } = front;
                reporter.status(&record, &self.oes, &self.engine, gateway, now);
            }
            Err(refusal) => {
                // A status request is no command.
                if !matches!(request.kind, RequestKind::Status(_)) {
                    front.note(&request.origin, Outcome::RefusedByOes, now);
                }
                let mut scratch = [0; ClOrdId::TEXT_MAX];
                let text = refusal_text(refusal.text, self.oes.market(), request.origin.msg_type);
                let reject = BusinessReject {
                    ref_msg_type: &[request.origin.msg_type],
                    ref_id: request.origin.cl_ord_id.write(&mut scratch),
                    reason: refusal.reason,
                    text: &text,
                };
                let (client, service) = (request.origin.client, self.oes.market().trading());
                front.gateway.business_reject(client, service, &reject, now);
            }
        }
    }

    /// A command of the trading engine.
    fn trade(&mut self, record: &EngineRecord, front: &mut Front<'_>, now: UtcTime) {
        if let Some(origin) = &record.origin {
            front.note(origin, Outcome::Arrived, now);
        }
        self.engine.execute(now, &record.command, &mut self.events);
        self.settle(front, now);
    }

    /// Cancels one order of a client's account, by REST.
    pub(super) fn cancel_order(
        &mut self,
        client: u16,
        name: &OrderName,
        front: &mut Front<'_>,
        now: UtcTime,
    ) -> Result<(), Refused> {
        let cancel = self.oes.rest_cancel(client, name, &self.engine, now)?;
        let done = self.engine.cancel(now, &cancel, &mut self.events);
        let refused = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Rejected(rejection) if !done => Some(rejection.reason),
            _ => None,
        });
        self.settle(front, now);
        refused.map_or(Ok(()), |reason| Err(reason.into()))
    }

    /// Cancels all orders of a client's account, or those of a symbol; returns how many.
    pub(super) fn cancel_all(
        &mut self,
        client: u16,
        symbol: Option<Symbol>,
        front: &mut Front<'_>,
        now: UtcTime,
    ) -> usize {
        let instrument = symbol.map(|symbol| self.engine.instrument_id(symbol.as_bytes()));
        let Some(instrument) = instrument.map_or(Some(None), |id| id.map(Some)) else { return 0 };
        let mut count = 0;
        for command in self.oes.rest_cancel_all(client, instrument) {
            count += self.engine.cancel_where(now, &command, &mut self.events);
        }
        self.settle(front, now);
        count
    }

    /// The orders of a connection that is gone.
    pub(super) fn cancel_on_disconnect(
        &mut self,
        owner: OwnerId,
        front: &mut Front<'_>,
        now: UtcTime,
    ) {
        let record = self.oes.cancel_on_disconnect(owner);
        self.trade(&record, front, now);
    }

    /// A market data request.
    pub(super) fn show(
        &mut self,
        from: Subscriber,
        request: &MdRequest,
        gateway: &mut Gateway,
        now: UtcTime,
    ) {
        self.market_data.request(from, request, &self.engine, now, gateway);
    }

    /// Time passes: the house, orders that become live, trigger or expire.
    pub(super) fn tick(&mut self, front: &mut Front<'_>, now: UtcTime) {
        if let Some(liquidity) = &mut self.liquidity
            && liquidity.next_at().is_some_and(|at| at <= now)
        {
            liquidity.act(now, &mut self.engine, &mut self.events);
        }
        self.follow_books();
        self.run(front, now);
    }

    /// Does what the engine has due.
    fn run(&mut self, front: &mut Front<'_>, now: UtcTime) {
        self.engine.tick(now, &mut self.events);
        self.settle(front, now);
    }

    /// When [`Desk::tick`] has something to do next.
    pub(super) fn next_deadline(&self) -> UtcTime {
        let liquidity = self.liquidity.as_ref().and_then(|liquidity| liquidity.next_at());
        liquidity.unwrap_or(UtcTime(u64::MAX)).min(self.engine.next_deadline())
    }

    /// Reports first, market data after.
    pub(super) fn settle(&mut self, front: &mut Front<'_>, now: UtcTime) {
        let Self { events, oes, market_data, engine, .. } = self;
        let Front { reporter, gateway, .. } = front;
        for event in events.drain(..) {
            oes.observe(&event);
            reporter.report(&event, oes, engine, gateway, now);
            market_data.observe(&event);
        }
        market_data.publish(engine, now, *gateway);
    }

    /// Sets the indices that follow a book to its middle, rounded down. An empty side leaves it.
    fn follow_books(&mut self) {
        for &id in &self.indices {
            let Some(book) = self.engine.book(id) else { continue };
            let (Some(bid), Some(offer)) = (book.best(Side::Buy), book.best(Side::Sell)) else {
                continue;
            };
            let index = Index::At(Px((bid.0 + offer.0).div_euclid(2)));
            if self.engine.index(id) != Some(index) {
                self.engine.set_index(id, index);
            }
        }
    }

    /// See [`super::Venue::set_index`].
    pub(super) fn set_index(
        &mut self,
        symbol: Symbol,
        price: Option<Decimal>,
        front: &mut Front<'_>,
        now: UtcTime,
    ) -> bool {
        let Some(id) = self.engine.instrument_id(symbol.as_bytes()) else { return false };
        let index = match price {
            None => Some(Index::Down),
            Some(price) => {
                self.engine.instrument(id).and_then(|rules| rules.px(price).ok()).map(Index::At)
            }
        };
        let Some(index) = index else { return false };
        self.indices.retain(|&one| one != id);
        self.engine.set_index(id, index);
        self.run(front, now);
        true
    }

    /// See [`super::Venue::set_market_status`].
    pub(super) fn set_status(
        &mut self,
        symbol: Symbol,
        status: PairStatus,
        front: &mut Front<'_>,
        now: UtcTime,
    ) -> bool {
        let Some(id) = self.engine.instrument_id(symbol.as_bytes()) else { return false };
        self.engine.set_status(id, status);
        self.market_data.instrument_changed(id, &self.engine, now, front.gateway);
        self.run(front, now);
        true
    }

    /// See [`super::Venue::set_prices_shown`].
    pub(super) fn set_prices_shown(
        &mut self,
        symbol: Symbol,
        shown: bool,
        gateway: &mut Gateway,
        now: UtcTime,
    ) -> bool {
        let Some(id) = self.engine.instrument_id(symbol.as_bytes()) else { return false };
        if shown {
            self.market_data.resume_prices(id, &self.engine, now, gateway);
        } else {
            self.market_data.stop_prices(id, &self.engine, now, gateway);
        }
        true
    }
}
