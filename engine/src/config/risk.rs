//! What a configuration says about limits: ours, and the venue's rate limit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taut_codec::value::Decimal;

use super::{ConfigError, EngineConfig, value};
use crate::risk::venue_rate::{BucketSize, Tier};
use crate::risk::{LimitSet, RiskLimits, TokenCosts, TotalLimits, VenueRate, VenueRateRule};

/// `[risk]`: limits of each instrument. Decimal numbers are texts, so that they are exact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RiskSection {
    /// Largest quantity of one order.
    pub max_order_qty: String,
    /// Largest price x quantity of one order, in the quote currency.
    pub max_notional: String,
    /// Farthest that a price may be from the mid price, either way, basis points.
    pub collar_bps: u32,
    /// Farthest that a trigger may be from the mid price, basis points; absent: as `collar_bps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_bps: Option<u32>,
    /// Largest position, long or short, that all open orders together could lead to.
    pub max_position: String,
    /// Most open orders.
    pub max_open_orders: u32,
    /// Orders and amends a second, sustained; a cancel uses up the rate but always passes.
    pub commands_per_second: u32,
    /// Orders and amends at once after a pause.
    pub burst: u32,
    /// Oldest that the last message about the book may be, milliseconds; 0: any age.
    #[serde(default)]
    pub max_book_age_ms: u32,
    /// Whether an order may meet one of ours.
    #[serde(default)]
    pub allow_self_cross: bool,
    /// Largest loss in one day (UTC), in the quote currency; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_daily_loss: Option<String>,
    /// All instruments together.
    #[serde(default)]
    pub total: TotalSection,
    /// What is different for an instrument, by its symbol.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instrument: BTreeMap<String, InstrumentRisk>,
}

/// `[risk.total]`: limits of all instruments together, values for each quote currency.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TotalSection {
    /// Largest value of the positions that all open orders together could lead to; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_gross: Option<String>,
    /// Most open orders.
    pub max_open_orders: u32,
    /// Orders and amends a second, sustained.
    pub commands_per_second: u32,
    /// Orders and amends at once after a pause.
    pub burst: u32,
    /// Largest loss in one day (UTC); absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_daily_loss: Option<String>,
}

impl Default for TotalSection {
    fn default() -> Self {
        let TotalLimits { max_open_orders, commands_per_second, burst, .. } =
            TotalLimits::UNLIMITED;
        let (max_gross, max_daily_loss) = (None, None);
        Self { max_gross, max_open_orders, commands_per_second, burst, max_daily_loss }
    }
}

/// `[risk.instrument."BTC/USD"]`: in the place of what `[risk]` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the names are those of RiskSection")]
pub struct InstrumentRisk {
    pub max_order_qty: Option<String>,
    pub max_notional: Option<String>,
    pub collar_bps: Option<u32>,
    pub trigger_bps: Option<u32>,
    pub max_position: Option<String>,
    pub max_open_orders: Option<u32>,
    pub commands_per_second: Option<u32>,
    pub burst: Option<u32>,
    pub max_book_age_ms: Option<u32>,
    pub allow_self_cross: Option<bool>,
    pub max_daily_loss: Option<String>,
}

/// `[venue_rate]`: the venue's own rate limit, so that a command is refused here before the venue would
/// refuse it (venue file 7).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct VenueRateSection {
    /// How it counts.
    pub rule: VenueRateName,
    /// Points or tokens that orders and amends leave for cancels.
    pub reserve: u32,
    /// What becomes of a cancel that the venue would refuse.
    pub limited_cancels: LimitedCancels,
    /// Spot: whether a cancel over the limit is refused.
    pub cancels_limited: bool,
    /// Spot: whether a mass cancel costs what each of its cancels would.
    pub mass_cancel_points: bool,
    /// Derivatives: tokens in a full bucket.
    pub tokens: u32,
    /// Derivatives: an empty bucket is full again after this long, milliseconds.
    pub window_ms: u32,
    /// Derivatives: tokens of a new order.
    pub send: u32,
    /// Derivatives: tokens of an amend.
    pub edit: u32,
    /// Derivatives: tokens of a cancel.
    pub cancel: u32,
    /// Derivatives: tokens of a mass cancel.
    pub cancel_all: u32,
}

