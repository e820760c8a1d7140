//! The one door to the stages behind the gateway.

use taut_codec::value::UtcTime;

use super::{Front, Venue};
use crate::gateway::Market;
use crate::oes::Owner;
use crate::rest::Refused;
use crate::state::Input;

impl Venue {
    /// Lets an input in: it is noted first, if a state is kept.
    pub(super) fn enter(&mut self, input: &Input, now: UtcTime) -> Result<usize, Refused> {
        self.is_dirty = true;
        if let Some(keep) = &mut self.keep {
            keep.note(input, now);
        }
        self.act(input, now)
    }

    /// What an input does. Returns how much was done: what that counts depends on the input.
    pub(super) fn act(&mut self, input: &Input, now: UtcTime) -> Result<usize, Refused> {
        let done = match *input {
            Input::Tick => {
                self.follow_cancel_timers(now);
                let (spot, derivatives, mut front) = self.parts();
                spot.tick(&mut front, now);
                derivatives.tick(&mut front, now);
                let Front { gateway, reporter, .. } = front;
                reporter.release(&spot.oes, &spot.engine, gateway, now);
                reporter.release(&derivatives.oes, &derivatives.engine, gateway, now);
                true
            }
            Input::Order(request) => {
                let (spot, derivatives, mut front) = self.parts();
                match request.origin.market {
                    Market::Spot => spot.order(&request, &mut front, now),
                    Market::Derivatives => derivatives.order(&request, &mut front, now),
                }
                true
            }
            Input::LoggedOn(owner, reset_watermark) => {
                let oes = match self.gateway.market(owner.client) {
                    Some(Market::Derivatives) => &mut self.derivatives.oes,
                    _ => &mut self.spot.oes,
                };
                oes.logged_on(owner);
                if reset_watermark {
                    oes.reset_watermark(owner.client);
                }
                true
            }
            Input::CancelOnDisconnect(owner) => {
                let market = self.gateway.market(Owner::of(owner).client);
                let (spot, derivatives, mut front) = self.parts();
                match market {
                    Some(Market::Derivatives) => {
                        derivatives.cancel_on_disconnect(owner, &mut front, now);
                    }
                    _ => spot.cancel_on_disconnect(owner, &mut front, now),
                }
                true
            }
            Input::Rollover => {
                self.spot.oes.roll_over();
                self.derivatives.oes.roll_over();
                true
            }
            Input::CountCall(client) => {
                self.spot.oes.count_call(client, now)?;
                true
            }
            Input::CancelOrder(client, name) => {
                let market = self.gateway.market(client);
                let (spot, derivatives, mut front) = self.parts();
                match market {
                    Some(Market::Derivatives) => {
                        derivatives.cancel_order(client, &name, &mut front, now)?;
                    }
                    _ => spot.cancel_order(client, &name, &mut front, now)?,
                }
                true
            }
            Input::SpendTokens(client, tokens) => {
                self.derivatives.oes.spend_tokens(client, tokens, now)?;
                true
            }
            Input::CancelAll(client) => return Ok(self.cancel_orders_of(client, None, now)),
            Input::CancelSymbol(client, symbol) => {
                return Ok(self.cancel_orders_of(client, Some(symbol), now));
            }
            Input::CancelAllAt(client, at) => {
                self.cancel_timers.set(client, at);
                true
            }
            Input::Status(symbol, status) => {
                let (spot, derivatives, mut front) = self.parts();
                match Market::of_symbol(symbol.as_str()) {
                    Market::Spot => spot.set_status(symbol, status, &mut front, now),
                    Market::Derivatives => derivatives.set_status(symbol, status, &mut front, now),
                }
            }
            Input::Index(symbol, price) => {
                let (spot, derivatives, mut front) = self.parts();
                match Market::of_symbol(symbol.as_str()) {
                    Market::Spot => spot.set_index(symbol, price, &mut front, now),
                    Market::Derivatives => derivatives.set_index(symbol, price, &mut front, now),
                }
            }
            Input::PricesShown(symbol, shown) => {
                let (spot, derivatives, Front { gateway, .. }) = self.parts();
                match Market::of_symbol(symbol.as_str()) {
                    Market::Spot => spot.set_prices_shown(symbol, shown, gateway, now),
                    Market::Derivatives => {
                        derivatives.set_prices_shown(symbol, shown, gateway, now)
                    }
                }
            }
            Input::ReportTrades(reported) => {
                let (spot, derivatives, Front { gateway, reporter, .. }) = self.parts();
                if reported {
                    reporter.restate(&spot.oes, &spot.engine, gateway, now);
                    reporter.restate(&derivatives.oes, &derivatives.engine, gateway, now);
                } else {
                    reporter.withhold_trades();
                }
                true
            }
            Input::LateReport(client, nanos) => self.reporter.hold_next(client, nanos),
            Input::Trading(status) => {
                let Self { spot, gateway, .. } = self;
                spot.market_data.set_status(status, now, gateway);
                true
            }
        };
        Ok(usize::from(done))
    }

    /// An input of control: whether there was something that it could be done to.
    pub(super) fn steer(&mut self, input: &Input, now: UtcTime) -> bool {
        matches!(self.enter(input, now), Ok(1..))
    }
}
