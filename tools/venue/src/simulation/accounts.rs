//! What the venue booked for the engine's client, and what the desk knows of it, as amounts that can be
//! compared: of each asset on spot, of each position and of the fees on derivatives. All in units of
//! 10^-[`MONEY_SCALE`].

use taut::order::Position;
use taut::strategy::Strategy;
use taut::types::{Instrument, InstrumentId, Market};

use super::Simulation;
use super::parts::Seat;
use crate::matching::{
    AccountId, Asset, AssetId, DerivativesEngine, FuturesPosition, MONEY_SCALE, SpotEngine, Wallet,
};

/// Amounts of a derivative: its quantity, and what was received less what was paid.
const OF_CONTRACT: usize = 2;

impl<S: Strategy> Simulation<S> {
    /// All that must not change, whatever is traded: the money of the venue, and the sum of all positions in
    /// each contract.
    pub(super) fn conserved(&self) -> Vec<i128> {
        let of = |seat: &Seat| match seat.market {
            Market::Spot => spot_money(self.venue.engine()),
            Market::Derivatives => futures_money(self.venue.derivatives()),
        };
        self.seats.iter().flat_map(of).collect()
    }

    /// What the venue has booked for the client since it was there, market after market.
    pub(super) fn booked(&self) -> Vec<i128> {
        self.seats.iter().flat_map(|seat| self.booked_of(seat)).collect()
    }

    fn booked_of(&self, seat: &Seat) -> Vec<i128> {
        let account = self.account(seat);
        if seat.market == Market::Spot {
            let balance = |asset| self.venue.engine().balance(account, AssetId(asset));
            return (0..).map_while(balance).map(|balance| balance.total).collect();
        }
        let engine = self.venue.derivatives();
        let mut booked = Vec::new();
        let mut realised = 0;
        for (at, facts) in engine.instruments().enumerate() {
            let position = engine.position(account, InstrumentId(at as u16));
            booked.push(i128::from(position.qty) * unit(facts.qty_precision));
            // What was received less what was paid: what closing brought, less what is open.
            booked.push(position.realised - position.value);
            realised += position.realised;
        }
        // What else was taken from its cash: fees.
        booked.push(flex_cash(engine, account) - realised);
        booked
    }

    /// What the desk has counted, in the same amounts.
    pub(super) fn counted(&self) -> Result<Vec<i128>, String> {
        self.amounts(|facts, position| {
            let cash = position.cash * unit(facts.price_precision + facts.qty_precision);
            let qty = i128::from(position.qty) * unit(facts.qty_precision);
            (qty, cash, position.fees_base, position.fees_quote)
        })
    }

    /// The most that the fees of fills can be that are known by the totals of their orders: the highest is
    /// below half a percent.
    pub(super) fn fees_unknown(&self) -> Result<Vec<i128>, String> {
        let desk = self.desk();
        let mids: Vec<i128> = desk
            .markets()
            .iter()
            .map(|(_, market)| market.book().twice_mid().unwrap_or_default())
            .collect();
        self.amounts(|facts, position| {
            let id = desk.markets().find(&facts.symbol).map_or(0, |id| usize::from(id.0));
            let [bought, sold] = desk.position_unseen(InstrumentId(id as u16)).map(|qty| qty.0);
            let qty = i128::from(position.recovered) + i128::from(bought + sold);
            let base = qty * unit(facts.qty_precision);
            let quote = qty * mids[id] * unit(facts.price_precision + facts.qty_precision);
            (0, 0, -base / 200, -quote / 200)
        })
    }

    /// The most or the least that fills can come to that the desk may not have seen, of bought and sold. Prices
    /// are not twice what they were.
    pub(super) fn unseen(&self, of: impl Fn([i128; 2]) -> i128) -> Result<Vec<i128>, String> {
        let desk = self.desk();
        self.amounts(|facts, _| {
            let Some(id) = desk.markets().find(&facts.symbol) else { return (0, 0, 0, 0) };
            let qty = of(desk.position_unseen(id).map(|qty| i128::from(qty.0)));
            let twice_mid = desk.markets().get(id).and_then(|one| one.book().twice_mid());
            let cost = qty * twice_mid.unwrap_or_default();
            let cost = cost * unit(facts.price_precision + facts.qty_precision);
            (qty * unit(facts.qty_precision), -cost, 0, 0)
        })
    }

    /// Quantity, cash, and fees in both currencies of each instrument, put where [`Self::booked`] has them.
    fn amounts(
        &self,
        of: impl Fn(&Instrument, &Position) -> (i128, i128, i128, i128),
    ) -> Result<Vec<i128>, String> {
        let mut amounts = Vec::new();
        for seat in &self.seats {
            let start = amounts.len();
            amounts.resize(start + self.booked_of(seat).len(), 0);
            self.add_amounts(seat, &mut amounts[start..], &of)?;
        }
        Ok(amounts)
    }

