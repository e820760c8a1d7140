//! The walk over one message.
//!
//! Nearly every field is of the message, has a form that is told at once ([`Form`]), and is there once: that
//! takes one look into a table, one test and one bit. What is not so is looked at closely, here too.

use super::condition::Grants;
use super::form::Form;
use super::lookup::{SCOPE_MAX, SMALL, SMALL_ROOM, Slot};
use super::seen::{NOT_NOTED, Seen};
use super::{
    Condition, Demand, Dialect, FieldFault, Kind, Layout, Member, Options, Reason, Scope, Section,
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
    let layout = dialect
        .layout(message.msg_type())
        .ok_or(FieldFault { reason: Reason::InvalidMsgType, tag: tag::MSG_TYPE })?;
    if is_elsewhere(layout.market, options.market) {
        return fault(Reason::NotOnThisMarket, tag::MSG_TYPE);
    }
    let grants = Grants::given(&options);
    let walk = Walk { dialect, message: *message, options, grants, layout: &layout };
    // Nearly every message has tables of one size, and one word to note in what was seen.
    match layout.members.len() {
        ..=SMALL => walk.run::<1, [Slot; SMALL_ROOM]>(),
        _ => walk.run::<{ SCOPE_MAX / 64 }, [Slot]>(),
    }
}

struct Walk<'d, 'm, D: ?Sized> {
    dialect: &'d D,
    message: Message<'m>,
    options: Options,
    grants: Grants,
    layout: &'d Layout<'d>,
}

impl<'d, 'm, D: Dialect + ?Sized> Walk<'d, 'm, D> {
    /// With room for as many members of a scope as `WORDS` words have bits, and its slots in `S`.
    #[inline(always)]
    fn run<const WORDS: usize, S>(&self) -> Result<(), FieldFault>
    where
        S: AsRef<[Slot]> + ?Sized + 'd,
        &'d [Slot]: TryInto<&'d S>,
    {
        let fields = self.message.fields();
        let scope = &self.layout.scopes[0];
        let table = self.layout.table::<S>(scope).expect("made of this size");
        let mut seen = Seen::<WORDS>::NONE;
        let mut section = Section::Header;
        let (mut at, mut rest) = (0, fields.iter());
        while let Some(field) = rest.next() {
            at += 1;
            let Some(slot) = table.find(field.tag) else {
                self.stranger(field)?;
                continue;
            };
            if slot.section != section {
                if self.options.check_order && slot.section < section {
                    return fault(Reason::OutOfOrder, field.tag);
                }
                section = slot.section;
            }
            if self.is_usual(slot, field, &mut seen) {
                if seen.insert(slot.number) {
                    return fault(Reason::Repeated, field.tag);
                }
            } else {
                // A copy, so that what counts stays in a register.
                let mut copy = seen;
                at = self.unusual::<WORDS, S>(slot, at - 1, &mut copy)?;
                (seen, rest) = (copy, fields[at..].iter());
            }
        }
        self.end(scope, &seen, fields)
    }

    /// Whether the value of a field is one of those that are told at once.
    #[inline(always)]
    fn is_usual<const WORDS: usize>(
        &self,
        slot: &Slot,
        field: &Field,
        seen: &mut Seen<WORDS>,
    ) -> bool {
        let (bytes, start, end) = (self.message.bytes(), field.start as usize, field.end as usize);
        let byte = || bytes.get(start).copied().filter(|_| end.wrapping_sub(start) == 1);
        let is_valid = |byte| self.dialect.is_valid_byte(slot.values, byte, self.options.market);
        match slot.form {
            Form::Text => start != end,
            Form::Char => end.wrapping_sub(start) == 1,
            Form::Byte => byte().is_some_and(is_valid),
            Form::Deciding => byte().is_some_and(|byte| {
                seen.note(slot, byte);
                is_valid(byte)
            }),
            Form::Word => byte().is_some_and(|byte| byte != b' ' && is_valid(byte)),
            Form::Boolean => matches!(byte(), Some(b'Y' | b'N')),
            Form::ClOrdId if self.options.market == Some(Market::Derivatives) => false,
            Form::Digits => Form::Digits.is_told(bytes, start, end),
            Form::ClOrdId => Form::ClOrdId.is_told(bytes, start, end),
            Form::Decimal => Form::Decimal.is_told(bytes, start, end),
            Form::Timestamp => Form::Timestamp.is_told(bytes, start, end),
            Form::Clock => Form::Clock.is_told(bytes, start, end),
            Form::Other => false,
        }
    }

