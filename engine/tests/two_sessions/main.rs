//! Two of our sessions, initiator and acceptor, over a link that breaks anywhere, each with a journal in
//! real files, from which it goes on when its process dies. A script of what happens is made at random
//! and shrinks to a short one; `TAUT_CASES` sets how many are tried (64 in a normal run), `TAUT_SECONDS`
//! for how long at most.
//!
//! The sessions are generic ones, or Kraken's client and a venue that speaks its dialect, with rollovers
//! that the client knows of or learns of from the venue. The application of an end handles what it gets
//! at once or later, and may die over it. A crash loses all that is not in the journal. A connection may end
//! without an end that sees it, and the client come again while the venue still has the first: the venue
//! refuses the second, or gives it the place of the first.
//!
//! What must hold: there are never two connections that both sides serve, numbers are contiguous in each direction and epoch and never used twice, every
//! application message that was stored is delivered once, or reported as withheld, both sides agree in
//! the end, and they come to that by a bounded number of messages. Twice comes only what an application
//! was busy with when it died.

mod end;
mod link;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use link::Link;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use taut::journal::{Durability, JournalConfig};
use taut::session::ResendPolicy;
use taut_codec::value::UtcTime;

const START: UtcTime = UtcTime::from_millis(1_775_572_321_000);
const MESSAGE_BYTES: usize = 2048;

/// Small segments, so that scripts rotate them; all stay within reach.
const JOURNAL: JournalConfig = JournalConfig {
    durability: Durability::None,
    interval: Duration::ZERO,
    segment_bytes: 4096,
    segments_kept: 0,
    segments_mapped: 16,
    index_messages: 1024,
    message_bytes_max: MESSAGE_BYTES,
    blanks_secrets: true,
};

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An end sends an order, which only [`ResendPolicy::EVERYTHING`] sends again, or a report.
    Send { end: usize, order: bool },
    /// An end reports, connected or not.
    Post { end: usize },
    /// So many bytes of one end go out, and the other end reads what has come.
    Carry { from: usize, bytes: usize },
    /// So many bytes of one end go out, and are on their way.
    Write { end: usize, bytes: usize },
    /// The venue looks at the connections that have come, in any order, before it reads on from the one it
    /// has.
    Greet { newest_first: bool },
    /// Time passes.
    Wait { millis: u64 },
    /// The connection breaks; what was on its way is lost. An end that has not seen it goes on.
    Cut { seen: [bool; 2] },
    /// The client dials, if it has no connection.
    Connect,
    /// The client dials although it has a connection, which it closes; the venue has yet to read what is on
    /// its way there, and its end. Its Logon may be on its way at once.
    ConnectAgain { writes: bool },
    /// The process of an end, or its host with it, dies and comes back from its journal.
    Crash { end: usize, host: bool },
    /// An end logs out.
    Logout { end: usize },
    /// The application of an end that is behind handles so many messages, and may die over the last.
    Handle { end: usize, count: usize, dies: bool },
    /// The application of an end dies over the next message that it is given.
    DieOfNext { end: usize },
    /// It is 22:00 UTC: the venue, with a Logout or without, ends the session and starts at 1.
    RollOver { logout: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let end = 0usize..2;
    prop_oneof![
        12 => (end.clone(), any::<bool>()).prop_map(|(end, order)| Step::Send { end, order }),
        4 => end.clone().prop_map(|end| Step::Post { end }),
        20 => (end.clone(), 1usize..600).prop_map(|(from, bytes)| Step::Carry { from, bytes }),
        4 => (end.clone(), 1usize..600).prop_map(|(end, bytes)| Step::Write { end, bytes }),
        3 => any::<bool>().prop_map(|newest_first| Step::Greet { newest_first }),
        4 => (1u64..8_000).prop_map(|millis| Step::Wait { millis }),
        2 => any::<[bool; 2]>().prop_map(|seen| Step::Cut { seen }),
        8 => Just(Step::Connect),
        6 => any::<bool>().prop_map(|writes| Step::ConnectAgain { writes }),
        4 => (end.clone(), any::<bool>()).prop_map(|(end, host)| Step::Crash { end, host }),
        2 => end.clone().prop_map(|end| Step::Logout { end }),
        4 => (end.clone(), 1usize..6, prop::bool::weighted(0.3))
            .prop_map(|(end, count, dies)| Step::Handle { end, count, dies }),
        2 => end.prop_map(|end| Step::DieOfNext { end }),
        1 => any::<bool>().prop_map(|logout| Step::RollOver { logout }),
    ]
}

