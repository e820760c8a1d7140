use std::time::Duration;

use super::world::*;
use super::*;
use crate::event::EventText;
use crate::limits::SEQ_NUM_MAX;

const NOON: &str = "20260407-12:00:00.000";

fn is_up(event: &LinkEvent) -> bool {
    matches!(event, LinkEvent::Up { .. })
}

fn is_closed_at_logon(event: &LinkEvent) -> bool {
    matches!(event, LinkEvent::Down { reason: DownReason::ClosedAtLogon, .. })
}

#[test]
fn a_lost_session_comes_back_with_its_numbers() {
    let mut world = World::new(config(), NOON);
    world.run_for(60 * SECOND);
    assert!(world.is_up());
    world.cut();
    world.run_to(is_up);
    assert_eq!(world.us.epoch(), 0, "a reconnect is no new sequence space");
    assert_eq!(world.us.next_out(), world.venue.next_in());
    let down = world.events.iter().find_map(|(_, event)| match event {
        LinkEvent::Down { reason, up_ms, expected, .. } => Some((*reason, *up_ms, *expected)),
        _ => None,
    });
    assert_eq!(down, Some((DownReason::ConnectionLost, 60_000, false)));
    let (ms, cause) = world.waits()[0];
    assert!((125..=250).contains(&ms) && cause == Cause::Lost, "{ms}");
}

#[test]
fn a_tcp_connection_that_does_not_end_in_a_logon_is_no_success_and_waits_grow_to_a_bound() {
    let mut config = config();
    config.reconnect.refusals_max = 0;
    config.reconnect.closed_at_logon_max = 0;
    let refuses = Manner::Refuses("Logon failed: invalid credentials");
    for (manner, first, max) in
        [(Manner::Away, 250, 30_000), (Manner::Silent, 250, 30_000), (refuses, 10_000, 300_000)]
    {
        let mut world = World::new(config, NOON);
        world.manner = manner;
        world.run_for(12 * 3600 * SECOND);
        let waits = world.waits();
        assert!(waits.len() > 100);
        for (failures, (ms, _)) in waits.iter().enumerate() {
            let base = (first << failures.min(20)).min(max);
            assert!((base / 2..=base).contains(ms), "{manner:?}, failure {failures}: {ms}");
        }
        let last: Vec<_> = waits[50..].iter().map(|(ms, _)| ms).collect();
        assert!(last.iter().any(|ms| *ms != last[0]), "no two clients come at the same time");
        world.manner = Manner::Serves;
        world.run_to(is_up);
        world.run_for(60 * SECOND);
        world.cut();
        world.settle();
        let (ms, _) = world.waits()[waits.len()];
        assert!((125..=250).contains(&ms), "a session that was stable starts the count anew: {ms}");
    }
}

#[test]
fn hosts_are_tried_in_order_before_the_wait_grows_and_the_good_one_is_kept() {
    let mut config = config();
    config.hosts = 3;
    let mut world = World::new(config, NOON);
    world.manner = Manner::Away;
    world.run_for(8 * SECOND);
    let hosts = hosts_dialled(&world);
    assert!(hosts.len() > 6 && hosts.iter().enumerate().all(|(at, host)| at % 3 == *host as usize));
    let waits: Vec<u64> = world.waits().iter().map(|(ms, _)| *ms).collect();
    assert!(waits[..3].iter().all(|ms| *ms <= 250) && waits[3..6].iter().all(|ms| *ms >= 250));
    world.manner = Manner::Serves;
    world.run_to(is_up);
    let good = world.conductor.host;
    world.run_for(60 * SECOND);
    world.cut();
    world.run_to(is_up);
    assert_eq!(world.conductor.host, good, "sticky: the same instance has our orders");
}

fn hosts_dialled(world: &World) -> Vec<u8> {
    let host = |(_, event): &(UtcTime, LinkEvent)| match event {
        LinkEvent::Dialling { host, .. } => Some(*host),
        _ => None,
    };
    world.events.iter().filter_map(host).collect()
}

#[test]
fn a_host_that_takes_the_logon_and_drops_the_session_at_once_is_left_for_the_next() {
    let mut world = World::new(ConductorConfig { hosts: 3, ..config() }, NOON);
    world.manners = vec![Manner::Drops, Manner::Away];
    world.run_for(60 * SECOND);
    assert!(world.is_up());
    assert_eq!(hosts_dialled(&world), [0, 1, 2]);
    assert_eq!(
        world.waits().iter().map(|wait| wait.1).collect::<Vec<_>>(),
        [Cause::Lost, Cause::NoConnection]
    );
}

