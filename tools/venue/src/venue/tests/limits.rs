//! Rate limits and open-order limits (venue file 7).

use super::harness::*;
use crate::Service;
use crate::config::{ClientConfig, TierName, VenueConfig};

fn tier(tier: TierName) -> VenueConfig {
    let mut config = config();
    config.clients.iter_mut().for_each(|client| client.tier = tier);
    config
}

fn text(answers: &[String]) -> &str {
    get(answers.last().unwrap(), 58).unwrap_or("-")
}

fn amend(world: &mut World, peer: &mut Peer, id: u64, orig: u64, order: &str) -> Vec<String> {
    let time = world.time();
    let body =
        format!("G|11={id}|37={order}|38=1|40=2|41={orig}|44=100|54=1|55=BTC/USD|59=1|60={time}|");
    world.send(peer, &body)
}

fn cancel(world: &mut World, peer: &mut Peer, id: u64, order: &str) -> Vec<String> {
    let time = world.time();
    world.send(peer, &format!("F|11={id}|37={order}|54=1|55=BTC/USD|60={time}|"))
}

#[test]
fn add_amend_and_cancel_cost_what_the_table_says() {
    let mut world = World::with(&tier(TierName::Starter));
    let mut peer = world.trader();
    let points = |world: &World| world.venue.rate_points("TAUT", "BTC/USD", world.now);
    let order = get(&world.limit(&mut peer, 1, 1, "1", "100")[0], 37).unwrap().to_owned();
    assert_eq!(points(&world), 1);
    // One point is gone after a second: what an amend and a cancel cost is all there is.
    world.pass(7_000);
    amend(&mut world, &mut peer, 2, 1, &order);
    assert_eq!(points(&world), 1 + 2);
    world.pass(36_000);
    assert_eq!(get(&cancel(&mut world, &mut peer, 3, &order)[0], 150), Some("4"));
    assert_eq!(points(&world), 4, "36 s after the amend, not 43 s after the order");
    assert_eq!(world.venue.rate_points("TAUT", "ETH/USD", world.now), 0, "each pair for itself");
    assert_eq!(world.venue.rate_points("OTHER", "BTC/USD", world.now), 0);
}

#[test]
fn over_the_threshold_every_transaction_is_refused_until_the_counter_has_fallen() {
    let mut world = World::with(&tier(TierName::Starter));
    let mut peer = world.trader();
    let order = get(&world.limit(&mut peer, 1, 1, "1", "100")[0], 37).unwrap().to_owned();
    for id in 2..=60 {
        // Refused, and yet they count: there is no such price.
        let answers = world.limit(&mut peer, id, 1, "1", "-1");
        assert_eq!(get(&answers[0], 35), Some("j"), "{answers:?}");
    }
    let answers = world.limit(&mut peer, 61, 1, "1", "100");
    assert_eq!(values(&answers[0], &[35, 372, 380]), "j D 0");
    assert!(text(&answers).ends_with("EOrder:Rate limit exceeded"), "{answers:?}");
    let answers = cancel(&mut world, &mut peer, 62, &order);
    assert!(text(&answers).ends_with("EOrder:Rate limit exceeded"), "{answers:?}");
    world.pass(10_000);
    let answers = cancel(&mut world, &mut peer, 63, &order);
    assert_eq!(get(&answers[0], 150), Some("4"), "61 - 10 + 5 points");
}

#[test]
fn a_cancel_is_taken_over_the_threshold_by_switch() {
    let mut config = tier(TierName::Starter);
    config.switches.rate_limit_cancels = false;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let order = get(&world.limit(&mut peer, 1, 1, "1", "100")[0], 37).unwrap().to_owned();
    for id in 2..=60 {
        world.limit(&mut peer, id, 1, "1", "-1");
    }
    assert_eq!(get(&cancel(&mut world, &mut peer, 61, &order)[0], 150), Some("4"));
    assert_eq!(world.venue.rate_points("TAUT", "BTC/USD", world.now), 68, "but it counts");
}

