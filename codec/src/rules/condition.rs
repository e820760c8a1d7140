//! What is demanded of a message beyond that its fields are its own, and there: under a condition, on a market,
//! by the documents.

use super::lookup::{NOTES, NOWHERE, number};
use super::{Member, Options, Scope};
use crate::ids::Market;

/// Something that is demanded of a field of a scope. What it depends on, another field of the same scope,
/// must not stand in a group of that scope too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The scope.
    pub scope: u16,
    /// The field.
    pub tag: u32,
    /// What is demanded.
    pub demand: Demand,
    /// When.
    pub when: When,
    /// The market that demands it, if not all do.
    pub market: Option<Market>,
    /// Whether only the documents demand it: see [`Options::check_documented`].
    pub documented: bool,
    /// The number of the field in its scope, and of what it depends on.
    pub(super) number: u16,
    pub(super) on_number: u16,
    /// Where it is noted what the value is that it depends on.
    pub(super) on_note: u8,
    /// What has to be so that it applies.
    pub(super) needs: Grants,
}

/// What of a condition can be told from the options alone, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grants(u8);

impl Grants {
    const DOCUMENTED: u8 = 1;
    const PRESENCE: u8 = 2;
    const SPOT: u8 = 4;
    const DERIVATIVES: u8 = 8;
    const ANY_MARKET: u8 = 16;

    /// What a condition needs.
    const fn needed(condition: &Condition) -> Self {
        let presence = matches!(condition.demand, Demand::Present);
        let all = Self::new(condition.market, condition.documented, presence);
        Self(all.0 & !Self::ANY_MARKET)
    }

    /// What options grant.
    pub(super) const fn given(options: &Options) -> Self {
        Self::new(options.market, options.check_documented, options.check_required)
    }

    const fn new(market: Option<Market>, documented: bool, presence: bool) -> Self {
        let market = match market {
            None => Self::ANY_MARKET,
            Some(Market::Spot) => Self::SPOT,
            Some(Market::Derivatives) => Self::DERIVATIVES,
        };
        let documented = if documented { Self::DOCUMENTED } else { 0 };
        let presence = if presence { Self::PRESENCE } else { 0 };
        Self(market | documented | presence)
    }

    pub(super) const fn are_within(self, given: Self) -> bool {
        self.0 & !given.0 == 0
    }
}

/// What a [`Condition`] demands of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// That it is there.
    Present,
    /// That one of the words of its value, if it is there, is in this set of values.
    Word(u16),
}

/// When a [`Condition`] applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// If the field `on` is there with a value in this set.
    Value {
        /// The field that decides.
        on: u32,
        /// The set of values.
        values: u16,
    },
    /// If the field `on` is absent.
    Absent {
        /// The field that decides.
        on: u32,
    },
}

impl Condition {
    /// A field that has to be there, always and everywhere.
    #[must_use]
    pub const fn new(scope: u16, tag: u32) -> Self {
        let (demand, when) = (Demand::Present, When::Always);
        let (number, on_number) = (NOWHERE, NOWHERE);
        let (market, documented, on_note, needs) = (None, false, NOTES, Grants(0));
        Self { scope, tag, demand, when, market, documented, number, on_number, on_note, needs }
    }

    /// ... if `on` has a value of this set.
    #[must_use]
    pub const fn when(self, on: u32, values: u16) -> Self {
        Self { when: When::Value { on, values }, ..self }
    }

    /// ... if `on` is absent.
    #[must_use]
    pub const fn unless(self, on: u32) -> Self {
        Self { when: When::Absent { on }, ..self }
    }

    /// ... on this market.
    #[must_use]
    pub const fn on(self, market: Market) -> Self {
        Self { market: Some(market), ..self }
    }

    /// ... with one of these words, if it is there.
    #[must_use]
    pub const fn word(self, values: u16) -> Self {
        Self { demand: Demand::Word(values), ..self }
    }

    /// ... by the documents alone.
    #[must_use]
    pub const fn documented(self) -> Self {
        Self { documented: true, ..self }
    }
}

/// The generated conditions, linked.
pub(crate) const fn conditions<const N: usize>(
    members: &[Member],
    scopes: &[Scope],
    mut of: [Condition; N],
) -> [Condition; N] {
    link_conditions(members, scopes, &mut of);
    of
}

/// Enters into conditions the numbers of the members that they name, and which of the notes is for whom.
pub(crate) const fn link_conditions(
    members: &[Member],
    scopes: &[Scope],
    conditions: &mut [Condition],
) {
    let mut n = 0;
    while n < conditions.len() {
        let scope = &scopes[conditions[n].scope as usize];
        let (mut before, mut notes) = (0, 0);
        let on = match conditions[n].when {
            When::Always => NOWHERE,
            When::Value { on, .. } | When::Absent { on } => number(members, scope, on),
        };
        let mut note = NOTES;
        while before < n {
            let other = &conditions[before];
            if other.scope == conditions[n].scope && other.on_note < NOTES {
                if other.on_number == on {
                    note = other.on_note;
                }
                notes = if other.on_note < notes { notes } else { other.on_note + 1 };
            }
            before += 1;
        }
        if note == NOTES && matches!(conditions[n].when, When::Value { .. }) && on != NOWHERE {
            // [`NOTES`] if all are taken.
            note = notes;
        }
        let condition = &mut conditions[n];
        condition.number = number(members, scope, condition.tag);
        (condition.on_number, condition.on_note) = (on, note);
        condition.needs = Grants::needed(condition);
        n += 1;
    }
}
