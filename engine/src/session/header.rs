//! The part of the standard header that the session rules on.

use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::{UtcTime, parse_u64};

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
    pub(super) fn read(message: &Message<'a>) -> Self {
        let mut slots = Slots::default();
        let mut flaw = None;
        let mut third_party = false;
        for field in message.fields().iter().skip(3) {
            let Some(slot) = slots.of(field.tag) else {
                if !is_header(field.tag) {
                    break;
                }
                third_party |= is_third_party(field.tag);
                if field.start == field.end {
                    flaw =
                        flaw.or(Some(Flaw { reason: reason::TAG_WITHOUT_VALUE, tag: field.tag }));
                }
                continue;
            };
            let value = message.value(field);
            if value.is_empty() {
                flaw = flaw.or(Some(Flaw { reason: reason::TAG_WITHOUT_VALUE, tag: field.tag }));
            }
            if slot.is_some() {
                flaw = flaw.or(Some(Flaw { reason: reason::TAG_TWICE, tag: field.tag }));
            }
            slot.get_or_insert(value);
        }
        if REQUIRED.iter().any(|&tag| slots.of(tag).is_none_or(|slot| slot.is_none())) {
            flaw = slots.look_behind(message).fold(flaw, Option::or);
        }
        let Slots { sender, target, sending_time, msg_seq_num, poss_dup, orig_sending_time } =
            slots;
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
            sender,
            target,
            msg_seq_num: msg_seq_num.and_then(|digits| parse_u64(digits).ok()),
            sending_time,
            orig_sending_time,
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

/// In the order in which a missing one is named.
const REQUIRED: [u32; 4] =
    [tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::SENDING_TIME, tag::MSG_SEQ_NUM];

/// The header fields that the session reads.
#[derive(Default)]
struct Slots<'a> {
    sender: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    sending_time: Option<&'a [u8]>,
    msg_seq_num: Option<&'a [u8]>,
    poss_dup: Option<&'a [u8]>,
    orig_sending_time: Option<&'a [u8]>,
}

impl<'a> Slots<'a> {
    #[inline(always)]
    fn of(&mut self, tag: u32) -> Option<&mut Option<&'a [u8]>> {
        Some(match tag {
            tag::MSG_SEQ_NUM => &mut self.msg_seq_num,
            tag::SENDER_COMP_ID => &mut self.sender,
            tag::SENDING_TIME => &mut self.sending_time,
            tag::TARGET_COMP_ID => &mut self.target,
            tag::POSS_DUP_FLAG => &mut self.poss_dup,
            tag::ORIG_SENDING_TIME => &mut self.orig_sending_time,
            _ => return None,
        })
    }

    /// Required fields behind the body are out of order, but they say who sent what all the same; what
    /// is nowhere is missing. The flaws, in this order.
    #[cold]
    fn look_behind(&mut self, message: &Message<'a>) -> impl Iterator<Item = Option<Flaw>> {
        let mut flaws = [None; 2];
        let behind = message.fields().iter().skip(3).skip_while(|field| is_header(field.tag));
        for field in behind.filter(|field| REQUIRED.contains(&field.tag)) {
            if let Some(slot @ None) = self.of(field.tag) {
                *slot = Some(message.value(field));
                let out_of_order = Flaw { reason: reason::TAG_OUT_OF_ORDER, tag: field.tag };
                flaws[0] = flaws[0].or(Some(out_of_order));
            }
        }
        let missing = |tag: &&u32| self.of(**tag).is_some_and(|slot| slot.is_none());
        let missing = REQUIRED.iter().find(missing);
        flaws[1] = missing.map(|&tag| Flaw { reason: reason::REQUIRED_TAG_MISSING, tag });
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
