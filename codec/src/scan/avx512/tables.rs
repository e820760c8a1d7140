//! The tables of the AVX-512 kernel.

use super::super::walk::BLOCK;
use super::LANES;

/// Registers full of bytes. A register has two halves of 32 lanes.
#[repr(align(64))]
pub(super) struct Tables {
    /// 0, 1, 2 ...
    pub(super) position: [u8; BLOCK],
    /// How far behind its SOH a column's byte stands.
    pub(super) first_and_second: [u8; BLOCK],
    pub(super) third_and_fourth: [u8; BLOCK],
    pub(super) fifth: [u8; BLOCK],
    /// The first and second column of `8=` in the first lane of each half.
    pub(super) first_field: [u8; BLOCK],
    /// From each lane the next one.
    pub(super) next: [u8; BLOCK],
    /// The lanes of the two halves in turn: 0, 0, 1, 1 ... in the order in which two of 16 bits each are put
    /// together by `unpacklo` (the first 16 lanes) and `unpackhi` (the last 16).
    pub(super) pairs: [u8; BLOCK],
}

pub(super) static TABLES: Tables = {
    let zeros = [0; BLOCK];
    let mut out = Tables {
        position: zeros,
        first_and_second: [1; BLOCK],
        third_and_fourth: [3; BLOCK],
        fifth: [5; BLOCK],
        first_field: zeros,
        next: zeros,
        pairs: zeros,
    };
    out.first_field[0] = b'8';
    out.first_field[LANES] = b'=';
    let mut n = 0;
    while n < BLOCK {
        out.position[n] = n as u8;
        let half = n / LANES;
        out.first_and_second[n] += half as u8;
        out.third_and_fourth[n] += half as u8;
        out.next[n] = ((n + 1) % LANES) as u8;
        // A quarter of a register has four pairs for `unpacklo`, then four for `unpackhi`.
        let (quarter, pair) = (n / 16, n % 16 / 2);
        let lane = pair / 4 * 16 + quarter * 4 + pair % 4;
        out.pairs[n] = (lane + n % 2 * LANES) as u8;
        n += 1;
    }
    out
};

/// From byte `32 - n` on: which lane goes to each lane to move all up by `n`; the top bit says that one does.
pub(super) static SHIFT: [u8; 2 * LANES] = {
    let mut out = [0; 2 * LANES];
    let mut n = 0;
    while n < LANES {
        out[LANES + n] = n as u8 | 0x80;
        n += 1;
    }
    out
};

/// Ten times a digit, twice. Of more than 9 nothing that counts.
pub(super) static TENS: [u8; LANES] = {
    let mut out = [0; LANES];
    let mut n = 0;
    while n < LANES {
        if n % 16 < 10 {
            out[n] = (n % 16) as u8 * 10;
        }
        n += 1;
    }
    out
};

/// How sixteen times four bytes become a third of sixteen [`Field`](super::Field)s.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    /// Which byte goes to each byte.
    pub(super) from: [u8; BLOCK],
    /// Whether one does.
    pub(super) kept: u64,
    /// Ones in the words of four bytes that are positions.
    pub(super) positions: [u8; BLOCK],
}

pub(super) const SPREAD: [Spread; 3] = {
    let mut out = [Spread { from: [0; BLOCK], kept: 0, positions: [0; BLOCK] }; 3];
    let mut n = 0;
    while n < 3 * BLOCK {
        let (field, word, byte) = (n / 12, n % 12 / 4, n % 4);
        let (spread, at) = (&mut out[n / BLOCK], n % BLOCK);
        // Two bytes are the tag, then one is the start and one the end.
        let from = match (word, byte) {
            (0, 0 | 1) => Some(byte),
            (1 | 2, 0) => Some(word + 1),
            _ => None,
        };
        if let Some(from) = from {
            spread.from[at] = (4 * field + from) as u8;
            spread.kept |= 1 << at;
        }
        if word > 0 {
            spread.positions[at] = 0xff;
        }
        n += 1;
    }
    out
};
