//! The walk over one message.

use super::{
    Condition, Demand, Dialect, FieldFault, Kind, MEMBERS_MAX, Member, Options, Part, Reason,
    USER_DEFINED, When,
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
    let walk = Walk { dialect, message: *message, fields: message.fields(), options };
    walk.run([dialect.header(), body, dialect.trailer()])
}

struct Walk<'d, 'm, D: ?Sized> {
    dialect: &'d D,
    message: Message<'m>,
    fields: &'m [Field],
    options: Options,
}

const HEADER: usize = 0;
const BODY: usize = 1;

impl<D: Dialect + ?Sized> Walk<'_, '_, D> {
    fn run(&self, parts: [Part<'_>; 3]) -> Result<(), FieldFault> {
        let mut seen = [Seen::NONE; 3];
        let mut section = HEADER;
        let mut at = 0;
        while let Some(field) = self.fields.get(at) {
            at += 1;
            // Where the walk is now is the likeliest; a tag belongs to one part only.
            let order = if section == HEADER { [0, 1, 2] } else { [1, 0, 2] };
            let found = order.into_iter().find_map(|n| Some((n, parts[n].find(0, field.tag)?)));
            let Some((part, index)) = found else {
                self.stranger(&parts[BODY], field)?;
                continue;
            };
            if self.options.check_order && part < section {
                return fault(Reason::OutOfOrder, field.tag);
            }
            section = section.max(part);
            let member = &parts[part].members[index];
            if is_elsewhere(member.market, self.options.market) {
                self.unknown(field)?;
                continue;
            }
            self.value(member, field)?;
            self.data(member, at - 1)?;
            if seen[part].insert(index) {
                return fault(Reason::Repeated, field.tag);
            }
            if member.group != 0 {
                at = self.group(&parts[part], member, at)?;
            }
        }
        for (part, seen) in parts.iter().zip(&seen) {
            self.required(part, 0, seen)?;
        }
        for (part, seen) in parts.iter().zip(&seen) {
            self.conditions(part, 0, seen, self.fields)?;
        }
        Ok(())
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
        let first = part.scopes[usize::from(count.group)].first;
        let mut entries = 0;
        let mut seen = Seen::NONE;
        let mut position = 0;
        let (mut at, mut entry_at) = (start, start);
        while let Some(field) = self.fields.get(at) {
            let Some(index) = part.find(count.group, field.tag) else { break };
            let member = &part.members[index];
            if field.tag == first {
                if entries > 0 {
                    self.end_of_entry(part, count.group, &seen, entry_at..at)?;
                }
                (entries, entry_at, seen, position) = (entries + 1, at, Seen::NONE, 0);
            } else if entries == 0 {
                return fault(Reason::GroupOutOfOrder, field.tag);
            }
            self.value(member, field)?;
            self.data(member, at)?;
            if seen.insert(index - usize::from(part.scopes[usize::from(count.group)].start)) {
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
        self.required(part, scope, seen)?;
        self.conditions(part, scope, seen, &self.fields[entry])
    }

    fn not_empty(&self, field: &Field) -> Result<Option<&[u8]>, FieldFault> {
        let value = self.message.value(field);
        match value.is_empty() {
            false => Ok(Some(value)),
            true if self.options.allow_empty => Ok(None),
            true => fault(Reason::Empty, field.tag),
        }
    }

    fn value(&self, member: &Member, field: &Field) -> Result<(), FieldFault> {
        let Some(value) = self.not_empty(field)? else { return Ok(()) };
        let (tag, market) = (field.tag, self.options.market);
        member.kind.check_on(value, market).map_err(|reason| FieldFault { reason, tag })?;
        let valid = |value: &[u8]| self.dialect.is_valid(member.values, value, market);
        let good = match member.kind {
            _ if member.values == 0 => true,
            Kind::Words => value.split(|&byte| byte == b' ').all(valid),
            _ => valid(value),
        };
        if good { Ok(()) } else { fault(Reason::ValueIncorrect, tag) }
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

    fn required(&self, part: &Part<'_>, scope: u16, seen: &Seen) -> Result<(), FieldFault> {
        if !self.options.check_required {
            return Ok(());
        }
        let members = part.scope(scope).iter().enumerate();
        let missing = members.filter(|(index, member)| member.required && !seen.has(*index));
        match missing.min_by_key(|(_, member)| member.position) {
            Some((_, member)) => fault(Reason::RequiredMissing, member.tag),
            None => Ok(()),
        }
    }

    fn conditions(
        &self,
        part: &Part<'_>,
        scope: u16,
        seen: &Seen,
        fields: &[Field],
    ) -> Result<(), FieldFault> {
        let start = usize::from(part.scopes[usize::from(scope)].start);
        let has = |tag| part.find(scope, tag).is_some_and(|index| seen.has(index - start));
        let value = |tag: u32| {
            let field = fields.iter().find(|field| field.tag == tag)?;
            Some(self.message.value(field))
        };
        let any_market = |set, value: &[u8]| self.dialect.is_valid(set, value, None);
        for condition in part.conditions.iter().filter(|condition| condition.scope == scope) {
            if !self.applies(condition) {
                continue;
            }
            let is_due = match condition.when {
                When::Always => true,
                When::Value { on, values } => value(on).is_some_and(|v| any_market(values, v)),
                When::Absent { on } => !has(on),
            };
            let (met, reason) = match condition.demand {
                Demand::Present if condition.when == When::Always => {
                    (has(condition.tag), Reason::RequiredMissing)
                }
                Demand::Present => (has(condition.tag), Reason::ConditionallyMissing),
                Demand::Word(set) => {
                    let mut words = value(condition.tag).map(|v| v.split(|&byte| byte == b' '));
                    let met = words.as_mut().is_none_or(|words| words.any(|w| any_market(set, w)));
                    (met, Reason::ValueIncorrect)
                }
            };
            if is_due && !met {
                return fault(reason, condition.tag);
            }
        }
        Ok(())
    }

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
fn is_elsewhere(market: Option<Market>, here: Option<Market>) -> bool {
    market.zip(here).is_some_and(|(market, here)| market != here)
}

impl<'a> Part<'a> {
    fn scope(&self, scope: u16) -> &'a [Member] {
        let scope = self.scopes[usize::from(scope)];
        &self.members[usize::from(scope.start)..usize::from(scope.end)]
    }

    /// Where in the members the field of a scope stands.
    fn find(&self, scope: u16, tag: u32) -> Option<usize> {
        let found = self.scope(scope).binary_search_by_key(&tag, |member| member.tag).ok()?;
        Some(usize::from(self.scopes[usize::from(scope)].start) + found)
    }
}

/// Which members of a scope were seen.
#[derive(Clone, Copy)]
struct Seen([u64; MEMBERS_MAX / 64]);

impl Seen {
    const NONE: Self = Self([0; MEMBERS_MAX / 64]);

    /// Notes a member; whether it was seen before.
    fn insert(&mut self, index: usize) -> bool {
        let (word, bit) = (&mut self.0[index / 64], 1 << (index % 64));
        let before = *word & bit != 0;
        *word |= bit;
        before
    }

    fn has(&self, index: usize) -> bool {
        self.0[index / 64] & 1 << (index % 64) != 0
    }
}

fn fault<T>(reason: Reason, tag: u32) -> Result<T, FieldFault> {
    Err(FieldFault { reason, tag })
}
