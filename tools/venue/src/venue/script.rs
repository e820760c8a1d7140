//! Steps by the clock: what the venue does on purpose and when, as the configuration and the command line write
//! it, and the doing of a step.
//!
//! ```text
//! 10s roll-over
//! 12.5s drop TAUT spot-trading
//! 60s..90s cut TAUT spot-trading          (some time between, by the seed)
//! ```

use std::collections::VecDeque;

use taut_codec::value::UtcTime;

use super::Venue;
use super::step::{Step, StepError, nanos};
use crate::gateway::Fault;
use crate::limits::CONTROL_STEPS_MAX;
use crate::state::Input;

/// `1.5s`, or `1s..2s` for some time between the two, both included.
fn time(text: &str, random: &mut fastrand::Rng) -> Result<u64, String> {
    let Some((from, to)) = text.split_once("..") else { return nanos(text) };
    let (from, to) = (nanos(from)?, nanos(to)?);
    if from > to {
        Err("the times are the wrong way round".into())
    } else {
        Ok(random.u64(from..=to))
    }
}

/// Steps and when they are due, counted from the start of the venue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    steps: VecDeque<Timed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timed {
    at: UtcTime,
    step: Step,
    /// As it was written.
    text: String,
}

impl Script {
    /// Reads lines such as `10s roll-over`. One seed, one choice of the times that are left open.
    ///
    /// # Errors
    /// [`StepError`] names the line.
    pub fn read(lines: &[String], seed: u64, start: UtcTime) -> Result<Self, StepError> {
        let mut random = fastrand::Rng::with_seed(seed);
        let one = |line: &String| {
            let error = |why: String| StepError::new(line, why);
            let (at, step) =
                line.trim().split_once(' ').ok_or_else(|| error("a time comes first".into()))?;
            let at = time(at, &mut random).map_err(error)?;
            Ok(Timed { at: start.plus_nanos(at), step: step.parse()?, text: line.clone() })
        };
        if lines.len() > CONTROL_STEPS_MAX {
            return Err(StepError::new(&format!("{} steps", lines.len()), "too many"));
        }
        let mut steps: Vec<_> = lines.iter().map(one).collect::<Result<_, _>>()?;
        steps.sort_by_key(|timed| timed.at);
        Ok(Self { steps: steps.into() })
    }

    pub(super) fn due(&mut self, now: UtcTime) -> Option<Timed> {
        self.steps.front().filter(|timed| timed.at <= now)?;
        self.steps.pop_front()
    }

    pub(super) fn deadline(&self) -> UtcTime {
        self.steps.front().map_or(UtcTime(u64::MAX), |timed| timed.at)
    }
}

/// Why a step that makes sense was not done.
const fn why_not(step: &Step) -> &'static str {
    match step {
        Step::Index { .. } => "the price does not fit the instrument",
        Step::Session { fault: Fault::ResendStorm(_), .. } => {
            "nobody is there, or too much waits already for who is"
        }
        Step::LateReport { .. } => "too many reports are held back",
        _ => "there is nothing now that it could be done to",
    }
}

impl Venue {
    /// Control: does one step. `false` if there is nothing that it could be done to.
    pub fn control(&mut self, step: &Step, now: UtcTime) -> bool {
        self.is_dirty = true;
        match step {
            Step::RollOver => self.roll_over(now),
            Step::Session { sender, service, fault } => {
                return self.gateway.suffer(sender.as_bytes(), *service, *fault, now);
            }
            Step::Logout { sender, service, text } => {
                let Some(id) = self.connection(sender, *service) else { return false };
                self.logout(id, text.as_deref(), now);
            }
            Step::LateReport { sender, nanos, .. } => {
                let Some(client) = self.gateway.client(sender.as_bytes()) else { return false };
                return self.steer(&Input::LateReport(client, *nanos), now);
            }
            Step::Logons(logons) => self.set_logons(*logons),
            Step::Market { symbol, status } => {
                return self.set_market_status(symbol, (*status).into(), now);
            }
            Step::Trading(status) => self.set_trading(*status, now),
            Step::SessionStatus(status) => self.set_trading_status(*status, now),
            Step::Index { symbol, price } => return self.set_index(symbol, *price, now),
            Step::Prices { symbol, shown } => return self.set_prices_shown(symbol, *shown, now),
            Step::Instance { instance, up } => return self.gateway.set_instance(*instance, *up),
            Step::Trades { reported } => self.report_trades(*reported, now),
            Step::ReportCopies(copies) => self.gateway.set_report_copies(*copies),
            Step::Stop => self.stop(now),
        }
        true
    }