/// What varies from script to script.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// Of each end: nothing, reports or everything is sent again.
    policies: [u8; 2],
    reset_on_logon: bool,
    resend_chunk: u64,
    hold_bytes: usize,
    next_expected: bool,
    /// Of which ends the application is behind, as on a thread of its own.
    behind: [bool; 2],
    /// Whether the client rolls over by itself, or only follows the venue.
    knows_rollover: bool,
    second: Second,
    kraken: Option<Kraken>,
}

/// What becomes of a client that logs on while the venue has a connection of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    /// It is closed without a word (FIX session case 1S.b).
    Refused,
    /// It takes the session over, if it proves that it is the client: the venue's `duplicate_logon = "evict"`.
    TakesOver,
}

/// Kraken's client and a venue with these switches.
#[derive(Debug, Clone, Copy)]
struct Kraken {
    low_logon_replays: bool,
    refusal_skips_a_number: bool,
}

impl Setup {
    const PLAIN: Self = Self {
        policies: [0, 1],
        reset_on_logon: false,
        resend_chunk: 0,
        hold_bytes: 0,
        next_expected: false,
        behind: [false; 2],
        knows_rollover: true,
        second: Second::Refused,
        kraken: None,
    };
    const KRAKEN: Self = Self {
        kraken: Some(Kraken { low_logon_replays: true, refusal_skips_a_number: true }),
        ..Self::PLAIN
    };
}

fn generic() -> impl Strategy<Value = Setup> {
    let chunk = prop_oneof![Just(0u64), Just(3)];
    let hold = prop_oneof![Just(0usize), Just(4096)];
    let sessions = ([0u8..3, 0u8..3], prop::bool::weighted(0.2), chunk, hold);
    (sessions, prop::bool::weighted(0.3), any::<[bool; 2]>()).prop_map(
        |((policies, reset_on_logon, resend_chunk, hold_bytes), next_expected, behind)| Setup {
            policies,
            reset_on_logon,
            resend_chunk,
            hold_bytes,
            next_expected,
            behind,
            ..Setup::PLAIN
        },
    )
}

fn kraken() -> impl Strategy<Value = Setup> {
    let second = prop_oneof![Just(Second::Refused), Just(Second::TakesOver)];
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), second);
    (generic(), switches).prop_map(|(setup, (low, refusal, knows, second))| Setup {
        // A Logon that says where we are in numbers that the venue has forgotten is refused.
        knows_rollover: knows || setup.next_expected,
        // Where the client cannot tell, it must not send again what was of the day before.
        policies: if knows || setup.next_expected {
            setup.policies
        } else {
            [0, setup.policies[1]]
        },
        // As the product leaves them.
        resend_chunk: 0,
        hold_bytes: 0,
        second,
        kraken: Some(Kraken { low_logon_replays: low, refusal_skips_a_number: refusal }),
        ..setup
    })
}

fn policy(which: u8) -> ResendPolicy {
    [ResendPolicy::NOTHING, ResendPolicy::REPORTS, ResendPolicy::EVERYTHING][usize::from(which)]
}

/// The last 22:00 UTC that is not behind `now`.
fn last_rollover(now: UtcTime) -> UtcTime {
    const DAY: u64 = 86_400_000_000_000;
    const AT: u64 = 22 * 3_600_000_000_000;
    UtcTime((now.0 - AT) / DAY * DAY + AT)
}

