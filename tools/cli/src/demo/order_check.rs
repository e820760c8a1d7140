//! Whether the venue got the commands that were sent, all of them and no others, in that order; but for
//! those that were lost with a connection: declared void when the next one was made, or the last of all
//! where none was.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::path::Path;

use taut::trace::Sent;
use taut::types::ClOrdId;

use crate::Failure;

/// How far a command came at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The trading engine.
    Engine,
    /// The gateway, which refused it.
    Gateway,
    /// The order entry stage, which refused it.
    Oes,
}

/// A line of the venue's arrival log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// MsgSeqNum(34).
    pub msg_seq_num: u64,
    /// First byte of MsgType(35).
    pub msg_type: u8,
    /// ClOrdID(11); `None` where the gateway refused the command for want of a readable one.
    pub cl_ord_id: Option<ClOrdId>,
    /// How far it came.
    pub reached: Reached,
}

impl Arrival {
    fn is(&self, sent: &Sent) -> bool {
        let id = match self.cl_ord_id {
            Some(id) => id == sent.cl_ord_id,
            None => self.reached == Reached::Gateway,
        };
        id && self.msg_seq_num == sent.msg_seq_num && self.msg_type == sent.msg_type
    }
}

/// Reads the venue's arrival log: the commands of `sender`, in the order of their arrival at the
/// gateway, one a line: `SenderCompID MsgSeqNum MsgType ClOrdID arrived|gateway|oes`.
///
/// # Errors
/// If the file cannot be read or a line is not what the venue writes.
pub fn read(path: &Path, sender: &str) -> Result<Vec<Arrival>, Failure> {
    parse(&crate::read_file(path)?, sender)
}

fn parse(text: &str, sender: &str) -> Result<Vec<Arrival>, Failure> {
    let mut arrivals = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let broken = || Failure::Usage(format!("arrival log, line {}: {line:?}", number + 1));
        // A CompID may hold spaces; the other four fields do not.
        let mut fields = line.rsplitn(5, ' ');
        let mut next = || fields.next().ok_or_else(broken);
        let (reached, cl_ord_id, msg_type, msg_seq_num) = (next()?, next()?, next()?, next()?);
        if next()? != sender {
            continue;
        }
        arrivals.push(Arrival {
            msg_seq_num: msg_seq_num.parse().map_err(|_| broken())?,
            msg_type: *msg_type.as_bytes().first().ok_or_else(broken)?,
            cl_ord_id: match cl_ord_id {
                "-" => None,
                id => Some(ClOrdId::parse(id.as_bytes()).map_err(|_| broken())?),
            },
            reached: match reached {
                "arrived" => Reached::Engine,
                "gateway" => Reached::Gateway,
                "oes" => Reached::Oes,
                _ => return Err(broken()),
            },
        });
    }
    Ok(arrivals)
}

/// How what was sent and what arrived compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Commands that reached the trading engine.
    pub arrived: usize,
    /// Commands that the gateway refused.
    pub gateway: usize,
    /// Commands that the order entry stage refused.
    pub oes: usize,
    /// Commands that did not arrive, and were declared void when the venue asked for them.
    pub void: usize,
    /// Commands behind the last that arrived, of a session that ended with its connection: there was
    /// none on which the venue could have asked for them.
    pub lost: usize,
    /// The first place where the two logs differ.
    pub difference: Option<Difference>,
    /// Whether the sent MsgSeqNums increase.
    pub numbered: bool,
}

