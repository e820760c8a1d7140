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
    /// Zeros, then ones.
    pub(super) second_half: [u8; BLOCK],
    /// The lanes of the two halves in turn: 0, 0, 1, 1 ... in the order in which two of 16 bits each are put
    /// together by `unpacklo` (the first 16 lanes) and `unpackhi` (the last 16).
    pub(super) pairs: [u8; BLOCK],
    /// The same of the first halves of two registers: from 64 on it is one of the second.
    pub(super) pairs_of_two: [u8; BLOCK],
}

pub(super) static TABLES: Tables = {
    let zeros = [0; BLOCK];
    let mut out = Tables {
        position: zeros,
        first_and_second: [1; BLOCK],
        third_and_fourth: [3; BLOCK],
        fifth: [5; BLOCK],
        first_field: zeros,
        second_half: zeros,
        pairs: zeros,
        pairs_of_two: zeros,
    };
    out.first_field[0] = b'8';
    out.first_field[LANES] = b'=';
    let mut n = 0;
    while n < BLOCK {
        out.position[n] = n as u8;
        let half = n / LANES;
        out.second_half[n] = half as u8;
        out.first_and_second[n] += half as u8;
        out.third_and_fourth[n] += half as u8;
        // A quarter of a register has four pairs for `unpacklo`, then four for `unpackhi`.
        let (quarter, pair) = (n / 16, n % 16 / 2);
        let lane = pair / 4 * 16 + quarter * 4 + pair % 4;
        out.pairs[n] = (lane + n % 2 * LANES) as u8;
        out.pairs_of_two[n] = (lane + n % 2 * BLOCK) as u8;
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

/// How many registers sixteen [`Field`](super::Field)s are.
pub(super) const REGISTERS: usize = 3;

/// In each of these registers the words of four bytes that are positions; the rest are tags.
pub(super) const POSITIONS: [u16; REGISTERS] = {
    let mut out = [0; REGISTERS];
    let mut n = 0;
    while n < REGISTERS * 16 {
        out[n / 16] |= ((n % 3 > 0) as u16) << (n % 16);
        n += 1;
    }
    out
};

/// Zero for the first of the lanes in the order of [`Tables::pairs`], ones for the others.
pub(super) const WITHOUT_FIRST: [u16; BLOCK / 2] = {
    let mut out = [u16::MAX; BLOCK / 2];
    out[place_of(0) as usize] = 0;
    out
};

/// How sixteen fields, the first of 32 and then the last, are made of words of two bytes, each zero-extended: of
/// the tags and the starts of their values, in turn, and, from 32 on, of where each of all 32 fields ends the one
/// before, in the order of [`Tables::pairs`]. Where the first would is a zero: it stands between the others, and
/// for the end of the last field, which comes with the next.
pub(super) static SPREAD: [[[u16; BLOCK / 2]; REGISTERS]; 2] = {
    let zero = BLOCK as u16 / 2 + place_of(0);
    let mut out = [[[zero; BLOCK / 2]; REGISTERS]; 2];
    let mut n = 0;
    while n < 2 * REGISTERS * BLOCK / 4 {
        let (field, word) = (n / 3, n % 3);
        let register = n / 16;
        out[register / REGISTERS][register % REGISTERS][n % 16 * 2] = match word {
            2 => BLOCK as u16 / 2 + place_of((field + 1) % LANES),
            word => (2 * (field % 16) + word) as u16,
        };
        n += 1;
    }
    out
};

/// Where [`Tables::pairs`] has the pair of a lane.
const fn place_of(lane: usize) -> u16 {
    let mut pair = 0;
    while TABLES.pairs[2 * pair] as usize != lane {
        pair += 1;
    }
    pair as u16
}
