//! Numbers that the peer declares void: which of them may have been messages of the application.

use super::*;

const MARKS: &str = "43=Y|122=20260407-14:32:00.000|";

/// What was told of as void.
fn voided(rig: &mut Rig) -> Vec<(u64, u64)> {
    let is_voided = |event| match event {
        SessionEvent::Voided { from, to } => Some((from, to)),
        _ => None,
    };
    rig.events().into_iter().filter_map(is_voided).collect()
}

#[test]
fn a_gap_fill_tells_of_every_number_that_was_not_seen_to_be_administrative() {
    let cases: [(&[&str], u64, (u64, u64)); 7] = [
        // What revealed the gap and is void with it.
        (&["35=8|34=5|"], 6, (2, 5)),
        (&["35=0|34=5|"], 6, (2, 4)),
        (&["35=3|34=5|45=1|"], 6, (2, 5)),
        // What came behind it.
        (&["35=0|34=5|", "35=2|34=6|7=1|16=0|", "35=1|34=7|112=A|"], 8, (2, 4)),
        (&["35=0|34=5|", "35=8|34=6|", "35=0|34=7|"], 8, (2, 6)),
        (&["35=0|34=5|", "35=3|34=6|45=1|"], 7, (2, 6)),
        // 6 and 7 were left out as well.
        (&["35=0|34=5|", "35=0|34=8|"], 9, (2, 7)),
    ];
    for (came, next, expected) in cases {
        both(|mut rig| {
            for message in came {
                rig.feed(message);
            }
            voided(&mut rig);
            rig.feed(&format!("35=4|34=2|{MARKS}123=Y|36={next}|"));
            assert_eq!(voided(&mut rig), [expected], "{came:?}");
            assert_eq!(rig.session.next_in(), next);
        });
    }
}

#[test]
fn a_gap_fill_over_what_was_seen_to_be_administrative_hides_nothing() {
    both(|mut rig| {
        rig.feed("35=0|34=4|");
        rig.feed("35=1|34=5|112=A|");
        for number in [2, 3] {
            rig.feed(&format!("35=8|34={number}|{MARKS}"));
        }
        rig.feed(&format!("35=4|34=4|{MARKS}123=Y|36=6|"));
        assert_eq!((voided(&mut rig), rig.session.next_in()), (vec![], 6));
        // Nothing is missing: it stands for itself.
        rig.feed("35=4|34=6|123=Y|36=7|");
        assert_eq!((voided(&mut rig), rig.session.next_in()), (vec![], 7));
    });
}

#[test]
fn a_logon_that_goes_on_behind_lost_reports_tells_which_before_it_says_that_the_session_is_up() {
    let mut rig = Rig::new(Role::Initiator, |config| config.synchronise = true);
    rig.connect();
    // 1 to 3 are missing; 2 is there no more.
    rig.log_on("35=A|34=4|98=0|108=30|");
    rig.feed("35=2|34=5|7=1|16=0|");
    rig.events();
    rig.feed(&format!("35=8|34=1|{MARKS}"));
    rig.feed(&format!("35=4|34=2|{MARKS}123=Y|36=3|"));
    rig.feed(&format!("35=8|34=3|{MARKS}"));
    rig.feed(&format!("35=4|34=4|{MARKS}123=Y|36=6|"));
    let test_request = rig.session.next_out() - 1;
    rig.feed(&format!("35=0|34=6|112={test_request}|"));
    let events = rig.events();
    let at = |wanted: fn(&SessionEvent) -> bool| events.iter().position(wanted);
    let void = events.iter().filter(|event| matches!(event, SessionEvent::Voided { .. }));
    assert_eq!(Vec::from_iter(void), [&SessionEvent::Voided { from: 2, to: 2 }]);
    let voided = at(|event| matches!(event, SessionEvent::Voided { .. }));
    let up = at(|event| matches!(event, SessionEvent::Up { .. }));
    assert!(voided < up && up.is_some(), "{events:?}");
}

#[test]
fn a_gap_fill_that_cannot_be_read_stands_for_its_own_number() {
    for new_seq_no in ["", "36=x|", "36=1|", "36=100000003|"] {
        both(|mut rig| {
            rig.feed("35=8|34=5|");
            voided(&mut rig);
            rig.feed(&format!("35=4|34=2|{MARKS}123=Y|{new_seq_no}"));
            assert_eq!((voided(&mut rig), rig.session.next_in()), (vec![(2, 2)], 3));
        });
    }
}