#[test]
fn waits_go_on_growing_while_sessions_come_up_and_do_not_last() {
    let mut config = ConductorConfig { hosts: 2, ..config() };
    config.reconnect.short_lives_max = 0;
    let mut world = World::new(config, NOON);
    world.manner = Manner::Drops;
    world.run_for(3600 * SECOND);
    let hosts = hosts_dialled(&world);
    assert!(
        hosts.len() > 50 && hosts.iter().enumerate().all(|(at, host)| at % 2 == *host as usize)
    );
    for (failures, (ms, cause)) in world.waits().into_iter().enumerate() {
        let base = (250 << (failures / 2).min(20)).min(30_000);
        assert!((base / 2..=base).contains(&ms), "failure {failures}: {ms}");
        assert_eq!(cause, Cause::Lost);
    }
}

#[test]
fn a_session_is_stable_from_the_configured_time_on_and_its_host_is_kept_then() {
    let stable = Reconnect::default().stable.as_nanos() as u64;
    for (up_for, kept) in [(stable - 1_000_000, false), (stable, true)] {
        let mut world = World::new(ConductorConfig { hosts: 2, ..config() }, NOON);
        world.run_to(is_up);
        world.run_for(up_for);
        world.cut();
        world.run_to(is_up);
        assert_eq!(hosts_dialled(&world)[1] == 0, kept, "up for {up_for} ns");
    }
}

#[test]
fn a_refused_logon_waits_long_and_stops_by_policy_with_the_reason() {
    let mut world = World::new(config(), NOON);
    world.manner = Manner::Refuses("Logon failed: invalid credentials");
    let over = world.run_to(|event| matches!(event, LinkEvent::Over { .. }));
    assert_eq!(over, LinkEvent::Over { cause: Cause::Refused, failures: 5 });
    assert!(world.waits().iter().all(|(ms, cause)| *ms >= 5_000 && *cause == Cause::Refused));
    let dials = world.conductor.attempt;
    world.run_for(3600 * SECOND);
    assert_eq!(world.conductor.attempt, dials, "nothing is dialled any more");
    // The application may want it again.
    world.manner = Manner::Serves;
    world.conductor.wish_up(world.now);
    world.run_to(is_up);
}

#[test]
fn a_gateway_that_takes_connections_and_closes_them_at_the_logon_is_waited_for() {
    let mut world = World::new(ConductorConfig { hosts: 2, ..config() }, NOON);
    world.manner = Manner::Silent;
    // As long as a maintenance may last.
    world.run_for(2 * 3600 * SECOND);
    let hosts = hosts_dialled(&world);
    assert!(hosts.len() > 100, "{}", hosts.len());
    assert!(hosts.iter().enumerate().all(|(at, host)| at % 2 == *host as usize), "in turn");
    assert_eq!(world.count(is_closed_at_logon), hosts.len(), "and each one is told");
    assert!(world.waits().iter().all(|(_, cause)| *cause == Cause::ClosedAtLogon));
    let back = world.now;
    world.manner = Manner::Serves;
    world.run_to(is_up);
    assert!(world.now.nanos_since(back) <= 30 * SECOND);
}

#[test]
fn closes_at_the_logon_end_it_by_policy_once_every_host_has_had_as_many() {
    let mut config = ConductorConfig { hosts: 3, ..config() };
    config.reconnect.closed_at_logon_max = 4;
    let mut world = World::new(config, NOON);
    world.manner = Manner::Silent;
    let over = world.run_to(|event| matches!(event, LinkEvent::Over { .. }));
    assert_eq!(over, LinkEvent::Over { cause: Cause::ClosedAtLogon, failures: 12 });
    // A logon that succeeds makes up for those before it.
    let mut world = World::new(config, NOON);
    for _ in 0..3 {
        world.manner = Manner::Silent;
        world.run_for(3 * SECOND);
        world.manner = Manner::Serves;
        world.run_to(is_up);
        world.run_for(60 * SECOND);
        world.cut();
    }
    assert!(world.count(is_closed_at_logon) > 12 && !world.conductor.is_over());
}

