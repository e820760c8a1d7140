//! One thing that the venue does on purpose, and how it is written as text.

use taut_codec::value::Decimal;

use crate::config::StatusName;
use crate::gateway::{Fault, Instance, Logons, Service};
use crate::limits::{LOGOUT_TEXT_BYTES_MAX, RESEND_STORM_MAX, SEQUENCE_JUMP_MAX};
use crate::market_data::TradingStatus;

/// Every step as it is written, and what it does; for whoever types them.
pub const STEPS: &str = "\
roll-over
    The daily rollover
drop CLIENT SERVICE
    The connection is cut without a word
cut CLIENT SERVICE, reset CLIENT SERVICE
    It ends in the middle of the next message to the client; the second by a TCP reset
half-open CLIENT SERVICE
    Nothing is heard or said any more, and the connection stays
stall CLIENT SERVICE TIME
    Nothing leaves for so long
delay CLIENT SERVICE TIME
    All that leaves takes so much longer; 0s ends it
logout CLIENT SERVICE [TEXT]
    The venue logs the session out
sequence-jump CLIENT SERVICE NUMBER
    The venue's next MsgSeqNum is so much higher
resend-storm CLIENT SERVICE NUMBER
    So many ResendRequests for everything since number 1
late-report CLIENT SERVICE TIME
    The next ExecutionReport comes so much later; others go on
report-copies NUMBER
    Each ExecutionReport is sent so many times
trades withhold, trades restate
    No trade is reported; then each order that traded is told by 150=D with 378=3
logons refuse, logons close, logons judge
    A logon gets a Logout, no word, or what it deserves
market SYMBOL STATUS
    The status of one instrument: what it takes, and AssetPairStatus(5032)
trading STATUS
    The status of spot: what every pair of it takes, and TradSesStatus(340)
session-status STATUS
    TradSesStatus(340) alone: 35=h says it, and pairs take what they took
index SYMBOL PRICE, index SYMBOL down
    The index price, which does not follow the book any more; or there is none
prices SYMBOL off, prices SYMBOL on
    The feed of an instrument's prices stops with an empty snapshot, or is back with a full one
instance NUMBER stop, instance NUMBER start
    A gateway instance is lost with its sessions, or is there again
stop
    Every session is logged out, and no logon or call is taken any more
";

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
    /// A client's session is logged out.
    Logout {
        /// SenderCompID(49).
        sender: String,
        /// On which service.
        service: Service,
        /// Text(58).
        text: Option<String>,
    },
    /// The next ExecutionReport of a trading session comes later than those after it.
    LateReport {
        /// SenderCompID(49).
        sender: String,
        /// On which service.
        service: Service,
        /// How much later, nanoseconds.
        nanos: u64,
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
    /// The status of spot as a whole: [`Step::SessionStatus`], and [`Step::Market`] of each pair.
    Trading(TradingStatus),
    /// TradSesStatus(340), of which 35=h tells; what pairs take stays as it is.
    SessionStatus(TradingStatus),
    /// The index of an instrument.
    Index {
        /// Its symbol.
        symbol: String,
        /// The price; `None`: its feed is down.
        price: Option<Decimal>,
    },
    /// The feed of an instrument's prices.
    Prices {
        /// Its symbol.
        symbol: String,
        /// Whether it is there.
        shown: bool,
    },
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
    /// The venue ends: every session is logged out, and no logon or call is taken any more.
    Stop,
}

/// Why a step cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {why}")]
pub struct StepError {
    pub(super) text: String,
    pub(super) why: String,
}

impl StepError {
    pub(super) fn new(text: &str, why: impl Into<String>) -> Self {
        Self { text: text.to_owned(), why: why.into() }
    }
}

impl std::str::FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        read(&words).map_err(|why| StepError::new(text, why))
    }
}