    fn add_amounts(
        &self,
        seat: &Seat,
        amounts: &mut [i128],
        of: &impl Fn(&Instrument, &Position) -> (i128, i128, i128, i128),
    ) -> Result<(), String> {
        for (id, market) in self.desk().markets().iter() {
            let (Some(position), Some(facts)) =
                (self.desk().positions().get(id), market.instrument())
            else {
                continue;
            };
            if facts.market() != seat.market {
                continue;
            }
            let (qty, cash, fees_base, fees_quote) = of(facts, position);
            let symbol = facts.symbol.as_str();
            if seat.market == Market::Spot {
                let engine = self.venue.engine();
                for (name, amount) in symbol.split('/').zip([qty - fees_base, cash - fees_quote]) {
                    let asset = name.parse().ok().and_then(|name: Asset| engine.asset_id(name));
                    let asset = asset.ok_or_else(|| format!("{name} is no asset"))?;
                    amounts[usize::from(asset.0)] += amount;
                }
                continue;
            }
            let contract = self.venue.derivatives().instrument_id(symbol.as_bytes());
            let at = contract.ok_or_else(|| format!("{symbol} is not listed"))?;
            let at = OF_CONTRACT * usize::from(at.0);
            amounts[at] += qty;
            amounts[at + 1] += cash;
            *amounts.last_mut().expect("the fees") -= fees_quote;
        }
        Ok(())
    }

    /// Whether what the client has is what a client can have.
    pub(super) fn check_means(&self) -> Result<(), String> {
        self.seats.iter().try_for_each(|seat| self.check_means_of(seat))
    }

    fn check_means_of(&self, seat: &Seat) -> Result<(), String> {
        let account = self.account(seat);
        if seat.market == Market::Derivatives {
            let wallet = self.venue.derivatives().wallet(account, Wallet::Flex);
            let sane = wallet.is_some_and(|wallet| wallet.equity >= wallet.maintenance);
            return if sane { Ok(()) } else { Err(format!("the client's wallet is {wallet:?}")) };
        }
        let balance = |asset| self.venue.engine().balance(account, AssetId(asset));
        match (0..).map_while(balance).find(|one| one.held < 0 || one.available() < 0) {
            Some(balance) => Err(format!("the client's balance is {balance:?}")),
            None => Ok(()),
        }
    }

    fn account(&self, seat: &Seat) -> AccountId {
        self.venue.account(&seat.sender).expect("the sender is a client of the venue")
    }
}

const fn unit(scale: u8) -> i128 {
    10i128.pow((MONEY_SCALE - scale) as u32)
}

fn spot_money(engine: &SpotEngine) -> Vec<i128> {
    let sum = |asset: AssetId| -> Option<i128> {
        engine.balance(AccountId(0), asset)?;
        let balance = |account| engine.balance(AccountId(account), asset);
        Some((0..).map_while(balance).map(|balance| balance.total).sum())
    };
    (0..).map_while(|asset| sum(AssetId(asset))).collect()
}

/// The cash of the flex wallets less what the open positions are owed, and all positions of each contract.
fn futures_money(engine: &DerivativesEngine) -> Vec<i128> {
    let accounts: Vec<AccountId> = (0..)
        .map(AccountId)
        .take_while(|&account| engine.wallet(account, Wallet::Flex).is_some())
        .collect();
    let mut cash: i128 = accounts.iter().map(|&account| flex_cash(engine, account)).sum();
    let mut sums = Vec::new();
    for (at, facts) in engine.instruments().enumerate() {
        let position = |&account| engine.position(account, InstrumentId(at as u16));
        let positions: Vec<FuturesPosition> = accounts.iter().map(position).collect();
        sums.push(positions.iter().map(|one| i128::from(one.qty)).sum());
        if !taut_codec::ids::is_inverse(facts.symbol.as_bytes()) {
            cash -= positions.iter().map(|one| one.value).sum::<i128>();
        }
    }
    sums.push(cash);
    sums
}

fn flex_cash(engine: &DerivativesEngine, account: AccountId) -> i128 {
    let dollars: Asset = "USD".parse().expect("three letters");
    engine.balance(account, Wallet::Flex, dollars).map_or(0, |balance| balance.total)
}

/// The markets that are traded in a simulation, and who trades there.
pub(super) fn seats(config: &super::SimConfig) -> Vec<Seat> {
    let seat = |market: Market| {
        let client = config.venue.clients.iter().find(|one| one.market == market.into());
        let client = client.expect("the venue has a client on that market");
        Seat { market, sender: client.sender.clone() }
    };
    std::iter::once(config.market()).chain(config.second_market()).map(seat).collect()
}
