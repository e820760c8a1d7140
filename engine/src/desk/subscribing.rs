//! What the sessions need beside the orders: the instrument list, the subscriptions, the logout.

use super::Core;
use crate::command::{Command, CommandKind};
use crate::limits::{COMMANDS_PER_CALLBACK_MAX, INSTRUMENTS_MAX};
use crate::trace::Stamps;
use crate::types::InstrumentId;

/// Room in the queue beside the strategy's commands: an unsubscribe and a subscribe per instrument,
/// and for each of two markets the instrument list, two logouts, a call by REST.
pub(super) const HOUSEKEEPING: usize = 2 * INSTRUMENTS_MAX + 2 * 4;

impl Core {
    pub fn on_market_data_up(&mut self) {
        self.markets.on_session_down(self.own.clone());
        self.is_market_data_up = true;
        self.request_instruments = true;
        self.needs_pump = true;
    }

    pub fn on_market_data_down(&mut self) {
        self.markets.on_session_down(self.own.clone());
        self.is_market_data_up = false;
        self.request_instruments = false;
    }

    /// Sends what the market data session needs: the instrument list, then every subscription, and
    /// new ones for books that disagreed. What finds no room is sent at the next call.
    pub fn pump(&mut self) {
        if !self.is_market_data_up {
            return;
        }
        if self.request_instruments {
            if !self.has_room(1) {
                return;
            }
            self.request_instruments = false;
            self.send_housekeeping(CommandKind::RequestInstruments);
        }
        self.needs_pump = false;
        let is_listed = |id| self.markets.get(id).is_some_and(|one| one.subscription.listed);
        if !self.own_ids().all(is_listed) {
            return;
        }
        for id in self.own_ids() {
            if !self.has_room(2) {
                self.needs_pump = true;
                return;
            }
            self.pump_market(id);
        }
    }

    fn pump_market(&mut self, instrument: InstrumentId) {
        let depth = self.depth;
        let Some(market) = self.markets.get_mut(instrument) else { return };
        let old = market.subscription.active;
        if old.is_some() && !market.subscription.resync {
            return;
        }
        let generation = market.subscription.generation.wrapping_add(1);
        market.subscription.generation = generation;
        market.subscription.active = Some(generation);
        market.subscription.resync = false;
        if let Some(generation) = old {
            self.send_housekeeping(CommandKind::Unsubscribe { instrument, depth, generation });
        }
        self.send_housekeeping(CommandKind::Subscribe { instrument, depth, generation });
    }

    pub(super) fn has_room(&self, commands: usize) -> bool {
        self.queue.len() + commands <= COMMANDS_PER_CALLBACK_MAX + HOUSEKEEPING
    }

    fn send_housekeeping(&mut self, kind: CommandKind) {
        let session = self.market_data;
        self.queue.push_back(Command { session, stamps: Stamps::NONE, kind });
    }

    /// Asks its sessions to log out.
    pub fn log_out(&mut self) {
        for session in [self.trading_session, self.market_data] {
            if self.has_room(1) {
                let kind = CommandKind::Logout;
                self.queue.push_back(Command { session, stamps: Stamps::NONE, kind });
            }
        }
    }
}
