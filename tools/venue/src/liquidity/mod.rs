//! Who stands on the other side: a recorded market, a synthetic one, or nobody. Both trade through
//! ordinary commands of an account with [`AccountFlags::HOUSE`](crate::matching::AccountFlags).

pub mod capture;
mod parse;
mod replay;
mod source;
pub mod synthetic;

use taut_codec::value::UtcTime;

use crate::matching::{Engine, EngineEvent};
use crate::state::{Restored, Source, Stored};

pub use capture::{Capture, CaptureError, canonical_symbol};
pub use replay::CaptureReplay;
pub use source::{LiquiditySource, SyntheticMarket};
pub(crate) use source::{listed, open};
pub use synthetic::{Synthetic, SyntheticConfig};

/// A source of house orders, pulled by the venue. Deterministic: what it does depends on how it was
/// made, on the times given and on the engine only.
pub trait Liquidity<S>: Restored {
    /// When it wants to act next; `None` if it never will again.
    fn next_at(&self) -> Option<UtcTime>;

    /// Does everything that is due at `now`, stamped `now` so that the engine's times never run
    /// backwards; events are appended. Does nothing before [`Liquidity::next_at`].
    fn act(&mut self, now: UtcTime, engine: &mut Engine<S>, events: &mut Vec<EngineEvent>);

    /// No time passed for it in these `nanos` nanoseconds: the venue was not there.
    fn pause(&mut self, nanos: u64);
}

/// No liquidity: a market of clients only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLiquidity;

impl<S> Liquidity<S> for NoLiquidity {
    fn next_at(&self) -> Option<UtcTime> {
        None
    }

    fn act(&mut self, _: UtcTime, _: &mut Engine<S>, _: &mut Vec<EngineEvent>) {}

    fn pause(&mut self, _: u64) {}
}

impl Restored for NoLiquidity {
    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, _: &mut Source<'_>) -> Option<()> {
        Some(())
    }
}

/// Several sources, each in its own instrument.
pub struct SideBySide<S> {
    sources: Vec<Box<dyn Liquidity<S> + Send>>,
}

impl<S> SideBySide<S> {
    /// Of sources that trade in different instruments.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Liquidity<S> + Send>>) -> Self {
        Self { sources }
    }
}

impl<S> Liquidity<S> for SideBySide<S> {
    fn next_at(&self) -> Option<UtcTime> {
        self.sources.iter().filter_map(|one| one.next_at()).min()
    }

    fn act(&mut self, now: UtcTime, engine: &mut Engine<S>, events: &mut Vec<EngineEvent>) {
        for source in &mut self.sources {
            if source.next_at().is_some_and(|at| at <= now) {
                source.act(now, engine, events);
            }
        }
    }

    fn pause(&mut self, nanos: u64) {
        self.sources.iter_mut().for_each(|source| source.pause(nanos));
    }
}

impl<S> Restored for SideBySide<S> {
    fn save(&self, out: &mut Vec<u8>) {
        self.sources.len().store(out);
        self.sources.iter().for_each(|source| source.save(out));
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        if from.get::<usize>()? != self.sources.len() {
            return None;
        }
        self.sources.iter_mut().try_for_each(|source| source.restore(from))
    }
}

/// Session tag of house orders; no client session has it.
pub const HOUSE_SESSION: u32 = 0;
