//! What the gateway keeps over a restart: the numbers of every session, who is logged on, the reports that a
//! client may ask for again, cancels that wait for their time, nonces, and the next rollover.

#[cfg(test)]
mod whole;

use taut::session::{Kept, MemoryStore, Outbox, SentStore};
use taut_codec::value::UtcTime;

use super::client::{Client, Known};
use super::leave::Due;
use super::{Gateway, ReplayLimits, Service};
use crate::oes::Owner;
use crate::state::{Restored, Source, Stored, store_bytes};
#[cfg(test)]
pub(crate) use whole::Whole;

/// Of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    epoch: u32,
    next_in: u64,
    next_out: u64,
    logons: u32,
    up: bool,
    cancel_on_disconnect: bool,
}

/// Of one client: the last nonces of its Logons and of its calls by REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Nonces {
    logon: u64,
    rest: u64,
}

crate::state::stored! {
    Numbers { epoch, next_in, next_out, logons, up, cancel_on_disconnect }
    Nonces { logon, rest }
    Due { at, owner }
}

impl Numbers {
    fn of(known: &Known) -> Self {
        let Known { session, logons, up, cancel_on_disconnect, .. } = known;
        Self {
            epoch: session.epoch(),
            next_in: session.next_in(),
            next_out: session.next_out(),
            logons: *logons,
            up: *up,
            cancel_on_disconnect: *cancel_on_disconnect,
        }
    }
}

impl Nonces {
    fn of(client: &Client) -> Self {
        let (logon, rest) = client.credentials.nonces();
        Self { logon, rest }
    }
}

impl Known {
    /// Whether something of it is not as the state has it.
    pub(super) fn has_news(&self) -> bool {
        let store = self.session.store::<KeptStore>();
        Numbers::of(self) != self.kept || store.is_some_and(|store| store.count > 0)
    }
}

impl Client {
    /// Whether all of it is as the state has it.
    fn is_as_kept(&self) -> bool {
        Nonces::of(self) == self.kept && !self.all_known().any(Known::has_news)
    }
}

/// Keeps what a trading session was sent in memory, and remembers what is new since the last turn.
pub(super) struct KeptStore {
    memory: MemoryStore,
    new: Vec<u8>,
    count: usize,
}

impl KeptStore {
    pub(super) fn new(limits: ReplayLimits) -> Self {
        let memory = MemoryStore::new(limits.messages, limits.bytes);
        Self { memory, new: Vec::new(), count: 0 }
    }

    pub(super) const fn memory(&self) -> &MemoryStore {
        &self.memory
    }

    fn note(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]) {
        (epoch, msg_seq_num).store(&mut self.new);
        store_bytes(bytes, &mut self.new);
        self.count += 1;
    }

    /// Appends what is new, which then is not any more.
    fn take_new(&mut self, out: &mut Vec<u8>) {
        std::mem::take(&mut self.count).store(out);
        out.append(&mut self.new);
    }

    /// Appends all, which then is not new any more.
    fn store_all(&self, epoch: u32, out: &mut Vec<u8>) {
        self.memory.reach(epoch).store(out);
        let mut all = Vec::new();
        let (mut from, mut count) = (1, 0usize);
        while let Some(Kept { msg_seq_num, .. }) = self.memory.next_kept(epoch, from, u64::MAX) {
            if let Some(bytes) = self.memory.message(epoch, msg_seq_num) {
                (epoch, msg_seq_num).store(&mut all);
                store_bytes(bytes, &mut all);
                count += 1;
            }
            from = msg_seq_num + 1;
        }
        count.store(out);
        out.append(&mut all);
    }

    /// Takes in what another life kept of `epoch`; what is of an earlier one nobody can ask for.
    fn fetch(&mut self, epoch: u32, from: &mut Source<'_>) -> Option<()> {
        for _ in 0..from.get::<usize>()? {
            let (of, msg_seq_num): (u32, u64) = from.get()?;
            let bytes = from.bytes()?;
            if of == epoch {
                self.memory.lowered(epoch, msg_seq_num);
                self.memory.keep(epoch, msg_seq_num, bytes);
            }
        }
        Some(())
    }
}

impl SentStore for KeptStore {
    fn keep(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]) {
        self.memory.keep(epoch, msg_seq_num, bytes);
        self.note(epoch, msg_seq_num, bytes);
    }

    fn keep_unsent(
        &mut self,
        epoch: u32,
        msg_seq_num: u64,
        now: UtcTime,
        out: &Outbox,
        bytes: &[u8],
    ) -> bool {
        let kept = self.memory.keep_unsent(epoch, msg_seq_num, now, out, bytes);
        if kept {
            self.note(epoch, msg_seq_num, bytes);
        }
        kept
    }

    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<Kept> {
        self.memory.next_kept(epoch, from, to)
    }

    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize> {
        self.memory.load(epoch, msg_seq_num, into)
    }

    fn reach(&self, epoch: u32) -> u64 {
        self.memory.reach(epoch)
    }

    fn reset(&mut self, epoch: u32) {
        self.memory.reset(epoch);
    }

    fn lowered(&mut self, epoch: u32, next_out: u64) {
        self.memory.lowered(epoch, next_out);
    }
}

impl Gateway {
    /// From now on sessions remember what they are sent until [`Gateway::take_changes`] asks. Before the
    /// first connection.
    pub(crate) const fn keep_state(&mut self) {
        self.keeps_state = true;
    }