#[test]
fn only_so_many_orders_may_be_open_on_a_pair() {
    for (name, most) in
        [(TierName::Starter, 60), (TierName::Intermediate, 80), (TierName::Pro, 225)]
    {
        let mut world = World::with(&tier(name));
        let mut peer = world.trader();
        for id in 1..=most {
            world.pass(1_000);
            let answers = world.limit(&mut peer, id, 1, "1", "100");
            assert_eq!(answers.len(), 2, "{name:?} {id}: {answers:?}");
        }
        world.pass(1_000);
        let answers = world.limit(&mut peer, most + 1, 1, "1", "100");
        assert!(text(&answers).ends_with("EOrder:Orders limit exceeded"), "{name:?}: {answers:?}");
        world.pass(1_000);
        let (id, time) = (most + 2, world.time());
        let other = format!("D|11={id}|38=1|40=2|44=100|54=1|55=ETH/USD|59=1|60={time}|");
        assert_eq!(world.send(&mut peer, &other).len(), 2, "another pair");
        world.pass(300_000);
        let (id, time) = (most + 3, world.time());
        world.send(&mut peer, &format!("q|11={id}|60={time}|530=6|"));
        assert_eq!(world.limit(&mut peer, most + 4, 1, "1", "100").len(), 2, "they are gone");
    }
}

#[test]
fn a_mass_cancel_adds_the_points_of_each_order_by_its_age() {
    for (on, points) in [(true, 3 + 3 * 8), (false, 3)] {
        let mut config = tier(TierName::Pro);
        config.switches.mass_cancel_points = on;
        let mut world = World::with(&config);
        let mut peer = world.trader();
        for id in 1..=3 {
            world.limit(&mut peer, id, 1, "1", "100");
        }
        let time = world.time();
        assert_eq!(world.send(&mut peer, &format!("q|11=9|60={time}|530=6|")).len(), 3);
        assert_eq!(world.venue.rate_points("TAUT", "BTC/USD", world.now), points);
    }
}

#[test]
fn sub_accounts_share_a_pool_of_five_times_the_size() {
    let mut config = tier(TierName::Starter);
    for sender in ["S3", "S4", "S5", "S6"] {
        let client = ClientConfig { sender: sender.into(), ..config.clients[0].clone() };
        config.clients.push(client);
    }
    config.clients.iter_mut().for_each(|client| client.domain = "house".into());
    let mut world = World::with(&config);
    let senders = ["TAUT", "OTHER", "S3", "S4", "S5"];
    for sender in senders {
        let mut peer = world.logon(sender, Service::SpotTrading);
        for id in 1..=60 {
            let answers = world.limit(&mut peer, id, 1, "1", "-1");
            assert!(!text(&answers).contains("ate limit"), "{sender} {id}: {answers:?}");
        }
    }
    let mut last = world.logon("S6", Service::SpotTrading);
    let answers = world.limit(&mut last, 1, 1, "1", "100");
    // A few milliseconds have passed; a point is not back yet.
    assert!(text(&answers).ends_with("EOrder:Domain rate limit exceeded"), "{answers:?}");
}

#[test]
fn an_account_that_two_comp_ids_share_has_one_counter() {
    let mut config = tier(TierName::Starter);
    config.clients.iter_mut().for_each(|client| client.account = "one".into());
    let mut world = World::with(&config);
    let (mut a, mut b) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    world.limit(&mut a, 1, 1, "1", "100");
    world.limit(&mut b, 2, 1, "1", "100");
    assert_eq!(world.venue.rate_points("TAUT", "BTC/USD", world.now), 2);
    let answers = world.limit(&mut b, 1, 1, "1", "100");
    assert!(text(&answers).contains("ClOrdID is not increasing or already in use"));
}

#[test]
fn a_derivatives_session_has_a_bucket_of_its_own() {
    let mut config = config();
    config.derivatives_limits.tokens = 30;
    let mut world = World::with(&config);
    let mut peer = world.logon("TAUT_DRV", Service::DerivativesTrading);
    let mut order = |world: &mut World, n: u64| {
        let id = comb(world, n);
        let time = world.time();
        let body = format!("D|11={id}|18=s|38=1|40=2|44=1|54=1|55=PF_ETHUSD|59=1|60={time}|");
        let answers = world.send(&mut peer, &body);
        let text = get(&answers[0], 58).unwrap();
        text.rsplit(" : ").next().unwrap().to_owned()
    };
    let texts: Vec<String> = (0..4).map(|n| order(&mut world, n)).collect();
    assert!(texts[..3].iter().all(|text| text != "apiLimitExceeded"), "{texts:?}");
    assert_eq!(texts[3], "apiLimitExceeded", "10 tokens each");
    world.pass(3_333);
    assert_eq!(order(&mut world, 4), "apiLimitExceeded");
    world.pass(1);
    assert_ne!(order(&mut world, 5), "apiLimitExceeded", "a third of the window has passed");
}
