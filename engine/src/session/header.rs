//! The part of the standard header that the session rules on.

use taut_codec::message::Message;
use taut_codec::scan::Field;
use taut_codec::tag;
use taut_codec::value::UtcTime;

/// SessionRejectReason(373) as far as the session itself uses it.
pub(super) mod reason {
    pub const INVALID_TAG_NUMBER: u32 = 0;
    pub const REQUIRED_TAG_MISSING: u32 = 1;
    pub const NOT_OF_THIS_MESSAGE: u32 = 2;
    pub const TAG_WITHOUT_VALUE: u32 = 4;
    pub const VALUE_OUT_OF_RANGE: u32 = 5;
    pub const INCORRECT_FORMAT: u32 = 6;
    pub const COMP_ID_PROBLEM: u32 = 9;
    pub const SENDING_TIME_PROBLEM: u32 = 10;
    pub const INVALID_MSG_TYPE: u32 = 11;
    pub const TAG_TWICE: u32 = 13;
    pub const TAG_OUT_OF_ORDER: u32 = 14;
    pub const GROUP_OUT_OF_ORDER: u32 = 15;
    pub const GROUP_COUNT: u32 = 16;
}

/// What is wrong with a message whose frame is right, found by whoever knows the dialect's fields: see
/// [`Session::received_checked`](super::Session::received_checked).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// SessionRejectReason(373).
    pub reason: u32,
    /// RefTagID(371), if it is about one field.
    pub tag: Option<u32>,
}

/// A field that breaks a rule: what a Reject says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    pub reason: u32,
    /// 0 if it is not about one field.
    pub tag: u32,
}

impl From<Fault> for Flaw {
    fn from(fault: Fault) -> Self {
        Self { reason: fault.reason, tag: fault.tag.unwrap_or(0) }
    }
}

/// The header of one message, read in one pass that stops at the first body field.
pub(super) struct Inbound<'a> {
    pub msg_type: &'a [u8],
    pub sender: Option<&'a [u8]>,
    pub target: Option<&'a [u8]>,
    /// MsgSeqNum(34); `None` if missing, no number or too large for 64 bits.
    pub msg_seq_num: Option<u64>,
    pub sending_time: Option<&'a [u8]>,
    pub orig_sending_time: Option<&'a [u8]>,
    pub poss_dup: bool,
    /// Whether there is any third-party addressing.
    pub third_party: bool,
    /// The first thing that is wrong with the header's form.
    pub flaw: Option<Flaw>,
}

impl<'a> Inbound<'a> {
    #[inline]
    pub(super) fn read(message: &Message<'a>) -> Self {
        Self::usual(message).unwrap_or_else(|| Self::read_plainly(message))
    }

    /// A header of the four required fields in the order in which Kraken has them, none of them empty.
    /// `None` says nothing.
    #[inline(always)]
    fn usual(message: &Message<'a>) -> Option<Self> {
        let &[_, _, _, seq_num, sender, sending_time, target, body, ..] = message.fields() else {
            return None;
        };
        let fields = [seq_num, sender, sending_time, target];
        let tags = [tag::MSG_SEQ_NUM, tag::SENDER_COMP_ID, tag::SENDING_TIME, tag::TARGET_COMP_ID];
        let msg_type = message.msg_type();
        if fields.map(|field| field.tag) != tags
            || fields.iter().any(|field| field.start == field.end)
            || kind_of(body.tag) != BODY
            || msg_type.is_empty()
        {
            return None;
        }
        Some(Self {
            msg_type,
            sender: Some(message.value(&sender)),
            target: Some(message.value(&target)),
            msg_seq_num: message.uint_of(&seq_num).ok(),
            sending_time: Some(message.value(&sending_time)),
            orig_sending_time: None,
            poss_dup: false,
            third_party: false,
            flaw: session_field_twice(message, msg_type),
        })
    }

    fn read_plainly(message: &Message<'a>) -> Self {
        let mut slots = Slots::default();
        let mut flaw = None;
        let mut third_party = false;
        for field in message.fields().iter().skip(3) {
            let kind = kind_of(field.tag);
            if field.start == field.end && kind != BODY {
                flaw = flaw.or(Some(Flaw { reason: reason::TAG_WITHOUT_VALUE, tag: field.tag }));
            }
            match slots.0.get_mut(kind) {
                Some(slot @ None) => *slot = Some(field),
                Some(Some(_)) => {
                    flaw = flaw.or(Some(Flaw { reason: reason::TAG_TWICE, tag: field.tag }));
                }
                None if kind == BODY => break,
                None => third_party |= kind == THIRD_PARTY,
            }
        }
        if REQUIRED.iter().any(|&(slot, _)| slots.0[slot].is_none()) {
            flaw = slots.look_behind(message).fold(flaw, Option::or);
        }
        let value = |slot: usize| slots.0[slot].map(|field| message.value(field));
        let poss_dup = value(POSS_DUP);
        if !matches!(poss_dup, None | Some(b"Y" | b"N" | b"")) {
            let bad = Flaw { reason: reason::INCORRECT_FORMAT, tag: tag::POSS_DUP_FLAG };
            flaw = flaw.or(Some(bad));
        }
        let msg_type = message.msg_type();
        if flaw.is_none() {
            flaw = session_field_twice(message, msg_type);
        }
        if msg_type.is_empty() {
            let bad = Flaw { reason: reason::TAG_WITHOUT_VALUE, tag: tag::MSG_TYPE };
            flaw = flaw.or(Some(bad));
        }
        Self {
            msg_type,
            sender: value(SENDER),
            target: value(TARGET),
            msg_seq_num: slots.0[SEQ_NUM].and_then(|field| message.uint_of(field).ok()),
            sending_time: value(SENDING_TIME),
            orig_sending_time: value(ORIG_SENDING_TIME),
            poss_dup: poss_dup == Some(b"Y"),
            third_party,
            flaw,
        }
    }

