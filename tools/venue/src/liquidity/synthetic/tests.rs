use taut::types::PairStatus;

use super::*;
use crate::matching::{AccountFlags, EventKind, Spot, SpotConfig, SpotEngine};

const START: UtcTime = UtcTime(1_000_000_000_000);
const ID: InstrumentId = InstrumentId(0);

fn instrument() -> Instrument {
    Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        price_precision: 1,
        qty_precision: 8,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(10_000),
        qty_max: None,
        cost_min: Decimal::new(5, 1),
        status: PairStatus::Online,
    }
}

fn market(config: SyntheticConfig) -> (SpotEngine, Synthetic) {
    let mut engine = SpotEngine::new(&SpotConfig::default()).unwrap();
    engine.add_instrument(instrument()).unwrap();
    let house = engine.add_account(AccountFlags::HOUSE).unwrap();
    let market = Synthetic::new(config, ID, &instrument(), house, START).unwrap();
    (engine, market)
}

/// Plays `steps` calls one by one and checks the book after each.
fn play(config: SyntheticConfig, steps: usize) -> (Vec<EngineEvent>, Synthetic) {
    let depth = config.depth_levels as usize;
    let orders_max = config.orders_max as usize;
    let (mut engine, mut market) = market(config);
    let mut events = Vec::new();
    for _ in 0..steps {
        let at = Liquidity::<Spot>::next_at(&market).unwrap();
        market.act(at, &mut engine, &mut events);
        let book = engine.book(ID).unwrap();
        for side in [Side::Buy, Side::Sell] {
            assert!(book.depth(side) >= depth, "{side:?}: {}", book.depth(side));
        }
        assert!(engine.live_orders() <= orders_max);
        assert!(Liquidity::<Spot>::next_at(&market).unwrap() > at);
    }
    (events, market)
}

#[test]
fn one_seed_gives_one_market_and_another_seed_another() {
    let config = SyntheticConfig::default();
    let first = play(config.clone(), 2000).0;
    assert_eq!(first, play(config.clone(), 2000).0);
    assert_ne!(first, play(SyntheticConfig { seed: 2, ..config }, 2000).0);
}

#[test]
fn the_book_stays_two_sided_and_bounded_while_everything_happens() {
    let config = SyntheticConfig {
        depth_levels: 25,
        orders_max: 100,
        market_percent: 20,
        cancel_percent: 20,
        qty_max: "5".to_owned(),
        ..SyntheticConfig::default()
    };
    let (events, market) = play(config, 20_000);
    let count = |kind: fn(&EventKind) -> bool| events.iter().filter(|e| kind(&e.kind)).count();
    assert!(count(|kind| matches!(kind, EventKind::Trade(_))) > 5000);
    assert!(count(|kind| matches!(kind, EventKind::Cancelled { .. })) > 1000);
    assert_eq!(count(|kind| matches!(kind, EventKind::Rejected(_))), 0);
    assert_ne!(market.mid(), Px(600_000), "the price moves");
    assert!((market.mid().0 - 600_000).abs() <= 5000);
    // 200 steps a second were asked for, bursts are faster.
    let seconds = Liquidity::<Spot>::next_at(&market).unwrap().nanos_since(START) / 1_000_000_000;
    assert!((40..=110).contains(&seconds), "{seconds}");
}

#[test]
fn a_market_that_was_closed_fills_again() {
    let (mut engine, mut market) = market(SyntheticConfig::default());
    let mut events = Vec::new();
    engine.set_status(ID, PairStatus::CancelOnly);
    market.act(START, &mut engine, &mut events);
    assert_eq!(engine.live_orders(), 0);
    engine.set_status(ID, PairStatus::Online);
    let at = Liquidity::<Spot>::next_at(&market).unwrap();
    market.act(at, &mut engine, &mut events);
    assert_eq!(engine.book(ID).unwrap().depth(Side::Buy), 60);
    // A jump of a virtual clock by ten years ends.
    let later = START.plus_nanos(10 * 365 * 86_400 * 1_000_000_000);
    market.act(later, &mut engine, &mut events);
    assert!(Liquidity::<Spot>::next_at(&market).unwrap() > later);
}

#[test]
fn a_configuration_that_makes_no_market_is_refused_by_field() {
    let refuse = |change: fn(&mut SyntheticConfig)| {
        let mut config = SyntheticConfig::default();
        change(&mut config);
        let made = Synthetic::new(config, ID, &instrument(), AccountId(1), START);
        made.unwrap_err().to_string()
    };
    assert_eq!(
        refuse(|c| c.start_price = "1.05".to_owned()),
        "start_price = \"1.05\" is not a positive multiple of 0.1 within range"
    );
    assert!(refuse(|c| c.start_price = "100".to_owned()).contains("start_price"));
    assert!(refuse(|c| c.start_price = "900000000000000000".to_owned()).contains("start_price"));
    assert!(refuse(|c| c.qty_max = "0.0001".to_owned()).contains("qty_max"));
    assert!(refuse(|c| c.qty_min = "-1".to_owned()).contains("qty_min"));
    assert!(refuse(|c| c.depth_levels = 24).contains("depth_levels"));
    assert!(refuse(|c| c.orders_max = 100).contains("orders_max"));
    assert!(refuse(|c| c.events_per_second = 0).contains("events_per_second"));
    assert!(refuse(|c| c.cancel_percent = 99).contains("cancel_percent"));
    let parsed: SyntheticConfig = toml::from_str("seed = 9").unwrap();
    assert_eq!(parsed, SyntheticConfig { seed: 9, ..SyntheticConfig::default() });
    assert!(toml::from_str::<SyntheticConfig>("sead = 9").is_err());
}

/// How unevenly steps fall into seconds: variance over mean of their counts, in hundredths. It is 100 for
/// steps that come independently.
fn dispersion(config: SyntheticConfig) -> u64 {
    let (mut engine, mut market) = market(config);
    let mut counts = vec![0u64; 1];
    for _ in 0..20_000 {
        let at = market.next_at;
        market.act(at, &mut engine, &mut Vec::new());
        let second = (at.nanos_since(START) / 1_000_000_000) as usize;
        counts.resize(counts.len().max(second + 1), 0);
        counts[second] += 1;
    }
    counts.pop();
    let n = counts.len() as u64;
    let sum: u64 = counts.iter().sum();
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    (n * squares - sum * sum) * 100 / (sum * n)
}

#[test]
fn excitation_makes_arrivals_come_in_clusters() {
    let calm =
        SyntheticConfig { cluster_percent: 0, orders_max: 1000, ..SyntheticConfig::default() };
    let excited = SyntheticConfig { excitation_percent: 300, ..calm.clone() };
    let (calm, excited) = (dispersion(calm), dispersion(excited));
    assert!((70..=130).contains(&calm), "independent steps: {calm}");
    assert!(excited > 2 * calm, "{excited} against {calm}");
}
