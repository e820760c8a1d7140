//! Snapshots (35=W) and incrementals (35=X), venue file 4.10.
//!
//! The first pass finds what stands outside the group and checks its form, so that no entry of a
//! malformed message is applied; the second reads the entries.

use taut_codec::message::Message;
use taut_codec::scan::Field;
use taut_codec::tag;
use taut_codec::value::{UtcTime, parse_u32};

use super::{EVENTS_PER_MESSAGE_MAX, Unreadable, decimal, instrument_of, px_of, qty_of};
use crate::event::{BookAction, BookEntry, EventKind, MarketTrade};
use crate::kraken::instruments::Instruments;
use crate::types::{Instrument, Px, Qty, Side};

pub(super) fn incremental(
    message: &Message<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let outline = Outline::read(message)?;
    let (instrument, facts) = instrument_of(outline.symbol, instruments)?;
    let checksum = match outline.checksum {
        Some(value) => Some(parse_u32(value).map_err(|_| tag::CHECKSUM_ORDER_BOOK)?),
        None => None,
    };
    // One entry is held back until it is known whether a book entry follows, so that the last one can
    // be marked.
    let mut held: Option<BookEntry> = None;
    for entry in outline.entries() {
        let Entry { side, delete, px, qty, aggressor } = Entry::read(message, entry, facts)?;
        let Some(side) = side else {
            emit(EventKind::Trade(MarketTrade { instrument, px, qty, aggressor }));
            continue;
        };
        let action = if delete { BookAction::Delete } else { BookAction::Set };
        let (last, checksum, sent) = (false, None, outline.sent);
        let next = BookEntry { instrument, side, action, px, qty, last, checksum, sent };
        if let Some(previous) = held.replace(next) {
            emit(EventKind::Book(previous));
        }
    }
    if let Some(last) = held {
        emit(EventKind::Book(BookEntry { last: true, checksum, ..last }));
    }
    Ok(())
}

pub(super) fn snapshot(
    message: &Message<'_>,
    instruments: &Instruments,
    emit: &mut impl FnMut(EventKind),
) -> Result<(), Unreadable> {
    let outline = Outline::read(message)?;
    let (instrument, facts) = instrument_of(outline.symbol, instruments)?;
    let book_entry = |side, action, px, qty, last| {
        let (checksum, sent) = (None, outline.sent);
        EventKind::Book(BookEntry { instrument, side, action, px, qty, last, checksum, sent })
    };
    if outline.count == 0 {
        emit(book_entry(Side::Buy, BookAction::Restart, Px(0), Qty(0), true));
        return Ok(());
    }
    for (n, entry) in (1..).zip(outline.entries()) {
        let entry = Entry::read(message, entry, facts)?;
        let side = entry.side.ok_or(tag::MD_ENTRY_TYPE)?;
        let action = if n == 1 { BookAction::Restart } else { BookAction::Set };
        emit(book_entry(side, action, entry.px, entry.qty, n == outline.count));
    }
    Ok(())
}

/// What stands outside the entries, and where they are.
struct Outline<'a> {
    symbol: Option<&'a [u8]>,
    sent: UtcTime,
    checksum: Option<&'a [u8]>,
    /// The fields of all entries. Invariant: starts with `delimiter`, and has `count` of them.
    fields: &'a [Field],
    delimiter: u32,
    count: usize,
}

impl<'a> Outline<'a> {
    fn read(message: &Message<'a>) -> Result<Self, Unreadable> {
        let (sent, fields) = (UtcTime::default(), &[][..]);
        let mut this = Self { symbol: None, sent, checksum: None, fields, delimiter: 0, count: 0 };
        let (mut rest, mut has_group) = (message.fields(), false);
        while let Some((field, behind)) = rest.split_first() {
            rest = behind;
            match field.tag {
                tag::SYMBOL => this.symbol = Some(message.value(field)),
                tag::SENDING_TIME => {
                    this.sent = UtcTime::parse(message.value(field)).unwrap_or_default();
                }
                tag::CHECKSUM_ORDER_BOOK => this.checksum = Some(message.value(field)),
                tag::NO_MD_ENTRIES => {
                    let said = parse_u32(message.value(field)).map_err(|_| field.tag)?;
                    rest = this.group(rest)?;
                    let wrong = has_group || this.count != said as usize;
                    if wrong || this.count > EVENTS_PER_MESSAGE_MAX {
                        return Err(field.tag);
                    }
                    has_group = true;
                }
                _ => {}
            }
        }
        Ok(this)
    }