    /// What is sent from now on is not: it was, in an earlier life.
    pub(crate) const fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Appends what changed since the last call. Whether anything did.
    pub(crate) fn take_changes(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        true.store(out);
        self.store_calendar(out);
        let mut changed = out[start + 1..] != self.calendar;
        if changed {
            self.calendar.clear();
            self.calendar.extend_from_slice(&out[start + 1..]);
        } else {
            out.truncate(start);
            false.store(out);
        }
        let place = out.len();
        0u64.store(out);
        let mut count = 0u64;
        debug_assert!(self.clients.unmarked().all(Client::is_as_kept), "who changed is marked");
        self.clients.take_marked(|number, client| {
            let nonces = Nonces::of(client);
            let nonces = (nonces != client.kept).then_some(nonces);
            client.kept = nonces.unwrap_or(client.kept);
            if nonces.is_some() {
                (number, None::<Service>).store(out);
                nonces.store(out);
                count += 1;
            }
            for service in Service::ALL {
                let Some(known) = client.known_mut(service) else { continue };
                if !known.has_news() {
                    continue;
                }
                let numbers = Numbers::of(known);
                known.kept = numbers;
                let store = known.session.store_mut::<KeptStore>();
                (number, Some(service)).store(out);
                numbers.store(out);
                None::<u64>.store(out);
                match store {
                    Some(store) => store.take_new(out),
                    None => 0usize.store(out),
                }
                count += 1;
            }
        });
        changed |= count > 0;
        out[place..place + 8].copy_from_slice(&count.to_le_bytes());
        changed
    }

    /// Takes in what [`Gateway::take_changes`] of an earlier life, or [`Restored::save`], wrote.
    pub(crate) fn apply_changes(&mut self, from: &mut Source<'_>) -> Option<()> {
        if from.get()? {
            self.rollover = from.get()?;
            self.cancels = from.get()?;
        }
        for _ in 0..from.get::<u64>()? {
            let (number, service): (u16, Option<Service>) = from.get()?;
            let client = self.clients.get_mut(usize::from(number))?;
            let Some(service) = service else {
                let Nonces { logon, rest } = from.get::<Option<Nonces>>()??;
                client.credentials.go_on(logon, rest);
                continue;
            };
            let known = client.know(service, &self.switches);
            known.prepare_store(service, self.switches.replay, self.keeps_state);
            let numbers: Numbers = from.get()?;
            let Numbers { epoch, next_in, next_out, .. } = numbers;
            let begins = epoch != known.session.epoch();
            if !known.session.restore(epoch, next_in, next_out) {
                return None;
            }
            (known.logons, known.up) = (numbers.logons, numbers.up);
            known.cancel_on_disconnect = numbers.cancel_on_disconnect;
            let reach: Option<u64> = from.get()?;
            match known.session.store_mut::<KeptStore>() {
                Some(store) => {
                    match reach {
                        Some(reach) => store.memory.go_on(epoch, reach),
                        None if begins => store.memory.reset(epoch),
                        None => {}
                    }
                    store.fetch(epoch, from)?;
                    store.memory.lowered(epoch, next_out);
                }
                None if from.get::<usize>()? == 0 => {}
                None => return None,
            }
        }
        Some(())
    }

    /// The venue is back: sessions that were logged on have lost their connections, and a rollover that was
    /// missed is made up for.
    pub(crate) fn come_back(&mut self, now: UtcTime) {
        let switches = self.switches.session;
        for (number, client) in (0u16..).zip(self.clients.iter_mut()) {
            for service in Service::ALL {
                let Some(known) = client.known_mut(service) else { continue };
                let was_up = std::mem::take(&mut known.up);
                let cancels = service.is_trading() && switches.restart_cancels;
                if was_up && cancels && known.cancel_on_disconnect {
                    let owner = Owner { client: number, logon: known.logons }.id();
                    let at = now.plus_nanos(u64::from(switches.cancel_grace_ms) * 1_000_000);
                    self.cancels.push_back(Due { at, owner });
                }
            }
        }
        while let Some(missed) = self.rollover.missed(now) {
            self.roll_over(missed);
        }
    }

    fn store_calendar(&self, out: &mut Vec<u8>) {
        self.rollover.store(out);
        self.cancels.store(out);
    }
}

/// All of it, in the form of changes.
impl Restored for Gateway {
    fn save(&self, out: &mut Vec<u8>) {
        true.store(out);
        self.store_calendar(out);
        let place = out.len();
        0u64.store(out);
        let mut count = 0u64;
        for (number, client) in (0u16..).zip(self.clients.iter()) {
            (number, None::<Service>).store(out);
            Some(Nonces::of(client)).store(out);
            count += 1;
            for service in Service::ALL {
                let Some(known) = client.known(service) else { continue };
                (number, Some(service)).store(out);
                Numbers::of(known).store(out);
                match known.session.store::<KeptStore>() {
                    Some(store) => {
                        true.store(out);
                        store.store_all(known.session.epoch(), out);
                    }
                    None => {
                        None::<u64>.store(out);
                        0usize.store(out);
                    }
                }
                count += 1;
            }
        }
        out[place..place + 8].copy_from_slice(&count.to_le_bytes());
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.apply_changes(from)
    }
}
