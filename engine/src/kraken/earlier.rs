//! What an earlier run of a trading session left behind, by its journal: what its orders filled, where each
//! stood when it was heard of last, and which orders nobody has answered.
//!
//! The venue's numbers of an instrument are needed to read a report, and they are known only when the
//! instrument list is here; so the messages that matter are chosen and kept first, and read later. Each order's
//! last report says how it stood; those before it count for their fills only.

use std::collections::{BTreeMap, BTreeSet};

use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::tag;
use taut_codec::value::{Decimal, FixStr, parse_u64};

use super::decode::decode;
use super::instruments::Instruments;
use crate::command::{NewOrder, Watches};
use crate::event::{EventKind, FirstKept, FromJournal, Report};
use crate::journal::{Direction, Entry, EntryKind, JournalError, Reader, State};
use crate::limits::FIELDS_MAX;
use crate::types::{ClOrdId, OrdType, Px, Qty, Side, TimeInForce};

/// What an earlier run left behind.
pub struct Earlier {
    /// The messages that matter, oldest first.
    bytes: Vec<u8>,
    messages: Vec<Kept>,
    next: usize,
    lives: Vec<Life>,
    fields: Vec<Field>,
    epoch: u32,
    unreadable: u32,
    is_lossy: bool,
    first_kept: Option<FirstKept>,
}

/// A message that matters: the end of its bytes, and of which order it tells.
#[derive(Debug, Clone, Copy)]
struct Kept {
    end: usize,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A NewOrderSingle (D) that nobody has answered.
    Sent,
    /// A report of a fill.
    Fill(usize),
    /// The last report of an order.
    Last(usize),
}

/// One order of the venue.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    /// Which of the journal's reports is the last.
    last: u64,
    is_ended: bool,
    is_filled: bool,
    /// What was counted, as the reports are read.
    counted: i64,
    cost: i128,
    cum: i64,
    /// MiscFeeAmt(137) of its newest fill: only fills tell it.
    fee: Option<(Decimal, FixStr<11>)>,
}

/// What the first reading finds out.
#[derive(Default)]
struct Survey {
    /// By OrderID(37).
    orders: BTreeMap<Vec<u8>, usize>,
    lives: Vec<Life>,
    /// Orders without an answer, by their ClOrdID(11).
    silent: BTreeSet<ClOrdId>,
    /// The same by their epoch and MsgSeqNum(34).
    by_seq: BTreeMap<(u32, u64), ClOrdId>,
    epoch: u32,
    reports: u64,
    /// Reports may have been lost since it was known where all orders stood.
    is_lossy: bool,
    /// Since then, the last cancel that names itself: its refusal shows that all was asked and answered.
    marker: Option<ClOrdId>,
    /// The number of the venue's last Logon.
    logon: Option<u64>,
}

