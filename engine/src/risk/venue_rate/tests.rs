use proptest::prelude::*;

use super::*;

const START: UtcTime = UtcTime(1_800_000_000_000_000_000);

fn after(seconds: u64) -> UtcTime {
    START.plus_nanos(seconds * SECOND)
}

/// A tier whose counters do not fall.
const STILL: Tier = Tier { decay: 0, ..Tier::PRO };

#[test]
fn the_example_of_the_venue_file_costs_eight_points() {
    let mut counter = Counter::default();
    counter.charge(Action::Add, STILL, START).unwrap();
    counter.charge(Action::Amend { age: 7 * SECOND }, STILL, after(7)).unwrap();
    counter.charge(Action::Cancel { age: 36 * SECOND }, STILL, after(43)).unwrap();
    assert_eq!(counter.points(STILL, after(43)), 1 + 1 + 2 + 4);
}

#[test]
fn the_table_of_penalties_is_that_of_the_venue_file() {
    let ages = [0, 4, 5, 9, 10, 14, 15, 44, 45, 89, 90, 299, 300, 10_000];
    let amends = ages.map(|s| Action::Amend { age: s * SECOND }.cost());
    assert_eq!(amends, [4, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    let cancels = ages.map(|s| Action::Cancel { age: s * SECOND }.cost());
    assert_eq!(cancels, [8, 8, 6, 6, 5, 5, 4, 4, 2, 2, 1, 1, 0, 0]);
    assert_eq!(Action::Cancel { age: 5 * SECOND - 1 }.cost(), 8);
    assert_eq!(Action::Add.cost(), 1);
}

#[test]
fn each_tier_takes_its_threshold_and_decays_exactly() {
    for (tier, threshold, hundred_seconds) in
        [(Tier::STARTER, 60, 60), (Tier::INTERMEDIATE, 125, 125), (Tier::PRO, 180, 180)]
    {
        let mut counter = Counter::default();
        for _ in 0..threshold {
            counter.charge(Action::Add, tier, START).unwrap();
        }
        assert_eq!(counter.room(tier, START), 0);
        assert_eq!(counter.points(tier, after(100)), 0, "{hundred_seconds} points are gone");
    }
    // 2.34 points a second: after 50 s exactly 117 of 125 points are gone, and not a unit more.
    let tier = Tier::INTERMEDIATE;
    let mut counter = Counter::default();
    counter.add(125, tier, START);
    assert_eq!(counter.level(tier, after(50)), 8 * POINT);
}

#[test]
fn a_refused_transaction_costs_its_fixed_part() {
    let mut counter = Counter::default();
    counter.add(176, STILL, START);
    let amend = Action::Amend { age: 0 };
    assert_eq!(counter.charge(amend, STILL, START), Ok(()), "180 is not over 180");
    assert_eq!(counter.charge(amend, STILL, START), Err(Exceeded));
    assert_eq!(counter.points(STILL, START), 181, "1, not 4");
    assert_eq!(counter.charge(Action::Cancel { age: 0 }, STILL, START), Err(Exceeded));
    assert_eq!(counter.points(STILL, START), 181, "a cancel has no fixed part");
    let old = Action::Cancel { age: 300 * SECOND };
    assert_eq!(
        counter.charge(old, STILL, START),
        Err(Exceeded),
        "the counter is over the threshold"
    );
}

#[test]
fn the_wait_for_room_is_the_first_nanosecond_that_has_it() {
    let tier = Tier::INTERMEDIATE;
    let mut counter = Counter::default();
    counter.add(130, tier, START);
    let wait = counter.wait(8, tier, START).unwrap();
    let probe = |at: UtcTime| Counter::clone(&counter).charge(Action::Cancel { age: 0 }, tier, at);
    assert_eq!(probe(START.plus_nanos(wait)), Ok(()));
    assert_eq!(probe(START.plus_nanos(wait - 1)), Err(Exceeded));
    assert_eq!(counter.wait(126, tier, START), None);
}

#[test]
fn a_pool_of_sub_accounts_is_five_times_as_large() {
    let pool = Tier::STARTER.domain();
    assert_eq!((pool.threshold, pool.decay, pool.open_orders_max), (300, 500, 300));
}

#[test]
fn a_bucket_gives_what_it_holds_and_fills_evenly() {
    let mut bucket = Bucket::new(BucketSize::default());
    for _ in 0..50 {
        bucket.take(10, START).unwrap();
    }
    assert_eq!((bucket.take(1, START), bucket.tokens(START)), (Err(Exceeded), 0));
    assert_eq!(bucket.tokens(after(1)), 50);
    assert_eq!(bucket.wait(51, after(1)), Some(20_000_000));
    assert_eq!(bucket.wait(50, after(1)), Some(0));
    assert_eq!(bucket.wait(501, after(1)), None);
    assert_eq!(bucket.take(51, after(1)), Err(Exceeded));
    assert_eq!(bucket.take(50, after(1)), Ok(()), "what was refused took nothing");
    assert_eq!(bucket.tokens(after(1000)), 500, "no more than full");
}

proptest! {
    /// Against the same rule in hundredths of a point and whole milliseconds, by 128-bit arithmetic.
    #[test]
    fn a_counter_is_what_the_definition_says(
        steps in prop::collection::vec((0u64..20_000, 0u8..3, 0u64..400), 1..200),
        which in 0usize..3,
    ) {
        let tier = [Tier::STARTER, Tier::INTERMEDIATE, Tier::PRO][which];
        let (mut counter, mut now) = (Counter::default(), START);
        // Points times 10^5: hundredths of a point per second times milliseconds.
        let mut naive: i128 = 0;
        for (millis, kind, age) in steps {
            now = now.plus_nanos(millis * 1_000_000);
            naive = (naive - i128::from(millis) * i128::from(tier.decay)).max(0);
            let age = age * SECOND;
            let action = match kind {
                0 => Action::Add,
                1 => Action::Amend { age },
                _ => Action::Cancel { age },
            };
            let fits = naive + i128::from(action.cost()) * 100_000
                <= i128::from(tier.threshold) * 100_000;
            let points = if fits { action.cost() } else { action.fixed() };
            naive += i128::from(points) * 100_000;
            prop_assert_eq!(counter.charge(action, tier, now).is_ok(), fits);
            prop_assert_eq!(i128::from(counter.level(tier, now)), naive * 1_000_000);
        }
    }
}
