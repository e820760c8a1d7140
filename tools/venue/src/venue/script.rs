//! What the venue does on purpose and when: steps that test code calls, and that the configuration and
//! the command line write as text.
//!
//! ```text
//! 10s roll-over
//! 12.5s drop TAUT spot-trading            (or cut, reset, half-open)
//! 20s stall TAUT spot-trading 500ms       (or delay)
//! 21s sequence-jump TAUT spot-trading 7   (or resend-storm)
//! 30s logons refuse                       (or close, judge)
//! 31s market BTC/USD cancel_only
//! 35s trading post_only                   (what 35=h says)
//! 40s instance 0 stop                     (or start)
//! 50s report-copies 2
//! 55s trades withhold                     (or restate: 150=D, 378=3)
//! 60s..90s cut TAUT spot-trading          (some time between, by the seed)
//! ```

use std::collections::VecDeque;

use taut_codec::value::UtcTime;

use super::Venue;
use crate::config::StatusName;
use crate::gateway::{Fault, Instance, Logons, Service};
use crate::limits::CONTROL_STEPS_MAX;
use crate::market_data::TradingStatus;

/// One thing that the venue does on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The daily rollover, now (venue file 3.5).
    RollOver,
    /// Something happens to a client's session.
    Session {
        /// SenderCompID(49).
        sender: String,
        /// On which service.
        service: Service,
        /// What.
        fault: Fault,
    },
    /// What becomes of logons.
    Logons(Logons),
    /// AssetPairStatus(5032) of an instrument.
    Market {
        /// Its symbol.
        symbol: String,
        /// The status.
        status: StatusName,
    },
    /// TradSesStatus(340), of which 35=h tells; what the engine does is set per instrument.
    Trading(TradingStatus),
    /// A gateway instance ends or starts.
    Instance {
        /// Which.
        instance: Instance,
        /// Whether it is up from now on.
        up: bool,
    },
    /// Each report is sent so many times.
    ReportCopies(u8),
    /// Whether trades are reported; if they were not for a while, by a restatement of each order.
    Trades {
        /// From now on.
        reported: bool,
    },
}

/// Why a step cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {why}")]
pub struct StepError {
    text: String,
    why: &'static str,
}

impl std::str::FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        read(&words).map_err(|why| StepError { text: text.to_owned(), why })
    }
}

fn read(words: &[&str]) -> Result<Step, &'static str> {
    const NO_NUMBER: &str = "the number is not one";
    let session = |sender: &str, service: &str, fault| -> Result<Step, &'static str> {
        let service = Service::ALL.into_iter().find(|one| one.name() == service);
        let service = service.ok_or("there is no such service")?;
        Ok(Step::Session { sender: sender.to_owned(), service, fault })
    };
    Ok(match *words {
        ["roll-over"] => Step::RollOver,
        ["drop", sender, service] => session(sender, service, Fault::Drop)?,
        ["cut", sender, service] => session(sender, service, Fault::Cut)?,
        ["reset", sender, service] => session(sender, service, Fault::Reset)?,
        ["half-open", sender, service] => session(sender, service, Fault::HalfOpen)?,
        ["stall", sender, service, time] => session(sender, service, Fault::Stall(nanos(time)?))?,
        ["delay", sender, service, time] => session(sender, service, Fault::Delay(nanos(time)?))?,
        ["sequence-jump", sender, service, by] => {
            let by = by.parse().map_err(|_| NO_NUMBER)?;
            session(sender, service, Fault::SequenceJump(by))?
        }
        ["resend-storm", sender, service, times] => {
            let times = times.parse().map_err(|_| NO_NUMBER)?;
            session(sender, service, Fault::ResendStorm(times))?
        }
        ["logons", "judge"] => Step::Logons(Logons::Judge),
        ["logons", "refuse"] => Step::Logons(Logons::Refuse),
        ["logons", "close"] => Step::Logons(Logons::CloseSilently),
        ["market", symbol, status] => {
            Step::Market { symbol: symbol.to_owned(), status: status_of(status)? }
        }
        ["trading", status] => Step::Trading(status_of(status)?),
        ["instance", number, what @ ("stop" | "start")] => {
            let instance = Instance(number.parse().map_err(|_| NO_NUMBER)?);
            Step::Instance { instance, up: what == "start" }
        }
        ["report-copies", copies] => Step::ReportCopies(copies.parse().map_err(|_| NO_NUMBER)?),
        ["trades", what @ ("withhold" | "restate")] => Step::Trades { reported: what == "restate" },
        _ => return Err("there is no such step"),
    })
}

