//! Where in a scope a tag stands: one small hash table per scope, with open addressing.
//!
//! A slot holds what the walk wants to know of a member, so that nearly every field costs one look. At most
//! every second slot is taken, and the factor of the hash is chosen, of some, so that as few members as
//! possible stand elsewhere than where they are looked for first. The tables are made at compile time for the
//! generated messages, and when a dictionary is loaded at run time. Where a tag stands twice in a scope, because
//! a body repeats a field of the header, the first counts.

use super::form::Form;
use super::{Condition, Layout, Member, Scope, Section};

/// What the walk wants to know of a member of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its tag; in a free slot one that is not looked for there first.
    pub(super) tag: u32,
    /// Its number in the scope: the required ones come first. [`NOWHERE`] in a free slot.
    pub(super) number: u16,
    /// Where it stands among the members of the message.
    pub(super) member: u16,
    /// See [`Member`].
    pub(super) position: u16,
    /// See [`Member`].
    pub(super) values: u16,
    /// See [`Member`].
    pub(super) section: Section,
    /// How most of its values are told to be good.
    pub(super) form: Form,
    /// Which of the values that are noted is its, [`NOTES`] if none.
    pub(super) note: u8,
}

/// Of how many fields of a scope the values are noted, because conditions depend on them. Where there are more,
/// those are searched for.
pub(super) const NOTES: u8 = 4;

impl Slot {
    /// Of no member.
    pub(crate) const FREE: Self = Self {
        tag: 0,
        number: NOWHERE,
        member: 0,
        position: 0,
        values: 0,
        section: Section::Header,
        form: Form::Other,
        note: NOTES,
    };

    const fn is_free(&self) -> bool {
        self.number == NOWHERE
    }
}

/// The number of a member that a scope does not have.
pub(super) const NOWHERE: u16 = u16::MAX;

/// Where in a table of `room` slots, a power of two, the search for a tag starts.
#[inline(always)]
const fn home(tag: u32, factor: u32, room: usize) -> usize {
    (tag.wrapping_mul(factor) >> 16) as usize & room.wrapping_sub(1)
}

/// The tables of a generated message, `LAYOUT`. Scopes have the form of [`Extent`].
macro_rules! layout {
    (
        market $market:expr;
        members $members_len:literal, of which $own:literal are its own [$($member:expr,)*]
        scopes $scopes_len:literal [$($scope:expr),*]
        conditions $conditions_len:literal [$($condition:expr,)*]
    ) => {
        pub(crate) static LAYOUT: $crate::rules::Layout<'static> = {
            use $crate::messages::envelope::{HEADER, TRAILER};
            use $crate::rules::{condition, lookup};

            const AROUND: usize = HEADER.len() + TRAILER.len();
            static MEMBERS: [Member; AROUND + $members_len] =
                lookup::members(&HEADER, ($own, &[$($member,)*]), &TRAILER);
            static SCOPES: [$crate::rules::Scope; $scopes_len] =
                lookup::scopes(&MEMBERS, AROUND, [$($scope),*]);
            static CONDITIONS: [$crate::rules::Condition; $conditions_len] =
                condition::conditions(&MEMBERS, &SCOPES, [$($condition,)*]);
            static SLOTS: [lookup::Slot; lookup::slots_len(&SCOPES)] =
                lookup::slots(&MEMBERS, &SCOPES, &CONDITIONS);
            $crate::rules::Layout {
                members: &MEMBERS,
                scopes: &SCOPES,
                slots: &SLOTS,
                conditions: &CONDITIONS,
                market: $market,
            }
        };
    };
}

pub(crate) use layout;

/// The generated members of a message: of header, body and trailer, then those of groups, which stand in `body`
/// behind its `own`.
pub(crate) const fn members<const N: usize>(
    header: &[Member],
    (own, body): (usize, &[Member]),
    trailer: &[Member],
) -> [Member; N] {
    assert!(N == header.len() + body.len() + trailer.len());
    let (body_at, trailer_at) = (header.len(), header.len() + own);
    let groups_at = trailer_at + trailer.len();
    let mut out = [Member::new(0, 0, super::Kind::Text); N];
    let mut at = 0;
    while at < N {
        out[at] = if at < body_at {
            header[at].of(Section::Header)
        } else if at < trailer_at {
            body[at - body_at]
        } else if at < groups_at {
            trailer[at - trailer_at].of(Section::Trailer)
        } else {
            body[own + at - groups_at]
        };
        at += 1;
    }
    out
}

