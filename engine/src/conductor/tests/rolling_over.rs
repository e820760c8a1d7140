use std::time::Duration;

use super::world::*;
use super::*;

const NOON: &str = "20260407-12:00:00.000";

fn conducted(reset: ResetPolicy) -> ConductorConfig {
    ConductorConfig { rollover: Some(rollover()), reset, ..config() }
}

fn is_up(event: &LinkEvent) -> bool {
    matches!(event, LinkEvent::Up { .. })
}

fn rolled(event: &LinkEvent) -> bool {
    matches!(event, LinkEvent::RolledOver { .. })
}

fn when(world: &World, wanted: impl Fn(&LinkEvent) -> bool) -> Vec<UtcTime> {
    world.events.iter().filter(|(_, event)| wanted(event)).map(|(at, _)| *at).collect()
}

fn agrees(world: &World) -> bool {
    world.is_up()
        && world.us.next_out() == world.venue.next_in()
        && world.us.next_in() == world.venue.next_out()
}

#[test]
fn a_whole_week_with_its_rollovers_passes_in_a_moment() {
    for (reset, drop, ahead) in [
        (ResetPolicy::Never, Drop::Logout, 0),
        (ResetPolicy::Never, Drop::Cut, 2),
        (ResetPolicy::FirstConnect, Drop::Cut, -2),
        (ResetPolicy::AfterRollover, Drop::Logout, -2),
        (ResetPolicy::Always, Drop::Logout, 2),
    ] {
        let mut world = World::new(conducted(reset), NOON);
        world.rollover = Some((rollover(), drop));
        world.venue_ahead = ahead * SECOND as i64;
        world.run_for(7 * 86_400 * SECOND);
        let what = format!("{reset:?}, {drop:?}, {ahead} s");
        assert!(agrees(&world), "{what}");
        let rollovers: Vec<UtcTime> = world
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                LinkEvent::RolledOver { rollover, .. } => Some(*rollover),
                _ => None,
            })
            .collect();
        let ups = when(&world, is_up);
        assert_eq!(rollovers.len(), 7, "{what}");
        assert_eq!(ups.len(), 8, "{what}: {:?}", world.events);
        let held = when(&world, |event| matches!(event, LinkEvent::Held { .. }));
        for ((at, held), up) in rollovers.iter().zip(&held).zip(&ups[1..]) {
            assert_eq!(at.to_fix_millis()[9..17], *b"22:00:00", "{what}");
            assert_eq!(at.nanos_since(*held), 10 * SECOND, "{what}: held before");
            assert!(up.nanos_since(*at) <= 45 * SECOND, "{what}: back within the window");
        }
        let lost = |event: &LinkEvent| matches!(event, LinkEvent::Down { expected: false, .. });
        assert_eq!(world.count(lost), 0, "{what}: every drop was expected");
        // A new epoch each day, and one more for each logon that asked for a reset.
        assert!(world.us.epoch() >= 7, "{what}");
    }
}

#[test]
fn a_day_of_any_time_of_day_has_one_rollover_midnight_too() {
    for hour in [0, 1, 11, 12, 23] {
        let mut config = conducted(ResetPolicy::Never);
        let at = Rollover { at: Duration::from_secs(hour * 3600), ..rollover() };
        config.rollover = Some(at);
        let mut world = World::new(config, NOON);
        world.run_for(86_400 * SECOND - 3600 * SECOND);
        world.run_for(2 * 3600 * SECOND);
        assert!(
            (1..=2).contains(&world.count(rolled)) && agrees(&world),
            "{hour}: {:?}",
            world.events
        );
        assert_eq!(world.us.epoch() as usize, world.count(rolled), "{hour}");
    }
}

#[test]
fn a_session_that_was_down_over_the_rollover_starts_at_1() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-21:00:00.000");
    world.run_to(is_up);
    world.run_until(time("20260407-21:30:00.000"));
    world.manner = Manner::Away;
    world.cut();
    world.run_until(time("20260407-23:00:00.000"));
    assert_eq!((world.us.next_in(), world.us.next_out()), (1, 1));
    world.manner = Manner::Serves;
    world.run_to(is_up);
    assert!(agrees(&world) && world.us.epoch() == 1);
}

