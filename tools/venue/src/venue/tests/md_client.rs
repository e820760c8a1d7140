//! A client of market data that knows nothing of the venue's insides: it reads W and X as text, keeps a
//! book of what they say, and fails on whatever cannot be applied.

use super::harness::get;

/// One entry of a message: its fields from 279 or 269 on.
fn entries(message: &str) -> Vec<Vec<(u32, &str)>> {
    let mut out: Vec<Vec<(u32, &str)>> = Vec::new();
    let (_, body) = message.split_once("|268=").expect("a count of entries");
    let mut fields = body.split('|').skip(1).filter(|field| !field.is_empty()).peekable();
    let first = fields.peek().map_or("", |field| field.split('=').next().unwrap());
    let first: u32 = if first.is_empty() { 0 } else { first.parse().unwrap() };
    for field in fields {
        let (tag, value) = field.split_once('=').unwrap();
        let tag: u32 = tag.parse().unwrap();
        if tag == 5041 {
            break;
        }
        if tag == first {
            out.push(Vec::new());
        }
        out.last_mut().unwrap().push((tag, value));
    }
    assert_eq!(get(message, 268).unwrap(), out.len().to_string(), "{message}");
    out
}

fn field<'a>(entry: &[(u32, &'a str)], tag: u32) -> &'a str {
    let found = entry.iter().find(|(one, _)| *one == tag);
    found.unwrap_or_else(|| panic!("no {tag} in {entry:?}")).1
}

/// A decimal of a message with `decimals` decimals, as an integer.
fn units(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap();
    assert!(fraction.len() <= decimals, "{text}");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

/// One row of the book: (bid?, price, quantity), and on L3 the order and its rank.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    bid: bool,
    px: i64,
    qty: i64,
    id: String,
    queued: String,
}

/// The book of one MDReqID, of an instrument with one decimal in prices and eight in quantities.
#[derive(Debug, Default)]
pub struct MdClient {
    by_order: bool,
    /// Best first, offers before bids; at one price by the queue.
    rows: Vec<Row>,
    /// Levels of each side that the checksum can be computed from.
    complete: bool,
    pub trades: usize,
    pub checksums: usize,
}

impl MdClient {
    pub fn new(by_order: bool, depth: usize) -> Self {
        Self { by_order, complete: depth == 0 || depth >= 10, ..Self::default() }
    }

    /// Takes in a W or an X.
    pub fn apply(&mut self, message: &str) {
        match get(message, 35) {
            Some("W") => {
                self.rows.clear();
                for entry in entries(message) {
                    let row = self.row(&entry);
                    self.rows.push(row);
                }
                let mut sorted = self.rows.clone();
                sorted.sort_by_key(|row| (row.bid, if row.bid { -row.px } else { row.px }));
                assert_eq!(sorted, self.rows, "a snapshot is in order");
            }
            Some("X") => {
                let mut book = false;
                for entry in entries(message) {
                    if field(&entry, 269) == "2" {
                        self.trades += 1;
                    } else {
                        book = true;
                        self.update(&entry);
                    }
                }
                assert_eq!(book, get(message, 5041).is_some(), "{message}");
                if let (Some(sum), true) = (get(message, 5041), self.complete) {
                    assert_eq!(sum, self.checksum().to_string(), "{message} {:?}", self.rows);
                    self.checksums += 1;
                }
            }
            _ => panic!("{message}"),
        }
    }

    fn row(&self, entry: &[(u32, &str)]) -> Row {
        let bid = field(entry, 269) == "0";
        let id = field(entry, 278).to_owned();
        if !self.by_order {
            let letter = if bid { 'B' } else { 'O' };
            assert_eq!(id, format!("{letter}{}", field(entry, 270)));
        }
        let queued = if self.by_order { field(entry, 5273).to_owned() } else { String::new() };
        Row { bid, px: units(field(entry, 270), 1), qty: units(field(entry, 271), 8), id, queued }
    }

    fn update(&mut self, entry: &[(u32, &str)]) {
        let row = self.row(entry);
        let at = self.rows.iter().position(|one| one.id == row.id);
        match (field(entry, 279), at) {
            ("0", None) => self.insert(row),
            ("1", Some(at)) if self.rows[at].queued == row.queued => self.rows[at].qty = row.qty,
            ("1", Some(at)) => {
                self.rows.remove(at);
                self.insert(row);
            }
            ("2", Some(at)) => {
                assert_eq!(self.rows[at].px, row.px);
                self.rows.remove(at);
            }
            _ => panic!("cannot be applied: {entry:?} to {:?}", self.rows),
        }
    }

    /// Behind everything better, and everything as good that queued no later.
    fn insert(&mut self, row: Row) {
        let key = |row: &Row| (row.bid, if row.bid { -row.px } else { row.px }, row.queued.clone());
        let at = self.rows.partition_point(|one| key(one) <= key(&row));
        self.rows.insert(at, row);
    }

    /// (bid?, price, quantity, order) of every row.
    pub fn rows(&self) -> Vec<(bool, i64, i64, String)> {
        let id = |row: &Row| if self.by_order { row.id.clone() } else { String::new() };
        self.rows.iter().map(|row| (row.bid, row.px, row.qty, id(row))).collect()
    }

    /// CRC32 over the digits of the ten best prices of each side, offers first.
    fn checksum(&self) -> u32 {
        let mut digits = String::new();
        for bid in [false, true] {
            let (mut prices, mut last) = (0, None);
            for row in self.rows.iter().filter(|row| row.bid == bid) {
                if last != Some(row.px) {
                    (prices, last) = (prices + 1, Some(row.px));
                }
                if prices <= 10 {
                    digits += &format!("{}{}", row.px, row.qty);
                }
            }
        }
        crc32fast::hash(digits.as_bytes())
    }
}