    /// What is wrong with OrigSendingTime(122) of a possible duplicate (FIX session cases 2.f, 2.g).
    /// A SequenceReset needs none.
    pub(super) fn orig_sending_time_flaw(&self) -> Option<Flaw> {
        let flaw = |reason| Some(Flaw { reason, tag: tag::ORIG_SENDING_TIME });
        let Some(original) = self.orig_sending_time else {
            return if self.msg_type == b"4" { None } else { flaw(reason::REQUIRED_TAG_MISSING) };
        };
        let Ok(original) = UtcTime::parse(original) else {
            return flaw(reason::INCORRECT_FORMAT);
        };
        match self.sending_time.map(UtcTime::parse) {
            Some(Ok(sent)) if original > sent => flaw(reason::SENDING_TIME_PROBLEM),
            _ => None,
        }
    }
}

// The header fields that the session reads: where each stands in `Slots`.
const SEQ_NUM: usize = 0;
const SENDER: usize = 1;
const SENDING_TIME: usize = 2;
const TARGET: usize = 3;
const POSS_DUP: usize = 4;
const ORIG_SENDING_TIME: usize = 5;
const SLOTS: usize = 6;
/// Addressing of third parties.
const THIRD_PARTY: usize = SLOTS;
/// The rest of the header.
const OTHER: usize = SLOTS + 1;
/// No field of the header.
const BODY: usize = SLOTS + 2;

/// In the order in which a missing one is named.
const REQUIRED: [(usize, u32); 4] = [
    (SENDER, tag::SENDER_COMP_ID),
    (TARGET, tag::TARGET_COMP_ID),
    (SENDING_TIME, tag::SENDING_TIME),
    (SEQ_NUM, tag::MSG_SEQ_NUM),
];

/// What a field is to the session: a slot, or one of the three behind.
#[inline(always)]
fn kind_of(tag: u32) -> usize {
    /// Above every tag of the header.
    const TAGS_END: usize = 631;
    static KINDS: [u8; TAGS_END] = {
        let mut kinds = [0; TAGS_END];
        let mut tag = 0;
        while tag < TAGS_END {
            kinds[tag] = match tag as u32 {
                tag::MSG_SEQ_NUM => SEQ_NUM,
                tag::SENDER_COMP_ID => SENDER,
                tag::SENDING_TIME => SENDING_TIME,
                tag::TARGET_COMP_ID => TARGET,
                tag::POSS_DUP_FLAG => POSS_DUP,
                tag::ORIG_SENDING_TIME => ORIG_SENDING_TIME,
                tag if is_third_party(tag) => THIRD_PARTY,
                tag if is_header(tag) => OTHER,
                _ => BODY,
            } as u8;
            tag += 1;
        }
        kinds
    };
    KINDS.get(tag as usize).map_or(BODY, |&kind| usize::from(kind))
}

/// The first field of each kind that the session reads.
#[derive(Default)]
struct Slots<'a>([Option<&'a Field>; SLOTS]);

impl<'a> Slots<'a> {
    /// Required fields behind the body are out of order, but they say who sent what all the same; what
    /// is nowhere is missing. The flaws, in this order.
    #[cold]
    fn look_behind(&mut self, message: &Message<'a>) -> impl Iterator<Item = Option<Flaw>> {
        let mut flaws = [None; 2];
        for field in message.fields().iter().skip(3).skip_while(|field| is_header(field.tag)) {
            let is_required = REQUIRED.iter().any(|&(_, tag)| tag == field.tag);
            if is_required && let Some(slot @ None) = self.0.get_mut(kind_of(field.tag)) {
                *slot = Some(field);
                let out_of_order = Flaw { reason: reason::TAG_OUT_OF_ORDER, tag: field.tag };
                flaws[0] = flaws[0].or(Some(out_of_order));
            }
        }
        let missing = REQUIRED.iter().find(|&&(slot, _)| self.0[slot].is_none());
        flaws[1] = missing.map(|&(_, tag)| Flaw { reason: reason::REQUIRED_TAG_MISSING, tag });
        flaws.into_iter()
    }
}

