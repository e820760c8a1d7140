//! The AVX2 kernel: 32 bytes in one register, two registers to a block.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __cpuid, __cpuid_count, __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64,
    _mm256_add_epi64, _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_sad_epu8, _mm256_set1_epi8,
    _mm256_setzero_si256, _xgetbv,
};

use super::walk::{BLOCK, Walker, padded};
use super::{Field, Kernel, ScanError};
use crate::SOH;

/// The kernel, if this CPU and its operating system can run it.
pub(super) fn kernel() -> Option<Kernel> {
    available().then_some(index as Kernel)
}

/// Private, and handed out by [`kernel`] only: this is what makes the call below sound.
fn index(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    // SAFETY: this function is reachable through `kernel` only, which has verified that the CPU has
    // AVX2, BMI1, BMI2, LZCNT and POPCNT and that the operating system saves the registers.
    unsafe { index_avx2(message, fields) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn index_avx2(message: &[u8], fields: &mut [Field]) -> Result<usize, ScanError> {
    let mut walker = Walker::new(message, fields);
    // Four 64-bit sums. Each grows by at most 16 * 255 per block: no message is long enough to overflow.
    let mut sums = _mm256_setzero_si256();
    let (blocks, rest) = message.as_chunks::<BLOCK>();
    for (i, block) in blocks.iter().enumerate() {
        let soh = block_avx2(block, &mut sums);
        walker.block(i * BLOCK, soh)?;
    }
    if !rest.is_empty() {
        let soh = block_avx2(&padded(rest), &mut sums);
        walker.block(blocks.len() * BLOCK, soh)?;
    }
    let two = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let one = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
    walker.finish(_mm_cvtsi128_si64(one) as u32)
}

/// One bit per SOH of the block; adds the block's bytes to `sums`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn block_avx2(block: &[u8; BLOCK], sums: &mut __m256i) -> u64 {
    let halves = block.as_ptr().cast::<__m256i>();
    // SAFETY: the block is 64 readable bytes; the load has no alignment requirement.
    let (low, high) = unsafe { (_mm256_loadu_si256(halves), _mm256_loadu_si256(halves.add(1))) };
    let zero = _mm256_setzero_si256();
    *sums = _mm256_add_epi64(*sums, _mm256_sad_epu8(low, zero));
    *sums = _mm256_add_epi64(*sums, _mm256_sad_epu8(high, zero));
    let soh = _mm256_set1_epi8(SOH as i8);
    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, soh)) as u32;
    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, soh)) as u32;
    u64::from(low) | u64::from(high) << 32
}

/// What `is_x86_feature_detected!` does, which needs `std`.
// `__cpuid` and `__cpuid_count` are safe functions in newer compilers than the oldest we support.
#[allow(unused_unsafe)]
fn available() -> bool {
    const XSAVE_AND_OSXSAVE: u32 = 0b11 << 26; // leaf 1, ecx
    const POPCNT: u32 = 1 << 23; // leaf 1, ecx
    const AVX: u32 = 1 << 28; // leaf 1, ecx
    const AVX2: u32 = 1 << 5; // leaf 7, ebx
    const BMI1: u32 = 1 << 3; // leaf 7, ebx
    const BMI2: u32 = 1 << 8; // leaf 7, ebx
    const LZCNT: u32 = 1 << 5; // leaf 0x8000_0001, ecx
    const XMM_AND_YMM: u64 = 0b110; // XCR0
    let has = |word: u32, bits: u32| word & bits == bits;

    // SAFETY: every x86-64 CPU has `cpuid`; the leaves are asked for only below the reported maximum.
    let (basic, structured, extended) = unsafe {
        if __cpuid(0).eax < 7 || __cpuid(0x8000_0000).eax < 0x8000_0001 {
            return false;
        }
        (__cpuid(1), __cpuid_count(7, 0), __cpuid(0x8000_0001))
    };
    if !has(basic.ecx, XSAVE_AND_OSXSAVE | POPCNT | AVX)
        || !has(structured.ebx, AVX2 | BMI1 | BMI2)
        || !has(extended.ecx, LZCNT)
    {
        return false;
    }
    // SAFETY: OSXSAVE says that the operating system has enabled XSAVE, hence `xgetbv`.
    let xcr0 = unsafe { xcr0() };
    xcr0 & XMM_AND_YMM == XMM_AND_YMM
}

#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    // SAFETY: register 0 exists wherever `xgetbv` does, which the caller of this function has checked.
    unsafe { _xgetbv(0) }
}
