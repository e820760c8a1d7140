//! What several subscribers are told alike: one topic per instrument, kind and depth. A topic follows
//! its book once and writes its entries once; only header and MDReqID are each subscriber's own.

use taut::limits::MESSAGE_BYTES_MAX;
use taut::types::{Instrument, InstrumentId, OrderId, Side};
use taut_codec::encode::fragment::Fragment;
use taut_codec::encode::{EncodeError, Encoder, HeaderOrder};
use taut_codec::value::UtcTime;

use super::checksum::{self, CHECKSUM_LEVELS};
use super::encode::{OrderForm, PublicTrade, write_changes, write_head, write_levels};
use super::order_shadow::{OrderChange, OrderShadow};
use super::request::RequestId;
use super::shadow::{Change, Shadow};
use super::switches::{L3Checksum, MarketDataSwitches};
use super::view::MarketView;
use super::{NORMAL, Outlet};
use crate::gateway::{Market, Subscriber};
use crate::limits::MD_ENTRIES_PER_MESSAGE_MAX;
use crate::matching::{LevelChange, OrderRef};

/// What a subscription shows, and how deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// L2: price levels.
    Levels(usize),
    /// L3: orders.
    Orders(usize),
    /// Trades alone.
    Trades,
}

#[derive(Debug)]
enum Shown {
    Levels(Shadow),
    Orders(OrderShadow),
    Nothing,
}

impl Shown {
    fn new(kind: Kind, id: InstrumentId, view: &impl MarketView) -> Self {
        match (kind, view.book(id)) {
            (Kind::Levels(depth), Some(book)) => Self::Levels(Shadow::new(depth, book)),
            (Kind::Orders(depth), _) => Self::Orders(OrderShadow::new(depth, id, view)),
            _ => Self::Nothing,
        }
    }
}

#[derive(Debug)]
struct Member {
    to: Subscriber,
    id: RequestId,
    trades: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) kind: Kind,
    instrument: InstrumentId,
    shown: Shown,
    members: Vec<Member>,
}

/// Room to work in, shared by all topics.
#[derive(Debug)]
pub(super) struct Scratch {
    levels: Vec<Change>,
    orders: Vec<OrderChange>,
    fragment: Box<[u8]>,
}

impl Default for Scratch {
    fn default() -> Self {
        // What header, symbol and MDReqID take beside a fragment stays far below 1 KiB.
        let fragment = vec![0; MESSAGE_BYTES_MAX - 1024].into_boxed_slice();
        Self { levels: Vec::new(), orders: Vec::new(), fragment }
    }
}

/// The checksums of one state of a book, each made when it is needed first.
#[derive(Debug, Default)]
pub(super) struct Sums {
    levels: Option<u32>,
    orders: Option<u32>,
}

/// A publication: what a topic is told with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion<'a, V> {
    pub(super) view: &'a V,
    pub(super) rules: &'a Instrument,
    pub(super) switches: &'a MarketDataSwitches,
    pub(super) now: UtcTime,
}

impl Topic {
    pub(super) fn new(kind: Kind, id: InstrumentId, view: &impl MarketView) -> Self {
        let shown = Shown::new(kind, id, view);
        Self { kind, instrument: id, shown, members: Vec::new() }
    }

    pub(super) fn join(&mut self, to: Subscriber, id: RequestId, trades: bool) {
        self.members.push(Member { to, id, trades });
    }

