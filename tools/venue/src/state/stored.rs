//! How state is written as bytes: fixed little-endian integers, collections behind their length, maps by
//! rising key. So equal states are equal bytes, and a digest of them tells whether two are.
//!
//! The macros name every field of a type: one that is added and forgotten does not compile.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

/// A value that is read back as it was written.
pub trait Stored: Sized {
    /// Appends it.
    fn store(&self, out: &mut Vec<u8>);
    /// Takes it from the front; `None` if it is not there.
    fn fetch(from: &mut Source<'_>) -> Option<Self>;
}

/// A part of a state that is made from the configuration and then given what it had: only what the
/// configuration does not say is written.
pub trait Restored {
    /// Appends it.
    fn save(&self, out: &mut Vec<u8>);
    /// Takes it from the front; `None` if it is not there, or does not fit what was made. Then the part is
    /// not to be used.
    fn restore(&mut self, from: &mut Source<'_>) -> Option<()>;
}

/// Bytes to take values from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a>(pub &'a [u8]);

impl<'a> Source<'a> {
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    /// The next value.
    pub fn get<T: Stored>(&mut self) -> Option<T> {
        T::fetch(self)
    }

    /// Replaces what is in `vec`, whose room stays.
    pub fn refill<T: Stored>(&mut self, vec: &mut Vec<T>) -> Option<()> {
        vec.clear();
        for _ in 0..self.get::<usize>()? {
            vec.push(self.get()?);
        }
        Some(())
    }

    /// Restores as many parts as there are; `None` if there were others.
    pub fn restore_all<'p, T: Restored + 'p>(
        &mut self,
        parts: impl ExactSizeIterator<Item = &'p mut T>,
    ) -> Option<()> {
        if self.get::<usize>()? != parts.len() {
            return None;
        }
        for part in parts {
            part.restore(self)?;
        }
        Some(())
    }

    /// Bytes that [`store_bytes`] wrote.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.get()?;
        self.take(length)
    }

