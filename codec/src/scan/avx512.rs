//! The AVX-512 kernel: 64 bytes in one register, eight fields of a block decoded at once.
//!
//! For the words used here (open field, borrow, odd block) see the parent module.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_unpackhi_epi64, _mm_unpacklo_epi64, _mm256_add_epi8,
    _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi8, _mm256_cmpeq_epi32_mask, _mm256_cmpgt_epi32_mask, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mask_cmple_epu32_mask, _mm256_maskz_and_epi32,
    _mm256_maskz_mov_epi32, _mm256_permutex2var_epi8, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_subs_epu8, _mm256_test_epi32_mask, _mm256_xor_si256, _mm256_zextsi128_si256,
    _mm512_add_epi64, _mm512_castsi256_si512, _mm512_castsi512_si128, _mm512_castsi512_si256,
    _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_maskz_compress_epi8,
    _mm512_maskz_loadu_epi8, _mm512_permutex2var_epi8, _mm512_reduce_add_epi64, _mm512_sad_epu8,
    _mm512_set1_epi8, _mm512_setzero_si512,
};

use super::edge::{Edge, Masks};
use super::walk::{self, BLOCK};
use super::{Field, Kernel, ScanError, detect};
use crate::SOH;

/// Fields that are decoded at once, whether or not the block has so many: eight tags of four bytes fill
/// half a register, and half a register costs half as much on CPUs that are 256 bits wide inside.
const LANES: usize = 8;

/// Blocks with more fields are odd.
const FIELDS_MAX: usize = 2 * LANES;

/// Three half registers hold eight fields.
const _: () = assert!(LANES * size_of::<Field>() == 3 * HALF);

/// Bytes of half a register.
const HALF: usize = 32;

/// The kernel, if this CPU and its operating system can run it.
pub(super) fn kernel() -> Option<Kernel> {
    detect::avx512().then_some(index as Kernel)
}

/// Private, and handed out by [`kernel`] only: this is what makes the call below sound.
fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    // SAFETY: this function is reachable through `kernel` only, which has verified that the CPU has
    // every feature named below and that the operating system saves the registers.
    unsafe { index_avx512(message, fields) }
}

/// A register's bytes, aligned.
#[repr(align(64))]
struct Bytes<const N: usize>([u8; N]);

/// Counts up from `first`.
const fn counting(first: u8) -> Bytes<BLOCK> {
    let mut out = [0; BLOCK];
    let mut i = 0;
    while i < BLOCK {
        out[i] = i as u8 + first;
        i += 1;
    }
    Bytes(out)
}

/// The position of each byte, and the position behind it.
static AT: Bytes<BLOCK> = counting(0);
static BEHIND: Bytes<BLOCK> = counting(1);

/// Where the four bytes before a `=` are in previous and current block together, last first, less the
/// position behind the `=`.
static BEFORE: Bytes<HALF> = {
    let mut out = [0; HALF];
    let mut i = 0;
    while i < HALF {
        out[i] = (BLOCK - 2 - i % 4) as u8;
        i += 1;
    }
    Bytes(out)
};

/// Copies byte `n` to all four bytes of double word `n`.
static SPREAD: Bytes<HALF> = {
    let mut out = [0; HALF];
    let mut i = 0;
    while i < HALF {
        out[i] = i as u8 / 4;
        i += 1;
    }
    Bytes(out)
};

/// What makes up a third of eight fields.
struct Layout {
    /// From where the bytes are: the tags (0 and up, four bytes each), the positions behind `=` (32
    /// and up), those of SOH (40 and up), a zero (63).
    from: Bytes<HALF>,
    /// What is added from block to block: 64 to a position, nothing to a tag.
    step: Bytes<HALF>,
    /// Which double words are positions.
    positions: u8,
}

const fn layout(part: usize) -> Layout {
    let (mut from, mut step, mut positions) = ([63; HALF], [0; HALF], 0);
    let mut word = 0;
    while word < LANES {
        let (lane, member) = ((part * LANES + word) / 3, (part * LANES + word) % 3);
        if member == 0 {
            let mut i = 0;
            while i < 4 {
                from[word * 4 + i] = (lane * 4 + i) as u8;
                i += 1;
            }
        } else {
            from[word * 4] = (24 + member * 8 + lane) as u8;
            step[word * 4] = BLOCK as u8;
            positions |= 1 << word;
        }
        word += 1;
    }
    Layout { from: Bytes(from), step: Bytes(step), positions }
}

static LAYOUT: [Layout; 3] = [layout(0), layout(1), layout(2)];

