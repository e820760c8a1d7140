//! From the masks of a block to the `=` and SOH of each field, with integer arithmetic only.

/// Where the bytes that matter stand in a block of 64, one bit each.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    /// SOH.
    pub(super) soh: u64,
    /// `=`, in a value too.
    pub(super) equals: u64,
}

/// What reaches from one block into the next.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    /// SOHs of the block before.
    pub(super) soh: u64,
    /// A tag has started there and its `=` has not come.
    pub(super) in_tag: bool,
}

/// The fields of a block.
pub(super) struct Found {
    /// 1 if the block starts inside a value, whose tag was found before; else 0.
    pub(super) open: usize,
    /// The first `=` of each field that has it in this block.
    pub(super) equals: u64,
    /// The SOHs of these fields: all but that of the field that was open.
    pub(super) ends: u64,
    /// Whether a field has no `=`. Nothing else here means anything then.
    pub(super) odd: bool,
    /// What reaches into the next block.
    pub(super) edge: Edge,
}

impl Edge {
    /// The start of a message is like the place behind a SOH.
    pub(super) const START: Self = Self { soh: 1 << 63, in_tag: false };

    /// 1 inside a value, 0 at or in a tag.
    #[inline(always)]
    fn open(self) -> usize {
        usize::from(!self.in_tag & (self.soh >> 63 == 0))
    }

    /// The next block.
    ///
    /// The first `=` of each field is found by addition. Bits that are no `=` are ones; adding a one
    /// where a tag starts makes a carry that runs up to the next `=` and comes to rest there, be it in
    /// the next block. Two carries that meet leave one, so that a tag without `=` shows in the count.
    #[inline(always)]
    pub(super) fn step(self, masks: Masks) -> Found {
        let starts = self.behind_soh(masks.soh, 1);
        let (sum, over) = (!masks.equals).overflowing_add(starts);
        let (sum, over_again) = sum.overflowing_add(u64::from(self.in_tag));
        let equals = sum & masks.equals;
        let edge = Self { soh: masks.soh, in_tag: over | over_again };
        let (open, open_after) = (self.open(), edge.open());
        let odd =
            equals.count_ones() as usize + open != masks.soh.count_ones() as usize + open_after;
        let ends = masks.soh & masks.soh.wrapping_sub(open as u64);
        Found { open, equals, ends, odd, edge }
    }

    /// Whether each of `equals` has a SOH 2 to 5 bytes before it: a tag of 1 to 4 digits, unless the tag
    /// is empty.
    #[inline(always)]
    pub(super) fn tags_are_short(self, soh: u64, equals: u64) -> bool {
        let behind = |bytes| self.behind_soh(soh, bytes);
        equals & !(behind(2) | behind(3) | behind(4) | behind(5)) == 0
    }

    /// The places that have a SOH so many bytes before them.
    #[inline(always)]
    fn behind_soh(self, soh: u64, bytes: u32) -> u64 {
        soh << bytes | self.soh >> (64 - bytes)
    }
}