/// A status by its name in the configuration.
fn status_of<T: serde::de::DeserializeOwned>(name: &str) -> Result<T, &'static str> {
    let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    T::deserialize(name).map_err(|_| "there is no such status")
}

/// `1.5s`, or `1s..2s` for some time between the two, both included.
fn time(text: &str, random: &mut fastrand::Rng) -> Result<u64, &'static str> {
    let Some((from, to)) = text.split_once("..") else { return nanos(text) };
    let (from, to) = (nanos(from)?, nanos(to)?);
    if from > to { Err("the times are the wrong way round") } else { Ok(random.u64(from..=to)) }
}

/// `1.5s`, `200ms`, exact to the nanosecond.
fn nanos(text: &str) -> Result<u64, &'static str> {
    const BAD: &str = "a time is a number with `s` or `ms`";
    let (number, decimals) = match text.strip_suffix("ms") {
        Some(number) => (number, 6),
        None => (text.strip_suffix('s').ok_or(BAD)?, 9),
    };
    let decimal = taut_codec::value::Decimal::parse(number.as_bytes()).map_err(|_| BAD)?;
    let units = decimal.to_scale(decimals).map_err(|_| BAD)?;
    u64::try_from(units).map_err(|_| BAD)
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
            let error = |why| StepError { text: line.clone(), why };
            let (at, step) = line.trim().split_once(' ').ok_or(error("a time comes first"))?;
            let at = time(at, &mut random).map_err(error)?;
            Ok(Timed { at: start.plus_nanos(at), step: step.parse()?, text: line.clone() })
        };
        if lines.len() > CONTROL_STEPS_MAX {
            let text = format!("{} steps", lines.len());
            return Err(StepError { text, why: "too many" });
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
const NOTHING: &str = "there is nothing now that it could be done to";

impl Venue {
    /// Control: does one step. `false` if there is nothing that it could be done to.
    pub fn control(&mut self, step: &Step, now: UtcTime) -> bool {
        self.is_dirty = true;
        match step {
            Step::RollOver => self.roll_over(now),
            Step::Session { sender, service, fault } => {
                return self.gateway.suffer(sender.as_bytes(), *service, *fault, now);
            }
            Step::Logons(logons) => self.set_logons(*logons),
            Step::Market { symbol, status } => {
                return self.set_market_status(symbol, (*status).into(), now);
            }
            Step::Trading(status) => self.set_trading_status(*status, now),
            Step::Instance { instance, up } => return self.gateway.set_instance(*instance, *up),
            Step::Trades { reported } => self.report_trades(*reported, now),
            Step::ReportCopies(copies) => self.gateway.set_report_copies(*copies),
        }
        true
    }

    /// Control: does one step that is written as text, such as `roll-over`, at once.
    ///
    /// # Errors
    /// [`StepError`] if it cannot be read, or if there is nothing that it could be done to.
    pub fn command(&mut self, text: &str, now: UtcTime) -> Result<(), StepError> {
        let error = |why| StepError { text: text.to_owned(), why };
        let step: Step = text.trim().parse()?;
        self.check_step(&step).map_err(error)?;
        if self.control(&step, now) { Ok(()) } else { Err(error(NOTHING)) }
    }

    /// Steps of the script that were due and not done: nobody was there.
    #[must_use]
    pub fn steps_missed(&self) -> &[StepError] {
        &self.steps_missed
    }

    /// Whether every step of the script is about somebody and something that the venue has.
    pub(super) fn check_script(&self) -> Result<(), StepError> {
        self.script.steps.iter().try_for_each(|Timed { step, text, .. }| {
            self.check_step(step).map_err(|why| StepError { text: text.clone(), why })
        })
    }

    fn check_step(&self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::Session { sender, service, .. } => {
                let client =
                    self.gateway.client(sender.as_bytes()).ok_or("there is no such client")?;
                let is_its = self.gateway.market(client) == Some(service.market());
                is_its.then_some(()).ok_or("the client is not of the market of this service")
            }
            Step::Market { symbol, .. } => {
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
                self.steps_missed.push(StepError { text, why: NOTHING });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