/// Of a generated scope: where its members start and end in the body, the first tag, and where its conditions
/// start and end.
type Extent = (u16, u16, u32, (u16, u16));

/// The scopes of generated members, of which header and trailer have `around`.
pub(crate) const fn scopes<const N: usize>(
    members: &[Member],
    around: usize,
    of: [Extent; N],
) -> [Scope; N] {
    let mut out = [Scope::new(0, 0, 0); N];
    let mut n = 0;
    while n < N {
        let (start, end, first, conditions) = of[n];
        // They stand around the first scope, and before the others.
        let before = if n == 0 { 0 } else { around as u16 };
        out[n] = Scope::new(start + before, end + around as u16, first);
        out[n].conditions = conditions;
        n += 1;
    }
    link(members, &mut out);
    out
}

/// How many members a message may have, those of groups included, for all of its tables to be small.
pub(super) const SMALL: usize = 64;
/// How many slots a small table has.
pub(super) const SMALL_ROOM: usize = 256;

/// Counts what is required in each scope, and gives each its slots.
pub(crate) const fn link(members: &[Member], scopes: &mut [Scope]) {
    assert!(members.len() < NOWHERE as usize);
    let (mut n, mut slots) = (0, 0);
    while n < scopes.len() {
        let scope = &mut scopes[n];
        let mut at = scope.start as usize;
        scope.required = 0;
        while at < scope.end as usize {
            scope.required += members[at].required as u16;
            at += 1;
        }
        let needed = (2 * (scope.end - scope.start)).next_power_of_two();
        // Tables of one size need no look at it, and as sparse as that have mostly one member at a place.
        let is_less = members.len() <= SMALL || needed < SMALL_ROOM as u16;
        scope.room = if is_less { SMALL_ROOM as u16 } else { needed };
        scope.factor = factor(members, scope);
        scope.slots = slots;
        slots += scope.room as u32;
        n += 1;
    }
}

/// Of some factors the one by which the fewest members of a scope share their first slot with another.
const fn factor(members: &[Member], scope: &Scope) -> u32 {
    const TRIES: u32 = 128;
    let (mut best, mut fewest) = (0, u32::MAX);
    // 2^32 over the golden ratio, and others from it.
    let (mut next, mut tries) = (0x9e37_79b9u32, 0);
    while tries < TRIES && fewest > 0 {
        // With this bit the tags 0 and 1 have different homes in any table.
        let factor = next | 1 << 16 | 1;
        let shared = shared_homes(members, scope, factor);
        if shared < fewest {
            (best, fewest) = (factor, shared);
        }
        next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        tries += 1;
    }
    best
}

/// Most slots of a scope.
const ROOM_MAX: usize = (2 * SCOPE_MAX).next_power_of_two();
/// Most members of a scope: header, body and trailer.
pub(super) const SCOPE_MAX: usize = 3 * super::MEMBERS_MAX;

/// How many members have a home that another one has too.
const fn shared_homes(members: &[Member], scope: &Scope, factor: u32) -> u32 {
    let mut taken = [0u64; ROOM_MAX / 64];
    let (mut shared, mut at) = (0, scope.start as usize);
    while at < scope.end as usize {
        let home = home(members[at].tag, factor, scope.room as usize);
        let (word, bit) = (&mut taken[home / 64], 1 << (home % 64));
        shared += (*word & bit != 0) as u32;
        *word |= bit;
        at += 1;
    }
    shared
}

/// The number of a member of a scope.
pub(super) const fn number(members: &[Member], scope: &Scope, tag: u32) -> u16 {
    let (mut at, mut required, mut others) = (scope.start, 0, scope.required);
    while at < scope.end {
        let member = &members[at as usize];
        let number = if member.required { &mut required } else { &mut others };
        if member.tag == tag {
            return *number;
        }
        *number += 1;
        at += 1;
    }
    NOWHERE
}

