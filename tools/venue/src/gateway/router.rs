//! Sticky routing: a SenderCompID goes to the gateway instance with fewest connections at its first
//! logon and stays there (venue file section 1), so that all its messages take one path and keep
//! their order. Only the end of its instance sends it elsewhere.

use std::collections::HashMap;

use taut::types::CompId;

/// Which gateway instance, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance(pub u16);

/// Chooses the gateway instance of a session.
#[derive(Debug)]
pub struct Router {
    connections: Vec<u32>,
    stopped: Vec<bool>,
    stuck: HashMap<CompId, Instance>,
}

impl Router {
    /// A router over `instances` gateway instances, at least one.
    #[must_use]
    pub fn new(instances: u16) -> Self {
        let count = usize::from(instances.max(1));
        Self { connections: vec![0; count], stopped: vec![false; count], stuck: HashMap::new() }
    }

    /// A connection of `sender` opens: the instance that it goes to; `None` if none is up.
    pub fn open(&mut self, sender: CompId) -> Option<Instance> {
        let stuck = self.stuck.get(&sender).copied().filter(|&one| self.is_up(one));
        let instance = match stuck {
            Some(instance) => instance,
            None => {
                let up = (0..self.connections.len()).filter(|&at| !self.stopped[at]);
                Instance(up.min_by_key(|&at| self.connections[at])? as u16)
            }
        };
        self.stuck.insert(sender, instance);
        self.connections[usize::from(instance.0)] += 1;
        Some(instance)
    }

    /// A connection of an instance closes. The session stays stuck to it.
    pub fn close(&mut self, instance: Instance) {
        let open = &mut self.connections[usize::from(instance.0)];
        *open = open.saturating_sub(1);
    }

    /// An instance ends, or starts again. `false` if there is none of this number.
    pub fn set_up(&mut self, instance: Instance, up: bool) -> bool {
        let stopped = self.stopped.get_mut(usize::from(instance.0));
        stopped.map(|stopped| *stopped = !up).is_some()
    }

    fn is_up(&self, instance: Instance) -> bool {
        self.stopped.get(usize::from(instance.0)) == Some(&false)
    }

    /// Open connections per instance.
    #[must_use]
    pub fn connections(&self) -> &[u32] {
        &self.connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CompId {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_session_goes_to_the_instance_with_fewest_connections_and_then_sticks() {
        let mut router = Router::new(3);
        let mut open = |sender| router.open(id(sender)).unwrap().0;
        assert_eq!(["a", "b", "c", "d"].map(&mut open), [0, 1, 2, 0]);
        assert_eq!(router.connections(), [2, 1, 1]);
        router.close(Instance(0));
        router.close(Instance(0));
        let mut open = |sender| router.open(id(sender)).unwrap().0;
        assert_eq!(open("b"), 1, "sticks although instance 0 is empty");
        assert_eq!([open("e"), open("a")], [0, 0]);
        assert_eq!(router.connections(), [2, 2, 1]);
    }

    #[test]
    fn the_sessions_of_an_instance_that_ends_go_elsewhere_and_stick_there() {
        let mut router = Router::new(2);
        assert_eq!(router.open(id("a")), Some(Instance(0)));
        assert!(router.set_up(Instance(0), false) && !router.set_up(Instance(2), false));
        router.close(Instance(0));
        assert_eq!(router.open(id("a")), Some(Instance(1)));
        router.close(Instance(1));
        assert!(router.set_up(Instance(0), true));
        assert_eq!(router.open(id("a")), Some(Instance(1)), "it does not go back");
        assert!(router.set_up(Instance(0), false) && router.set_up(Instance(1), false));
        assert_eq!(router.open(id("b")), None);
    }
}
