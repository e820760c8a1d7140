//! The strategy of the conversation. It keeps what it hears in memory taken before the start.

use taut::order::{OrderUpdate, UpdateKind};
use taut::strategy::{Context, InstrumentId, OrderSpec, Px, Qty, SessionUpdate, Side, Strategy};

/// Updates that are kept.
const KEPT: usize = 4_096;

/// Buys when it may, amends twice what rests, cancels what is amended, and buys again with every hundredth
/// change of the book.
pub struct Script {
    books: u64,
    replaced: u32,
    orders: Vec<OrderUpdate>,
    sessions: Vec<SessionUpdate>,
}

/// What it heard, without what differs from run to run.
#[derive(Debug, PartialEq)]
pub struct Heard {
    pub books: u64,
    /// An order is the number of its first sight: its handle is of one desk of this process.
    pub orders: Vec<String>,
    /// How many of them are fills.
    pub filled: usize,
    /// What was said of each session, in order; between the two there is no order.
    pub sessions: Vec<String>,
}

impl Script {
    pub fn new() -> Self {
        let (orders, sessions) = (Vec::with_capacity(KEPT), Vec::with_capacity(KEPT));
        Self { books: 0, replaced: 0, orders, sessions }
    }

    pub fn heard(&self) -> Heard {
        let mut handles = Vec::new();
        let form = |update: &OrderUpdate| {
            let mut update = *update;
            if let UpdateKind::OnWire { sent_ticks, .. } = &mut update.kind {
                *sent_ticks = 0;
            }
            let known = handles.iter().position(|handle| *handle == update.handle);
            let at = known.unwrap_or_else(|| {
                handles.push(update.handle);
                handles.len() - 1
            });
            format!("{update:?}").replace(&format!("{:?}", update.handle), &format!("#{at}"))
        };
        let is_fill = |update: &&OrderUpdate| matches!(update.kind, UpdateKind::Filled { .. });
        // What is done about connections says how long it took; the sessions' own words do not.
        let kept = |update: &&SessionUpdate| !matches!(update, SessionUpdate::Link { .. });
        let mut sessions: Vec<String> =
            self.sessions.iter().filter(kept).map(|update| format!("{update:?}")).collect();
        sessions.sort();
        Heard {
            books: self.books,
            orders: self.orders.iter().map(form).collect(),
            filled: self.orders.iter().filter(is_fill).count(),
            sessions,
        }
    }

    fn buy(ctx: &mut Context<'_>) {
        let spec = OrderSpec::limit(InstrumentId(0), Side::Buy, Qty(50), Px(990));
        ctx.order(spec.post_only()).expect("nothing forbids it");
    }
}

impl Strategy for Script {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        Self::buy(ctx);
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, _: InstrumentId) {
        self.books += 1;
        if self.books > 1 && (self.books - 1).is_multiple_of(100) {
            Self::buy(ctx);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        assert!(self.orders.len() < KEPT, "more would have to allocate");
        self.orders.push(*update);
        match update.kind {
            UpdateKind::Live if self.replaced == 0 => {
                ctx.replace(update.handle, Qty(70), Px(990)).expect("it rests");
                ctx.replace(update.handle, Qty(80), Px(990)).expect("it rests");
            }
            UpdateKind::Replaced { .. } => {
                self.replaced += 1;
                if self.replaced == 2 {
                    ctx.cancel(update.handle).expect("it rests");
                }
            }
            _ => {}
        }
    }

    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        assert!(self.sessions.len() < KEPT, "more would have to allocate");
        self.sessions.push(*update);
    }
}