/// What becomes of a cancel that the venue's rate limit would refuse now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitedCancels {
    /// It is kept, and sent as soon as the limit lets it pass.
    #[default]
    Hold,
    /// It is refused here.
    Refuse,
}

/// How a venue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VenueRateName {
    /// It does not, or not so that it matters.
    #[default]
    Unlimited,
    /// Spot, the tier of new accounts.
    Starter,
    /// Spot.
    Intermediate,
    /// Spot.
    Pro,
    /// Tokens for each session.
    Derivatives,
}

impl Default for VenueRateSection {
    fn default() -> Self {
        let (size, costs) = (BucketSize::default(), TokenCosts::default());
        Self {
            rule: VenueRateName::default(),
            // What a mass cancel costs on derivatives; three of the dearest cancels on spot.
            reserve: costs.cancel_all,
            limited_cancels: LimitedCancels::default(),
            cancels_limited: true,
            mass_cancel_points: true,
            tokens: size.tokens,
            window_ms: (size.window / 1_000_000) as u32,
            send: costs.send,
            edit: costs.edit,
            cancel: costs.cancel,
            cancel_all: costs.cancel_all,
        }
    }
}

impl VenueRateSection {
    /// As the risk check takes it.
    #[must_use]
    pub fn venue_rate(&self) -> VenueRate {
        let (cancels_limited, mass_cancel_points) = (self.cancels_limited, self.mass_cancel_points);
        let spot = |tier| VenueRateRule::Spot { tier, cancels_limited, mass_cancel_points };
        let rule = match self.rule {
            VenueRateName::Unlimited => VenueRateRule::Unlimited,
            VenueRateName::Starter => spot(Tier::STARTER),
            VenueRateName::Intermediate => spot(Tier::INTERMEDIATE),
            VenueRateName::Pro => spot(Tier::PRO),
            VenueRateName::Derivatives => VenueRateRule::Derivatives {
                size: BucketSize { tokens: self.tokens, window: self.window_ms as u64 * 1_000_000 },
                costs: TokenCosts {
                    send: self.send,
                    edit: self.edit,
                    cancel: self.cancel,
                    cancel_all: self.cancel_all,
                },
            },
        };
        let holds_cancels = self.limited_cancels == LimitedCancels::Hold;
        VenueRate { rule, reserve: self.reserve, holds_cancels }
    }
}

fn decimal(field: &'static str, text: &str) -> Result<Decimal, ConfigError> {
    let parsed = Decimal::parse(text.as_bytes()).map_err(|error| format!("{text:?}: {error}"));
    let positive = parsed.and_then(|number| match number.mantissa {
        0.. => Ok(number),
        _ => Err(format!("{text}: a limit is not negative")),
    });
    positive.map_err(|problem| value(field, problem))
}

fn optional(field: &'static str, text: Option<&String>) -> Result<Option<Decimal>, ConfigError> {
    text.map(|text| decimal(field, text)).transpose()
}

impl RiskSection {
    /// The limits of an instrument.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a text that is no decimal number, or a negative one.
    pub fn limits(&self, symbol: &str) -> Result<RiskLimits, ConfigError> {
        let own = self.instrument.get(symbol).cloned().unwrap_or_default();
        let text =
            |field, own: &Option<String>, all: &String| decimal(field, own.as_ref().unwrap_or(all));
        let loss = own.max_daily_loss.as_ref().or(self.max_daily_loss.as_ref());
        let collar_bps = own.collar_bps.unwrap_or(self.collar_bps);
        Ok(RiskLimits {
            max_order_qty: text("risk.max_order_qty", &own.max_order_qty, &self.max_order_qty)?,
            max_notional: text("risk.max_notional", &own.max_notional, &self.max_notional)?,
            collar_bps,
            trigger_bps: own.trigger_bps.or(self.trigger_bps).unwrap_or(collar_bps),
            max_position: text("risk.max_position", &own.max_position, &self.max_position)?,
            max_open_orders: own.max_open_orders.unwrap_or(self.max_open_orders),
            commands_per_second: own.commands_per_second.unwrap_or(self.commands_per_second),
            burst: own.burst.unwrap_or(self.burst),
            max_book_age_ms: own.max_book_age_ms.unwrap_or(self.max_book_age_ms),
            allow_self_cross: own.allow_self_cross.unwrap_or(self.allow_self_cross),
            max_daily_loss: optional("risk.max_daily_loss", loss)?,
        })
    }
}