#[test]
fn numbers_of_an_earlier_life_before_the_rollover_are_not_used() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260408-09:00:00.000");
    assert!(world.us.restore(4, 812, 377));
    let last = time("20260407-21:59:00.000");
    world.conductor = Conductor::new(conducted(ResetPolicy::Never), Some(last), world.now);
    world.run_to(is_up);
    assert_eq!(world.us.epoch(), 5);
    assert!(agrees(&world));
    // And those of the same day are.
    let mut world = World::new(conducted(ResetPolicy::Never), "20260408-09:00:00.000");
    assert!(world.us.restore(4, 2, 2) && world.venue.restore(0, 2, 2));
    let last = time("20260407-22:01:00.000");
    world.conductor = Conductor::new(conducted(ResetPolicy::Never), Some(last), world.now);
    world.run_to(is_up);
    assert!(agrees(&world) && world.us.epoch() == 4);
}

#[test]
fn a_rollover_while_dialling_is_kept_by_the_logon_that_follows() {
    let mut world = World::new(conducted(ResetPolicy::AfterRollover), "20260407-21:59:59.000");
    assert!(world.us.restore(0, 9, 9) && world.venue.restore(0, 9, 9));
    world.slow_dials = true;
    world.run_until(time("20260407-22:00:31.000"));
    assert_eq!(world.us.next_out(), 1);
    world.slow_dials = false;
    world.run_to(is_up);
    let asks = |event: &LinkEvent| matches!(event, LinkEvent::LoggingOn { reset: true, .. });
    assert_eq!(world.count(asks), 1, "decided when the connection stands");
    assert!(agrees(&world));
}

#[test]
fn a_rollover_while_logging_on_is_kept_after_that_attempt() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-21:59:58.000");
    assert!(world.us.restore(0, 9, 9));
    (world.rollover, world.manner) = (None, Manner::Mute);
    world.run_until(time("20260407-22:00:05.000"));
    assert_eq!(world.count(rolled), 0, "the Logon has an outcome first");
    world.manner = Manner::Serves;
    world.run_to(rolled);
    assert_eq!(world.now, time("20260407-22:00:08.000"), "it timed out");
    world.run_to(is_up);
    assert!(agrees(&world) && world.us.epoch() == 1);
}

#[test]
fn a_logon_that_crosses_the_rollover_and_meets_a_venue_that_starts_at_1_is_the_rollover() {
    // The venue's clock is ahead: its day has begun, ours begins while the session synchronises.
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-22:00:00.000");
    let rollover = Rollover { window: Duration::ZERO, ..rollover() };
    world.rollover = Some((rollover, Drop::Cut));
    world.conductor =
        Conductor::new(conducted(ResetPolicy::Never), None, time("20260407-21:59:59.999"));
    assert!(world.us.restore(0, 9, 9));
    let Some(Step::RollOver) = world.conductor.step(world.now) else { panic!("down: at once") };
    assert!(world.us.rollover());
    world.run_to(is_up);
    assert!(agrees(&world));

    // The same within a connection that was made before.
    let before = time("20260407-21:59:59.000");
    let mut conductor = Conductor::new(conducted(ResetPolicy::Never), None, before);
    let Some(Step::Dial(attempt)) = conductor.step(before) else { panic!() };
    assert!(conductor.dial_done(attempt.number, Ok(()), before).is_some());
    conductor.epoch_is(3, before);
    let now = time("20260407-22:00:00.100");
    conductor.epoch_is(4, now);
    conductor.logged_on(Numbers { epoch: 4, next_in: 2, next_out: 9 }, now);
    let later = time("20260407-22:05:00.000");
    assert_eq!(conductor.step(later), None, "it has rolled over: nothing is to be done");
    let events: Vec<_> = std::iter::from_fn(|| conductor.next_event()).collect();
    assert!(
        events.iter().any(|event| matches!(event, LinkEvent::RolledOver { by_peer: true, .. }))
    );
}

#[test]
fn a_rollover_while_messages_are_resent_ends_the_resend() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-21:59:59.000");
    // The venue has sent much that we miss, and none of it comes before its day ends.
    assert!(world.us.restore(0, 9, 9) && world.venue.restore(0, 9, 500));
    world.only_logons = true;
    world.run_until(time("20260407-21:59:59.999"));
    assert!(world.connected && world.us.is_synchronising());
    world.run_to(rolled);
    world.only_logons = false;
    world.run_to(is_up);
    assert!(agrees(&world) && world.us.epoch() == 1);
}