    /// Checks the field `at` in any case, and the group that it starts; returns where the next one stands.
    #[inline(never)]
    fn unusual<const WORDS: usize, S>(
        &self,
        slot: &Slot,
        at: usize,
        seen: &mut Seen<WORDS>,
    ) -> Result<usize, FieldFault>
    where
        S: AsRef<[Slot]> + ?Sized + 'd,
        &'d [Slot]: TryInto<&'d S>,
    {
        let field = &self.message.fields()[at];
        let member = &self.layout.members[usize::from(slot.member)];
        if is_elsewhere(member.market, self.options.market) {
            self.unknown(field)?;
            return Ok(at + 1);
        }
        self.value(member, field, at)?;
        seen.note_value(slot, self.message.value(field));
        if seen.insert(slot.number) {
            return fault(Reason::Repeated, field.tag);
        }
        match member.group {
            0 => Ok(at + 1),
            _ => self.group::<WORDS, S>(member, at + 1),
        }
    }

    /// A field that neither header nor body nor trailer has.
    #[cold]
    #[inline(never)]
    fn stranger(&self, field: &Field) -> Result<(), FieldFault> {
        let in_a_group =
            |member: &Member| member.tag == field.tag && matches!(member.section, Section::Body);
        if self.layout.members.iter().any(in_a_group) {
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

    /// The entries of a group from `start`; returns where they end.
    fn group<const WORDS: usize, S>(
        &self,
        count: &Member,
        start: usize,
    ) -> Result<usize, FieldFault>
    where
        S: AsRef<[Slot]> + ?Sized + 'd,
        &'d [Slot]: TryInto<&'d S>,
    {
        let fields = self.message.fields();
        let said = parse_u32(self.message.value(&fields[start - 1])).unwrap_or(0);
        let scope = &self.layout.scopes[usize::from(count.group)];
        let table = self.layout.table::<S>(scope).expect("made of this size");
        let mut entries = 0;
        let mut seen = Seen::<WORDS>::NONE;
        let mut position = 0;
        let (mut at, mut entry_at) = (start, start);
        while let Some(field) = fields.get(at) {
            let Some(slot) = table.find(field.tag) else { break };
            if field.tag == scope.first {
                if entries > 0 {
                    self.end(scope, &seen, &fields[entry_at..at])?;
                }
                (entries, entry_at, seen, position) = (entries + 1, at, Seen::NONE, 0);
            } else if entries == 0 {
                return fault(Reason::GroupOutOfOrder, field.tag);
            }
            // What stands at the wrong place is told of before what its value is, as in the body.
            if self.options.check_order && slot.position < position {
                let is_again = seen.has(slot.number);
                let reason = if is_again { Reason::Repeated } else { Reason::GroupOutOfOrder };
                return fault(reason, field.tag);
            }
            position = slot.position;
            let is_usual = self.is_usual(slot, field, &mut seen);
            let member = &self.layout.members[usize::from(slot.member)];
            if !is_usual {
                self.value(member, field, at)?;
                seen.note_value(slot, self.message.value(field));
            }
            if seen.insert(slot.number) {
                return fault(Reason::Repeated, field.tag);
            }
            at += 1;
            if !is_usual && member.group != 0 {
                at = self.group::<WORDS, S>(member, at)?;
            }
        }
        if entries > 0 {
            self.end(scope, &seen, &fields[entry_at..at])?;
        }
        if entries == said { Ok(at) } else { fault(Reason::GroupCountIncorrect, count.tag) }
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
    fn value(&self, member: &Member, field: &Field, at: usize) -> Result<(), FieldFault> {
        if self.not_empty(field)? {
            let (tag, market) = (field.tag, self.options.market);
            let form = member.kind.check_on(self.message.value(field), market);
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
        let data_fields = self.dialect.data_fields();
        let (wanted, neighbour) = match member.kind {
            Kind::Length => (data_fields.data_of(member.tag), at.checked_add(1)),
            Kind::Data => (data_fields.length_of(member.tag), at.checked_sub(1)),
            _ => return Ok(()),
        };
        let there = neighbour.and_then(|at| self.message.fields().get(at)).map(|field| field.tag);
        if wanted.is_none() || wanted == there || !self.options.check_order {
            return Ok(());
        }
        fault(Reason::OutOfOrder, member.tag)
    }

    /// Whether everything was there that a scope, the message or an entry of these fields, must have.
    #[inline(always)]
    fn end<const WORDS: usize>(
        &self,
        scope: &Scope,
        seen: &Seen<WORDS>,
        fields: &[Field],
    ) -> Result<(), FieldFault> {
        if !seen.has_first(scope.required) && self.options.check_required {
            self.missing(scope, seen)?;
        }
        let (start, end) = scope.conditions;
        let conditions = self.layout.conditions.get(start.into()..end.into()).unwrap_or_default();
        for condition in conditions {
            let is_there = seen.has(condition.number);
            // A word can be missing only where there are some.
            let is_fulfilled = is_there == matches!(condition.demand, Demand::Present);
            if !is_fulfilled
                && condition.needs.are_within(self.grants)
                && self.is_due(condition, seen, fields)
            {
                self.violated(condition, fields)?;
            }
        }
        Ok(())
    }

    /// The first field of a scope, in the order of the dictionary, that is required and was not seen.
    #[cold]
    #[inline(never)]
    fn missing<const WORDS: usize>(
        &self,
        scope: &Scope,
        seen: &Seen<WORDS>,
    ) -> Result<(), FieldFault> {
        let table = self.layout.table::<[Slot]>(scope);
        let find = |tag| table.as_ref().and_then(|table| table.find(tag));
        let was_seen = |tag| find(tag).is_some_and(|slot| seen.has(slot.number));
        let members = scope.members(self.layout).iter();
        let missing = members.filter(|member| member.required && !was_seen(member.tag));
        match missing.min_by_key(|member| (member.section, member.position)) {
            Some(member) => fault(Reason::RequiredMissing, member.tag),
            None => Ok(()),
        }
    }

    /// Whether what a condition depends on is there, or not there.
    #[inline(always)]
    fn is_due<const WORDS: usize>(
        &self,
        condition: &Condition,
        seen: &Seen<WORDS>,
        fields: &[Field],
    ) -> bool {
        match condition.when {
            When::Always => true,
            When::Absent { .. } => !seen.has(condition.on_number),
            When::Value { on, values } => match seen.noted(condition.on_note) {
                NOT_NOTED => seen.has(condition.on_number) && self.has_value_of(fields, on, values),
                byte => self.dialect.is_valid_byte(values, byte, None),
            },
        }
    }

    /// Whether a field that is there has a value of a set.
    #[cold]
    #[inline(never)]
    fn has_value_of(&self, fields: &[Field], tag: u32, values: u16) -> bool {
        let value = find(fields, tag).map(|field| self.message.value(field));
        value.is_some_and(|value| self.dialect.is_valid(values, value, None))
    }

    /// What a condition demands of a field is not there, unless it is a word among others.
    #[cold]
    #[inline(never)]
    fn violated(&self, condition: &Condition, fields: &[Field]) -> Result<(), FieldFault> {
        match (condition.demand, condition.when) {
            (Demand::Present, When::Always) => fault(Reason::RequiredMissing, condition.tag),
            (Demand::Present, _) => fault(Reason::ConditionallyMissing, condition.tag),
            (Demand::Word(set), _) => {
                let value =
                    find(fields, condition.tag).map_or(&[][..], |it| self.message.value(it));
                let mut words = value.split(|&byte| byte == b' ');
                match words.any(|word| self.dialect.is_valid(set, word, None)) {
                    true => Ok(()),
                    false => fault(Reason::ValueIncorrect, condition.tag),
                }
            }
        }
    }
}

fn find(fields: &[Field], tag: u32) -> Option<&Field> {
    fields.iter().find(|field| field.tag == tag)
}

/// Whether something of one market is met on the other.
#[inline(always)]
fn is_elsewhere(market: Option<Market>, here: Option<Market>) -> bool {
    market.is_some_and(|market| here.is_some_and(|here| market != here))
}

#[cold]
fn fault<T>(reason: Reason, tag: u32) -> Result<T, FieldFault> {
    Err(FieldFault { reason, tag })
}