/// A field that the session reads of its own messages and that is there twice: which of the values
/// counts cannot be known (FIX session case 14.h).
fn session_field_twice(message: &Message<'_>, msg_type: &[u8]) -> Option<Flaw> {
    let read: &[u32] = match msg_type {
        b"0" | b"1" => &[tag::TEST_REQ_ID],
        b"2" => &[tag::BEGIN_SEQ_NO, tag::END_SEQ_NO],
        b"4" => &[tag::NEW_SEQ_NO, tag::GAP_FILL_FLAG],
        b"A" => &[
            tag::ENCRYPT_METHOD,
            tag::HEART_BT_INT,
            tag::RESET_SEQ_NUM_FLAG,
            tag::NEXT_EXPECTED_MSG_SEQ_NUM,
        ],
        _ => return None,
    };
    let twice = |tag: &u32| message.fields().iter().filter(|field| field.tag == *tag).count() > 1;
    let tag = *read.iter().find(|tag| twice(tag))?;
    Some(Flaw { reason: reason::TAG_TWICE, tag })
}

/// Whether `tag` says for whom a message was sent or to whom it goes on: OnBehalfOf and DeliverTo,
/// CompID, SubID and LocationID.
#[must_use]
pub const fn is_third_party(tag: u32) -> bool {
    matches!(tag, 115 | 116 | 128 | 129 | 144 | 145)
}

/// Whether `tag` belongs to the standard header of FIX 4.4.
#[must_use]
pub const fn is_header(tag: u32) -> bool {
    matches!(
        tag,
        34 | 43
            | 49
            | 50
            | 52
            | 56
            | 57
            | 90
            | 91
            | 97
            | 115
            | 116
            | 122
            | 128
            | 129
            | 142
            | 143
            | 144
            | 145
            | 212
            | 213
            | 347
            | 369
            | 627..=630
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use taut_codec::scan::Scanner;
    use taut_codec::value::parse_u64;

    use super::*;

    /// Header, third parties, the rest of the header, the body.
    const TAGS: [u32; 13] = [34, 49, 52, 56, 43, 122, 115, 50, 97, 369, 58, 11, 5050];
    const READ: [u32; 6] = [34, 49, 52, 56, 43, 122];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn a_header_is_read_as_the_rules_in_words_say(
            some in prop::collection::vec(
                (prop::sample::select(&TAGS[..]), prop::sample::select(&["", "Y", "1", "42", "x"][..])),
                0..12,
            ),
            is_usual in any::<bool>(),
        ) {
            let usual = [(34, "7"), (49, "S"), (52, "now"), (56, "T")];
            let fields: Vec<(u32, &str)> =
                usual.into_iter().filter(|_| is_usual).chain(some).collect();
            let text: String =
                fields.iter().map(|(tag, value)| format!("{tag}={value}\x01")).collect();
            let mut bytes = format!("8=FIX.4.4\x019=0\x0135=8\x01{text}").into_bytes();
            let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
            bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
            let mut index = [Field::default(); 64];
            let count = Scanner::new().index(&bytes, &mut index).expect("well formed");
            let read = Inbound::read(&Message::new(&bytes, &index[..count]));

            // The header ends where a field of the body stands.
            let end = fields.iter().position(|(tag, _)| !is_header(*tag)).unwrap_or(fields.len());
            let (header, behind) = fields.split_at(end);
            let mut flaws = Vec::new();
            for (at, (tag, value)) in header.iter().enumerate() {
                if value.is_empty() {
                    flaws.push((reason::TAG_WITHOUT_VALUE, *tag));
                }
                if READ.contains(tag) && header[..at].iter().any(|(before, _)| before == tag) {
                    flaws.push((reason::TAG_TWICE, *tag));
                }
            }
            let find = |among: &[(u32, &'static str)], wanted: u32| {
                among.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| value.as_bytes())
            };
            let required = [49, 56, 52, 34];
            let is_late = |(tag, _): &&(u32, &str)| required.contains(tag) && find(header, *tag).is_none();
            flaws.extend(behind.iter().find(is_late).map(|(tag, _)| (reason::TAG_OUT_OF_ORDER, *tag)));
            let is_missing = |tag: &&u32| find(&fields, **tag).is_none();
            flaws.extend(required.iter().find(is_missing).map(|tag| (reason::REQUIRED_TAG_MISSING, *tag)));
            let value = |tag: u32| match required.contains(&tag) {
                true => find(&fields, tag),
                false => find(header, tag),
            };
            if !matches!(value(43), None | Some(b"Y" | b"N" | b"")) {
                flaws.push((reason::INCORRECT_FORMAT, 43));
            }
            prop_assert_eq!(read.flaw.map(|flaw| (flaw.reason, flaw.tag)), flaws.first().copied());
            prop_assert_eq!((read.sender, read.target), (value(49), value(56)));
            prop_assert_eq!((read.sending_time, read.orig_sending_time), (value(52), value(122)));
            prop_assert_eq!(read.msg_seq_num, value(34).and_then(|digits| parse_u64(digits).ok()));
            prop_assert_eq!(read.poss_dup, value(43) == Some(b"Y"));
            prop_assert_eq!(read.third_party, header.iter().any(|(tag, _)| is_third_party(*tag)));
        }
    }
}
