//! A session that is logged on, with what it receives and sends, for what the session layer costs per message.

use std::hint::black_box;

use taut::journal::{Durability, Journal, JournalConfig, Keeper};
use taut::session::{MemoryStore, Outbox, Phase, Received, Session, SessionConfig};
use taut_codec::encode::template::Template;
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::{TimestampCache, UtcTime};
use tempfile::TempDir;

use crate::orders::{Kind, Order, orders};
use crate::{START, corpus_of};

/// Reports that are different: few enough to stay in the cache, where a message is that has just been
/// indexed.
const CYCLE: usize = 256;

/// Where a session keeps what it has sent and received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Nowhere.
    None,
    /// What it sent, in memory.
    Memory,
    /// Both, in a journal of which nobody waits for the disk.
    Journal,
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Memory, Self::Journal];

    /// Its name in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Memory => "memory",
            Self::Journal => "journal",
        }
    }
}

/// A session that is logged on, and what it is given: ExecutionReports in sequence, framed and indexed, and
/// orders.
pub struct Line {
    session: Session,
    out: Outbox,
    reports: Vec<(Vec<u8>, Vec<Field>)>,
    orders: Vec<Order>,
    template: Template<12>,
    times: TimestampCache,
    /// Of the journal.
    _dir: Option<TempDir>,
}

impl Line {
    /// A new one. A journal is in the directory for temporary files.
    ///
    /// # Panics
    /// If a journal cannot be made.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (us, venue) = ("CLIENT".parse(), "KRAKEN-TRD".parse());
        let config = SessionConfig::initiator(us.expect("an id"), venue.expect("an id"));
        let (mut session, mut out) = (Session::new(config), Outbox::new());
        let dir = match store {
            Store::None => None,
            Store::Memory => {
                session.set_sent_store(Box::new(MemoryStore::new(4096, 1 << 20)));
                None
            }
            Store::Journal => {
                let dir = tempfile::tempdir().expect("a directory that can be written");
                let (durability, segments_kept) = (Durability::None, 4);
                let config =
                    JournalConfig { durability, segments_kept, ..JournalConfig::default() };
                let (journal, _) = Journal::open(dir.path(), config).expect("it opens");
                Keeper::attach(&mut session, journal).expect("it was never connected");
                Some(dir)
            }
        };
        session.connected(START, &mut out, |_, _| {}).expect("room");
        Keeper::outbound(&mut session, &out, START).expect("room");
        let (logon, fields) = indexed(logon_answer(START));
        session.received(&Message::new(&logon, &fields), START, &mut out);
        Keeper::inbound(&mut session, Some((1, &logon)), START).expect("room");
        assert!(session.phase() == Phase::Active, "logged on");
        out.consume(usize::MAX);
        let reports = corpus_of("report_353", CYCLE).expect("a corpus").messages;
        let numbered = |(number, like): (u64, &Vec<u8>)| indexed(numbered(like, number, START));
        Self {
            session,
            out,
            reports: (2..).zip(&reports).map(numbered).collect(),
            orders: orders(),
            template: Kind::New.template(),
            times: TimestampCache::new(),
            _dir: dir,
        }
    }

    /// Expects the first report again once the last is there. To be called before every report.
    pub fn rewind(&mut self, at: usize) {
        if at.is_multiple_of(CYCLE) {
            let next_out = self.session.next_out();
            self.session.set_numbers(2, next_out);
        }
    }

    /// Takes a report, and stores it as the engine does.
    ///
    /// # Panics
    /// If it is not the application's.
    #[inline(never)]
    pub fn receive(&mut self, at: usize) {
        let (bytes, fields) = &self.reports[at % CYCLE];
        let message = Message::new(black_box(bytes), fields);
        let received = self.session.received(&message, START, &mut self.out);
        assert!(black_box(received) == Received::Application);
        let taken = Some(((2 + at % CYCLE) as u64, message.bytes()));
        Keeper::inbound(&mut self.session, taken, START).expect("room");
    }

    /// Sends an order by the encoder, stores it as the engine does, and takes it to the wire.
    ///
    /// # Panics
    /// If it is not sent.
    #[inline(never)]
    pub fn send(&mut self, at: usize) {
        let order = black_box(&self.orders[at % self.orders.len()]);
        let write = |body: &mut Encoder<'_>| Kind::New.write(order, body);
        let sent = self.session.send(b"D", order.time, &mut self.out, write);
        black_box(sent).expect("room");
        Keeper::outbound(&mut self.session, &self.out, order.time).expect("room");
        self.out.consume(usize::MAX);
    }

    /// [`Line::send`] by the template.
    ///
    /// # Panics
    /// If it is not sent.
    #[inline(never)]
    pub fn send_rendered(&mut self, at: usize) {
        let order = black_box(&self.orders[at % self.orders.len()]);
        let (template, times) = (&self.template, &mut self.times);
        let sent = self.session.send_rendered(b"D", order.time, &mut self.out, |into, number| {
            Kind::New.render(order, template, number, times, into)
        });
        black_box(sent).expect("room");
        Keeper::outbound(&mut self.session, &self.out, order.time).expect("room");
        self.out.consume(usize::MAX);
    }

    /// Looks whether anything is due.
    #[inline(never)]
    pub fn look(&mut self) {
        black_box(black_box(&self.session).next_deadline() <= black_box(START));
    }

    /// Does what is due: nothing.
    #[inline(never)]
    pub fn tick(&mut self) {
        black_box(&mut self.session).tick(black_box(START), &mut self.out);
    }
}

fn indexed(bytes: Vec<u8>) -> (Vec<u8>, Vec<Field>) {
    let mut fields = vec![Field::default(); 128];
    let count = Scanner::new().index(&bytes, &mut fields).expect("a message");
    fields.truncate(count);
    (bytes, fields)
}

/// The venue's message with the body of `like`, this MsgSeqNum and this SendingTime.
fn numbered(like: &[u8], msg_seq_num: u64, now: UtcTime) -> Vec<u8> {
    let (bytes, fields) = indexed(like.to_vec());
    let like = Message::new(&bytes, &fields);
    from_venue(like.msg_type(), msg_seq_num, now, |encoder| {
        let envelope = [8, 9, 10, 34, 35, 49, 52, 56];
        for field in like.fields().iter().filter(|field| !envelope.contains(&field.tag)) {
            encoder.bytes(field.tag, like.value(field));
        }
    })
}

/// The venue's answer to a Logon.
fn logon_answer(now: UtcTime) -> Vec<u8> {
    from_venue(b"A", 1, now, |encoder| {
        encoder.uint(98, 0).uint(108, 60);
    })
}

fn from_venue(
    msg_type: &[u8],
    msg_seq_num: u64,
    now: UtcTime,
    body: impl FnOnce(&mut Encoder<'_>),
) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let header = Header {
        msg_type,
        msg_seq_num,
        sender: b"KRAKEN-TRD",
        target: b"CLIENT",
        sending_time: now,
        orig_sending_time: None,
        order: HeaderOrder::SeqSenderTimeTarget,
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    body(&mut encoder);
    let range = encoder.finish().expect("the buffer is larger than any report");
    buffer[range].to_vec()
}