    /// Whether all was taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends bytes behind their length, to be read by [`Source::bytes`].
pub fn store_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.len().store(out);
    out.extend_from_slice(bytes);
}

/// Appends parts, to be read by [`Source::restore_all`].
pub fn save_all<'p, T: Restored + 'p>(
    parts: impl ExactSizeIterator<Item = &'p T>,
    out: &mut Vec<u8>,
) {
    parts.len().store(out);
    parts.for_each(|part| part.save(out));
}

macro_rules! integers {
    ($($name:ty),*) => {$(
        impl Stored for $name {
            fn store(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn fetch(from: &mut Source<'_>) -> Option<Self> {
                let bytes = from.take(size_of::<Self>())?;
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128, i64, i128);

impl Stored for usize {
    fn store(&self, out: &mut Vec<u8>) {
        (*self as u64).store(out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        Self::try_from(from.get::<u64>()?).ok()
    }
}

impl Stored for bool {
    fn store(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        match from.get::<u8>()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Stored> Stored for Option<T> {
    fn store(&self, out: &mut Vec<u8>) {
        self.is_some().store(out);
        if let Some(value) = self {
            value.store(out);
        }
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        if from.get()? { from.get().map(Some) } else { Some(None) }
    }
}

impl<T: Stored, const N: usize> Stored for [T; N] {
    fn store(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|one| one.store(out));
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        let all: Option<Vec<T>> = (0..N).map(|_| from.get()).collect();
        all?.try_into().ok()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn store(&self, out: &mut Vec<u8>) {
        self.0.store(out);
        self.1.store(out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        Some((from.get()?, from.get()?))
    }
}

fn store_all<'a, T: Stored + 'a>(all: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) {
    all.len().store(out);
    all.for_each(|one| one.store(out));
}

fn fetch_all<T: Stored, C: FromIterator<T>>(from: &mut Source<'_>) -> Option<C> {
    let count = from.get::<usize>()?;
    (0..count).map(|_| from.get()).collect()
}

impl<T: Stored> Stored for Vec<T> {
    fn store(&self, out: &mut Vec<u8>) {
        store_all(self.iter(), out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        fetch_all(from)
    }
}

impl<T: Stored> Stored for VecDeque<T> {
    fn store(&self, out: &mut Vec<u8>) {
        store_all(self.iter(), out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        fetch_all(from)
    }
}

impl<K: Stored + Ord, V: Stored> Stored for BTreeMap<K, V> {
    fn store(&self, out: &mut Vec<u8>) {
        self.len().store(out);
        for (key, value) in self {
            key.store(out);
            value.store(out);
        }
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        fetch_all::<(K, V), _>(from)
    }
}

impl<K: Stored + Ord + Hash, V: Stored, S: BuildHasher + Default> Stored for HashMap<K, V, S> {
    fn store(&self, out: &mut Vec<u8>) {
        let mut sorted: Vec<(&K, &V)> = self.iter().collect();
        sorted.sort_unstable_by_key(|&(key, _)| key);
        sorted.len().store(out);
        for (key, value) in sorted {
            key.store(out);
            value.store(out);
        }
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        fetch_all::<(K, V), _>(from)
    }
}

impl<T: Stored + Ord + Hash, S: BuildHasher + Default> Stored for HashSet<T, S> {
    fn store(&self, out: &mut Vec<u8>) {
        let mut sorted: Vec<&T> = self.iter().collect();
        sorted.sort_unstable();
        store_all(sorted.into_iter(), out);
    }
    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        fetch_all(from)
    }
}

/// [`Stored`] of structs, by their fields.
macro_rules! stored {
    ($($name:ty { $($field:tt),* $(,)? })*) => {$(
        impl $crate::state::Stored for $name {
            fn store(&self, out: &mut Vec<u8>) {
                $($crate::state::Stored::store(&self.$field, out);)*
                // Every field is named.
                let Self { $($field: _),* } = self;
            }
            fn fetch(from: &mut $crate::state::Source<'_>) -> Option<Self> {
                Some(Self { $($field: from.get()?),* })
            }
        }
    )*};
}

/// [`Stored`] of enums, by numbers of the variants, which must not change.
macro_rules! stored_enum {
    ($name:ty { $($number:literal = $variant:ident $(($($field:ident),+))?),+ $(,)? }) => {
        impl $crate::state::Stored for $name {
            fn store(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($field),+))? => {
                        out.push($number);
                        $($($crate::state::Stored::store($field, out);)+)?
                    })+
                }
            }
            fn fetch(from: &mut $crate::state::Source<'_>) -> Option<Self> {
                Some(match from.get::<u8>()? {
                    $($number => {
                        $($(let $field = from.get()?;)+)?
                        Self::$variant $(($($field),+))?
                    })+
                    _ => return None,
                })
            }
        }
    };
}

pub(crate) use {stored, stored_enum};

#[cfg(test)]
mod tests {
    use super::*;

    fn again<T: Stored + PartialEq + std::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        value.store(&mut bytes);
        let mut source = Source(&bytes);
        assert_eq!(source.get::<T>().as_ref(), Some(value));
        assert!(source.is_empty(), "{value:?} has {} bytes too many", source.0.len());
        for end in 0..bytes.len() {
            assert_eq!(Source(&bytes[..end]).get::<T>(), None, "{value:?} cut off at {end}");
        }
    }

    #[test]
    fn values_are_read_back_as_they_were_written_and_never_from_a_part_of_their_bytes() {
        again(&(u128::MAX, -5i64));
        again(&vec![Some(7u16), None, Some(u16::MAX)]);
        again(&HashMap::from([(3u32, true), (1, false), (2, true)]));
        again(&HashSet::from([9u64, 4, 7]));
        again(&BTreeMap::from([(1u8, VecDeque::from([i128::MIN]))]));
        again(&[[1u8, 2], [3, 4]]);
    }

    #[test]
    fn equal_maps_are_equal_bytes() {
        let bytes = |order: &[u32]| {
            let map: HashMap<u32, u8> = order.iter().map(|&key| (key, 1)).collect();
            let mut out = Vec::new();
            map.store(&mut out);
            out
        };
        let (up, down): (Vec<u32>, Vec<u32>) = ((0..100).collect(), (0..100).rev().collect());
        assert_eq!(bytes(&up), bytes(&down));
    }
}