impl Earlier {
    /// Reads the journal of a trading session, twice.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn read(reader: &Reader) -> Result<Self, JournalError> {
        let mut fields = vec![Field::default(); FIELDS_MAX];
        let mut survey = Survey::default();
        each(reader, &mut fields, |entry, message| survey.see(entry, message))?;
        let first_kept = |state: State| FirstKept { epoch: state.epoch, seq: state.next_in };
        let mut earlier = Self {
            bytes: Vec::new(),
            messages: Vec::new(),
            next: 0,
            lives: Vec::new(),
            fields: Vec::new(),
            epoch: survey.epoch,
            unreadable: 0,
            is_lossy: survey.is_lossy,
            first_kept: reader.deleted_until()?.map(first_kept),
        };
        let mut reports = 0;
        each(reader, &mut fields, |entry, message| {
            let reports_before = reports;
            reports += u64::from(is_report(entry, message));
            if let Some(what) = survey.choose(entry, message, reports_before) {
                earlier.bytes.extend_from_slice(message.bytes());
                earlier.messages.push(Kept { end: earlier.bytes.len(), what });
            }
        })?;
        (earlier.lives, earlier.fields) = (survey.lives, fields);
        Ok(earlier)
    }

    /// Whether there is nothing to tell. That something was deleted is to be told also if nothing else is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.first_kept.is_none()
    }

    /// What the next message tells, and after the last one the end, once; then nothing more. Allocates
    /// nothing.
    pub fn next(&mut self, instruments: &mut Instruments) -> Option<FromJournal> {
        while let Some(&Kept { end, what }) = self.messages.get(self.next) {
            let start = self.next.checked_sub(1).map_or(0, |before| self.messages[before].end);
            self.next += 1;
            if let Some(told) = self.tell(start..end, what, instruments) {
                return Some(told);
            }
            self.unreadable += 1;
        }
        let is_end = self.next == self.messages.len();
        self.next += 1;
        let Self { epoch, unreadable, is_lossy, first_kept, .. } = *self;
        is_end.then_some(FromJournal::End { epoch, unreadable, is_lossy, first_kept })
    }

    fn tell(
        &mut self,
        at: std::ops::Range<usize>,
        what: What,
        instruments: &mut Instruments,
    ) -> Option<FromJournal> {
        let bytes = &self.bytes[at];
        let count = Scanner::new().index(bytes, &mut self.fields).ok()?;
        let message = Message::new(bytes, &self.fields[..count]);
        if what == What::Sent {
            return new_order(&message, instruments).map(FromJournal::Sent);
        }
        let mut read = None;
        decode(&message, instruments, |kind| {
            if let EventKind::Report(report) = kind {
                read = Some(report);
            }
        });
        let mut report = Report { poss_dup: true, ..read? };
        let (What::Fill(life) | What::Last(life)) = what else { return None };
        let life = &mut self.lives[life];
        let is_new = report.cum_qty.0 > life.cum;
        if let Some(fill) = report.fill.filter(|_| is_new) {
            life.cum = report.cum_qty.0;
            life.counted = life.counted.saturating_add(fill.qty.0);
            life.cost += i128::from(fill.px.0) * i128::from(fill.qty.0);
            life.fee = report.fee;
        }
        if report.fill.is_none() {
            report.fee = report.fee.or(life.fee);
        }
        let (filled, cost) = (Qty(life.counted), life.cost);
        let is_last = matches!(what, What::Last(_));
        Some(FromJournal::Report { report, is_new, last: is_last.then_some((filled, cost)) })
    }
}

impl Survey {
    fn see(&mut self, entry: &Entry<'_>, message: &Message<'_>) {
        if entry.epoch != self.epoch {
            if self.logon.take().is_some() {
                self.lost();
            }
            self.epoch = entry.epoch;
        }
        let EntryKind::Message { direction, seq, .. } = entry.kind else { return };
        let id = |tag| cl_ord_id(message, tag);
        match (direction, message.msg_type()) {
            (Direction::Out, b"D") => {
                if let Some(id) = id(tag::CL_ORD_ID) {
                    self.silent.insert(id);
                    self.by_seq.insert((entry.epoch, seq), id);
                }
            }
            (Direction::In, b"8") => {
                let report = self.reports;
                self.reports += 1;
                for id in [id(tag::CL_ORD_ID), id(tag::ORIG_CL_ORD_ID)].into_iter().flatten() {
                    self.silent.remove(&id);
                }
                let Some(order_id) = message.get(tag::ORDER_ID) else { return };
                let at = *self.orders.entry(order_id.to_vec()).or_insert(self.lives.len());
                if at == self.lives.len() {
                    self.lives.push(Life::default());
                }
                let life = &mut self.lives[at];
                life.last = report;
                let status = message.get(tag::ORD_STATUS);
                life.is_ended |= matches!(status, Some(b"2" | b"4" | b"8" | b"C"));
                life.is_filled |= message.get(tag::EXEC_TYPE) == Some(b"F");
            }
            (Direction::Out, b"F") => {
                let named = id(tag::CL_ORD_ID);
                if named.is_some() && named == id(tag::ORIG_CL_ORD_ID) {
                    self.marker = named;
                }
            }
            (Direction::In, b"A") => self.logon = Some(seq),
            (Direction::In, b"4") => {
                // What stands behind the Logon was seen to be administrative, or was sent again.
                let is_fill = message.flag(tag::GAP_FILL_FLAG);
                if !is_fill || self.logon.is_none_or(|logon| seq < logon) {
                    self.lost();
                }
            }
            (Direction::In, b"j") => {
                if let Some(id) = id(tag::BUSINESS_REJECT_REF_ID) {
                    self.silent.remove(&id);
                    self.is_lossy &= self.marker != Some(id);
                }
            }
            (Direction::In, b"3") => {
                let seq = message.get(tag::REF_SEQ_NUM).and_then(|value| parse_u64(value).ok());
                let key = seq.map(|seq| (entry.epoch, seq));
                if let Some(id) = key.and_then(|key| self.by_seq.remove(&key)) {
                    self.silent.remove(&id);
                }
            }
            _ => {}
        }
    }