#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn index_avx512(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut state = State { base: 0, count: 0, edge: Edge::START, sums: _mm512_setzero_si512() };
    loop {
        even_blocks(message, fields, &mut state);
        if state.base >= message.len() {
            break;
        }
        odd_blocks(message, fields, &mut state)?;
    }
    walk::finish(message, fields, state.count, _mm512_reduce_add_epi64(state.sums) as u32)
}

/// How far the message has been read.
struct State {
    /// Where the next block starts.
    base: usize,
    /// How many fields are complete.
    count: usize,
    /// What reaches into the next block. If it starts inside a value, tag and start of that field are
    /// written already.
    edge: Edge,
    /// Sums of eight bytes each: no message is long enough to overflow 64 bits.
    sums: __m512i,
}

/// The block at `base`, which is inside the message, filled up with zeros.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn block_at(message: &[u8], base: usize) -> __m512i {
    let rest = &message[base..];
    if rest.len() >= BLOCK {
        // SAFETY: 64 bytes are readable; the load has no alignment requirement.
        unsafe { _mm512_loadu_si512(rest.as_ptr().cast()) }
    } else {
        // SAFETY: the mask has one bit per byte that is left; bytes that it leaves out are not
        // accessed.
        unsafe { _mm512_maskz_loadu_epi8((1 << rest.len()) - 1, rest.as_ptr().cast()) }
    }
}

/// Indexes up to the first odd block, or the end.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn even_blocks(message: &[u8], fields: &mut [Field], state: &mut State) {
    let State { mut base, mut count, mut edge, mut sums } = *state;
    let soh = _mm512_set1_epi8(SOH as i8);
    // Before the first block there is nothing but SOHs, like its edge.
    let mut previous = if base == 0 { soh } else { block_at(message, base - BLOCK) };
    let from = _mm256_set1_epi32(base as i32);
    let mut bases = [
        _mm256_maskz_mov_epi32(LAYOUT[0].positions, from),
        _mm256_maskz_mov_epi32(LAYOUT[1].positions, from),
        _mm256_maskz_mov_epi32(LAYOUT[2].positions, from),
    ];
    while base < message.len() {
        let block = block_at(message, base);
        let masks = Masks {
            soh: _mm512_cmpeq_epi8_mask(block, soh),
            equals: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'=' as i8)),
        };
        let found = edge.step(masks);
        let first = count + found.open;
        let in_block = found.equals.count_ones() as usize;
        let room = fields.len().saturating_sub(first) >= FIELDS_MAX;
        if found.odd || in_block > FIELDS_MAX || !room {
            break;
        }
        let starts =
            _mm512_castsi512_si128(_mm512_maskz_compress_epi8(found.equals, load(&BEHIND)));
        let ends = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(found.ends, load(&AT)));
        let Some(records) = records(previous, block, _mm_unpacklo_epi64(starts, ends)) else {
            break;
        };
        if records.has_long_tag && !edge.tags_are_short(masks.soh, found.equals) {
            break;
        }
        // SAFETY: there is room for 16 fields.
        unsafe { store(&mut fields[first..], &records, &bases) };
        if in_block > LANES {
            let Some(records) = self::records(previous, block, _mm_unpackhi_epi64(starts, ends))
            else {
                break;
            };
            if records.has_long_tag && !edge.tags_are_short(masks.soh, found.equals) {
                break;
            }
            // SAFETY: there is room for 16 fields.
            unsafe { store(&mut fields[first + LANES..], &records, &bases) };
        }
        // The field that was open ends at the block's first SOH. Of a field that starts here this is
        // the end that it has already, or, without a SOH, one that is written again.
        fields[count].end = base as u32 + masks.soh.trailing_zeros();
        count += masks.soh.count_ones() as usize;
        edge = found.edge;
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(block, _mm512_setzero_si512()));
        previous = block;
        base += BLOCK;
        bases[0] = _mm256_add_epi32(bases[0], load_half(&LAYOUT[0].step));
        bases[1] = _mm256_add_epi32(bases[1], load_half(&LAYOUT[1].step));
        bases[2] = _mm256_add_epi32(bases[2], load_half(&LAYOUT[2].step));
    }
    *state = State { base, count, edge, sums };
}

