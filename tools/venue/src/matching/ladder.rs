//! The levels of one side of a book, sorted, best last.
//!
//! They stand in blocks of at most [`BLOCK`], so that a level far from the best price comes and goes without
//! moving all that are better. The best price is the end of the last block: trading happens there. Two blocks
//! beside each other hold more than half a block together, so that few are enough.

use crate::state::{Restored, Source, Stored};

/// Entries of one block: two kilobytes.
const BLOCK: usize = 128;

/// A key, ascending towards the best price, and the level that has it.
type Entry = (i64, u32);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Ladder {
    /// None is empty; keys rise within a block and from block to block.
    blocks: Vec<Vec<Entry>>,
    /// Blocks that were emptied, to be used again.
    spare: Vec<Vec<Entry>>,
    len: usize,
}

/// Where a key stands, or would.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    block: usize,
    at: usize,
}

impl Ladder {
    /// With room for `levels` before memory is taken, if they come in any order.
    pub(super) fn new(levels: usize) -> Self {
        // On average they are more than a quarter full.
        let blocks = levels.div_ceil(BLOCK / 4) + 1;
        let spare = (0..blocks).map(|_| Vec::with_capacity(BLOCK)).collect();
        Self { blocks: Vec::with_capacity(blocks), spare, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The level with the highest key.
    pub(super) fn best(&self) -> Option<u32> {
        self.blocks.last().and_then(|block| block.last()).map(|entry| entry.1)
    }

    /// The levels, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().rev().flat_map(|block| block.iter().rev()).map(|entry| entry.1)
    }

    /// The level of a key.
    pub(super) fn get(&self, key: i64) -> Option<u32> {
        self.find(key).ok().map(|Place { block, at }| self.blocks[block][at].1)
    }

    /// Where a key stands; where it would, if it does not.
    pub(super) fn find(&self, key: i64) -> Result<Place, Place> {
        let Some((last, before)) = self.blocks.split_last() else {
            return Err(Place { block: 0, at: 0 });
        };
        // By far the most asked for: the best price, and one that is better.
        let best = last[last.len() - 1].0;
        if best <= key {
            let (block, len) = (before.len(), last.len());
            let found = best == key;
            return if found {
                Ok(Place { block, at: len - 1 })
            } else {
                Err(Place { block, at: len })
            };
        }
        // The last block that begins at the key or below it; the first, if all begin above. Mostly it is the
        // best one.
        let (block, entries) = if last[0].0 <= key || before.is_empty() {
            (before.len(), last)
        } else {
            let after = before.partition_point(|block| block[0].0 <= key);
            let block = after.saturating_sub(1);
            (block, &before[block])
        };
        match entries.binary_search_by_key(&key, |entry| entry.0) {
            Ok(at) => Ok(Place { block, at }),
            Err(at) => Err(Place { block, at }),
        }
    }

    /// What stands at a place that [`Ladder::find`] found.
    pub(super) fn at(&self, Place { block, at }: Place) -> u32 {
        self.blocks[block][at].1
    }

    /// Puts a level where [`Ladder::find`] did not find its key.
    pub(super) fn insert(&mut self, Place { mut block, mut at }: Place, key: i64, level: u32) {
        if self.blocks.is_empty() {
            let first = self.block();
            self.blocks.push(first);
        }
        if self.blocks[block].len() == BLOCK {
            let mut upper = self.block();
            // What grows at its end only stays full.
            let is_end = at == BLOCK && block + 1 == self.blocks.len();
            let keep = if is_end { BLOCK } else { BLOCK / 2 };
            upper.extend(self.blocks[block].drain(keep..));
            self.blocks.insert(block + 1, upper);
            if at >= keep {
                (block, at) = (block + 1, at - keep);
            }
        }
        self.blocks[block].insert(at, (key, level));
        self.len += 1;
    }

    /// Takes out what stands at a place that [`Ladder::find`] found.
    pub(super) fn remove(&mut self, Place { block, at }: Place) {
        self.blocks[block].remove(at);
        self.len -= 1;
        if self.blocks[block].is_empty() {
            let empty = self.blocks.remove(block);
            self.spare.push(empty);
            return;
        }
        for lower in [block.wrapping_sub(1), block] {
            let upper = lower.wrapping_add(1);
            let both = [lower, upper].map(|one| self.blocks.get(one).map(Vec::len));
            let [Some(one), Some(other)] = both else { continue };
            if one + other <= BLOCK / 2 {
                let mut emptied = self.blocks.remove(upper);
                self.blocks[lower].append(&mut emptied);
                self.spare.push(emptied);
                return;
            }
        }
    }

    fn block(&mut self) -> Vec<Entry> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }
}