/// How many slots linked scopes have.
pub(crate) const fn slots_len(scopes: &[Scope]) -> usize {
    match scopes.last() {
        Some(last) => last.slots as usize + last.room as usize,
        None => 0,
    }
}

/// The slots of linked scopes.
pub(crate) const fn slots<const N: usize>(
    members: &[Member],
    scopes: &[Scope],
    conditions: &[Condition],
) -> [Slot; N] {
    let mut out = [Slot::FREE; N];
    fill(members, scopes, conditions, &mut out);
    out
}

/// Enters the members into the slots of linked scopes, all free, of which there are [`slots_len`].
pub(crate) const fn fill(
    members: &[Member],
    scopes: &[Scope],
    conditions: &[Condition],
    slots: &mut [Slot],
) {
    let mut n = 0;
    while n < scopes.len() {
        let scope = &scopes[n];
        // The first slot, if it is free, is the home of 0, but not of 1.
        slots[scope.slots as usize].tag = 1;
        let (mut at, mut required, mut others) = (scope.start, 0, scope.required);
        while at < scope.end {
            let member = &members[at as usize];
            let number = if member.required { &mut required } else { &mut others };
            let note = note(conditions, n as u16, *number);
            enter(
                slots,
                scope,
                Slot {
                    tag: member.tag,
                    number: *number,
                    member: at,
                    position: member.position,
                    values: member.values,
                    section: member.section,
                    form: Form::of(member, note < NOTES),
                    note,
                },
            );
            *number += 1;
            at += 1;
        }
        n += 1;
    }
}

/// Enters a slot into the table of a scope, unless one with its tag is there.
const fn enter(slots: &mut [Slot], scope: &Scope, new: Slot) {
    let room = scope.room as usize;
    let mut at = home(new.tag, scope.factor, room);
    loop {
        let slot = &mut slots[scope.slots as usize + at];
        if slot.is_free() {
            *slot = new;
            return;
        }
        if slot.tag == new.tag {
            return;
        }
        at = (at + 1) & (room - 1);
    }
}

/// Which note a member of a scope has.
const fn note(conditions: &[Condition], scope: u16, number: u16) -> u8 {
    let mut n = 0;
    while n < conditions.len() {
        let condition = &conditions[n];
        if condition.scope == scope && condition.on_number == number && condition.on_note < NOTES {
            return condition.on_note;
        }
        n += 1;
    }
    NOTES
}

/// The hash table of a scope: so many slots, or [`SMALL_ROOM`] of them.
pub(super) struct Table<'a, S: ?Sized> {
    slots: &'a S,
    factor: u32,
}

impl<'a> Layout<'a> {
    /// The hash table of a scope of this message; none if it has not the size that is asked for.
    #[inline(always)]
    pub(super) fn table<S: ?Sized>(&self, scope: &Scope) -> Option<Table<'a, S>>
    where
        &'a [Slot]: TryInto<&'a S>,
    {
        let start = scope.slots as usize;
        let slots = self.slots.get(start..start + usize::from(scope.room))?;
        Some(Table { slots: slots.try_into().ok()?, factor: scope.factor })
    }
}

impl<'a, S: AsRef<[Slot]> + ?Sized> Table<'a, S> {
    /// The field of the scope with this tag.
    #[inline(always)]
    pub(super) fn find(&self, tag: u32) -> Option<&'a Slot> {
        let slots = self.slots.as_ref();
        let home = home(tag, self.factor, slots.len());
        let slot = slots.get(home)?;
        if slot.tag == tag { Some(slot) } else { find_from(slots, home, tag) }
    }
}

/// [`Table::find`] from a slot on that is free or that another tag has taken.
#[cold]
#[inline(never)]
fn find_from(slots: &[Slot], home: usize, tag: u32) -> Option<&Slot> {
    let mut at = home;
    loop {
        let slot = slots.get(at)?;
        if slot.is_free() {
            return None;
        }
        if slot.tag == tag {
            return Some(slot);
        }
        at = (at + 1) & (slots.len() - 1);
    }
}
