//! The walk over one message.

use super::{
    Condition, Demand, Dialect, FieldFault, Kind, MEMBERS_MAX, Member, Options, Part, Reason,
    Scope, USER_DEFINED, When,
};
use crate::ids::Market;
use crate::message::Message;
use crate::scan::Field;
use crate::tag;
use crate::value::parse_u32;

/// Checks one message. The first finding in wire order counts; what is missing is looked for after
/// that: header, body, trailer, each in the order of the dictionary, then the conditions. The cost is
/// proportional to the number of fields, whatever they are.
///
/// # Errors
/// What is wrong with the message.
pub fn check(
    dialect: &(impl Dialect + ?Sized),
    message: &Message<'_>,
    options: Options,
) -> Result<(), FieldFault> {
    let body = dialect
        .body(message.msg_type())
        .ok_or(FieldFault { reason: Reason::InvalidMsgType, tag: tag::MSG_TYPE })?;
    if is_elsewhere(body.market, options.market) {
        return fault(Reason::NotOnThisMarket, tag::MSG_TYPE);
    }
    let (header, trailer) = (dialect.header(), dialect.trailer());
    let parts = [&header, &body, &trailer];
    Walk { dialect, message: *message, fields: message.fields(), options, parts }.run()
}

struct Walk<'d, 'm, D: ?Sized> {
    dialect: &'d D,
    message: Message<'m>,
    fields: &'m [Field],
    options: Options,
    parts: [&'d Part<'d>; 3],
}

const HEADER: usize = 0;
const BODY: usize = 1;
const TRAILER: usize = 2;

impl<D: Dialect + ?Sized> Walk<'_, '_, D> {
    #[inline]
    fn run(&self) -> Result<(), FieldFault> {
        let mut seen = [Seen::NONE; 3];
        let mut section = HEADER;
        let (mut at, mut body_at) = (0, 0);
        loop {
            at = self.stretch(self.parts[section], at, &mut seen[section])?;
            let Some(field) = self.fields.get(at) else { break };
            match self.other_part(section, field.tag) {
                Some(part) if self.options.check_order && part < section => {
                    return fault(Reason::OutOfOrder, field.tag);
                }
                Some(part) => {
                    if section == HEADER && self.options.check_order {
                        body_at = at;
                    }
                    section = part;
                }
                None => {
                    self.stranger(self.parts[BODY], field)?;
                    at += 1;
                }
            }
        }
        for (part, seen) in self.parts.iter().zip(&seen) {
            self.required(part, &part.scopes[0], seen)?;
        }
        let [header, body, trailer] = self.parts;
        let [in_header, in_body, in_trailer] = &seen;
        self.conditions(header, 0, in_header, self.fields)?;
        self.conditions(body, 0, in_body, &self.fields[body_at..])?;
        self.conditions(trailer, 0, in_trailer, self.fields)
    }

    /// Checks the fields from `at` on that a part has, and the groups that they start; returns where the
    /// first field stands that the part does not have.
    #[inline(never)]
    fn stretch(
        &self,
        part: &Part<'_>,
        mut at: usize,
        seen: &mut Seen,
    ) -> Result<usize, FieldFault> {
        // The first of the scopes starts with the first of the members.
        let scope = &part.scopes[0];
        while let Some(field) = self.fields.get(at) {
            let Some((index, member)) = part.find(scope, field.tag) else { break };
            if !(member.plain && field.start != field.end) {
                if is_elsewhere(member.market, self.options.market) {
                    self.unknown(field)?;
                    at += 1;
                    continue;
                }
                self.value(member, field, at)?;
            }
            if seen.insert(index, member) {
                return fault(Reason::Repeated, field.tag);
            }
            at += 1;
            if member.group != 0 {
                at = self.group(part, member, at)?;
            }
        }
        Ok(at)
    }

    /// The part that has a field which the section does not have; a tag belongs to one part only.
    #[inline(always)]
    fn other_part(&self, section: usize, tag: u32) -> Option<usize> {
        let likeliest_first = match section {
            HEADER => [BODY, TRAILER],
            BODY => [TRAILER, HEADER],
            _ => [BODY, HEADER],
        };
        let has = |part: &Part<'_>| part.find(&part.scopes[0], tag).is_some();
        likeliest_first.into_iter().find(|&n| has(self.parts[n]))
    }

    /// A field that neither header nor body nor trailer has.
    fn stranger(&self, body: &Part<'_>, field: &Field) -> Result<(), FieldFault> {
        if body.members.iter().any(|member| member.tag == field.tag) {
            fault(Reason::GroupOutOfOrder, field.tag)
        } else {
            self.unknown(field)
        }
    }

