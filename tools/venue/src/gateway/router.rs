//! Sticky routing: a SenderCompID goes to the gateway instance with fewest connections at its first
//! logon and stays there (venue file section 1), so that all its messages take one path and keep
//! their order.

use std::collections::HashMap;

use taut::types::CompId;

/// Which gateway instance, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance(pub u16);

/// Chooses the gateway instance of a session.
#[derive(Debug)]
pub struct Router {
    connections: Vec<u32>,
    stuck: HashMap<CompId, Instance>,
}

impl Router {
    /// A router over `instances` gateway instances, at least one.
    #[must_use]
    pub fn new(instances: u16) -> Self {
        Self { connections: vec![0; usize::from(instances.max(1))], stuck: HashMap::new() }
    }

    /// A connection of `sender` opens: the instance that it goes to.
    pub fn open(&mut self, sender: CompId) -> Instance {
        let connections = &self.connections;
        let instance = *self.stuck.entry(sender).or_insert_with(|| {
            let fewest = (0..connections.len()).min_by_key(|&at| connections[at]).unwrap_or(0);
            Instance(fewest as u16)
        });
        self.connections[usize::from(instance.0)] += 1;
        instance
    }

    /// A connection of an instance closes. The session stays stuck to it.
    pub fn close(&mut self, instance: Instance) {
        let open = &mut self.connections[usize::from(instance.0)];
        *open = open.saturating_sub(1);
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

    #[test]
    fn a_new_session_goes_to_the_instance_with_fewest_connections_and_then_sticks() {
        let id = |text: &str| text.parse::<CompId>().unwrap();
        let mut router = Router::new(3);
        let first: Vec<u16> = ["a", "b", "c", "d"].map(|s| router.open(id(s)).0).to_vec();
        assert_eq!(first, [0, 1, 2, 0]);
        assert_eq!(router.connections(), [2, 1, 1]);
        router.close(Instance(0));
        router.close(Instance(0));
        assert_eq!(router.open(id("b")).0, 1, "sticks although instance 0 is empty");
        assert_eq!(router.open(id("e")).0, 0);
        assert_eq!(router.open(id("a")).0, 0);
        assert_eq!(router.connections(), [2, 2, 1]);
    }
}