/// As one list: how it is parted into blocks says nothing.
impl Restored for Ladder {
    fn save(&self, out: &mut Vec<u8>) {
        self.len.store(out);
        self.blocks.iter().flatten().for_each(|entry| entry.store(out));
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.spare.extend(self.blocks.drain(..).map(|mut block| {
            block.clear();
            block
        }));
        self.len = 0;
        let mut last = None;
        for _ in 0..from.get::<usize>()? {
            let (key, level): Entry = from.get()?;
            if last.is_some_and(|last| last >= key) {
                return None;
            }
            last = Some(key);
            let place = self.find(key).err()?;
            self.insert(place, key, level);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(ladder: &Ladder, model: &BTreeMap<i64, u32>) -> Result<(), TestCaseError> {
        prop_assert_eq!(ladder.len(), model.len());
        let ours: Vec<u32> = ladder.iter().collect();
        let naive: Vec<u32> = model.values().rev().copied().collect();
        prop_assert_eq!(ladder.best(), naive.first().copied());
        prop_assert_eq!(ours, naive);
        prop_assert!(ladder.blocks.iter().all(|one| !one.is_empty() && one.len() <= BLOCK));
        let pairs = ladder.blocks.windows(2);
        prop_assert!(pairs.map(|two| two[0].len() + two[1].len()).all(|both| both > BLOCK / 2));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_ladder_is_a_sorted_map_whatever_comes_and_goes_in_whatever_order(
            seed: u64, room in 0usize..1000, rising in 0u8..3, most in 1usize..2000,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut ladder, mut model) = (Ladder::new(room), BTreeMap::new());
            for number in 0..3_000u32 {
                let (from, to) = (i64::from(number), i64::from(number) + 8);
                let key = match rising {
                    0 => rng.i64(-500..500),
                    1 => rng.i64(from..to),
                    _ => -rng.i64(from..to),
                };
                // Fills up to `most`, then empties.
                let fills = number as usize % (2 * most) < most;
                match ladder.find(key) {
                    Ok(place) => {
                        prop_assert_eq!(Some(&ladder.at(place)), model.get(&key));
                        prop_assert_eq!(ladder.get(key), model.get(&key).copied());
                        ladder.remove(place);
                        model.remove(&key);
                    }
                    Err(place) => {
                        prop_assert!(!model.contains_key(&key) && ladder.get(key).is_none());
                        if fills {
                            ladder.insert(place, key, number);
                            model.insert(key, number);
                        } else if let Some((&key, _)) = model.iter().nth(rng.usize(..model.len().max(1))) {
                            let place = ladder.find(key).expect("it is there");
                            ladder.remove(place);
                            model.remove(&key);
                        }
                    }
                }
                if number % 64 == 0 {
                    check(&ladder, &model)?;
                }
            }
            check(&ladder, &model)?;
            let mut saved = Vec::new();
            ladder.save(&mut saved);
            let mut copy = Ladder::new(0);
            let mut from = Source(&saved);
            copy.restore(&mut from).expect("it is as it was saved");
            prop_assert!(from.is_empty());
            check(&copy, &model)?;
            let mut again = Vec::new();
            copy.save(&mut again);
            prop_assert_eq!(saved, again, "however it is parted");
        }
    }

    #[test]
    fn a_ladder_takes_no_memory_for_as_many_levels_as_it_has_room_for() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut ladder = Ladder::new(5_000);
        let blocks = ladder.spare.len();
        // Levels that come at the lower end leave blocks half full, and each loses most of what it has.
        for round in 0..60 {
            while ladder.len() < 5_000 {
                let key = rng.i64(-1_000_000 * (round + 1)..1_000_000);
                if let Err(place) = ladder.find(key) {
                    ladder.insert(place, key, 0);
                }
            }
            let keys: Vec<i64> = ladder.blocks.iter().flatten().map(|entry| entry.0).collect();
            for key in keys.iter().filter(|key| key.rem_euclid(100) != round % 100) {
                let place = ladder.find(*key).expect("it is there");
                ladder.remove(place);
            }
            assert!(ladder.len() < 500, "{}", ladder.len());
        }
        assert_eq!(ladder.spare.len() + ladder.blocks.len(), blocks);
        assert!(ladder.spare.iter().all(|one| one.capacity() == BLOCK));
    }

    #[test]
    fn keys_that_do_not_rise_are_no_ladder() {
        let mut saved = Vec::new();
        (2usize, [(5i64, 0u32), (5, 1)]).store(&mut saved);
        assert!(Ladder::new(4).restore(&mut Source(&saved)).is_none());
    }
}
