//! The derivatives market as a client meets it, where a scenario cannot configure it.

use super::harness::*;
use crate::Service;
use crate::config::ClientConfig;
use crate::matching::{FuturesSelfTrade, Wallet};

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
