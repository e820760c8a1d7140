//! The derivatives market as a client meets it, where a scenario cannot configure it.

use std::num::NonZeroU32;

use taut::types::Side;

use super::harness::*;
use crate::config::{ClientConfig, LiquidityMode};
use crate::liquidity::{Capture, LiquiditySource, SyntheticConfig, SyntheticMarket};
use crate::matching::{FuturesSelfTrade, Wallet};
use crate::skipped::skipped;
use crate::{Service, Venue};

fn order(world: &mut World, peer: &mut Peer, n: u64, side: u8, qty: &str) -> Vec<String> {
    let (id, time) = (comb(world, n), world.time());
    let body =
        format!("D|11={id}|18=s|38={qty}|40=2|44=1000|54={side}|55=PF_ETHUSD|59=1|60={time}|");
    world.send(peer, &body)
}

#[test]
fn the_self_trade_setting_of_a_derivatives_account_and_its_domain_is_configured() {
    for (self_trade, cancelled) in
        [(FuturesSelfTrade::RejectTaker, false), (FuturesSelfTrade::CancelMakerChild, true)]
    {
        let mut config = config();
        let client = |sender: &str, self_trade| ClientConfig {
            sender: sender.into(),
            domain: "family".into(),
            self_trade,
            ..ClientConfig::derivatives()
        };
        config.clients.push(client("MASTER_DRV", self_trade));
        config.clients.push(client("CHILD_DRV", FuturesSelfTrade::default()));
        let mut world = World::with(&config);
        let mut master = world.logon("MASTER_DRV", Service::DerivativesTrading);
        let mut child = world.logon("CHILD_DRV", Service::DerivativesTrading);
        assert_eq!(get(&order(&mut world, &mut child, 1, 2, "1")[0], 150), Some("0"));
        let answers = order(&mut world, &mut master, 2, 1, "1");
        let to_child = world.take(child.id);
        if cancelled {
            assert_eq!(get(&answers[0], 150), Some("0"));
            assert_eq!(values(&to_child[0], &[150, 58]), "4 Self trade prevention");
        } else {
            assert!(get(&answers[0], 58).unwrap().ends_with("WOULD_EXECUTE_SELF"), "{answers:?}");
            assert!(to_child.is_empty());
        }
    }
}

#[test]
fn what_clients_win_and_lose_on_derivatives_and_the_fees_add_up() {
    let mut config = config();
    let other = ClientConfig { sender: "OTHER_DRV".into(), ..ClientConfig::derivatives() };
    config.clients.push(other);
    let mut world = World::with(&config);
    let mut a = world.logon("TAUT_DRV", Service::DerivativesTrading);
    let mut b = world.logon("OTHER_DRV", Service::DerivativesTrading);
    order(&mut world, &mut a, 1, 2, "3");
    order(&mut world, &mut b, 2, 1, "2");
    let engine = world.venue.derivatives();
    let instrument = engine.instrument_id(b"PF_ETHUSD").unwrap();
    let account = |sender: &str| world.venue.account(sender).unwrap();
    assert_eq!(engine.position(account("TAUT_DRV"), instrument).qty, -2000);
    assert_eq!(engine.position(account("OTHER_DRV"), instrument).qty, 2000);
    let cash = |sender: &str| world.venue.balance(sender, "USD").unwrap().total;
    let unit = 1_000_000_000_000_000_000 / 10;
    let start = 10_000_000 * 10 * unit;
    // 2000 dollars: 0.02 % and 0.05 %.
    assert_eq!((cash("TAUT_DRV"), cash("OTHER_DRV")), (start - 4 * unit, start - 10 * unit));
    let state = engine.wallet(account("OTHER_DRV"), Wallet::Flex).unwrap();
    assert_eq!(state.initial, 40 * 10 * unit, "one fiftieth");
    assert_eq!(world.venue.open_orders("TAUT_DRV"), 1);
    assert_eq!(world.venue.stats().live_orders, 1);
}

