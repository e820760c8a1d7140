//! A hash table from ids to small numbers: open addressing, linear probing, no allocation after
//! `new`. It keeps hashes only; the caller says whether a candidate is the one that is meant.

use crate::touched;

/// Marks a free entry.
const FREE: u32 = u32::MAX;

/// The table.
#[derive(Debug)]
pub(super) struct Index {
    // Invariant: at least half of the entries are free, so that every probe ends.
    entries: Vec<Entry>,
    mask: usize,
    len: usize,
    capacity: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    value: u32,
}

impl Index {
    pub fn new(capacity: usize) -> Self {
        let size = (2 * capacity).next_power_of_two().max(2);
        Self {
            entries: touched::slice(Entry { hash: 0, value: FREE }, size).into_vec(),
            mask: size - 1,
            len: 0,
            capacity,
        }
    }

    /// The value with this hash that `is_meant`.
    pub fn get(&self, hash: u64, is_meant: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = hash as usize & self.mask;
        loop {
            let entry = self.entries[at];
            if entry.value == FREE {
                return None;
            }
            if entry.hash == hash && is_meant(entry.value) {
                return Some(entry.value);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds a value; `false` if the table is full.
    pub fn insert(&mut self, hash: u64, value: u32) -> bool {
        debug_assert!(value != FREE);
        if self.len == self.capacity {
            return false;
        }
        let mut at = hash as usize & self.mask;
        while self.entries[at].value != FREE {
            at = (at + 1) & self.mask;
        }
        self.entries[at] = Entry { hash, value };
        self.len += 1;
        true
    }

    /// Removes a value; the entries behind it move up, so that no tombstone slows later probes.
    pub fn remove(&mut self, hash: u64, value: u32) -> bool {
        let mut hole = hash as usize & self.mask;
        loop {
            let entry = self.entries[hole];
            if entry.value == FREE {
                return false;
            }
            if entry.hash == hash && entry.value == value {
                break;
            }
            hole = (hole + 1) & self.mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let entry = self.entries[at];
            if entry.value == FREE {
                break;
            }
            let home = entry.hash as usize & self.mask;
            // The entry may move to the hole if the hole is on its way from home.
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(hole) & self.mask {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole].value = FREE;
        self.len -= 1;
        true
    }
}

/// Spreads 128 bits over 64 (the finaliser of splitmix64).
pub(super) fn hash_bits(bits: u128) -> u64 {
    let mut x = (bits as u64) ^ ((bits >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Spreads a short text over 64 bits.
pub(super) fn hash_text(text: &[u8]) -> u64 {
    let add = |hash: u64, block: &[u8; 16]| {
        hash_bits(u128::from_le_bytes(*block) ^ u128::from(hash.rotate_left(23)))
    };
    let len = text.len() as u64;
    match text.last_chunk() {
        // The last sixteen bytes may overlap with those before.
        Some(last) => add(text.as_chunks().0.iter().fold(len, add), last),
        None => {
            let mut block = [0; 16];
            block[..text.len()].copy_from_slice(text);
            add(len, &block)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_table_says_so() {
        let mut index = Index::new(1);
        assert!(index.insert(1, 1) && !index.insert(2, 2));
        assert!(index.remove(1, 1) && !index.remove(1, 1));
        assert!(index.insert(2, 2));
    }

    proptest! {
        #[test]
        fn the_index_equals_a_hash_map(
            // Few distinct hashes close to each other, so that runs collide and wrap around.
            steps in prop::collection::vec((any::<bool>(), 0u32..24), 0..400)
        ) {
            let mut index = Index::new(24);
            let mut map = HashMap::new();
            let hash = |value: u32| u64::from(value / 3) + 58;
            for (insert, value) in steps {
                if insert {
                    if map.insert(value, ()).is_none() {
                        prop_assert!(index.insert(hash(value), value));
                    }
                } else {
                    prop_assert_eq!(index.remove(hash(value), value), map.remove(&value).is_some());
                }
                for value in 0..24 {
                    let found = index.get(hash(value), |v| v == value);
                    prop_assert_eq!(found.is_some(), map.contains_key(&value));
                }
            }
        }
    }
}