impl TotalSection {
    /// As the risk check takes it.
    ///
    /// # Errors
    /// As [`RiskSection::limits`].
    pub fn limits(&self) -> Result<TotalLimits, ConfigError> {
        Ok(TotalLimits {
            max_gross: optional("risk.total.max_gross", self.max_gross.as_ref())?,
            max_open_orders: self.max_open_orders,
            commands_per_second: self.commands_per_second,
            burst: self.burst,
            max_daily_loss: optional("risk.total.max_daily_loss", self.max_daily_loss.as_ref())?,
        })
    }
}

impl EngineConfig {
    /// All limits: what an engine starts with, and what
    /// [`Operator::set_limits`](crate::pipeline::Operator::set_limits) takes.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: a number is none, or an instrument is named that is not followed.
    pub fn limit_set(&self) -> Result<LimitSet, ConfigError> {
        let symbols = self.symbols()?;
        let is_followed = |name: &str| symbols.iter().any(|symbol| symbol.as_str() == name);
        if let Some(unknown) = self.risk.instrument.keys().find(|name| !is_followed(name)) {
            return Err(value("risk.instrument", format!("{unknown} is not followed")));
        }
        let each = symbols.iter().map(|symbol| self.risk.limits(symbol.as_str()));
        Ok(LimitSet { each: each.collect::<Result<_, _>>()?, total: self.risk.total.limits()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<EngineConfig, ConfigError> {
        let text = EngineConfig::commented_toml()
            .replace("symbols = [\"BTC/USD\"]", "symbols = [\"BTC/USD\", \"ETH/USD\"]");
        EngineConfig::from_toml(&format!("{text}\n{more}"))
    }

    #[test]
    fn an_instrument_takes_its_own_limits_and_the_rest_of_the_common_ones() {
        let config =
            read("[risk.instrument.\"ETH/USD\"]\nmax_position = \"7.5\"\nmax_daily_loss = \"100\"");
        let set = config.unwrap().limit_set().unwrap();
        let [btc, eth] = set.each[..] else { panic!("{set:?}") };
        assert_eq!(eth.max_position, Decimal::new(75, 1));
        assert_eq!(eth.max_daily_loss, Some(Decimal::new(100, 0)));
        let common = RiskLimits {
            max_position: btc.max_position,
            max_daily_loss: btc.max_daily_loss,
            ..eth
        };
        assert_eq!(common, btc);
        assert_eq!(set.total, TotalLimits::UNLIMITED);
    }

    #[test]
    fn limits_that_cannot_be_are_refused_by_name() {
        for (more, named) in [
            ("[risk.instrument.\"XRP/USD\"]\nburst = 1", "XRP/USD"),
            ("[risk.total]\nmax_gross = \"lots\"", "risk.total.max_gross"),
            ("[risk.total]\nmax_daily_loss = \"-1\"", "risk.total.max_daily_loss"),
            ("[risk.instrument.\"ETH/USD\"]\nmax_position = \"-1\"", "risk.max_position"),
            ("[risk.total]\nmax_grass = \"1\"", "max_grass"),
        ] {
            let error = read(more).expect_err(more).to_string();
            assert!(error.contains(named), "{more}: {error}");
        }
    }

    #[test]
    fn the_venues_limit_is_read_by_the_name_of_its_tier() {
        let rate = |text: &str| toml::from_str::<VenueRateSection>(text).unwrap().venue_rate();
        assert_eq!(rate("").rule, VenueRateRule::Unlimited);
        let pro = VenueRateRule::Spot {
            tier: Tier::PRO,
            cancels_limited: true,
            mass_cancel_points: false,
        };
        let expected = VenueRate { rule: pro, reserve: 4, holds_cancels: false };
        let text =
            "rule = 'pro'\nreserve = 4\nmass_cancel_points = false\nlimited_cancels = 'refuse'";
        assert_eq!(rate(text), expected);
        assert!(rate("rule = 'pro'").holds_cancels);
        let VenueRateRule::Derivatives { size, costs } =
            rate("rule = 'derivatives'\ntokens = 100\nedit = 3").rule
        else {
            panic!("it is a bucket")
        };
        assert_eq!(size, BucketSize { tokens: 100, ..BucketSize::default() });
        assert_eq!(costs, TokenCosts { edit: 3, ..TokenCosts::default() });
    }
}
