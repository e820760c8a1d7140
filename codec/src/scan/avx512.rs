//! The AVX-512 kernel: 64 bytes in one register; one compression lists a block's ends. The tags are those of
//! the AVX2 kernel.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_add_epi64, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask,
    _mm512_cvtepu8_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8, _mm512_maskz_loadu_epi8,
    _mm512_reduce_add_epi64, _mm512_sad_epu8, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_storeu_si512,
};
use core::mem::MaybeUninit;

use super::ends::{ENDS_MAX, Fields, LANES, LIST, List, STRETCH};
use super::walk::BLOCK;
use super::{Field, Kernel, ScanError, avx2, detect};
use crate::SOH;

/// One register holds the ends of a block.
const _: () = assert!(ENDS_MAX * size_of::<u32>() == size_of::<__m512i>());

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

/// The position of each byte.
static AT: [u8; BLOCK] = {
    let mut out = [0; BLOCK];
    let mut i = 0;
    while i < BLOCK {
        out[i] = i as u8;
        i += 1;
    }
    out
};

#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn index_avx512(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut list: List = [MaybeUninit::uninit(); LIST];
    let mut fields = Fields::new(message, fields, &mut list);
    // Sums of eight bytes each: no message is long enough to overflow 64 bits.
    let mut sums = _mm512_setzero_si512();
    let soh = _mm512_set1_epi8(SOH as i8);
    let positions = load(&AT);
    let mut base = 0;
    while base < message.len() {
        let until = message.len().min(base + STRETCH);
        while base < until {
            let block = block_at(message, base);
            sums = _mm512_add_epi64(sums, _mm512_sad_epu8(block, _mm512_setzero_si512()));
            let is_soh = _mm512_cmpeq_epi8_mask(block, soh);
            let ends = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(is_soh, positions));
            let ends = _mm512_cvtepu8_epi32(ends);
            let ends = _mm512_add_epi32(ends, _mm512_set1_epi32(base as i32));
            // SAFETY: the room is as large as the register; the store has no alignment requirement. All
            // of it is written.
            unsafe {
                fields.add(is_soh, |room| _mm512_storeu_si512(room.as_mut_ptr().cast(), ends));
            }
            base += BLOCK;
        }
        fields
            .take(LANES, |message, fields, list, done| avx2::decode(message, fields, list, done))?;
    }
    fields.finish(_mm512_reduce_add_epi64(sums) as u32)
}

/// The block at `base`, which is inside the message, filled up with zeros.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn block_at(message: &[u8], base: usize) -> __m512i {
    let rest = &message[base..];
    match rest.first_chunk() {
        Some(block) => load(block),
        // SAFETY: the mask has one bit per byte that is left; bytes that it leaves out are not
        // accessed.
        None => unsafe { _mm512_maskz_loadu_epi8((1 << rest.len()) - 1, rest.as_ptr().cast()) },
    }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the array is 64 readable bytes; the load has no alignment requirement.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}