    /// A field that the message does not have, or not on this market.
    fn unknown(&self, field: &Field) -> Result<(), FieldFault> {
        let options = &self.options;
        let user_defined = options.allow_user_defined && field.tag >= USER_DEFINED;
        if user_defined || options.allow_unknown {
            self.not_empty(field).map(drop)
        } else if self.dialect.has_tag(field.tag) {
            fault(Reason::NotOfThisMessage, field.tag)
        } else {
            fault(Reason::InvalidTagNumber, field.tag)
        }
    }

    /// The entries of a group from `at`; returns where they end.
    fn group(&self, part: &Part<'_>, count: &Member, start: usize) -> Result<usize, FieldFault> {
        let said = parse_u32(self.message.value(&self.fields[start - 1])).unwrap_or(0);
        let scope = &part.scopes[usize::from(count.group)];
        let mut entries = 0;
        let mut seen = Seen::NONE;
        let mut position = 0;
        let (mut at, mut entry_at) = (start, start);
        while let Some(field) = self.fields.get(at) {
            let Some((index, member)) = part.find(scope, field.tag) else { break };
            if field.tag == scope.first {
                if entries > 0 {
                    self.end_of_entry(part, count.group, &seen, entry_at..at)?;
                }
                (entries, entry_at, seen, position) = (entries + 1, at, Seen::NONE, 0);
            } else if entries == 0 {
                return fault(Reason::GroupOutOfOrder, field.tag);
            }
            if !(member.plain && field.start != field.end) {
                self.value(member, field, at)?;
            }
            if seen.insert(index - usize::from(scope.start), member) {
                return fault(Reason::Repeated, field.tag);
            }
            if self.options.check_order && member.position < position {
                return fault(Reason::GroupOutOfOrder, field.tag);
            }
            position = member.position;
            at += 1;
            if member.group != 0 {
                at = self.group(part, member, at)?;
            }
        }
        if entries > 0 {
            self.end_of_entry(part, count.group, &seen, entry_at..at)?;
        }
        if entries == said { Ok(at) } else { fault(Reason::GroupCountIncorrect, count.tag) }
    }

    fn end_of_entry(
        &self,
        part: &Part<'_>,
        scope: u16,
        seen: &Seen,
        entry: core::ops::Range<usize>,
    ) -> Result<(), FieldFault> {
        self.required(part, &part.scopes[usize::from(scope)], seen)?;
        self.conditions(part, scope, seen, &self.fields[entry])
    }

    /// Whether a field has a value.
    #[inline(always)]
    fn not_empty(&self, field: &Field) -> Result<bool, FieldFault> {
        if field.start != field.end {
            Ok(true)
        } else if self.options.allow_empty {
            Ok(false)
        } else {
            fault(Reason::Empty, field.tag)
        }
    }