    /// Takes the entries from the front of `fields`; returns what is behind them. The tag that stands
    /// first starts each entry: the venue's two forms of message have different ones.
    fn group(&mut self, fields: &'a [Field]) -> Result<&'a [Field], Unreadable> {
        self.delimiter = fields.first().map_or(0, |field| field.tag);
        let (mut seen, mut count, mut end) = (0u32, 0, 0);
        for field in fields {
            let member = member(field.tag);
            if member == 0 {
                break;
            }
            if field.tag == self.delimiter {
                (seen, count) = (0, count + 1);
            }
            if seen & member != 0 {
                return Err(tag::NO_MD_ENTRIES);
            }
            seen |= member;
            end += 1;
        }
        let (entries, rest) = fields.split_at(end);
        (self.fields, self.count) = (entries, count);
        Ok(rest)
    }

    fn entries(&self) -> impl Iterator<Item = &'a [Field]> + use<'a> {
        let (mut fields, delimiter) = (self.fields, self.delimiter);
        std::iter::from_fn(move || {
            let behind_first = fields.get(1..)?;
            let next = behind_first.iter().position(|field| field.tag == delimiter);
            let (entry, rest) = fields.split_at(next.map_or(fields.len(), |n| n + 1));
            fields = rest;
            Some(entry)
        })
    }
}

/// A bit for each tag that an entry may have, 0 for any other.
const fn member(tag: u32) -> u32 {
    match tag {
        tag::MD_UPDATE_ACTION => 1,
        tag::MD_ENTRY_TYPE => 1 << 1,
        tag::MD_ENTRY_ID => 1 << 2,
        tag::MD_ENTRY_PX => 1 << 3,
        tag::MD_ENTRY_SIZE => 1 << 4,
        tag::MD_ENTRY_TIME => 1 << 5,
        tag::MD_ENTRY_TIMESTAMP => 1 << 6,
        tag::MD_ENTRY_TIME_QUEUE => 1 << 7,
        tag::ORD_TYPE => 1 << 8,
        tag::AGGRESSOR_SIDE => 1 << 9,
        _ => 0,
    }
}

struct Entry {
    /// `None` for a trade.
    side: Option<Side>,
    delete: bool,
    px: Px,
    qty: Qty,
    aggressor: Option<Side>,
}

impl Entry {
    fn read(
        message: &Message<'_>,
        fields: &[Field],
        facts: &Instrument,
    ) -> Result<Self, Unreadable> {
        let mut kind = None;
        let mut delete = false;
        let (mut px, mut qty, mut aggressor) = (None, None, None);
        for field in fields {
            match field.tag {
                tag::MD_UPDATE_ACTION => {
                    delete = match message.value(field) {
                        b"0" | b"1" => false,
                        b"2" => true,
                        _ => return Err(field.tag),
                    }
                }
                tag::MD_ENTRY_TYPE => {
                    kind = Some(match message.value(field) {
                        b"0" => Some(Side::Buy),
                        b"1" => Some(Side::Sell),
                        b"2" => None,
                        _ => return Err(field.tag),
                    });
                }
                tag::MD_ENTRY_PX => {
                    px = Some(px_of(facts, decimal(message, field)?, field.tag)?);
                }
                tag::MD_ENTRY_SIZE => {
                    qty = Some(qty_of(facts, decimal(message, field)?, field.tag)?);
                }
                tag::AGGRESSOR_SIDE => aggressor = Side::from_fix(message.value(field)),
                _ => {}
            }
        }
        Ok(Self {
            side: kind.ok_or(tag::MD_ENTRY_TYPE)?,
            delete,
            px: px.ok_or(tag::MD_ENTRY_PX)?,
            qty: match qty {
                Some(qty) => qty,
                None if delete => Qty(0),
                None => return Err(tag::MD_ENTRY_SIZE),
            },
            aggressor,
        })
    }
}
