//! The venue's state over a restart: see [`crate::state`].

use ring::digest::{SHA256, digest};
use taut_codec::value::UtcTime;

use super::Venue;
use crate::config::VenueConfig;
use crate::liquidity::LiquiditySource;
use crate::state::{Fingerprint, Found, Input, Keep, Restored, Source, StateError, Stored, WentOn};

/// The state cannot be kept any more; why, until it is told.
#[derive(Debug)]
pub(super) struct Failed(Option<StateError>);

impl Venue {
    /// Goes on with the state in the directory of the configuration, if it names one, and keeps it from now
    /// on. Before anything else happens.
    pub(super) fn open_state(
        &mut self,
        config: &VenueConfig,
        liquidity: &LiquiditySource,
        now: UtcTime,
    ) -> Result<(), StateError> {
        let Some(dir) = &config.state.dir else { return Ok(()) };
        self.gateway.keep_state();
        let fingerprint = Fingerprint::new(config, liquidity);
        let (mut keep, found) = Keep::open(dir, &config.state, fingerprint)?;
        if let Some(Found { at, state, torn_bytes, unconfirmed }) = found {
            let mut from = Source(&state);
            let whole = self.restore(&mut from).filter(|()| from.is_empty());
            whole.ok_or_else(|| StateError::Damaged {
                path: dir.join("snapshot"),
                what: "its state does not fit".into(),
            })?;
            let (turns, inputs, digest) = (0, 0, [0; 32]);
            let mut went_on = WentOn { at, turns, inputs, torn_bytes, unconfirmed, digest };
            self.gateway.mute(true);
            let turns = keep.turns(|turn| self.replay(Source(turn), &mut went_on));
            self.gateway.mute(false);
            let (turns, cut_off) = turns?;
            self.arrivals = Default::default();
            went_on.turns = turns;
            went_on.torn_bytes += cut_off;
            went_on.digest = self.state_digest();
            self.come_back(went_on.at, now);
            self.went_on = Some(went_on);
        }
        self.keep = Some(keep);
        self.take_snapshot(now)
    }

    /// One turn of an earlier life.
    fn replay(&mut self, mut turn: Source<'_>, went_on: &mut WentOn) -> Option<()> {
        for _ in 0..turn.get::<u32>()? {
            let (at, input): (UtcTime, Input) = turn.get()?;
            // Refused or not, it was answered then.
            let _ = self.act(&input, at);
            went_on.at = at;
            went_on.inputs += 1;
        }
        self.gateway.apply_changes(&mut turn)?;
        turn.is_empty().then_some(())
    }

    /// The venue is there again: no time passed for its house, and everybody's connection is lost.
    fn come_back(&mut self, left: UtcTime, now: UtcTime) {
        let away = now.nanos_since(left);
        if let Some(liquidity) = &mut self.spot.liquidity {
            liquidity.pause(away);
        }
        if let Some(liquidity) = &mut self.derivatives.liquidity {
            liquidity.pause(away);
        }
        self.gateway.come_back(now);
        self.due(now);
    }

    /// The turn is over: what it changed is written. What cannot be written must not be told.
    pub(super) fn commit(&mut self, now: UtcTime) {
        self.is_dirty = false;
        let Self { keep: Some(keep), gateway, state_failure: None, .. } = self else { return };
        let mut written = keep.commit(now, |out| gateway.take_changes(out));
        if written.is_ok() && keep.is_long() {
            written = self.take_snapshot(now);
        }
        self.state_failure = written.err().map(|error| Failed(Some(error)));
    }

    /// Writes the whole state, if one is kept, so that the next start has nothing to replay: when the venue
    /// ends, for example.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn save_state(&mut self, now: UtcTime) -> Result<(), StateError> {
        if self.keep.is_none() {
            return Ok(());
        }
        self.commit(now);
        self.check_state()?;
        if self.state_failure.is_some() {
            // It was told before.
            return Ok(());
        }
        self.take_snapshot(now)
    }

    fn take_snapshot(&mut self, now: UtcTime) -> Result<(), StateError> {
        let mut state = Vec::new();
        self.save(&mut state);
        // The snapshot has it.
        self.gateway.take_changes(&mut Vec::new());
        self.keep.as_mut().map_or(Ok(()), |keep| keep.snapshot(&state, now))
    }

    /// Whether the state is being kept, if it is to be. After an error nothing is sent any more: the venue
    /// has to end.
    ///
    /// # Errors
    /// [`StateError`], once.
    pub fn check_state(&mut self) -> Result<(), StateError> {
        match &mut self.state_failure {
            Some(Failed(error)) => error.take().map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    /// What there is to say about the clients' journals as an earlier life left them.
    #[must_use]
    pub fn journal_problems(&self) -> &[String] {
        &self.journal_problems
    }

    /// What the venue went on from, if it did.
    #[must_use]
    pub const fn went_on(&self) -> Option<&WentOn> {
        self.went_on.as_ref()
    }

    /// SHA-256 of the state of the stages behind the gateway: two venues with the same digest do the same
    /// from here on.
    #[must_use]
    pub fn state_digest(&self) -> [u8; 32] {
        let mut bytes = Vec::new();
        self.save_behind(&mut bytes);
        digest(&SHA256, &bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    fn save_behind(&self, out: &mut Vec<u8>) {
        self.spot.save(out);
        self.derivatives.save(out);
        self.cancel_timers.store(out);
        self.reporter.save(out);
    }
}

impl Restored for Venue {
    fn save(&self, out: &mut Vec<u8>) {
        self.id_seed.store(out);
        self.save_behind(out);
        self.gateway.save(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        // Before the numbers of the trades that there were.
        self.seed_ids(from.get()?);
        self.spot.restore(from)?;
        self.derivatives.restore(from)?;
        self.cancel_timers = from.get()?;
        self.reporter.restore(from)?;
        self.gateway.restore(from)
    }
}