    pub(super) fn leave(&mut self, gone: impl Fn(Subscriber, RequestId) -> bool) {
        self.members.retain(|member| !gone(member.to, member.id));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a snapshot fits a message: one of L3 is as long as there are orders.
    pub(super) fn fits<V: MarketView>(&self, on: &Occasion<'_, V>, scratch: &mut Scratch) -> bool {
        self.write_snapshot(on, &mut scratch.fragment).is_ok()
    }

    /// Sends a snapshot (35=W) to one member, or to all; `false` if it is longer than a message can be.
    pub(super) fn snapshot<V: MarketView>(
        &self,
        only: Option<(Subscriber, RequestId)>,
        on: &Occasion<'_, V>,
        scratch: &mut Scratch,
        outlet: &mut impl Outlet,
    ) -> bool {
        let Ok(entries) = self.write_snapshot(on, &mut scratch.fragment) else { return false };
        match only {
            Some((to, id)) => on.send(to, id, b"W", NORMAL, &entries, outlet),
            None => {
                for member in &self.members {
                    on.send(member.to, member.id, b"W", NORMAL, &entries, outlet);
                }
            }
        }
        true
    }

    fn write_snapshot<'b, V: MarketView>(
        &self,
        on: &Occasion<'_, V>,
        fragment: &'b mut [u8],
    ) -> Result<Fragment<'b>, EncodeError> {
        let mut enc = Encoder::fragment(fragment);
        match &self.shown {
            Shown::Levels(shadow) => {
                let (offers, bids) = (shadow.levels(Side::Sell), shadow.levels(Side::Buy));
                write_levels(&mut enc, on.rules, offers, bids);
            }
            Shown::Orders(shadow) => {
                let (offers, bids) = (shadow.levels(Side::Sell), shadow.levels(Side::Buy));
                on.form().write_orders(&mut enc, on.rules, offers, bids);
            }
            Shown::Nothing => write_levels(&mut enc, on.rules, &[], &[]),
        }
        enc.finish_fragment()
    }

    /// Shows the book as it is.
    pub(super) fn refresh(&mut self, view: &impl MarketView) {
        self.shown = Shown::new(self.kind, self.instrument, view);
    }

    /// Shows nothing.
    pub(super) fn clear(&mut self) {
        match &mut self.shown {
            Shown::Levels(shadow) => shadow.clear(),
            Shown::Orders(shadow) => shadow.clear(),
            Shown::Nothing => {}
        }
    }

    /// Sends the members what changed (35=X), nothing if nothing did.
    pub(super) fn publish<V: MarketView>(
        &mut self,
        changes: Option<&[LevelChange]>,
        trades: &[PublicTrade],
        sums: &mut Sums,
        on: &Occasion<'_, V>,
        scratch: &mut Scratch,
        outlet: &mut impl Outlet,
    ) {
        let Scratch { levels, orders, fragment } = scratch;
        levels.clear();
        orders.clear();
        let mut sum = None;
        match &mut self.shown {
            Shown::Levels(shadow) => {
                let Some(book) = on.view.book(self.instrument) else { return };
                shadow.follow(book, changes, levels);
                if !levels.is_empty() {
                    sum = Some(sums.levels(on, self.instrument));
                }
            }
            Shown::Orders(shadow) => {
                shadow.follow(self.instrument, on.view, changes, orders);
                if !orders.is_empty() {
                    sum = match on.switches.l3_checksum {
                        L3Checksum::None => None,
                        L3Checksum::Levels => Some(sums.levels(on, self.instrument)),
                        L3Checksum::Orders => Some(sums.orders(on, self.instrument)),
                    };
                }
            }
            Shown::Nothing => {}
        }
        let form = on.form();
        for part in parts(orders) {
            let sum = sum.filter(|_| part.is_last);
            self.tell(None, on, fragment, outlet, |enc| {
                form.write_changes(enc, on.rules, part.entries, sum);
            });
        }
        for wants_trades in [true, false] {
            let trades = if wants_trades { trades } else { &[] };
            let whole = trades.len() + levels.len() <= MD_ENTRIES_PER_MESSAGE_MAX;
            if whole && !(trades.is_empty() && levels.is_empty()) {
                self.tell(Some(wants_trades), on, fragment, outlet, |enc| {
                    write_changes(enc, on.rules, trades, levels, sum);
                });
            } else {
                for part in parts(trades) {
                    self.tell(Some(wants_trades), on, fragment, outlet, |enc| {
                        write_changes(enc, on.rules, part.entries, &[], None);
                    });
                }
                for part in parts(levels) {
                    let sum = sum.filter(|_| part.is_last);
                    self.tell(Some(wants_trades), on, fragment, outlet, |enc| {
                        write_changes(enc, on.rules, &[], part.entries, sum);
                    });
                }
            }
        }
    }

    /// Writes entries once and sends them to the members, to all or by whether they want trades.
    fn tell<V: MarketView>(
        &self,
        wants_trades: Option<bool>,
        on: &Occasion<'_, V>,
        fragment: &mut [u8],
        outlet: &mut impl Outlet,
        write: impl FnOnce(&mut Encoder<'_>),
    ) {
        let chosen = |member: &&Member| wants_trades.is_none_or(|wants| wants == member.trades);
        let mut members = self.members.iter().filter(chosen).peekable();
        if members.peek().is_none() {
            return;
        }
        let mut enc = Encoder::fragment(fragment);
        write(&mut enc);
        let entries = enc.finish_fragment().expect("a part has as few entries as always fit");
        for member in members {
            // As captured on either market (venue file 3.1).
            let order = match member.to.service.market() {
                Market::Spot => HeaderOrder::SeqTargetSenderTime,
                Market::Derivatives => NORMAL,
            };
            on.send(member.to, member.id, b"X", order, &entries, outlet);
        }
    }
}

/// Some of the entries of an incremental that is too long for one message.
struct Part<'a, T> {
    entries: &'a [T],
    is_last: bool,
}

fn parts<T>(entries: &[T]) -> impl Iterator<Item = Part<'_, T>> {
    let count = entries.chunks(MD_ENTRIES_PER_MESSAGE_MAX).len();
    let chunks = entries.chunks(MD_ENTRIES_PER_MESSAGE_MAX).enumerate();
    chunks.map(move |(at, entries)| Part { entries, is_last: at + 1 == count })
}

impl<V: MarketView> Occasion<'_, V> {
    fn form(&self) -> OrderForm<impl Fn(OrderRef) -> OrderId> {
        OrderForm { id: |order| self.view.order_id(order), switches: *self.switches }
    }

    fn send(
        &self,
        to: Subscriber,
        id: RequestId,
        msg_type: &[u8],
        order: HeaderOrder,
        entries: &Fragment<'_>,
        outlet: &mut impl Outlet,
    ) {
        outlet.send(to, msg_type, order, self.now, |enc| {
            write_head(enc, self.rules, id);
            enc.fields(entries);
        });
    }
}

impl Sums {
    fn levels<V: MarketView>(&mut self, on: &Occasion<'_, V>, id: InstrumentId) -> u32 {
        *self.levels.get_or_insert_with(|| {
            let side = |side| {
                let levels = on.view.book(id).into_iter().flat_map(move |book| book.levels(side));
                levels.map(|level| (level.px, level.total))
            };
            checksum::checksum(side(Side::Sell), side(Side::Buy))
        })
    }

    fn orders<V: MarketView>(&mut self, on: &Occasion<'_, V>, id: InstrumentId) -> u32 {
        *self.orders.get_or_insert_with(|| {
            let side = |side| {
                let levels = on.view.book(id).into_iter().flat_map(move |book| book.levels(side));
                levels.take(CHECKSUM_LEVELS).flat_map(move |level| {
                    let queue = on.view.queue(id, side, level.px);
                    queue.into_iter().map(move |order| (level.px, order.qty))
                })
            };
            checksum::of_orders(side(Side::Sell), side(Side::Buy))
        })
    }
}