    /// Control: does one step that is written as text, such as `roll-over`, at once.
    ///
    /// # Errors
    /// [`StepError`] if it cannot be read, or if there is nothing that it could be done to.
    pub fn command(&mut self, text: &str, now: UtcTime) -> Result<(), StepError> {
        let step: Step = text.trim().parse()?;
        self.check_step(&step).map_err(|why| StepError::new(text, why))?;
        if self.control(&step, now) { Ok(()) } else { Err(StepError::new(text, why_not(&step))) }
    }

    /// Steps of the script that were due and not done: nobody was there.
    #[must_use]
    pub fn steps_missed(&self) -> &[StepError] {
        &self.steps_missed
    }

    /// Whether every step of the script is about somebody and something that the venue has.
    pub(super) fn check_script(&self) -> Result<(), StepError> {
        self.script.steps.iter().try_for_each(|Timed { step, text, .. }| {
            self.check_step(step).map_err(|why| StepError::new(text, why))
        })
    }

    fn check_step(&self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::LateReport { service, .. } if !service.is_trading() => {
                Err("there are no reports on this service")
            }
            Step::Session { sender, service, .. }
            | Step::Logout { sender, service, .. }
            | Step::LateReport { sender, service, .. } => {
                let client =
                    self.gateway.client(sender.as_bytes()).ok_or("there is no such client")?;
                let is_its = self.gateway.market(client) == Some(service.market());
                is_its.then_some(()).ok_or("the client is not of the market of this service")
            }
            Step::Market { symbol, .. }
            | Step::Index { symbol, .. }
            | Step::Prices { symbol, .. } => {
                let symbol = symbol.as_bytes();
                let spot = self.spot.engine.instrument_id(symbol);
                let known = spot.or(self.derivatives.engine.instrument_id(symbol));
                known.map(|_| ()).ok_or("there is no such instrument")
            }
            Step::Instance { instance, .. } => {
                let count = self.gateway.router().connections().len();
                let known = usize::from(instance.0) < count;
                known.then_some(()).ok_or("there is no such instance: they count from 0")
            }
            _ => Ok(()),
        }
    }

    /// Steps of the script that are due.
    pub(super) fn follow_script(&mut self, now: UtcTime) {
        while let Some(Timed { step, text, .. }) = self.script.due(now) {
            if !self.control(&step, now) {
                // A script is bounded, and so are these.
                self.steps_missed.push(StepError::new(&text, why_not(&step)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Logons;
    use crate::market_data::TradingStatus;

    #[test]
    fn a_script_is_read_and_sorted_by_time() {
        let lines = ["2s logons refuse", "1.5s roll-over", "1500ms report-copies 2"];
        let lines = lines.map(str::to_owned);
        let mut script = Script::read(&lines, 1, UtcTime(0)).unwrap();
        assert_eq!(script.deadline(), UtcTime(1_500_000_000));
        let mut due = |at| script.due(UtcTime(at)).map(|timed| timed.step);
        assert_eq!(due(1_499_999_999), None);
        assert_eq!(
            [(); 3].map(|()| due(1_600_000_000)),
            [Some(Step::RollOver), Some(Step::ReportCopies(2)), None]
        );
        assert_eq!(due(2_000_000_000), Some(Step::Logons(Logons::Refuse)));
    }

    #[test]
    fn a_time_that_is_left_open_is_chosen_by_the_seed() {
        let read = |seed| {
            let lines = ["10s..20s roll-over".to_owned(), "1s..1s trading post_only".to_owned()];
            Script::read(&lines, seed, UtcTime(0)).unwrap()
        };
        let times: std::collections::BTreeSet<UtcTime> = (0..20)
            .map(|seed| {
                assert_eq!(read(seed), read(seed), "one seed, one script");
                let mut script = read(seed);
                let status = script.due(UtcTime(1_000_000_000)).map(|timed| timed.step);
                assert_eq!(status, Some(Step::Trading(TradingStatus::PostOnly)));
                script.deadline()
            })
            .collect();
        assert_eq!(times.len(), 20, "another seed, another time: {times:?}");
        let within = UtcTime(10_000_000_000)..=UtcTime(20_000_000_000);
        assert!(times.iter().all(|at| within.contains(at)), "{times:?}");
    }

    #[test]
    fn a_step_that_makes_no_sense_is_named() {
        for (line, why) in [
            ("roll-over", "a time comes first"),
            ("1 roll-over", "a time is a number"),
            ("-1s roll-over", "a time is a number"),
            ("1s jump", "no such step"),
            ("1s drop TAUT", "no such step"),
            ("1s drop TAUT spot", "no such service"),
            ("1s stall TAUT spot-trading 5", "a time is a number"),
            ("1s market BTC/USD shut", "no such status"),
            ("1s instance x stop", "the number is not one"),
            ("1s trading shut", "no such status"),
            ("2s..1s roll-over", "the wrong way round"),
            ("2s.. roll-over", "a time is a number"),
        ] {
            let error = Script::read(&[line.to_owned()], 1, UtcTime(0)).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
