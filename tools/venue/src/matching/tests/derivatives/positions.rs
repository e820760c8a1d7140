//! What trades make of positions.

use super::*;

const THOUSAND: i128 = 1000 * 1_000_000_000_000_000_000;

#[test]
fn a_linear_position_gains_what_the_price_rises_times_the_quantity() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    // 2.00 contracts at 10.00, then half of them at 13.00.
    desk.trade(a, b, PF, 200, 1000);
    let position = desk.engine.position(a, PF);
    assert_eq!((position.qty, position.value, position.realised), (200, 200_000 * UNIT, 0));
    assert_eq!(desk.engine.position(b, PF).value, -200_000 * UNIT);
    desk.trade(b, a, PF, 100, 1300);
    assert_eq!(desk.usd(a), THOUSAND + 30_000 * UNIT, "1.00 x 3.00");
    assert_eq!(desk.usd(b), THOUSAND - 30_000 * UNIT);
    let position = desk.engine.position(a, PF);
    assert_eq!(
        (position.qty, position.value, position.realised),
        (100, 100_000 * UNIT, 30_000 * UNIT)
    );
}

#[test]
fn the_entry_is_the_average_of_what_was_opened_and_closing_does_not_move_it() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 100, 1000);
    desk.trade(a, b, PF, 300, 1400);
    // 1.00 at 10.00 and 3.00 at 14.00: 13.00.
    assert_eq!(desk.engine.position(a, PF).value, 400 * 1300 * UNIT);
    desk.trade(b, a, PF, 150, 1500);
    assert_eq!(desk.engine.position(a, PF).value, 250 * 1300 * UNIT);
    assert_eq!(desk.engine.position(a, PF).realised, 150 * 200 * UNIT);
}

#[test]
fn an_inverse_position_gains_in_base_by_one_over_the_price() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    let ten = 10 * 1_000_000_000_000_000_000;
    // 1000 dollars at 500.00 are 2 bitcoin, at 1000.00 one.
    desk.trade(a, b, PI, 1000, 50_000);
    assert_eq!(desk.engine.position(a, PI).value, 2_000_000_000_000_000_000);
    desk.trade(b, a, PI, 1000, 100_000);
    assert_eq!(desk.engine.position(a, PI).qty, 0);
    assert_eq!((desk.btc(a), desk.btc(b)), (ten + ten / 10, ten - ten / 10));
    assert_eq!(desk.usd(a), THOUSAND, "another wallet");
}

#[test]
fn an_order_beyond_the_position_closes_it_and_opens_the_other_way() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 100, 1000);
    desk.trade(b, a, PF, 250, 1200);
    let position = desk.engine.position(a, PF);
    assert_eq!((position.qty, position.value), (-150, -150 * 1200 * UNIT));
    assert_eq!(position.realised, 100 * 200 * UNIT);
}

#[test]
fn what_cannot_be_split_evenly_stays_with_the_rest_and_nothing_is_lost() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    // One over 3.00, thrice: no decimal fraction.
    desk.trade(a, b, PI, 1, 300);
    desk.trade(a, b, PI, 2, 700);
    desk.trade(b, a, PI, 1, 1100);
    desk.trade(b, a, PI, 2, 1300);
    let position = desk.engine.position(a, PI);
    assert_eq!((position.qty, position.value), (0, 0));
    assert_eq!(desk.btc(a), 10_000_000_000_000_000_000 + position.realised);
    assert_eq!(desk.btc(a) + desk.btc(b), 20 * 1_000_000_000_000_000_000);
}

#[test]
fn the_fee_is_taken_per_trade_in_the_cash_of_the_wallet() {
    let fees = FeeSchedule { maker: 200, taker: 500, ..NO_FEES };
    let mut desk = Futures::new(fees, TERMS, Decimal::new(1000, 0), Decimal::new(10, 0));
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 200, 1000);
    // 20 dollars: 0.004 of the maker, 0.01 of the taker.
    assert_eq!((desk.usd(a), desk.usd(b)), (THOUSAND - 100 * UNIT, THOUSAND - 40 * UNIT));
    assert_eq!(desk.usd(FEE_ACCOUNT), 140 * UNIT);
    desk.trade(a, b, PI, 1, 30_000);
    // A dollar at 300.00: 0.00333.. bitcoin, of which 0.05 % are 0.00000166.., rounded up.
    assert_eq!(desk.btc(a), 10_000_000_000_000_000_000 - 1_670_000_000_000);
}

#[test]
fn a_symbol_says_what_a_contract_is() {
    let mut engine = DerivativesEngine::new(&DerivativesConfig::default()).unwrap();
    for good in ["PF_XBTUSD", "FF_ETHUSD_261225", "PI_ETHUSD", "FI_XBTUSD_261225"] {
        assert!(engine.add_instrument(listed(good, 2), TERMS).is_ok(), "{good}");
    }
    for bad in [
        "BTC/USD",
        "PF_USD",
        "PX_XBTUSD",
        "PF_XBTUSD_261225",
        "FI_XBTUSD",
        "PF_XBTEUR",
        "FI_XBTUSD_26122",
    ] {
        let refused = engine.add_instrument(listed(bad, 2), TERMS);
        assert!(matches!(refused, Err(SetupError::Symbol(_))), "{bad}: {refused:?}");
    }
    let nothing = ContractTerms { leverage: 0, ..TERMS };
    let refused = engine.add_instrument(listed("PF_SOLUSD", 2), nothing);
    assert!(matches!(refused, Err(SetupError::Terms(_))), "{refused:?}");
    let wallet = Wallet::Single(asset("SOL"));
    let refused = engine.deposit(AccountId(7), Wallet::Flex, asset("USD"), Decimal::new(1, 0));
    assert_eq!(refused, Err(SetupError::Account));
    let account = engine.add_account(AccountFlags::default()).unwrap();
    let refused = engine.deposit(account, wallet, asset("BTC"), Decimal::new(1, 0));
    assert_eq!(refused, Err(SetupError::Asset(asset("BTC"))), "the wallet is of another asset");
}