fn read(words: &[&str]) -> Result<Step, String> {
    const NO_NUMBER: &str = "the number is not one";
    if let ["logout", sender, service, text @ ..] = words {
        let (sender, service) = ((*sender).to_owned(), service_of(service)?);
        return Ok(Step::Logout { sender, service, text: logout_text(&text.join(" "))? });
    }
    let session = |sender: &str, service: &str, fault| -> Result<Step, String> {
        Ok(Step::Session { sender: sender.to_owned(), service: service_of(service)?, fault })
    };
    Ok(match *words {
        ["roll-over"] => Step::RollOver,
        ["drop", sender, service] => session(sender, service, Fault::Drop)?,
        ["cut", sender, service] => session(sender, service, Fault::Cut)?,
        ["reset", sender, service] => session(sender, service, Fault::Reset)?,
        ["half-open", sender, service] => session(sender, service, Fault::HalfOpen)?,
        ["stall", sender, service, time] => session(sender, service, Fault::Stall(nanos(time)?))?,
        ["delay", sender, service, time] => session(sender, service, Fault::Delay(nanos(time)?))?,
        ["late-report", sender, service, time] => {
            let (sender, service) = (sender.to_owned(), service_of(service)?);
            Step::LateReport { sender, service, nanos: nanos(time)? }
        }
        ["sequence-jump", sender, service, by] => {
            session(sender, service, Fault::SequenceJump(count(by, SEQUENCE_JUMP_MAX)?))?
        }
        ["resend-storm", sender, service, times] => {
            session(sender, service, Fault::ResendStorm(count(times, RESEND_STORM_MAX)?))?
        }
        ["logons", "judge"] => Step::Logons(Logons::Judge),
        ["logons", "refuse"] => Step::Logons(Logons::Refuse),
        ["logons", "close"] => Step::Logons(Logons::CloseSilently),
        ["market", symbol, status] => {
            Step::Market { symbol: symbol.to_owned(), status: status_of(status)? }
        }
        ["trading", status] => Step::Trading(status_of(status)?),
        ["session-status", status] => Step::SessionStatus(status_of(status)?),
        ["index", symbol, price] => {
            let (symbol, price) = (symbol.to_owned(), price_of(price)?);
            Step::Index { symbol, price }
        }
        ["prices", symbol, what @ ("on" | "off")] => {
            Step::Prices { symbol: symbol.to_owned(), shown: what == "on" }
        }
        ["instance", number, what @ ("stop" | "start")] => {
            let instance = Instance(number.parse().map_err(|_| NO_NUMBER)?);
            Step::Instance { instance, up: what == "start" }
        }
        ["report-copies", copies] => Step::ReportCopies(count(copies, u32::from(u8::MAX))? as u8),
        ["trades", what @ ("withhold" | "restate")] => Step::Trades { reported: what == "restate" },
        ["stop"] => Step::Stop,
        _ => return Err("there is no such step".into()),
    })
}

fn service_of(name: &str) -> Result<Service, String> {
    let service = Service::ALL.into_iter().find(|one| one.name() == name);
    service.ok_or_else(|| "there is no such service".into())
}

/// A status by its name in the configuration.
fn status_of<T: serde::de::DeserializeOwned>(name: &str) -> Result<T, String> {
    let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    T::deserialize(name).map_err(|_| "there is no such status".into())
}

/// A price, or `down` for none.
fn price_of(text: &str) -> Result<Option<Decimal>, String> {
    if text == "down" {
        return Ok(None);
    }
    let price = Decimal::parse(text.as_bytes()).map_err(|error| format!("the price: {error}"))?;
    let is_price = price.mantissa > 0;
    is_price.then_some(Some(price)).ok_or_else(|| "a price is above zero, or `down`".into())
}

/// A number from 1 to `most`.
fn count(text: &str, most: u32) -> Result<u32, String> {
    let number: u64 = text.parse().map_err(|_| "the number is not one")?;
    match u32::try_from(number) {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("1 to {most} are possible, not {number}")),
    }
}

