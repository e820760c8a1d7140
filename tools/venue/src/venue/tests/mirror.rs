//! The engine's mirror of the rate limits beside the venue's own counters, step by step.

use taut::risk::venue_rate::{BucketSize, Tier};
use taut::risk::{Charge, Mirror, Refusal, TokenCosts, VenueRate, VenueRateRule};
use taut::types::InstrumentId;
use taut_codec::value::UtcTime;

use super::harness::*;
use crate::Service;
use crate::config::TierName;

const ID: InstrumentId = InstrumentId(0);
const STEPS: usize = 1_500;

struct Own {
    cl_ord_id: u64,
    order_id: String,
    touched: UtcTime,
}

fn is_limited(answers: &[String]) -> bool {
    answers.iter().filter_map(|answer| get(answer, 58)).any(|text| text.contains("ate limit"))
}

/// What a run came to, so that none is vacuous.
#[derive(Debug, Default)]
struct Seen {
    sent: u32,
    refused: u32,
    refused_cancels: u32,
    filled: u32,
    /// Status requests and markers.
    questions: u32,
    most: u64,
}

fn spot(name: TierName, tier: Tier, seed: u64) -> Seen {
    let mut config = config();
    config.clients[0].tier = name;
    let mut world = World::with(&config);
    let (mut peer, mut other) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    let rule = VenueRateRule::Spot { tier, cancels_limited: true, mass_cancel_points: true };
    let mut mirror = Mirror::new(1, VenueRate { rule, reserve: 0, holds_cancels: true });
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut own, mut seen) = (Vec::<Own>::new(), Seen::default());
    for id in 1..=STEPS as u64 {
        world.now = world.now.plus_nanos(match rng.u8(..20) {
            0 => rng.u64(..100_000_000_000),
            1..6 => rng.u64(..6_000_000_000),
            _ => rng.u64(..400_000_000),
        });
        let now = world.now;
        let which = (!own.is_empty()).then(|| rng.usize(..own.len()));
        let age = |which: usize, own: &[Own]| now.nanos_since(own[which].touched);
        let time = world.time();
        match (rng.u8(..44), which) {
            (0..9, Some(which)) => {
                let charge = Charge::Replace { age: age(which, &own) };
                let Own { cl_ord_id, order_id, .. } = &own[which];
                // A price that the venue refuses, now and then: it counts, and the order stays as it was.
                let px = if rng.u8(..6) == 0 { -1 } else { rng.i32(90..110) };
                let body = format!(
                    "G|11={id}|37={order_id}|38=1|40=2|41={cl_ord_id}|44={px}|54=1|55=BTC/USD|59=1|60={time}|"
                );
                if passes(&mut mirror, charge, &world, &mut seen) {
                    let answers = world.send(&mut peer, &body);
                    assert!(!is_limited(&answers), "{answers:?}");
                    if get(&answers[0], 35) == Some("8") {
                        own[which] = Own { cl_ord_id: id, touched: now, ..take(&mut own, which) };
                    }
                }
            }
            (9..14, Some(which)) => {
                let charge = Charge::Cancel { age: age(which, &own) };
                let expected = mirror.check(ID, charge, now).is_err();
                let order_id = &own[which].order_id;
                let body = format!("F|11={id}|37={order_id}|54=1|55=BTC/USD|60={time}|");
                let answers = world.send(&mut peer, &body);
                assert_eq!(is_limited(&answers), expected, "{answers:?}");
                if expected {
                    seen.refused_cancels += 1;
                } else {
                    mirror.charge(ID, charge, now);
                    own.swap_remove(which);
                }
            }
            (14, _) => {
                for order in own.drain(..) {
                    mirror.mass_cancelled(ID, now.nanos_since(order.touched), now);
                }
                world.send(&mut peer, &format!("q|11={id}|60={time}|530=6|"));
            }
            (15..17, Some(_)) => {
                let sell = "38=1|40=2|44=90|54=2|55=BTC/USD|59=3";
                world.send(&mut other, &format!("D|11={id}|{sell}|60={time}|"));
                for report in world.take(peer.id) {
                    let order_id = get(&report, 37).unwrap();
                    if get(&report, 39) == Some("2") {
                        own.retain(|order| order.order_id != order_id);
                        seen.filled += 1;
                    }
                }
            }
            (40..42, Some(which)) => {
                let Own { cl_ord_id, order_id, .. } = &own[which];
                let body = format!("H|11={cl_ord_id}|37={order_id}|55=BTC/USD|");
                let answers = world.send(&mut peer, &body);
                assert_eq!(get(&answers[0], 150), Some("I"), "{answers:?}");
                seen.questions += 1;
            }
            (42.., _) => {
                mirror.charge(ID, Charge::Marker, now);
                let answers = world.send(&mut peer, &marker(id, "BTC/USD", &time));
                assert_eq!(get(&answers[0], 380), Some("101"), "unknown, not limited: {answers:?}");
                seen.questions += 1;
            }
            _ => {
                let charge = Charge::New { open_orders: own.len() as u32 };
                if passes(&mut mirror, charge, &world, &mut seen) {
                    let px = if rng.u8(..10) == 0 { "-1" } else { "100" };
                    let answers = world.limit(&mut peer, id, 1, "1", px);
                    assert!(!is_limited(&answers), "{answers:?}");
                    if get(&answers[0], 35) == Some("8") {
                        let order_id = get(&answers[0], 37).unwrap().to_owned();
                        own.push(Own { cl_ord_id: id, order_id, touched: now });
                    }
                }
            }
        }
        let points = world.venue.rate_points("TAUT", "BTC/USD", now);
        assert_eq!(mirror.points(ID, now), Some(points), "seed {seed}, step {id}");
        seen.most = seen.most.max(points);
    }
    seen
}

