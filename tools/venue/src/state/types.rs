//! [`Stored`] of the types of the crates below.

use taut::event::{ExecType, Liquidity, OrdStatus};
use taut::risk::venue_rate::{Bucket, BucketSize, Counter};
use taut::types::{ClOrdId, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, FixStr, UtcTime};

use super::stored::{Source, Stored, store_bytes, stored, stored_enum};

stored! {
    UtcTime { 0 }
    Px { 0 }
    Qty { 0 }
    InstrumentId { 0 }
    Decimal { mantissa, scale }
    BucketSize { tokens, window }
    crate::matching::Trade {
        instrument, trade_seq, px, qty, maker, taker, maker_fee, taker_fee,
    }
}

stored_enum!(Side { 0 = Buy, 1 = Sell });
stored_enum!(OrdType {
    0 = Market,
    1 = Limit,
    2 = StopLoss,
    3 = StopLossLimit,
    4 = TakeProfit,
    5 = TakeProfitLimit,
    6 = TrailingStop,
    7 = TrailingStopLimit,
});
stored_enum!(TimeInForce { 0 = Gtc, 1 = Ioc, 2 = Fok, 3 = Gtd });
stored_enum!(PairStatus {
    0 = Hidden,
    1 = Online,
    2 = Maintenance,
    3 = CancelOnly,
    4 = PostOnly,
    5 = LimitOnly,
    6 = Delisted,
    7 = ReduceOnly,
});
stored_enum!(Liquidity { 0 = Maker, 1 = Taker });
stored_enum!(ExecType {
    0 = PendingNew,
    1 = New,
    2 = Trade,
    3 = Canceled,
    4 = Replaced,
    5 = Expired,
    6 = Restated,
    7 = OrderStatus,
    8 = Rejected,
});
stored_enum!(OrdStatus {
    0 = PendingNew,
    1 = New,
    2 = PartiallyFilled,
    3 = Filled,
    4 = Canceled,
    5 = Replaced,
    6 = PendingCancel,
    7 = Rejected,
    8 = Expired,
    9 = PendingReplace,
});

impl<const N: usize> Stored for FixStr<N> {
    fn store(&self, out: &mut Vec<u8>) {
        store_bytes(self.as_bytes(), out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        Self::new(from.bytes()?).ok()
    }
}

impl Stored for ClOrdId {
    fn store(&self, out: &mut Vec<u8>) {
        self.bits().store(out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        let bits = from.get::<u128>()?;
        u64::try_from(bits).ok().and_then(Self::numeric).or(Self::uuid(bits))
    }
}

impl Stored for Counter {
    fn store(&self, out: &mut Vec<u8>) {
        self.parts().store(out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        let (units, at) = from.get()?;
        Some(Self::from_parts(units, at))
    }
}

impl Stored for Bucket {
    fn store(&self, out: &mut Vec<u8>) {
        self.size().store(out);
        self.parts().store(out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        let size = from.get()?;
        let (missing, at) = from.get()?;
        Some(Self::from_parts(size, missing, at))
    }
}