/// Takes an odd block, and those after it up to where [`even_blocks`] can go on.
#[cold]
#[inline(never)]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn odd_blocks(message: &[u8], fields: &mut [Field], state: &mut State) -> Result<(), ScanError> {
    while state.base < message.len() {
        let block = block_at(message, state.base);
        state.sums = _mm512_add_epi64(state.sums, _mm512_sad_epu8(block, _mm512_setzero_si512()));
        let soh = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(SOH as i8));
        let end = message.len().min(state.base + BLOCK);
        state.base += BLOCK;
        let behind_last_soh = end.min(state.base - soh.leading_zeros() as usize);
        let (count, at) = walk::walk(message, fields, state.count, behind_last_soh)?;
        state.count = count;
        if let Some(edge) = walk::edge(message, fields, count, at..end, soh)? {
            state.edge = edge;
            break;
        }
    }
    Ok(())
}

/// Up to eight fields as they stand in memory, but for the position of the block.
struct Records {
    thirds: [__m256i; 3],
    /// Whether a tag has four digits, or more than that.
    has_long_tag: bool,
}

/// The fields whose values start at the first eight bytes of `positions`, and end at the second eight.
/// `None` if a tag is malformed or the length of a data field.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn records(previous: __m512i, block: __m512i, positions: __m128i) -> Option<Records> {
    let spread = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(positions), load_half(&SPREAD));
    // A value starts behind something, never at 0: zero are the lanes that are not used.
    let used = _mm256_test_epi32_mask(spread, spread);
    let from = _mm256_add_epi8(spread, load_half(&BEFORE));
    // The four bytes before the `=`, last first.
    let text = _mm512_permutex2var_epi8(previous, _mm512_castsi256_si512(from), block);
    let text = _mm512_castsi512_si256(text);
    // The bytes below the lowest SOH, or all of them, are the digits.
    let soh = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(SOH as i8));
    let lowest = _mm256_and_si256(soh, _mm256_set1_epi8(1));
    let below = _mm256_andnot_si256(lowest, _mm256_add_epi32(lowest, _mm256_set1_epi32(-1)));
    let values = _mm256_xor_si256(text, _mm256_set1_epi8(b'0' as i8));
    let digits = _mm256_maskz_and_epi32(used, values, below);
    // Without a digit, or the first is a zero.
    let zero = _mm256_mask_cmple_epu32_mask(used, digits, _mm256_srli_epi32::<8>(below));
    let above_nine = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
    let malformed = zero | _mm256_test_epi32_mask(above_nine, above_nine);
    // 1, 10, 1, 10 and 1, 100.
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x0a01));
    let tags = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0064_0001));
    let lengths = _mm256_cmpeq_epi32_mask(tags, _mm256_set1_epi32(93))
        | _mm256_cmpeq_epi32_mask(tags, _mm256_set1_epi32(95))
        | _mm256_cmpeq_epi32_mask(tags, _mm256_set1_epi32(354));
    if malformed | lengths != 0 {
        return None;
    }
    let long = _mm256_cmpgt_epi32_mask(tags, _mm256_set1_epi32(999));
    let positions = _mm256_zextsi128_si256(positions);
    let thirds = [
        _mm256_permutex2var_epi8(tags, load_half(&LAYOUT[0].from), positions),
        _mm256_permutex2var_epi8(tags, load_half(&LAYOUT[1].from), positions),
        _mm256_permutex2var_epi8(tags, load_half(&LAYOUT[2].from), positions),
    ];
    Some(Records { thirds, has_long_tag: long != 0 })
}

/// Writes eight fields, of which some may be nonsense.
///
/// # Safety
/// `fields` must have eight.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
unsafe fn store(fields: &mut [Field], records: &Records, bases: &[__m256i; 3]) {
    let to = fields.as_mut_ptr().cast::<__m256i>();
    // SAFETY: eight fields of 12 bytes are three half registers; every bit pattern is a `Field`. The
    // stores have no alignment requirement.
    unsafe {
        _mm256_storeu_si256(to, _mm256_add_epi32(records.thirds[0], bases[0]));
        _mm256_storeu_si256(to.add(1), _mm256_add_epi32(records.thirds[1], bases[1]));
        _mm256_storeu_si256(to.add(2), _mm256_add_epi32(records.thirds[2], bases[2]));
    }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn load(bytes: &'static Bytes<BLOCK>) -> __m512i {
    // SAFETY: the array is 64 readable bytes; the load has no alignment requirement.
    unsafe { _mm512_loadu_si512(bytes.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn load_half(bytes: &'static Bytes<HALF>) -> __m256i {
    // SAFETY: the array is 32 readable bytes; the load has no alignment requirement.
    unsafe { _mm256_loadu_si256(bytes.0.as_ptr().cast()) }
}