/// Text(58) of a Logout.
fn logout_text(text: &str) -> Result<Option<String>, String> {
    if text.len() > LOGOUT_TEXT_BYTES_MAX {
        return Err(format!("a text has {LOGOUT_TEXT_BYTES_MAX} bytes at most"));
    }
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("a text is printable ASCII".into());
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// `1.5s`, `200ms`, exact to the nanosecond.
pub(super) fn nanos(text: &str) -> Result<u64, String> {
    const BAD: &str = "a time is a number with `s` or `ms`";
    let (number, decimals) = match text.strip_suffix("ms") {
        Some(number) => (number, 6),
        None => (text.strip_suffix('s').ok_or(BAD)?, 9),
    };
    let decimal = Decimal::parse(number.as_bytes()).map_err(|_| BAD)?;
    let units = decimal.to_scale(decimals).map_err(|_| BAD)?;
    u64::try_from(units).map_err(|_| BAD.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_listed_in_the_help_and_in_the_configuration() {
        let names = [
            "roll-over",
            "drop",
            "cut",
            "reset",
            "half-open",
            "stall",
            "delay",
            "logout",
            "sequence-jump",
            "resend-storm",
            "late-report",
            "report-copies",
            "trades withhold",
            "trades restate",
            "logons refuse",
            "logons close",
            "logons judge",
            "market",
            "trading",
            "session-status",
            "index",
            "prices",
            "instance",
            "stop",
        ];
        let config = crate::config::VenueConfig::commented_toml();
        let control = &config[..config.find("\ncontrol = ").unwrap()];
        let control = &control[control.rfind("\n\n").unwrap()..];
        for name in names {
            assert!(STEPS.contains(name), "{name}");
            assert!(control.contains(name), "{name} is not in {control}");
        }
        // And each that is in the help is read.
        let times = [("CLIENT", "TAUT"), ("SERVICE", "spot-trading"), ("TIME", "1s")];
        let more = [("NUMBER", "1"), ("SYMBOL", "BTC/USD"), ("STATUS", "online"), ("PRICE", "1.5")];
        let forms = STEPS.lines().filter(|line| !line.starts_with(' '));
        let mut read = 0;
        for form in forms.flat_map(|line| line.split(", ")) {
            let fill = |text: String, &(name, value): &(&str, &str)| text.replace(name, value);
            let text = times.iter().chain(&more).fold(form.to_owned(), fill);
            let step: Result<Step, _> = text.replace("[TEXT]", "some text").parse();
            assert!(step.is_ok(), "{form}: {step:?}");
            read += 1;
        }
        assert!(read > names.len());
    }

    #[test]
    fn a_step_that_makes_no_sense_is_refused_with_the_reason() {
        for (text, why) in [
            ("resend-storm TAUT spot-trading 1000000", "1 to 5000 are possible, not 1000000"),
            ("resend-storm TAUT spot-trading 0", "1 to 5000 are possible, not 0"),
            ("resend-storm TAUT spot-trading x", "the number is not one"),
            ("sequence-jump TAUT spot-trading 4000000000", "are possible, not 4000000000"),
            ("sequence-jump TAUT spot-trading -1", "the number is not one"),
            ("report-copies 256", "1 to 255 are possible, not 256"),
            ("index BTC/USD", "there is no such step"),
            ("index BTC/USD up", "the price: "),
            ("index BTC/USD 0", "a price is above zero"),
            ("prices BTC/USD maybe", "there is no such step"),
            ("logout TAUT spot", "there is no such service"),
            ("logout TAUT spot-trading a\u{1}58=b", "printable ASCII"),
            ("late-report TAUT spot-trading soon", "a time is a number"),
            ("session-status shut", "no such status"),
            ("stop now", "there is no such step"),
        ] {
            let error = text.parse::<Step>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let long = format!("logout TAUT spot-trading {}", "x".repeat(LOGOUT_TEXT_BYTES_MAX + 1));
        assert!(long.parse::<Step>().is_err());
    }
}