#[test]
fn a_journal_of_ours_that_takes_nothing_is_no_refusal_and_is_waited_for() {
    let mut world = World::new(config(), NOON);
    world.manner = Manner::OurJournalFails;
    world.run_for(3600 * SECOND);
    let waits = world.waits();
    assert!(waits.len() > 20, "more often than refusals are let pass: {}", waits.len());
    assert!(waits.iter().all(|(_, cause)| *cause == Cause::Journal), "{waits:?}");
    world.manner = Manner::Serves;
    world.run_to(is_up);
}

#[test]
fn a_clock_that_is_off_is_no_reason_to_hurry() {
    let mut world = World::new(config(), NOON);
    let reason = DownReason::ClockSkew { ms: 7_000, text: Default::default() };
    let Some(Step::Dial(attempt)) = world.conductor.step(world.now) else { panic!() };
    assert!(world.conductor.dial_done(attempt.number, Ok(()), world.now).is_some());
    world.conductor.down(&reason, Numbers::default(), world.now);
    let deadline = world.conductor.next_deadline(world.now);
    assert!(deadline.nanos_since(world.now) >= 5 * SECOND);
}

#[test]
fn the_outcome_of_an_attempt_that_was_given_up_is_not_used() {
    let mut world = World::new(config(), NOON);
    world.slow_dials = true;
    world.settle();
    let old = world.dialling[0];
    world.run_for(3600 * SECOND);
    assert_eq!(world.dialling, [old], "one attempt at a time, however long it takes");
    world.conductor.wish_down();
    assert!(world.conductor.is_over());
    assert_eq!(world.conductor.dial_done(old.number, Ok(()), world.now), None);
    world.conductor.wish_up(world.now);
    world.dialling.clear();
    world.settle();
    let new = world.dialling[0];
    assert_ne!(new.number, old.number);
    assert_eq!(world.conductor.dial_done(old.number, Ok(()), world.now), None);
    world.slow_dials = false;
    world.run_to(is_up);
    assert_eq!(world.us.connection(), 1);
}

#[test]
fn two_processes_with_one_comp_id_do_not_evict_each_other_for_ever() {
    let mut world = World::new(config(), NOON);
    let mut evictions = 0;
    let started = world.now;
    while !world.conductor.is_over() {
        world.run_to(|event| matches!(event, LinkEvent::Up { .. } | LinkEvent::Over { .. }));
        world.run_for(SECOND);
        // The other one logs on.
        world.cut();
        world.settle();
        evictions += 1;
        assert!(evictions < 100);
    }
    assert_eq!(evictions, 20);
    assert!(world.now.nanos_since(started) > 120 * SECOND, "and less and less often");
    let over = LinkEvent::Over { cause: Cause::Lost, failures: 20 };
    assert_eq!(world.events.last().unwrap().1, over);
}

#[test]
fn a_session_that_is_not_to_come_back_ends_at_once_wherever_it_stands() {
    for manner in [Manner::Serves, Manner::Away, Manner::Mute] {
        let mut world = World::new(config(), NOON);
        world.manner = manner;
        world.run_for(500_000_000);
        world.conductor.wish_down();
        world.us.logout(None, world.now, &mut world.out);
        world.run_for(60 * SECOND);
        assert!(world.conductor.is_over(), "{manner:?}");
        assert_eq!(
            world.count(|event| matches!(event, LinkEvent::Over { cause: Cause::Asked, .. })),
            1
        );
    }
}

#[test]
fn without_reconnecting_the_first_end_is_the_last() {
    let mut config = config();
    config.reconnect.enabled = false;
    let mut world = World::new(config, NOON);
    world.run_to(is_up);
    world.cut();
    world.settle();
    assert!(world.conductor.is_over());
}

#[test]
fn a_clock_that_is_set_back_does_not_stretch_a_wait() {
    let mut world = World::new(config(), NOON);
    world.run_to(is_up);
    world.run_for(60 * SECOND);
    world.cut();
    world.settle();
    world.now = UtcTime(world.now.0 - 3600 * SECOND);
    let back = world.now;
    // Both sides agree on the new time: it is the clock that is tested here, not the tolerance.
    world.run_to(is_up);
    assert!(world.now.nanos_since(back) < SECOND);
}