#[test]
fn a_rollover_during_a_logout_of_ours_does_not_bring_the_session_back() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-21:59:00.000");
    world.run_to(is_up);
    world.run_until(time("20260407-21:59:59.999"));
    world.conductor.wish_down();
    world.us.logout(None, world.now, &mut world.out);
    world.run_for(3600 * SECOND);
    assert!(world.conductor.is_over() && !world.connected);
}

#[test]
fn a_venue_that_does_not_drop_the_session_is_left_at_the_end_of_the_window() {
    let mut world = World::new(conducted(ResetPolicy::AfterRollover), "20260407-21:00:00.000");
    world.rollover = Some((rollover(), Drop::Never));
    world.run_to(|event| *event == LinkEvent::NotDropped);
    assert_eq!(world.now, time("20260407-22:00:30.000"));
    world.run_to(is_up);
    assert!(agrees(&world) && world.us.epoch() >= 1);
}

#[test]
fn a_venue_that_keeps_its_numbers_at_the_rollover_is_asked_for_a_reset() {
    let mut world = World::new(conducted(ResetPolicy::FirstConnect), "20260407-21:00:00.000");
    world.rollover = Some((rollover(), Drop::Never));
    world.run_to(|event| *event == LinkEvent::NotDropped);
    world.run_to(|event| matches!(event, LinkEvent::ResetForced { expected: Some(2..), .. }));
    world.run_to(is_up);
    assert!(agrees(&world));
}

#[test]
fn a_clock_that_is_set_back_over_the_rollover_does_not_roll_over_twice() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-21:00:00.000");
    world.run_to(rolled);
    world.run_to(is_up);
    // Only our clock: the venue's goes on.
    world.now = time("20260407-21:59:50.000");
    world.venue_ahead = 60 * SECOND as i64;
    world.run_for(600 * SECOND);
    assert_eq!(world.count(rolled), 1);
    assert!(agrees(&world) && world.us.epoch() == 1);
}

#[test]
fn a_clock_that_leaps_over_the_rollover_rolls_over_once() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260407-21:00:00.000");
    world.run_to(is_up);
    world.run_for(60 * SECOND);
    // The machine slept for two days.
    world.cut();
    world.now = time("20260409-23:30:00.000");
    world.run_to(is_up);
    assert_eq!((world.count(rolled), world.us.epoch()), (1, 1));
    assert!(agrees(&world));
}

#[test]
fn a_clock_that_was_days_ahead_does_not_hide_the_rollovers_of_the_right_days() {
    let mut world = World::new(conducted(ResetPolicy::Never), "20260501-12:00:00.000");
    world.run_to(is_up);
    world.cut();
    world.now = time("20260407-12:00:00.000");
    world.rollover = None;
    world.run_to(is_up);
    world.run_until(time("20260407-21:59:59.000"));
    let before = world.count(rolled);
    world.cut();
    world.run_until(time("20260407-23:00:00.000"));
    assert_eq!(world.count(rolled), before + 1);
}

#[test]
fn redials_after_the_rollover_come_at_any_time_of_the_window() {
    let mut first = Vec::new();
    for seed in 0..40 {
        let mut world = World::new(
            ConductorConfig { seed, ..conducted(ResetPolicy::Never) },
            "20260407-21:59:00.000",
        );
        world.run_to(|event| matches!(event, LinkEvent::Down { expected: true, .. }));
        world.run_to(|event| matches!(event, LinkEvent::Dialling { .. }));
        first.push(world.now.nanos_since(time("20260407-22:00:00.000")) / SECOND);
    }
    assert!(first.iter().all(|seconds| *seconds <= 30), "{first:?}");
    let early = first.iter().filter(|seconds| **seconds < 15).count();
    assert!((8..=32).contains(&early), "{first:?}");
}

#[test]
fn a_session_that_the_rollover_ends_before_it_was_stable_comes_back_to_its_host() {
    let mut world = World::new(
        ConductorConfig { hosts: 2, ..conducted(ResetPolicy::Never) },
        "20260407-21:59:55.000",
    );
    world.run_to(is_up);
    world.run_to(|event| matches!(event, LinkEvent::Down { expected: true, .. }));
    world.run_to(|event| matches!(event, LinkEvent::Dialling { .. }));
    assert_eq!(world.host, 0);
}
