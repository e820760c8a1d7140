//! The clients of the gateway, and which of them may have changed since the state was told of them.

use std::ops::{Index, IndexMut};

use super::client::Client;

/// The clients, by number. Whoever is given one to change marks it, so that what changed is found without a
/// look at all of them.
#[derive(Default)]
pub(super) struct Clients {
    all: Vec<Client>,
    /// The numbers of those that are marked, each once.
    marked: Vec<u16>,
    is_marked: Vec<bool>,
}

impl Clients {
    /// Adds one; the position is its number.
    ///
    /// # Panics
    /// If there are more than a number can tell apart; the configuration allows fewer.
    pub(super) fn push(&mut self, client: Client) {
        let at = self.all.len();
        assert!(at <= usize::from(u16::MAX), "the configuration has a limit");
        self.all.push(client);
        self.is_marked.push(false);
        self.mark(at);
    }

    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Client> {
        self.all.get(at)
    }

    /// To be changed.
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Client> {
        (at < self.all.len()).then(|| &mut self[at])
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Client> {
        self.all.iter()
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Client> {
        (0..self.all.len()).for_each(|at| self.mark(at));
        self.all.iter_mut()
    }

    /// Something that happens often and mostly changes nothing that the state has; whether it did, `tend`
    /// says.
    pub(super) fn tend(&mut self, at: usize, tend: impl FnOnce(&mut Client) -> bool) {
        if tend(&mut self.all[at]) {
            self.mark(at);
        }
    }

    /// Those that are marked, which then are not any more.
    pub(super) fn take_marked(&mut self, mut each: impl FnMut(u16, &mut Client)) {
        for number in self.marked.drain(..) {
            let at = usize::from(number);
            self.is_marked[at] = false;
            each(number, &mut self.all[at]);
        }
    }

    /// Those that are not marked.
    pub(super) fn unmarked(&self) -> impl Iterator<Item = &Client> {
        self.all.iter().zip(&self.is_marked).filter(|(_, marked)| !**marked).map(|(one, _)| one)
    }

    fn mark(&mut self, at: usize) {
        if !std::mem::replace(&mut self.is_marked[at], true) {
            self.marked.push(at as u16);
        }
    }
}

impl Index<usize> for Clients {
    type Output = Client;

    fn index(&self, at: usize) -> &Client {
        &self.all[at]
    }
}

impl IndexMut<usize> for Clients {
    fn index_mut(&mut self, at: usize) -> &mut Client {
        self.mark(at);
        &mut self.all[at]
    }
}