    /// Reports may be lost. What is asked from here on shows where orders stand, not what was asked before; if
    /// none is open, there is nothing to show.
    fn lost(&mut self) {
        let is_open = !self.silent.is_empty() || self.lives.iter().any(|life| !life.is_ended);
        (self.is_lossy, self.marker) = (is_open, None);
    }

    /// Why a message matters; `reports` came before it.
    fn choose(&mut self, entry: &Entry<'_>, message: &Message<'_>, reports: u64) -> Option<What> {
        let EntryKind::Message { direction, .. } = entry.kind else { return None };
        match (direction, message.msg_type()) {
            (Direction::Out, b"D") => {
                // Once, however often it was sent.
                let id = cl_ord_id(message, tag::CL_ORD_ID)?;
                self.silent.remove(&id).then_some(What::Sent)
            }
            (Direction::In, b"8") => {
                let at = *self.orders.get(message.get(tag::ORDER_ID)?)?;
                let life = &self.lives[at];
                let is_last = life.last == reports;
                let matters = life.is_filled || !life.is_ended;
                let is_fill = message.get(tag::EXEC_TYPE) == Some(b"F");
                match (is_last && matters, is_fill) {
                    (true, _) => Some(What::Last(at)),
                    (false, true) => Some(What::Fill(at)),
                    (false, false) => None,
                }
            }
            _ => None,
        }
    }
}

fn cl_ord_id(message: &Message<'_>, tag: u32) -> Option<ClOrdId> {
    ClOrdId::parse(message.get(tag)?).ok()
}

fn is_report(entry: &Entry<'_>, message: &Message<'_>) -> bool {
    let is_in = matches!(entry.kind, EntryKind::Message { direction: Direction::In, .. });
    is_in && message.msg_type() == b"8"
}

/// Every message of a journal that can be read, oldest first.
fn each(
    reader: &Reader,
    fields: &mut [Field],
    mut see: impl FnMut(&Entry<'_>, &Message<'_>),
) -> Result<(), JournalError> {
    let scanner = Scanner::new();
    for &number in reader.segments() {
        let segment = reader.segment(number)?;
        for entry in segment.entries() {
            let EntryKind::Message { bytes, .. } = entry.kind else { continue };
            if let Ok(count) = scanner.index(bytes, fields) {
                see(&entry, &Message::new(bytes, &fields[..count]));
            }
        }
    }
    Ok(())
}

/// An order as we sent it (venue file 4.1).
fn new_order(message: &Message<'_>, instruments: &Instruments) -> Option<NewOrder> {
    let instrument = instruments.find(message.get(tag::SYMBOL)?)?;
    let facts = instruments.facts(instrument)?;
    // `None` for one that cannot be read.
    let price = |tag| -> Option<Option<Px>> {
        match message.get(tag) {
            Some(_) => facts.px(message.decimal(tag).ok()?).ok().map(Some),
            None => Some(None),
        }
    };
    let watches = match message.get(tag::DISCRETION_INST) {
        Some(b"1") => Watches::Index,
        _ => Watches::LastTrade,
    };
    Some(NewOrder {
        cl_ord_id: cl_ord_id(message, tag::CL_ORD_ID)?,
        instrument,
        side: Side::from_fix(message.get(tag::SIDE)?)?,
        ord_type: OrdType::from_fix(message.get(tag::ORD_TYPE)?)?,
        time_in_force: TimeInForce::from_fix(message.get(tag::TIME_IN_FORCE)?)?,
        qty: facts.qty(message.decimal(tag::ORDER_QTY).ok()?).ok()?,
        px: price(tag::PRICE)?,
        stop_px: price(tag::STOP_PX)?,
        watches,
        post_only: message.get(tag::EXEC_INST).is_some_and(|value| value.contains(&b'P')),
        self_trade: None,
    })
}

#[cfg(test)]
mod tests;
