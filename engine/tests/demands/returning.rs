//! Demands 7, 8 and 12: sessions that come back.

use std::time::Duration;

use taut::conductor::{
    Conductor, ConductorConfig, LinkEvent, Numbers, Reconnect, ResetPolicy, Rollover, Step,
};
use taut::event::{Awaited, DownReason};
use taut::session::{Phase, Role, SessionEvent};
use taut_codec::value::UtcTime;

use crate::rig::Rig;

const SECOND: u64 = 1_000_000_000;

fn conductor(rollover: Option<Rollover>, now: UtcTime) -> Conductor {
    let config = ConductorConfig {
        reconnect: Reconnect::default(),
        rollover,
        reset: ResetPolicy::Never,
        hosts: 2,
        seed: 1,
    };
    Conductor::new(config, None, now)
}

fn numbers(rig: &Rig) -> Numbers {
    let (epoch, next_in, next_out) =
        (rig.session.epoch(), rig.session.next_in(), rig.session.next_out());
    Numbers { epoch, next_in, next_out }
}

/// Lets time pass until there is something to do.
fn next_step(conductor: &mut Conductor, now: &mut UtcTime) -> Step {
    loop {
        if let Some(step) = conductor.step(*now) {
            return step;
        }
        *now = conductor.next_deadline(*now).max(UtcTime(now.0 + 1));
    }
}

#[test]
fn demand_07_a_session_that_never_ends_starts_at_1_once_a_day_and_never_otherwise() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    rig.now = UtcTime::parse(b"20260407-12:00:00.000").unwrap();
    let mut conductor = conductor(Some(Rollover::default()), rig.now);
    // What the peer has had of us and sent us since the numbers last began at 1, and when that was.
    let (mut had, mut sent) = (0, 0);
    let mut begun = vec![rig.now];
    let (mut connections, mut goes_on) = (0, 0);
    let end = rig.now.plus_nanos(10 * 86_400 * SECOND);
    while rig.now < end {
        match next_step(&mut conductor, &mut rig.now) {
            Step::Dial(attempt) => {
                assert_eq!(conductor.dial_done(attempt.number, Ok(()), rig.now), Some(false));
                rig.connect();
                let logon = rig.sent().remove(0);
                let number = had + 1;
                assert!(logon.starts_with(&format!("35=A|34={number}|")), "{had} before: {logon}");
                assert!(!logon.contains("|141=Y|"), "neither side asks for what both know");
                rig.log_on(sent + 1);
                assert_eq!(rig.session.phase(), Phase::Active);
                conductor.logged_on(numbers(&rig), rig.now);
                for id in 0..3 {
                    rig.order(id).unwrap();
                    rig.feed(&format!("35=8|34={}|", sent + 2 + id));
                }
                (had, sent) = (had + 4, sent + 4);
                assert_eq!(rig.sent().len(), 3, "orders, and nothing is asked for again");
                connections += 1;
                goes_on += u32::from(had > 4);
                // Every few hours, and at the rollover, the connection is lost.
                let lost = rig.now.plus_nanos(5 * 3600 * SECOND);
                rig.now = lost.min(Rollover::default().next(rig.now));
                rig.session.disconnected(rig.now);
                conductor.down(&DownReason::ConnectionLost, numbers(&rig), rig.now);
            }
            Step::RollOver => {
                assert!(rig.session.rollover());
                (had, sent) = (0, 0);
                begun.push(rig.now);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((rig.session.next_out(), rig.session.next_in()), (had + 1, sent + 1));
    }
    let days: Vec<_> = begun.iter().map(|at| Rollover::default().count(*at)).collect();
    assert!(days.windows(2).all(|pair| pair[1] == pair[0] + 1), "each day once: {days:?}");
    assert_eq!(days.len(), 11, "the start and ten rollovers");
    assert!(goes_on > 20, "{goes_on} of {connections} connections go on where the last one ended");
}

#[test]
fn demand_08_a_schedule_is_right_across_midnight() {
    for (at, from, next) in [
        (23 * 3600 + 3599, "20261231-23:59:58.999", "20261231-23:59:59.000"),
        (23 * 3600 + 3599, "20261231-23:59:59.000", "20270101-23:59:59.000"),
        (0, "20261231-23:59:59.999", "20270101-00:00:00.000"),
        (0, "20270101-00:00:00.000", "20270102-00:00:00.000"),
        (22 * 3600, "20240228-22:00:00.000", "20240229-22:00:00.000"),
        // Days on which clocks are changed somewhere have 24 hours here.
        (3600 + 1800, "20260329-01:29:59.999", "20260329-01:30:00.000"),
        (3600 + 1800, "20260329-01:30:00.000", "20260330-01:30:00.000"),
        (7 * 3600, "20261101-06:59:59.999", "20261101-07:00:00.000"),
    ] {
        let rollover = Rollover { at: Duration::from_secs(at), ..Rollover::default() };
        let time = |text: &str| UtcTime::parse(text.as_bytes()).unwrap();
        assert_eq!(rollover.next(time(from)), time(next), "{from}");
    }
}

#[test]
fn demand_08_a_schedule_is_utc_whatever_the_zone_of_the_machine() {
    let test = "returning::demand_08_a_schedule_is_right_across_midnight";
    for zone in ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"] {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", test]).env("TZ", zone).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{zone}: {said}");
    }
}

#[test]
fn demand_07_a_venue_that_starts_at_1_anyway_is_followed_and_that_is_told() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    assert!(rig.session.restore(4, 8, 9));
    rig.connect();
    rig.sent();
    rig.feed("35=A|34=1|98=0|108=30|141=Y|");
    assert_eq!(rig.session.phase(), Phase::Active);
    let numbers = (rig.session.epoch(), rig.session.next_in(), rig.session.next_out());
    assert_eq!(numbers, (5, 2, 2));
    let told = SessionEvent::ResetByPeer { epoch: 5, next_in: 8, next_out: 10 };
    assert!(rig.events().contains(&told), "with the numbers that are void now");
    assert!(rig.sent().is_empty(), "and nothing of the old ones is asked for");
}

#[test]
fn demand_12_a_logon_counts_as_success_and_a_tcp_connection_does_not() {
    let mut now = UtcTime::parse(b"20260407-12:00:00.000").unwrap();
    let mut conductor = conductor(None, now);
    let (mut waits, mut hosts) = (Vec::new(), Vec::new());
    let silent = DownReason::TimedOut { awaited: Awaited::LogonAnswer, ms: 10_000 };
    for _ in 0..8 {
        let before = now;
        let Step::Dial(attempt) = next_step(&mut conductor, &mut now) else { panic!() };
        waits.push(now.nanos_since(before));
        hosts.push(attempt.host);
        assert!(conductor.dial_done(attempt.number, Ok(()), now).is_some());
        conductor.down(&silent, Numbers::default(), now);
    }
    assert_eq!(hosts, [0, 1, 0, 1, 0, 1, 0, 1], "the next host has its turn");
    assert!(
        waits[7] > 3 * waits[1],
        "and the wait grows although each connection stood: {waits:?}"
    );
    let Step::Dial(attempt) = next_step(&mut conductor, &mut now) else { panic!() };
    assert!(conductor.dial_done(attempt.number, Ok(()), now).is_some());
    conductor.logged_on(Numbers::default(), now);
    now = now.plus_nanos(60 * SECOND);
    conductor.down(&DownReason::ConnectionLost, Numbers::default(), now);
    let last = std::iter::from_fn(|| conductor.next_event()).last();
    assert!(matches!(last, Some(LinkEvent::Waiting { ms: ..=250, failures: 1, .. })), "{last:?}");
}
