//! Rate limits and open-order limits (venue file section 7). On spot a counter per account and pair,
//! whatever way the transaction came, and a pool that sub-accounts share; on derivatives a bucket of
//! tokens per session.

use rustc_hash::FxHashMap;
use taut::risk::venue_rate::{Action, Bucket, BucketSize, Counter, Tier};
use taut::types::InstrumentId;
use taut_codec::value::UtcTime;

use super::{Error, Refusal};
use crate::matching::AccountId;
use crate::state::{Restored, Source, Stored};

/// What requests of a derivatives session cost, and out of how much. Kraken says nothing of it for FIX;
/// the defaults are those of its REST interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DerivativesLimits {
    /// Tokens in a full bucket. Default 500.
    pub tokens: u32,
    /// An empty bucket is full again after this long, milliseconds. Default 10000.
    pub window_ms: u32,
    /// NewOrderSingle (D). Default 10.
    pub send: u32,
    /// OrderCancelReplaceRequest (G). Default 10.
    pub edit: u32,
    /// OrderCancelRequest (F). Default 10.
    pub cancel: u32,
    /// OrderMassCancelRequest (q). Default 25.
    pub cancel_all: u32,
    /// Tokens in the full bucket of a client's calls by REST, which fills in the same time. Default 500.
    pub rest_tokens: u32,
}

impl Default for DerivativesLimits {
    fn default() -> Self {
        let BucketSize { tokens, window } = BucketSize::default();
        let window_ms = (window / 1_000_000) as u32;
        Self {
            tokens,
            window_ms,
            send: 10,
            edit: 10,
            cancel: 10,
            cancel_all: 25,
            rest_tokens: tokens,
        }
    }
}

impl DerivativesLimits {
    /// Of a session.
    pub(super) const fn bucket(self) -> Bucket {
        self.holding(self.tokens)
    }

    /// Of a client's calls by REST.
    pub(super) const fn rest_bucket(self) -> Bucket {
        self.holding(self.rest_tokens)
    }

    const fn holding(self, tokens: u32) -> Bucket {
        Bucket::new(BucketSize { tokens, window: self.window_ms as u64 * 1_000_000 })
    }

    pub(super) const fn cost(self, msg_type: u8) -> u32 {
        match msg_type {
            b'D' => self.send,
            b'G' => self.edit,
            b'F' => self.cancel,
            b'q' => self.cancel_all,
            _ => 0,
        }
    }
}

/// Which pool of sub-accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(pub u16);

/// The limits of one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// `None`: no limits.
    pub tier: Option<Tier>,
    /// Of the calls by REST that do not trade; `None`: no limit.
    pub calls: Option<Tier>,
    /// The pool that it shares with others.
    pub domain: Option<Domain>,
}

/// A counter's place: the account and what it trades.
pub(super) type Pair = (AccountId, InstrumentId);

/// All counters of spot.
#[derive(Debug, Default)]
pub(super) struct Rates {
    limits: FxHashMap<AccountId, AccountLimits>,
    // Bounded by the accounts and instruments of the configuration.
    counters: FxHashMap<Pair, Counter>,
    pools: FxHashMap<(Domain, InstrumentId), Counter>,
    open: FxHashMap<Pair, u32>,
}

pub(super) const RATE_LIMIT: Error = Error::Text("EOrder:Rate limit exceeded");
const DOMAIN_RATE_LIMIT: Error = Error::Text("EOrder:Domain rate limit exceeded");
const ORDERS_LIMIT: Error = Error::Text("EOrder:Orders limit exceeded");
/// The REST error; the text on FIX is unspecified (SIM).
pub(super) const DERIVATIVES_LIMIT: Error = Error::Text("apiLimitExceeded");

const fn refused(text: Error) -> Refusal {
    Refusal { reason: 0, text }
}

impl Rates {
    pub(super) fn set(&mut self, account: AccountId, limits: AccountLimits) {
        self.limits.insert(account, limits);
    }

    /// A transaction on a pair.
    pub(super) fn charge(
        &mut self,
        (account, instrument): Pair,
        action: Action,
        now: UtcTime,
    ) -> Result<(), Refusal> {
        let Some((tier, domain)) = self.of(account) else { return Ok(()) };
        let counter = self.counters.entry((account, instrument)).or_default();
        let own = counter.charge(action, tier, now);
        let pool = domain.map_or(Ok(()), |domain| {
            let pool = self.pools.entry((domain, instrument)).or_default();
            pool.charge(action, tier.domain(), now)
        });
        own.map_err(|_| refused(RATE_LIMIT))?;
        pool.map_err(|_| refused(DOMAIN_RATE_LIMIT))
    }

    /// Points for what was done at once for many orders; it is not refused.
    pub(super) fn add(&mut self, (account, instrument): Pair, action: Action, now: UtcTime) {
        let Some((tier, domain)) = self.of(account) else { return };
        let points = action.cost();
        self.counters.entry((account, instrument)).or_default().add(points, tier, now);
        if let Some(domain) = domain {
            let pool = self.pools.entry((domain, instrument)).or_default();
            pool.add(points, tier.domain(), now);
        }
    }

    /// Whether one more order may be open.
    pub(super) fn room(&self, account: AccountId, instrument: InstrumentId) -> Result<(), Refusal> {
        let Some((tier, _)) = self.of(account) else { return Ok(()) };
        let open = self.open.get(&(account, instrument)).copied().unwrap_or(0);
        if open < tier.open_orders_max { Ok(()) } else { Err(refused(ORDERS_LIMIT)) }
    }

    /// An order opened, or one ended.
    pub(super) fn count(&mut self, account: AccountId, instrument: InstrumentId, opened: bool) {
        let open = self.open.entry((account, instrument)).or_default();
        *open = if opened { *open + 1 } else { open.saturating_sub(1) };
    }

    /// Points of an account on a pair, rounded up.
    pub(super) fn points(&self, account: AccountId, at: InstrumentId, now: UtcTime) -> u64 {
        let (Some((tier, _)), Some(counter)) =
            (self.of(account), self.counters.get(&(account, at)))
        else {
            return 0;
        };
        counter.points(tier, now)
    }

    fn of(&self, account: AccountId) -> Option<(Tier, Option<Domain>)> {
        let limits = self.limits.get(&account)?;
        limits.tier.map(|tier| (tier, limits.domain))
    }
}

crate::state::stored! { Domain { 0 } }

impl Restored for Rates {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { limits: _, counters, pools, open } = self;
        counters.store(out);
        pools.store(out);
        open.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.counters = from.get()?;
        self.pools = from.get()?;
        self.open = from.get()?;
        Some(())
    }
}
