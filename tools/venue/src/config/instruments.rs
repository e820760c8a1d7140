//! What is traded.

use serde::{Deserialize, Serialize};
use taut::types::{Instrument, PairStatus, Px, Qty, Symbol};
use taut_codec::value::{Decimal, SCALE_MAX};

use super::{ConfigError, bad};
use crate::matching::{ContractTerms, MarginTerms};

/// An instrument; venue file 4.12. Decimal numbers are texts, so that they are exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstrumentConfig {
    /// `BASE/QUOTE` on spot, `PF_XBTUSD` and the like on derivatives.
    pub symbol: String,
    /// PricePrecision(2349).
    pub price_precision: u8,
    /// QtyPrecision(5010).
    pub qty_precision: u8,
    /// TickSize(5022).
    pub tick_size: String,
    /// MinTradeVol(562): quantities are multiples of it.
    pub qty_step: String,
    /// QtyMin(5011).
    pub qty_min: String,
    /// QtyMax(5012); `0` for none.
    pub qty_max: String,
    /// MinimumCost(5013), in the quote currency; `0` for none.
    pub cost_min: String,
    /// AssetPairStatus(5032).
    pub status: StatusName,
    /// The index price that triggers can watch (388=1).
    pub index: IndexSource,
    /// Leverage of margin orders (5001=1); below 2 there are none. On derivatives one over the initial margin.
    pub leverage: u8,
    /// Largest position of an account.
    pub position_max: String,
    /// Most that all positions together can borrow. Spot only.
    pub lendable: String,
    /// What a quantity of one is, in base (linear) or in quote (inverse). Derivatives only.
    pub contract_value: String,
    /// Maintenance margin, per cent of the initial one. Derivatives only.
    pub maintenance_percent: u8,
}

/// Where the index of a pair comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexSource {
    /// The pair has none.
    None,
    /// It follows the middle of the book, unless the control sets it.
    #[default]
    Book,
}

impl Default for InstrumentConfig {
    fn default() -> Self {
        Self {
            symbol: "BTC/USD".into(),
            price_precision: 1,
            qty_precision: 8,
            tick_size: "0.1".into(),
            qty_step: "0.00000001".into(),
            qty_min: "0.0001".into(),
            qty_max: "0".into(),
            cost_min: "0.5".into(),
            status: StatusName::Online,
            index: IndexSource::default(),
            leverage: 5,
            position_max: "100".into(),
            lendable: "1000".into(),
            contract_value: "1".into(),
            maintenance_percent: 50,
        }
    }
}

/// See [`PairStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of PairStatus")]
pub enum StatusName {
    Hidden,
    #[default]
    Online,
    Maintenance,
    CancelOnly,
    PostOnly,
    LimitOnly,
    Delisted,
    ReduceOnly,
}

impl InstrumentConfig {
    /// As the engine takes it.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn instrument(&self) -> Result<Instrument, ConfigError> {
        let field = |name: &str| self.field(name);
        let symbol: Symbol = self.symbol.parse().map_err(|e| bad(field("symbol"), e))?;
        if self.price_precision > SCALE_MAX || self.qty_precision > SCALE_MAX {
            return Err(bad(field("price_precision, qty_precision"), "at most 18 decimals"));
        }
        let units = |name: &str, text: &str, scale| self.units(name, text, scale);
        Ok(Instrument {
            symbol,
            price_precision: self.price_precision,
            qty_precision: self.qty_precision,
            tick_size: Px(units("tick_size", &self.tick_size, self.price_precision)?),
            qty_step: Qty(units("qty_step", &self.qty_step, self.qty_precision)?),
            qty_min: Qty(units("qty_min", &self.qty_min, self.qty_precision)?),
            qty_max: match units("qty_max", &self.qty_max, self.qty_precision)? {
                0 => None,
                max => Some(Qty(max)),
            },
            cost_min: Decimal::parse(self.cost_min.as_bytes())
                .map_err(|e| bad(field("cost_min"), e))?,
            status: self.status.into(),
        })
    }

    /// What it offers to margin orders.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn margin(&self) -> Result<MarginTerms, ConfigError> {
        let qty = |name: &str, text: &str| self.units(name, text, self.qty_precision).map(Qty);
        Ok(MarginTerms {
            leverage: self.leverage,
            position_max: qty("position_max", &self.position_max)?,
            lendable: qty("lendable", &self.lendable)?,
        })
    }

    /// What a contract is, on derivatives.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn contract(&self) -> Result<ContractTerms, ConfigError> {
        let field = || self.field("contract_value");
        Ok(ContractTerms {
            contract_value: Decimal::parse(self.contract_value.as_bytes())
                .map_err(|e| bad(field(), e))?,
            leverage: self.leverage,
            maintenance_percent: self.maintenance_percent,
            position_max: self.margin()?.position_max,
        })
    }

    /// The contract of a recorded instrument, of which nothing else is known: the defaults, and positions of
    /// any size.
    #[must_use]
    pub fn recorded_contract() -> ContractTerms {
        let Self { leverage, maintenance_percent, .. } = Self::default();
        let (contract_value, position_max) = (Decimal::new(1, 0), Qty(i64::MAX / 4));
        ContractTerms { contract_value, leverage, maintenance_percent, position_max }
    }

    fn field(&self, name: &str) -> String {
        format!("instruments.{:?}.{name}", self.symbol)
    }

    fn units(&self, name: &str, text: &str, scale: u8) -> Result<i64, ConfigError> {
        let decimal = Decimal::parse(text.as_bytes()).map_err(|e| bad(self.field(name), e))?;
        decimal.to_scale(scale).map_err(|e| bad(self.field(name), e))
    }
}

impl From<StatusName> for PairStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Hidden => Self::Hidden,
            StatusName::Online => Self::Online,
            StatusName::Maintenance => Self::Maintenance,
            StatusName::CancelOnly => Self::CancelOnly,
            StatusName::PostOnly => Self::PostOnly,
            StatusName::LimitOnly => Self::LimitOnly,
            StatusName::Delisted => Self::Delisted,
            StatusName::ReduceOnly => Self::ReduceOnly,
        }
    }
}
