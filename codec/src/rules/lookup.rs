//! Where in a scope a tag stands: one small hash table per scope, with open addressing.
//!
//! A slot holds the place of a member among the members of its part. At most every second slot is taken,
//! so that a search ends, mostly at once. The tables are made at compile time for the generated messages,
//! and when a dictionary is loaded at run time.

use super::{Condition, Member, Part, Scope, When};

/// What a free slot holds: no member has this place.
const FREE: u16 = u16::MAX;

/// Where the search for a tag starts in a table of 2^(32 - `shift`) slots.
const fn home(tag: u32, shift: u8) -> u32 {
    // 2^32 over the golden ratio: neighbours are scattered.
    tag.wrapping_mul(0x9e37_79b1) >> shift
}

/// The scopes of the generated `members`: start, end and first tag of each.
pub(crate) const fn scopes<const N: usize>(
    members: &[Member],
    of: [(u16, u16, u32); N],
) -> [Scope; N] {
    let mut out = [Scope::new(0, 0, 0); N];
    let mut n = 0;
    while n < N {
        out[n] = Scope::new(of[n].0, of[n].1, of[n].2);
        n += 1;
    }
    link(members, &mut out);
    out
}

/// Counts what is required in each scope, and gives each its slots.
pub(crate) const fn link(members: &[Member], scopes: &mut [Scope]) {
    assert!(members.len() <= FREE as usize);
    let (mut n, mut slots) = (0, 0);
    while n < scopes.len() {
        let scope = &mut scopes[n];
        let mut at = scope.start as usize;
        scope.required = 0;
        while at < scope.end as usize {
            scope.required += members[at].required as u16;
            at += 1;
        }
        let members = (scope.end - scope.start) as u32;
        let room = if members == 0 { 2 } else { (2 * members).next_power_of_two() };
        scope.shift = 32 - room.trailing_zeros() as u8;
        scope.slots = slots;
        slots += room;
        n += 1;
    }
}

/// Where a tag is that the scope does not have.
pub(super) const NOWHERE: u16 = u16::MAX;

/// The generated conditions, linked.
pub(crate) const fn conditions<const N: usize>(
    members: &[Member],
    scopes: &[Scope],
    mut of: [Condition; N],
) -> [Condition; N] {
    link_conditions(members, scopes, &mut of);
    of
}

/// Notes in conditions where the members stand that they name.
pub(crate) const fn link_conditions(
    members: &[Member],
    scopes: &[Scope],
    conditions: &mut [Condition],
) {
    let mut n = 0;
    while n < conditions.len() {
        let condition = &mut conditions[n];
        let scope = &scopes[condition.scope as usize];
        condition.at = place(members, scope, condition.tag);
        condition.on_at = match condition.when {
            When::Always => NOWHERE,
            When::Value { on, .. } | When::Absent { on } => place(members, scope, on),
        };
        n += 1;
    }
}

/// Where among the members of a scope a tag stands.
const fn place(members: &[Member], scope: &Scope, tag: u32) -> u16 {
    let mut at = scope.start;
    while at < scope.end {
        if members[at as usize].tag == tag {
            return at - scope.start;
        }
        at += 1;
    }
    NOWHERE
}

/// How many slots linked scopes have.
pub(crate) const fn slots_len(scopes: &[Scope]) -> usize {
    match scopes.last() {
        Some(last) => last.slots as usize + last.room(),
        None => 0,
    }
}

/// The slots of linked scopes.
pub(crate) const fn slots<const N: usize>(members: &[Member], scopes: &[Scope]) -> [u16; N] {
    let mut out = [FREE; N];
    fill(members, scopes, &mut out);
    out
}

/// Enters the members into the slots of linked scopes, of which there are [`slots_len`].
pub(crate) const fn fill(members: &[Member], scopes: &[Scope], slots: &mut [u16]) {
    let mut n = 0;
    while n < slots.len() {
        slots[n] = FREE;
        n += 1;
    }
    n = 0;
    while n < scopes.len() {
        let scope = &scopes[n];
        let mut at = scope.start;
        while at < scope.end {
            let mut slot = home(members[at as usize].tag, scope.shift) as usize;
            while slots[scope.slots as usize + slot] != FREE {
                slot = (slot + 1) & (scope.room() - 1);
            }
            slots[scope.slots as usize + slot] = at;
            at += 1;
        }
        n += 1;
    }
}

impl Scope {
    const fn room(&self) -> usize {
        1 << (32 - self.shift)
    }
}

impl<'a> Part<'a> {
    /// The field of a scope with this tag, and its place among the members.
    #[inline(always)]
    pub(super) fn find(&self, scope: &Scope, tag: u32) -> Option<(usize, &'a Member)> {
        let home = home(tag, scope.shift) as usize;
        let at = usize::from(*self.slots.get(scope.slots as usize + home)?);
        // A free slot ends the search.
        let member = self.members.get(at)?;
        if member.tag == tag { Some((at, member)) } else { self.find_from(scope, home, tag) }
    }

    /// [`Part::find`] behind a slot that another tag has taken.
    #[cold]
    fn find_from(&self, scope: &Scope, taken: usize, tag: u32) -> Option<(usize, &'a Member)> {
        let mut slot = taken;
        loop {
            slot = (slot + 1) & (scope.room() - 1);
            let at = usize::from(*self.slots.get(scope.slots as usize + slot)?);
            let member = self.members.get(at)?;
            if member.tag == tag {
                return Some((at, member));
            }
        }
    }
}