/// A cancel of an order that cannot exist: it names itself.
fn marker(id: impl std::fmt::Display, symbol: &str, time: &str) -> String {
    format!("F|11={id}|41={id}|54=1|55={symbol}|60={time}|")
}

fn take(own: &mut [Own], which: usize) -> Own {
    let Own { cl_ord_id, order_id, touched } = &own[which];
    Own { cl_ord_id: *cl_ord_id, order_id: order_id.clone(), touched: *touched }
}

/// Whether the mirror lets a command pass; if not, the venue's own counter must have been too high.
fn passes(mirror: &mut Mirror, charge: Charge, world: &World, seen: &mut Seen) -> bool {
    match mirror.check(ID, charge, world.now) {
        Ok(()) => {
            mirror.charge(ID, charge, world.now);
            seen.sent += 1;
            true
        }
        Err(Refusal::VenueRate { cost, room, wait_ns }) => {
            assert!(u64::from(room) < u64::from(cost) && wait_ns > 0);
            let later = world.now.plus_nanos(wait_ns);
            assert!(mirror.check(ID, charge, later).is_ok());
            assert!(mirror.check(ID, charge, world.now.plus_nanos(wait_ns - 1)).is_err());
            seen.refused += 1;
            false
        }
        Err(Refusal::VenueOpenOrders(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_mirror_of_the_spot_counters_is_the_venues_at_every_step_in_every_tier() {
    for (name, tier) in [
        (TierName::Starter, Tier::STARTER),
        (TierName::Intermediate, Tier::INTERMEDIATE),
        (TierName::Pro, Tier::PRO),
    ] {
        for seed in 0..4 {
            let seen = spot(name, tier, seed);
            assert!(seen.sent > 300 && seen.filled > 5 && seen.questions > 60, "{seen:?}");
            assert!(seen.most > u64::from(tier.threshold) / 2, "{seen:?}");
            if name == TierName::Starter {
                assert!(seen.refused > 20 && seen.refused_cancels > 5, "{seen:?}");
            }
        }
    }
}

#[test]
fn the_mirror_of_the_derivatives_tokens_is_the_venues_at_every_step_and_refuses_what_that_refuses()
{
    let mut config = config();
    config.derivatives_limits.tokens = 100;
    let mut world = World::with(&config);
    let mut peer = world.logon("TAUT_DRV", Service::DerivativesTrading);
    let size = BucketSize { tokens: 100, ..BucketSize::default() };
    let rule = VenueRateRule::Derivatives { size, costs: TokenCosts::default() };
    let mut mirror = Mirror::new(1, VenueRate { rule, reserve: 0, holds_cancels: true });
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut refused, mut passed) = (0, 0);
    for n in 0..1_000 {
        world.pass(rng.u64(1..1_500));
        let (id, time) = (comb(&world, n), world.time());
        let (charge, body) = match rng.u8(..5) {
            0 => (Charge::CancelAll, format!("q|11={id}|60={time}|530=6|")),
            1 => {
                let body = format!("F|11={id}|37={id}|54=1|55=PF_ETHUSD|60={time}|");
                (Charge::Cancel { age: 0 }, body)
            }
            2 => (Charge::Marker, marker(&id, "PF_ETHUSD", &time)),
            _ => {
                let order = "18=s|38=1|40=2|44=1|54=1|55=PF_ETHUSD|59=1";
                (Charge::New { open_orders: 0 }, format!("D|11={id}|{order}|60={time}|"))
            }
        };
        let answers = world.send(&mut peer, &body);
        let is_limited = answers.iter().any(|answer| answer.contains("apiLimitExceeded"));
        assert_eq!(mirror.check(ID, charge, world.now).is_err(), is_limited, "{n}: {answers:?}");
        if is_limited {
            refused += 1;
        } else {
            mirror.charge(ID, charge, world.now);
            passed += 1;
        }
        let tokens = world.venue.rate_tokens("TAUT_DRV", world.now);
        assert_eq!(mirror.room(ID, world.now), Some(tokens), "{n}");
    }
    assert!(refused > 100 && passed > 100, "{refused} {passed}");
}