fn try_script(setup: Setup, steps: &[Step]) {
    let mut link = Link::new(&setup);
    for &step in steps {
        link.run(step);
    }
    link.heal();
    link.account();
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn try_many(setup: impl Strategy<Value = Setup>) {
    /// After so many the time is looked at.
    const ROUND: u64 = 64;
    let cases = from_env("TAUT_CASES", ROUND);
    let until = Instant::now() + Duration::from_secs(from_env("TAUT_SECONDS", 600));
    let script = (setup, prop::collection::vec(step(), 1..60));
    let mut tried = 0;
    while tried < cases && Instant::now() < until {
        let round = ROUND.min(cases - tried);
        try_some(round as u32, &script);
        tried += round;
    }
    println!("{tried} scripts tried");
    assert!(tried > 0);
}

fn try_some(cases: u32, script: &impl Strategy<Value = (Setup, Vec<Step>)>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(script, |(setup, steps)| {
        let run = std::panic::AssertUnwindSafe(|| try_script(setup, &steps));
        std::panic::catch_unwind(run).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            TestCaseError::fail(text.unwrap_or_default())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn two_sessions_that_break_and_crash_deliver_once_or_say_so_and_agree_in_the_end() {
    try_many(generic());
}

#[test]
fn krakens_client_and_its_venue_deliver_once_or_say_so_and_agree_in_the_end_rollovers_included() {
    try_many(kraken());
}

#[test]
fn an_order_that_was_stored_and_never_left_is_withheld_and_reported_in_the_next_life() {
    let setup = Setup { policies: [0, 2], ..Setup::PLAIN };
    let mut link = Link::new(&setup);
    link.dial();
    link.settle();
    link.ends[0].send(true, link.now);
    link.ends[0].store(link.now);
    link.run(Step::Crash { end: 0, host: false });
    link.heal();
    link.account();
    assert_eq!(link.ends[0].withheld, BTreeSet::from([1]));
    assert_eq!(link.ends[1].delivered, [2]);
}

#[test]
fn a_report_that_was_stored_and_never_left_comes_in_the_next_life() {
    let mut link = Link::new(&Setup::PLAIN);
    link.dial();
    link.settle();
    link.ends[1].send(false, link.now);
    link.ends[1].store(link.now);
    link.run(Step::Crash { end: 1, host: false });
    link.ends[1].post(link.now);
    link.run(Step::Crash { end: 1, host: false });
    link.heal();
    link.account();
    assert_eq!(link.ends[0].delivered, [1, 2, 3], "stored, posted, live");
    assert!(link.ends[1].withheld.is_empty());
}

#[test]
fn a_client_that_missed_a_rollover_and_the_venues_first_answer_is_let_in_all_the_same() {
    let mut link = Link::new(&Setup { knows_rollover: false, ..Setup::KRAKEN });
    link.dial();
    link.settle();
    for _ in 0..5 {
        link.ends[1].send(false, link.now);
    }
    link.settle();
    link.run(Step::RollOver { logout: true });
    for _ in 0..2 {
        link.run(Step::Connect);
        link.carry(0, usize::MAX);
        link.run(Step::Cut { seen: [true; 2] });
    }
    link.heal();
    link.account();
    assert_eq!(link.ends.each_ref().map(|end| end.session.epoch()), [1, 1]);
}

#[test]
fn what_a_process_had_not_stored_when_it_died_is_gone_and_its_number_is_used_again() {
    let mut link = Link::new(&Setup::PLAIN);
    link.dial();
    link.settle();
    link.ends[1].send(false, link.now);
    link.ends[1].store(link.now);
    link.ends[1].send(false, link.now);
    link.run(Step::Crash { end: 1, host: false });
    assert_eq!(link.ends[1].session.next_out(), 3, "behind the Logon and the first");
    link.heal();
    link.account();
    assert_eq!(link.ends[0].delivered, [1, 3], "stored, live");
}

#[test]
fn a_client_that_comes_again_is_refused_until_the_venue_has_found_out_that_its_first_connection_is_dead()
 {
    let mut link = Link::new(&Setup::PLAIN);
    link.dial();
    link.settle();
    let first = link.on[1];
    link.run(Step::Crash { end: 0, host: true });
    let next_in = link.ends[1].session.next_in();
    link.dial();
    link.settle();
    assert_eq!((link.on, link.ends[1].session.next_in()), ([None, first], next_in));
    link.heal();
    link.account();
    assert!(link.on[0] == link.on[1] && link.on[0] > first);
}

#[test]
fn a_client_that_takes_its_session_over_misses_nothing_and_what_it_had_sent_before_comes_or_is_withheld()
 {
    let setup = Setup { second: Second::TakesOver, policies: [1, 1], ..Setup::KRAKEN };
    let mut link = Link::new(&setup);
    link.dial();
    link.settle();
    let first = link.on[1];
    link.ends[0].send(true, link.now);
    link.ends[0].send(false, link.now);
    link.run(Step::Write { end: 0, bytes: usize::MAX });
    link.ends[1].send(false, link.now);
    link.dial();
    assert_eq!(link.on[1], first, "both wait to be read");
    link.run(Step::Write { end: 0, bytes: usize::MAX });
    link.run(Step::Greet { newest_first: true });
    assert_eq!(link.on, [first.map(|id| id + 1); 2]);
    link.heal();
    link.account();
    let [client, venue] = &link.ends;
    assert_eq!(client.delivered, [1, 2]);
    assert_eq!((&venue.delivered[..], &client.withheld), (&[2, 3][..], &BTreeSet::from([1])));
}