    /// Whether the value of the field `at` may stand there.
    #[inline(always)]
    fn value(&self, member: &Member, field: &Field, at: usize) -> Result<(), FieldFault> {
        if self.not_empty(field)? {
            let (tag, market) = (field.tag, self.options.market);
            let form = member.kind.check_field(&self.message, field, market);
            form.map_err(|reason| FieldFault { reason, tag })?;
            if member.values != 0 && !self.is_enumerated(member, field) {
                return fault(Reason::ValueIncorrect, tag);
            }
        }
        match member.kind {
            Kind::Length | Kind::Data => self.data(member, at),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    fn is_enumerated(&self, member: &Member, field: &Field) -> bool {
        let value = self.message.value(field);
        let valid = |value| self.dialect.is_valid(member.values, value, self.options.market);
        match member.kind {
            Kind::Words => value.split(|&byte| byte == b' ').all(valid),
            _ => valid(value),
        }
    }

    /// A data field stands directly behind its length, and nothing else does.
    fn data(&self, member: &Member, at: usize) -> Result<(), FieldFault> {
        let (wanted, neighbour) = match member.kind {
            Kind::Length => (self.dialect.data_fields().data_of(member.tag), at.checked_add(1)),
            Kind::Data => (self.dialect.data_fields().length_of(member.tag), at.checked_sub(1)),
            _ => return Ok(()),
        };
        let there = neighbour.and_then(|at| self.fields.get(at)).map(|field| field.tag);
        if wanted.is_none() || wanted == there || !self.options.check_order {
            return Ok(());
        }
        fault(Reason::OutOfOrder, member.tag)
    }

    #[inline(always)]
    fn required(&self, part: &Part<'_>, scope: &Scope, seen: &Seen) -> Result<(), FieldFault> {
        if seen.required == scope.required || !self.options.check_required {
            return Ok(());
        }
        match missing(part, scope, seen) {
            Some(tag) => fault(Reason::RequiredMissing, tag),
            None => Ok(()),
        }
    }

    #[inline(always)]
    fn conditions(
        &self,
        part: &Part<'_>,
        scope: u16,
        seen: &Seen,
        fields: &[Field],
    ) -> Result<(), FieldFault> {
        // Many conditions in a row depend on the same field: what was found last is mostly asked for again.
        let mut last: (u32, Option<&[u8]>) = (0, None);
        let mut value = |tag: u32| {
            if last.0 != tag {
                let field = fields.iter().find(|field| field.tag == tag);
                last = (tag, field.map(|field| self.message.value(field)));
            }
            last.1
        };
        let of_scope = |condition: &&Condition| condition.scope == scope;
        for condition in part.conditions.iter().filter(of_scope) {
            if !self.is_met(condition, seen, &mut value) && self.applies(condition) {
                let reason = match (condition.demand, condition.when) {
                    (Demand::Word(_), _) => Reason::ValueIncorrect,
                    (Demand::Present, When::Always) => Reason::RequiredMissing,
                    (Demand::Present, _) => Reason::ConditionallyMissing,
                };
                return fault(reason, condition.tag);
            }
        }
        Ok(())
    }

    /// Whether a condition is fulfilled, or does not depend on what is there.
    #[inline(always)]
    fn is_met<'v>(
        &self,
        condition: &Condition,
        seen: &Seen,
        value: &mut impl FnMut(u32) -> Option<&'v [u8]>,
    ) -> bool {
        let any_market = |set, value: &[u8]| self.dialect.is_valid(set, value, None);
        let is_fulfilled = match condition.demand {
            Demand::Present => seen.has(condition.at.into()),
            Demand::Word(set) => {
                let mut words = value(condition.tag).map(|v| v.split(|&byte| byte == b' '));
                words.as_mut().is_none_or(|words| words.any(|word| any_market(set, word)))
            }
        };
        is_fulfilled
            || match condition.when {
                When::Always => false,
                When::Value { on, values } => {
                    !(seen.has(condition.on_at.into())
                        && value(on).is_some_and(|value| any_market(values, value)))
                }
                When::Absent { .. } => seen.has(condition.on_at.into()),
            }
    }

    #[inline(always)]
    fn applies(&self, condition: &Condition) -> bool {
        let options = &self.options;
        let wanted = match condition.demand {
            Demand::Present => options.check_required,
            Demand::Word(_) => true,
        };
        wanted
            && (!condition.documented || options.check_documented)
            && condition.market.is_none_or(|market| options.market == Some(market))
    }
}

/// Whether something of one market is met on the other.
#[inline(always)]
fn is_elsewhere(market: Option<Market>, here: Option<Market>) -> bool {
    market.is_some_and(|market| here.is_some_and(|here| market != here))
}

/// The first field of a scope, in the order of the dictionary, that is required and was not seen.
#[cold]
fn missing(part: &Part<'_>, scope: &Scope, seen: &Seen) -> Option<u32> {
    let members = &part.members[usize::from(scope.start)..usize::from(scope.end)];
    let missing =
        members.iter().enumerate().filter(|(at, member)| member.required && !seen.has(*at));
    missing.min_by_key(|(_, member)| member.position).map(|(_, member)| member.tag)
}

const WORDS: usize = MEMBERS_MAX / 64;

/// Which members of a scope were seen, and how many of those that are required.
#[derive(Clone, Copy)]
struct Seen {
    members: [u64; WORDS],
    required: u16,
}

impl Seen {
    const NONE: Self = Self { members: [0; WORDS], required: 0 };

    /// Notes a member; whether it was seen before.
    #[inline(always)]
    fn insert(&mut self, index: usize, member: &Member) -> bool {
        let (word, bit) = (&mut self.members[index / 64 % WORDS], 1 << (index % 64));
        let before = *word & bit != 0;
        *word |= bit;
        self.required += u16::from(member.required);
        before
    }

    /// Not of a place that no member has.
    #[inline(always)]
    fn has(&self, index: usize) -> bool {
        self.members.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 != 0)
    }
}

fn fault<T>(reason: Reason, tag: u32) -> Result<T, FieldFault> {
    Err(FieldFault { reason, tag })
}