#[test]
fn a_venue_that_expects_a_higher_number_is_asked_for_a_reset_or_followed_by_policy() {
    for (reset, epoch) in [(ResetPolicy::Never, 0), (ResetPolicy::FirstConnect, 1)] {
        let mut world = World::new(ConductorConfig { reset, ..config() }, NOON);
        world.run_to(is_up);
        world.run_for(3600 * SECOND);
        world.cut();
        // We have lost our numbers, the venue has not.
        let expected = world.venue.next_in();
        let epoch_before = world.us.epoch();
        assert!(expected > 50 && world.us.restore(epoch_before, world.us.next_in(), 3));
        world.run_to(is_up);
        assert_eq!(world.us.epoch(), epoch_before + epoch, "{reset:?}");
        let told = world.events.iter().find(|(_, event)| match *event {
            LinkEvent::NumbersSkipped { to } => to == expected && epoch == 0,
            LinkEvent::ResetForced { expected: Some(number) } => number == expected && epoch == 1,
            _ => false,
        });
        assert!(told.is_some(), "{reset:?}: {:?}", world.events);
        assert_eq!(world.us.next_out(), world.venue.next_in());
    }
}

#[test]
fn a_report_that_came_before_the_list_comes_again_unless_the_policy_resets_at_every_logon() {
    for (reset, is_lost) in [
        (ResetPolicy::Never, false),
        (ResetPolicy::FirstConnect, false),
        (ResetPolicy::AfterRollover, false),
        (ResetPolicy::Always, true),
    ] {
        let mut world = World::new(ConductorConfig { reset, ..config() }, NOON);
        world.run_to(is_up);
        let numbers = world.numbers();
        world.conductor.down(&DownReason::InstrumentsUnknown, numbers, world.now);
        let attempt = loop {
            match world.conductor.step(world.now) {
                Some(Step::Dial(attempt)) => break attempt,
                Some(_) => {}
                None => world.now = world.conductor.next_deadline(world.now),
            }
        };
        let asks_reset = world.conductor.dial_done(attempt.number, Ok(()), world.now);
        assert_eq!(asks_reset, Some(is_lost), "{reset:?}");
    }
}

#[test]
fn a_number_that_a_venue_names_far_beyond_ours_or_below_is_not_followed() {
    for (expected, told) in [(SEQ_NUM_MAX, true), (SEQ_JUMP_MAX + 4, true), (2, false)] {
        let mut config = ConductorConfig { reset: ResetPolicy::Never, ..config() };
        config.reconnect.refusals_max = 3;
        let mut world = World::new(config, NOON);
        assert!(world.us.restore(0, 1, 3));
        for _ in 0..3 {
            let text = format!("MsgSeqNum too low, expecting {expected} but received 3");
            let reason = DownReason::LogonRefused(EventText::new(text.as_bytes()).unwrap());
            let Some(Step::Dial(attempt)) = world.conductor.step(world.now) else {
                panic!("{expected}: it does not dial");
            };
            assert_eq!(world.conductor.dial_done(attempt.number, Ok(()), world.now), Some(false));
            let numbers = Numbers { epoch: 0, next_in: 1, next_out: 3 };
            world.conductor.down(&reason, numbers, world.now);
            world.now = world.now.plus_nanos(3600 * SECOND);
        }
        let over = LinkEvent::Over { cause: Cause::Refused, failures: 3 };
        let events: Vec<_> = std::iter::from_fn(|| world.conductor.next_event()).collect();
        assert_eq!(events.last(), Some(&over), "it is refused as any other");
        let too_far = LinkEvent::NumberTooFar { to: expected, next_out: 3 };
        assert_eq!(events.contains(&too_far), told, "{expected}");
        assert!(!events.iter().any(|event| matches!(event, LinkEvent::NumbersSkipped { .. })));
    }
}

#[test]
fn a_venue_that_has_lost_its_numbers_and_starts_at_1_is_followed_into_a_new_epoch() {
    let mut world = World::new(config(), NOON);
    world.run_to(is_up);
    world.run_for(3600 * SECOND);
    world.cut();
    assert!(world.venue.rollover());
    world.run_to(is_up);
    assert_eq!(world.us.epoch(), 1);
    world.run_for(600 * SECOND);
    assert!(world.is_up());
    assert_eq!(
        (world.us.next_out(), world.us.next_in()),
        (world.venue.next_in(), world.venue.next_out())
    );
}

#[test]
fn attempts_are_bounded_by_policy_whatever_they_fail_of() {
    let mut config = config();
    config.reconnect.failures_max = 4;
    config.reconnect.max = Duration::from_secs(1);
    let mut world = World::new(config, NOON);
    world.manner = Manner::Away;
    let over = world.run_to(|event| matches!(event, LinkEvent::Over { .. }));
    assert_eq!(over, LinkEvent::Over { cause: Cause::NoConnection, failures: 4 });
    assert_eq!(world.conductor.attempt, 4);
}
