//! What this CPU and its operating system can run: `is_x86_feature_detected!` without `std`.
#![allow(unsafe_code)]

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// AVX2, BMI1, BMI2, LZCNT and POPCNT, and the registers are saved.
pub(super) fn avx2() -> bool {
    Features::read().is_some_and(|features| features.avx2())
}

/// The same and AVX-512 F, BW, VL, VBMI and VBMI2.
pub(super) fn avx512() -> bool {
    Features::read().is_some_and(|features| features.avx512())
}

struct Features {
    /// Leaf 1.
    basic_ecx: u32,
    /// Leaf 7.
    structured_ebx: u32,
    structured_ecx: u32,
    /// Leaf 0x8000_0001.
    extended_ecx: u32,
    /// Registers that the operating system saves.
    saved: u64,
}

impl Features {
    /// `None` if the CPU cannot say.
    // `__cpuid` and `__cpuid_count` are safe functions in newer compilers than the oldest we support.
    #[allow(unused_unsafe)]
    fn read() -> Option<Self> {
        const XSAVE_AND_OSXSAVE: u32 = 0b11 << 26;
        // SAFETY: every x86-64 CPU has `cpuid`; the leaves are asked for only below the reported maximum.
        let (basic, structured, extended) = unsafe {
            if __cpuid(0).eax < 7 || __cpuid(0x8000_0000).eax < 0x8000_0001 {
                return None;
            }
            (__cpuid(1), __cpuid_count(7, 0), __cpuid(0x8000_0001))
        };
        if !has(basic.ecx, XSAVE_AND_OSXSAVE) {
            return None;
        }
        Some(Self {
            basic_ecx: basic.ecx,
            structured_ebx: structured.ebx,
            structured_ecx: structured.ecx,
            extended_ecx: extended.ecx,
            // SAFETY: OSXSAVE says that the operating system has enabled XSAVE, hence `xgetbv`.
            saved: unsafe { xcr0() },
        })
    }

    fn avx2(&self) -> bool {
        const POPCNT_AVX: u32 = 1 << 23 | 1 << 28;
        const BMI1_AVX2_BMI2: u32 = 1 << 3 | 1 << 5 | 1 << 8;
        const LZCNT: u32 = 1 << 5;
        const XMM_YMM: u64 = 0b110;
        has(self.basic_ecx, POPCNT_AVX)
            && has(self.structured_ebx, BMI1_AVX2_BMI2)
            && has(self.extended_ecx, LZCNT)
            && self.saved & XMM_YMM == XMM_YMM
    }

    fn avx512(&self) -> bool {
        const F_BW_VL: u32 = 1 << 16 | 1 << 30 | 1 << 31;
        const VBMI_VBMI2: u32 = 1 << 1 | 1 << 6;
        const MASKS_ZMM: u64 = 0b111 << 5;
        self.avx2()
            && has(self.structured_ebx, F_BW_VL)
            && has(self.structured_ecx, VBMI_VBMI2)
            && self.saved & MASKS_ZMM == MASKS_ZMM
    }
}

const fn has(word: u32, bits: u32) -> bool {
    word & bits == bits
}

#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    // SAFETY: register 0 exists wherever `xgetbv` does, which the caller of this function has checked.
    unsafe { _xgetbv(0) }
}
