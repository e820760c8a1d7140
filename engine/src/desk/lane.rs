//! Which commands have not ended yet: each must end in exactly one of OnWire and Withdrawn, and
//! those that reach the wire do so in the order in which they were issued.

use std::collections::VecDeque;

use crate::limits::COMMAND_RING;
use crate::touched;
use crate::types::ClOrdId;

/// The order commands that were issued and have not ended.
#[derive(Debug)]
pub(super) struct Lane(VecDeque<ClOrdId>);

/// How a command's end fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was waiting.
    Known,
    /// It was waiting behind another.
    Overtook,
    /// It was not waiting: never issued, or it ended before.
    Unknown,
}

impl Lane {
    pub fn new() -> Self {
        Self(touched::deque(COMMAND_RING))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn has_room(&self) -> bool {
        self.0.len() < COMMAND_RING
    }

    pub fn push(&mut self, id: ClOrdId) {
        assert!(self.has_room(), "the caller has asked for room");
        self.0.push_back(id);
    }

    pub fn end(&mut self, id: ClOrdId) -> End {
        match self.0.iter().position(|&waiting| waiting == id) {
            Some(0) => {
                self.0.pop_front();
                End::Known
            }
            Some(at) => {
                self.0.remove(at);
                End::Overtook
            }
            None => End::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_once_and_overtaking_is_seen() {
        let id = |n| ClOrdId::numeric(n).unwrap();
        let mut lane = Lane::new();
        for n in 1..=3 {
            lane.push(id(n));
        }
        assert_eq!(lane.end(id(1)), End::Known);
        assert_eq!(lane.end(id(1)), End::Unknown);
        assert_eq!(lane.end(id(3)), End::Overtook);
        assert_eq!(lane.end(id(2)), End::Known);
        assert_eq!(lane.len(), 0);
    }
}