#[test]
fn a_client_trades_with_a_recorded_book_of_an_inverse_contract() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let path = std::path::Path::new(root).join("../shared/data/kraken/futures-book-trade-31s.ws");
    if !path.exists() {
        skipped(format_args!("{} is not there", path.display()));
        return;
    }
    let speed = NonZeroU32::new(1000).unwrap();
    let source = LiquiditySource::Captures { captures: Capture::load_all(&path).unwrap(), speed };
    let mut config = config();
    let client = config.clients.iter_mut().find(|one| one.sender == "TAUT_DRV").unwrap();
    client.wallets.insert("ETH".into(), "10".into());
    let mut world = World::new();
    let secrets = |name: &str| {
        Some(if name.ends_with("KEY") { "APIKEY".to_owned() } else { "c2VjcmV0".to_owned() })
    };
    world.venue = Venue::with_secrets(&config, Some(source), world.now, secrets).unwrap();
    let instrument = world.venue.derivatives().instrument_id(b"PI_ETHUSD").unwrap();
    let best = |world: &World| {
        world.venue.derivatives().book(instrument).unwrap().best(Side::Sell).unwrap()
    };
    let mut peer = world.logon("TAUT_DRV", Service::DerivativesTrading);
    let before = best(&world);
    let (id, time) = (comb(&world, 1), world.time());
    let order = format!("D|11={id}|18=s|38=10|40=1|54=1|55=PI_ETHUSD|59=3|60={time}|");
    let answers = world.send(&mut peer, &order);
    assert_eq!(values(&answers[0], &[35, 150]), "8 0", "{answers:?}");
    let last = answers.last().unwrap();
    assert_eq!(values(last, &[150, 39, 14, 138]), "F 2 10.0 ETH");
    let rules = *world.venue.derivatives().instrument(instrument).unwrap();
    let px =
        |text: &str| rules.px(taut_codec::value::Decimal::parse(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(px(get(&answers[1], 31).unwrap()), before, "the best recorded price");
    let account = world.venue.account("TAUT_DRV").unwrap();
    assert_eq!(world.venue.derivatives().position(account, instrument).qty, 10);
    let before = world.venue.derivatives().last_price(instrument);
    for _ in 0..200 {
        world.now = world.venue.next_deadline().max(world.now);
        world.venue.tick(world.now);
    }
    assert_eq!(
        world.venue.derivatives().last_price(instrument),
        before,
        "the house is alone again"
    );
}

#[test]
fn a_synthetic_market_trades_on_derivatives() {
    let mut config = config();
    config.liquidity.mode = LiquidityMode::Synthetic;
    let perpetual = |symbol: &str, qty: [&str; 2]| SyntheticMarket {
        symbol: symbol.into(),
        synthetic: SyntheticConfig {
            qty_min: qty[0].into(),
            qty_max: qty[1].into(),
            ..SyntheticConfig::default()
        },
    };
    config.liquidity.markets =
        vec![perpetual("PF_XBTUSD", ["0.001", "0.5"]), perpetual("PI_XBTUSD", ["10", "10000"])];
    let mut world = World::with(&config);
    let mut peer = world.logon("TAUT_DRV", Service::DerivativesTrading);
    for (n, symbol, qty) in [(1, "PF_XBTUSD", "0.01"), (2, "PI_XBTUSD", "100")] {
        let (id, time) = (comb(&world, n), world.time());
        let order = format!("D|11={id}|18=s|38={qty}|40=1|54=1|55={symbol}|59=3|60={time}|");
        let answers = world.send(&mut peer, &order);
        assert_eq!(values(answers.last().unwrap(), &[150, 39]), "F 2", "{symbol}: {answers:?}");
    }
    let until = world.now.plus_nanos(20_000_000_000);
    while world.now < until {
        world.now = world.venue.next_deadline().max(world.now).min(until);
        world.venue.tick(world.now);
        world.take(peer.id);
    }
    let engine = world.venue.derivatives();
    for symbol in [b"PF_XBTUSD", b"PI_XBTUSD"] {
        let id = engine.instrument_id(symbol).unwrap();
        let book = engine.book(id).unwrap();
        assert!(book.depth(Side::Buy) >= 25 && book.depth(Side::Sell) >= 25);
        assert!(engine.last_price(id).is_some());
    }
    let (offer, spot) = (engine.instrument_id(b"BTC/USD"), world.venue.engine());
    assert!(offer.is_none() && spot.instrument_id(b"PF_XBTUSD").is_none(), "each market its own");
}
