//! Whether the commands reached the venue's trading engine in the order in which they were sent.

use std::path::Path;

use taut::trace::Sent;
use taut::types::ClOrdId;

use crate::Failure;

/// Reads the venue's arrival log: the commands of `sender`, in the order of arrival.
///
/// # Errors
/// If the file cannot be read or a line is not what the venue writes.
pub fn read(path: &Path, sender: &str) -> Result<Vec<Sent>, Failure> {
    let mut arrivals = Vec::new();
    for (number, line) in crate::read_file(path)?.lines().enumerate() {
        let broken = || Failure::Usage(format!("arrival log, line {}: {line:?}", number + 1));
        // A CompID may hold spaces; the other three fields do not.
        let mut fields = line.rsplitn(4, ' ');
        let mut next = || fields.next().ok_or_else(broken);
        let (cl_ord_id, msg_type, msg_seq_num, from) = (next()?, next()?, next()?, next()?);
        if from == sender {
            arrivals.push(Sent {
                msg_seq_num: msg_seq_num.parse().map_err(|_| broken())?,
                msg_type: *msg_type.as_bytes().first().ok_or_else(broken)?,
                cl_ord_id: ClOrdId::parse(cl_ord_id.as_bytes()).map_err(|_| broken())?,
            });
        }
    }
    Ok(arrivals)
}

/// How two logs compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Commands that arrived where they were expected.
    pub in_order: usize,
    /// Sent, but never arrived at the trading engine: the stages before it refused them.
    pub missing: usize,
    /// Where an arrival stands that was not sent, or sent before one that arrived earlier.
    pub violation: Option<usize>,
    /// Whether the sent MsgSeqNums increase.
    pub numbered: bool,
}

/// Compares what was sent with what arrived. The arrivals must be what was sent, in that order, less
/// what was refused on the way.
pub fn compare(sent: &[Sent], arrivals: &[Sent]) -> Order {
    let numbered = sent.windows(2).all(|pair| pair[0].msg_seq_num < pair[1].msg_seq_num);
    let mut expected = sent.iter();
    for (at, arrival) in arrivals.iter().enumerate() {
        // Skips what was refused on the way; an arrival that is not ahead of the last is out of order.
        if !expected.any(|sent| sent == arrival) {
            return Order { in_order: at, missing: sent.len() - at, violation: Some(at), numbered };
        }
    }
    let missing = sent.len() - arrivals.len();
    Order { in_order: arrivals.len(), missing, violation: None, numbered }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(numbers: &[u64]) -> Vec<Sent> {
        let one = |&n| Sent {
            msg_seq_num: n,
            msg_type: b'G',
            cl_ord_id: ClOrdId::numeric(n).expect("not zero"),
        };
        numbers.iter().map(one).collect()
    }

    #[test]
    fn equal_logs_are_in_order() {
        let order = compare(&log(&[2, 3, 4]), &log(&[2, 3, 4]));
        assert_eq!(order, Order { in_order: 3, missing: 0, violation: None, numbered: true });
    }

    #[test]
    fn a_command_refused_on_the_way_is_missing_but_no_violation() {
        let order = compare(&log(&[2, 3, 4]), &log(&[2, 4]));
        assert_eq!(order, Order { in_order: 2, missing: 1, violation: None, numbered: true });
    }

    #[test]
    fn an_overtaking_command_is_a_violation() {
        assert_eq!(compare(&log(&[2, 3, 4]), &log(&[3, 2, 4])).violation, Some(1));
        assert_eq!(compare(&log(&[2, 3, 4]), &log(&[2, 2])).violation, Some(1));
        assert_eq!(compare(&log(&[2]), &log(&[9])).violation, Some(0));
        assert!(!compare(&log(&[3, 2]), &[]).numbered);
    }
}
