//! What an order takes from the book, and what is left of it.

use taut::types::TimeInForce;

use super::money::ceil;
use super::order::{Naive, Place};
use super::{CancelReason, Model, Said};
use crate::matching::SelfTrade;

impl Model {
    pub(super) fn take(&mut self, mut order: Naive, said: &mut Vec<Said>) {
        if order.tif == TimeInForce::Fok {
            // Tried out in another world.
            let (mut world, mut there) = (self.clone(), Vec::new());
            world.take(Naive { tif: TimeInForce::Ioc, ..order.clone() }, &mut there);
            if there
                .iter()
                .any(|said| matches!(said, Said::Cancelled(key, ..) if *key == order.key))
            {
                said.push(Said::Cancelled(order.key, CancelReason::FillOrKill, order.leaves()));
                return;
            }
        }
        order.place = Place::Book;
        while order.leaves() > 0 {
            let Some(key) = self.book(order.side.opposite()).first().map(|o| o.key) else { break };
            let at = self.live.iter().position(|o| o.key == key).expect("it is in the book");
            let px = self.live[at].limit.unwrap_or(0);
            if !order.crosses(px) {
                break;
            }
            if self.live[at].account == order.account && !self.free[order.account] {
                if order.mode != SelfTrade::CancelNewest {
                    let maker = self.live.remove(at);
                    said.push(Said::Cancelled(maker.key, CancelReason::SelfTrade, maker.leaves()));
                }
                if order.mode != SelfTrade::CancelOldest {
                    said.push(Said::Cancelled(order.key, CancelReason::SelfTrade, order.leaves()));
                    return;
                }
                continue;
            }
            let mut maker = self.live.remove(at);
            let qty = order.leaves().min(maker.visible());
            self.fill(&mut order, px, qty, self.fees.1);
            self.fill(&mut maker, px, qty, self.fees.0);
            maker.slice -= qty;
            let figures = |o: &Naive| (o.cum(), o.leaves(), o.notional(), ceil(self.fee_exact(o)));
            let both = [figures(&maker), figures(&order)];
            said.push(Said::Trade(maker.key, order.key, px, qty, both));
            self.last = Some(px);
            self.seen.push_back(px);
            if maker.leaves() > 0 {
                if maker.visible() == 0 {
                    maker.refill();
                    maker.queued = self.count();
                }
                self.live.insert(at, maker);
            }
        }
        if order.leaves() == 0 {
            return;
        }
        if order.limit.is_none() {
            said.push(Said::Cancelled(order.key, CancelReason::NoLiquidity, order.leaves()));
        } else if order.tif == TimeInForce::Ioc {
            said.push(Said::Cancelled(order.key, CancelReason::ImmediateOrCancel, order.leaves()));
        } else {
            order.queued = self.count();
            order.refill();
            self.live.push(order);
        }
    }
}
