//! What changed, found the slow way: two whole states are compared. For tests.

use std::collections::{BTreeMap, VecDeque};

use super::{Due, Nonces, Numbers};
use crate::gateway::rollover::Rollover;
use crate::gateway::{Gateway, Service};
use crate::state::{Source, Stored};

/// What of a gateway's state was written, by client and service.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Whole {
    calendar: Option<Vec<u8>>,
    parts: BTreeMap<(u16, Option<Service>), Part>,
}

/// The nonces of a client, or the numbers of a session and what it was sent.
#[derive(Debug, PartialEq)]
struct Part {
    facts: Vec<u8>,
    messages: BTreeMap<u64, Vec<u8>>,
}

impl Whole {
    /// Reads what [`Gateway::take_changes`] or [`Restored::save`](crate::state::Restored::save) wrote. What
    /// was sent in an earlier epoch nobody can ask for: it counts for nothing.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut from = Source(bytes);
        let whole = Self::from(&mut from).expect("it is as it was written");
        assert!(from.is_empty(), "nothing follows");
        whole
    }

    fn from(from: &mut Source<'_>) -> Option<Self> {
        let mut whole = Self::default();
        if from.get()? {
            let (rollover, cancels): (Rollover, VecDeque<Due>) = (from.get()?, from.get()?);
            let mut calendar = Vec::new();
            rollover.store(&mut calendar);
            cancels.store(&mut calendar);
            whole.calendar = Some(calendar);
        }
        for _ in 0..from.get::<u64>()? {
            let key: (u16, Option<Service>) = from.get()?;
            let (mut facts, mut messages) = (Vec::new(), BTreeMap::new());
            if key.1.is_none() {
                from.get::<Option<Nonces>>()??.store(&mut facts);
            } else {
                let numbers: Numbers = from.get()?;
                numbers.store(&mut facts);
                let _reach: Option<u64> = from.get()?;
                for _ in 0..from.get::<usize>()? {
                    let (epoch, msg_seq_num): (u32, u64) = from.get()?;
                    let bytes = from.bytes()?.to_vec();
                    if epoch == numbers.epoch {
                        messages.insert(msg_seq_num, bytes);
                    }
                }
            }
            let twice = whole.parts.insert(key, Part { facts, messages });
            assert!(twice.is_none(), "each is named once: {key:?}");
        }
        Some(whole)
    }

    /// What of it was otherwise, or not there, before.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        if self.calendar == before.calendar {
            self.calendar = None;
        }
        self.parts.retain(|key, part| {
            let Some(old) = before.parts.get(key) else { return true };
            let is_other = *part != *old;
            part.messages.retain(|number, bytes| old.messages.get(number) != Some(bytes));
            is_other
        });
        self
    }

    /// How many clients and sessions are named.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }
}

impl Gateway {
    /// How many clients the next [`Gateway::take_changes`] looks at.
    pub(crate) fn clients_to_look_at(&self) -> usize {
        self.clients.len() - self.clients.unmarked().count()
    }
}