/// Where two logs part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// This was sent, and something later or nothing arrived in its place.
    Missing(Sent),
    /// This arrived where nothing, or something later, was sent.
    Extra(Arrival),
    /// Of one number, but not the same command.
    Other(Sent, Arrival),
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = |f: &mut fmt::Formatter<'_>, s: &Sent| {
            write!(f, "35={} 34={} 11={}", char::from(s.msg_type), s.msg_seq_num, s.cl_ord_id)
        };
        let arrival = |f: &mut fmt::Formatter<'_>, a: &Arrival| {
            write!(f, "35={} 34={} 11=", char::from(a.msg_type), a.msg_seq_num)?;
            match a.cl_ord_id {
                Some(id) => write!(f, "{id}"),
                None => f.write_str("-"),
            }
        };
        match self {
            Self::Missing(one) => {
                sent(f, one)?;
                f.write_str(" was sent and did not arrive in its place")
            }
            Self::Extra(one) => {
                arrival(f, one)?;
                f.write_str(" arrived where it was not sent")
            }
            Self::Other(one, other) => {
                sent(f, one)?;
                f.write_str(" was sent, ")?;
                arrival(f, other)?;
                f.write_str(" arrived")
            }
        }
    }
}

/// Compares what was sent with the venue's arrival log: they must be the same, command by command, but
/// for those with a MsgSeqNum that was declared `void`; and, where the session did not end by a Logout of
/// ours that was answered (`cut_short`), for the last.
pub fn compare(
    sent: &[Sent],
    arrivals: &[Arrival],
    void: &[RangeInclusive<u64>],
    cut_short: bool,
) -> Order {
    let known: BTreeSet<u64> = arrivals.iter().map(|arrival| arrival.msg_seq_num).collect();
    let is_void = |number: &u64| void.iter().any(|range| range.contains(number));
    let all = sent;
    let not_void = |one: &&Sent| known.contains(&one.msg_seq_num) || !is_void(&one.msg_seq_num);
    let mut sent: Vec<Sent> = all.iter().filter(not_void).copied().collect();
    let void = all.len() - sent.len();
    let last = arrivals.last().map_or(0, |arrival| arrival.msg_seq_num);
    let arrived = |one: &Sent| !cut_short || one.msg_seq_num <= last;
    let lost = sent.iter().rev().take_while(|one| !arrived(one)).count();
    sent.truncate(sent.len() - lost);
    let count = |reached| arrivals.iter().filter(|arrival| arrival.reached == reached).count();
    let difference = (0..sent.len().max(arrivals.len())).find_map(|at| {
        match (sent.get(at).copied(), arrivals.get(at).copied()) {
            (Some(sent), Some(arrival)) if arrival.is(&sent) => None,
            (Some(sent), Some(arrival)) if arrival.msg_seq_num > sent.msg_seq_num => {
                Some(Difference::Missing(sent))
            }
            (Some(sent), Some(arrival)) if arrival.msg_seq_num == sent.msg_seq_num => {
                Some(Difference::Other(sent, arrival))
            }
            (_, Some(arrival)) => Some(Difference::Extra(arrival)),
            (sent, None) => sent.map(Difference::Missing),
        }
    });
    Order {
        arrived: count(Reached::Engine),
        gateway: count(Reached::Gateway),
        oes: count(Reached::Oes),
        void,
        lost,
        difference,
        numbered: all.windows(2).all(|pair| pair[0].msg_seq_num < pair[1].msg_seq_num),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> ClOrdId {
        ClOrdId::numeric(n).expect("not zero")
    }

    fn sent(numbers: &[u64]) -> Vec<Sent> {
        let one = |&n| Sent { msg_seq_num: n, msg_type: b'G', cl_ord_id: id(n) };
        numbers.iter().map(one).collect()
    }

    fn log(lines: &[&str]) -> Vec<Arrival> {
        let text: String = lines.iter().map(|line| format!("TAUT {line}\n")).collect();
        parse(&text, "TAUT").expect("the lines are good")
    }

    #[test]
    fn equal_logs_hold_and_every_outcome_is_counted() {
        let log = log(&["2 G 2 arrived", "3 G 3 oes", "4 G - gateway", "5 G 5 arrived"]);
        let order = compare(&sent(&[2, 3, 4, 5]), &log, &[], false);
        let expected = Order {
            arrived: 2,
            gateway: 1,
            oes: 1,
            void: 0,
            lost: 0,
            difference: None,
            numbered: true,
        };
        assert_eq!(order, expected);
    }

    #[test]
    fn a_command_that_is_lost_anywhere_is_found() {
        let all = ["2 G 2 arrived", "3 G 3 oes", "4 G 4 arrived"];
        for lost in 0..3 {
            let mut lines = all.to_vec();
            lines.remove(lost);
            let difference = compare(&sent(&[2, 3, 4]), &log(&lines), &[], false).difference;
            assert_eq!(difference, Some(Difference::Missing(sent(&[2, 3, 4])[lost])));
        }
        assert!(compare(&sent(&[2]), &[], &[], false).difference.is_some());
    }

    #[test]
    fn a_command_that_was_declared_void_may_be_missing_and_no_other() {
        let log = log(&["2 G 2 arrived", "3 G 3 arrived", "6 G 6 arrived"]);
        let order = |sent: &[Sent]| compare(sent, &log, &[3..=5], false);
        let all = sent(&[2, 3, 4, 6]);
        assert_eq!(
            (order(&all).void, order(&all).difference),
            (1, None),
            "3 had arrived after all"
        );
        let missing = sent(&[2, 3, 4, 6, 7]);
        assert_eq!(order(&missing).difference, Some(Difference::Missing(missing[4])));
    }

    #[test]
    fn only_the_last_commands_of_a_session_that_ended_with_its_connection_may_be_missing() {
        let log = log(&["2 G 2 arrived", "4 G 4 arrived"]);
        let order = |numbers, cut_short| compare(&sent(numbers), &log, &[], cut_short);
        let cut = order(&[2, 4, 5, 6], true);
        assert_eq!((cut.lost, cut.void, cut.difference), (2, 0, None));
        assert!(order(&[2, 4, 5, 6], false).difference.is_some(), "it was logged out");
        assert!(order(&[2, 3, 4, 5], true).difference.is_some(), "3 is not among the last");
    }

    #[test]
    fn a_command_that_arrives_twice_or_from_nowhere_is_found() {
        for lines in [
            &["2 G 2 arrived", "3 G 3 arrived", "3 G 3 arrived"][..],
            &["2 G 2 arrived", "2 G 2 arrived", "3 G 3 arrived"],
            &["1 G 1 arrived", "2 G 2 arrived", "3 G 3 arrived"],
            &["2 G 2 arrived", "3 G 3 arrived", "9 G 9 oes"],
        ] {
            let difference = compare(&sent(&[2, 3]), &log(lines), &[], false).difference;
            assert!(matches!(difference, Some(Difference::Extra(_))), "{lines:?}: {difference:?}");
        }
    }

    #[test]
    fn an_overtaking_command_is_found() {
        let swapped = log(&["3 G 3 arrived", "2 G 2 arrived"]);
        assert!(compare(&sent(&[2, 3]), &swapped, &[], false).difference.is_some());
        assert!(!compare(&sent(&[3, 2]), &[], &[], false).numbered);
    }

    #[test]
    fn a_command_that_changed_on_the_way_is_found() {
        for line in ["2 F 2 arrived", "2 G 7 arrived", "2 G - arrived"] {
            let difference = compare(&sent(&[2]), &log(&[line]), &[], false).difference;
            assert!(matches!(difference, Some(Difference::Other(..))), "{line}: {difference:?}");
        }
    }

    #[test]
    fn lines_of_others_are_passed_over_and_broken_ones_named() {
        let text = "MY DESK 7 D 1 arrived\nOTHER 3 D 3 oes\nMY DESK 8 F - gateway\n";
        let numbers = |text| -> Option<Vec<u64>> {
            let arrivals = parse(text, "MY DESK").ok()?;
            Some(arrivals.iter().map(|arrival| arrival.msg_seq_num).collect())
        };
        assert_eq!(numbers(text), Some(vec![7, 8]));
        for line in ["TAUT 7 D 1", "TAUT 7 D 1 lost", "TAUT x D 1 oes", "TAUT 7 D  oes", "1", ""] {
            let text = format!("TAUT 6 D 1 arrived\n{line}\n");
            let error = parse(&text, "TAUT").expect_err(line).to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
