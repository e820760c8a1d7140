//! A link in memory, for simulation: two ends, virtual time, and a control handle that delays,
//! stalls, splits and cuts. No clock and no randomness: the same calls give the same bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Receive, Transmit, WireError, WireRx, WireTx};

/// A direction of the link, by the end that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the first end of the pair to the second.
    AToB,
    /// From the second end to the first.
    BToA,
}

impl Direction {
    const fn index(self) -> usize {
        match self {
            Self::AToB => 0,
            Self::BToA => 1,
        }
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// A FIN in one direction, behind what was sent; the other direction goes on.
    Close,
    /// A reset of the whole connection: both directions end, what has not arrived is lost.
    Reset,
}

/// The properties of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkConfig {
    /// Bytes in flight and unread that the direction holds; a transmit beyond takes part or
    /// nothing.
    pub capacity: usize,
    /// Time from transmit to arrival, nanoseconds.
    pub latency_ns: u64,
    /// Most bytes of one receive.
    pub receive_max: usize,
    /// Most bytes of one transmit.
    pub transmit_max: usize,
}

impl Default for LinkConfig {
    /// 256 KiB, no latency, no splitting.
    fn default() -> Self {
        Self {
            capacity: 256 * 1024,
            latency_ns: 0,
            receive_max: usize::MAX,
            transmit_max: usize::MAX,
        }
    }
}

/// Makes a link whose two directions have the same properties, at time 0.
#[must_use]
pub fn pair(config: LinkConfig) -> (End, End, Link) {
    let shared = Arc::new(Mutex::new(State {
        now_ns: 0,
        directions: [Flow::new(config), Flow::new(config)],
    }));
    let end = |sends, receives| End { shared: Arc::clone(&shared), sends, receives };
    let a = end(Direction::AToB, Direction::BToA);
    let b = end(Direction::BToA, Direction::AToB);
    (a, b, Link { shared })
}

/// One end of a link; split it into its halves.
#[derive(Debug)]
pub struct End {
    shared: Arc<Mutex<State>>,
    sends: Direction,
    receives: Direction,
}

impl End {
    /// The two halves. A dropped sending half closes its direction; a dropped receiving half
    /// resets the peer's transmits.
    #[must_use]
    pub fn split(self) -> (WireRx, WireTx) {
        let rx =
            MemoryRx { shared: Arc::clone(&self.shared), direction: self.receives, stamps: false };
        let tx = MemoryTx { shared: self.shared, direction: self.sends };
        (WireRx::Memory(rx), WireTx::Memory(tx))
    }
}

/// The control of a link. Clones control the same link.
#[derive(Debug, Clone)]
pub struct Link {
    shared: Arc<Mutex<State>>,
}

impl Link {
    /// Moves virtual time forward, nanoseconds since the link was made. Time never goes back: an
    /// earlier `now_ns` is ignored.
    pub fn advance_to(&self, now_ns: u64) {
        let mut state = lock(&self.shared);
        state.now_ns = state.now_ns.max(now_ns);
    }

    /// When the next bytes or the end of a stream arrive in the future; `None` if nothing is in
    /// flight. A stalled direction has no arrivals.
    #[must_use]
    pub fn next_arrival_ns(&self) -> Option<u64> {
        let state = lock(&self.shared);
        let now_ns = state.now_ns;
        state.directions.iter().filter_map(|flow| flow.next_arrival(now_ns)).min()
    }

    /// Changes a direction's properties. Bytes in flight keep their arrival time, and later ones
    /// never overtake them.
    pub fn configure(&self, direction: Direction, config: LinkConfig) {
        self.flow(direction, |flow, _| flow.config = config);
    }

    /// While stalled, nothing arrives and nothing is lost; the peer notices nothing, not
    /// even a cut (half open).
    pub fn stall(&self, direction: Direction, stalled: bool) {
        self.flow(direction, |flow, _| flow.stalled = stalled);
    }

    /// Cuts now.
    pub fn cut(&self, direction: Direction, cut: Cut) {
        lock(&self.shared).cut(direction, cut);
    }

    /// Cuts when `bytes` bytes of this direction, counted from its start, have been taken. A
    /// transmit that crosses the offset succeeds as a whole, as a kernel's buffer would let it; the
    /// bytes behind the offset are lost. Those before it arrive, even with [`Cut::Reset`].
    /// An offset that has been passed already cuts now.
    pub fn cut_at(&self, direction: Direction, bytes: u64, cut: Cut) {
        let mut state = lock(&self.shared);
        let flow = &mut state.directions[direction.index()];
        if flow.taken >= bytes {
            state.cut(direction, cut);
        } else {
            flow.cut_at = Some((bytes, cut));
        }
    }

    /// Bytes taken from the transmitter in this direction since the start.
    #[must_use]
    pub fn taken(&self, direction: Direction) -> u64 {
        self.flow(direction, |flow, _| flow.taken)
    }

    /// Bytes in flight or unread in this direction.
    #[must_use]
    pub fn pending(&self, direction: Direction) -> usize {
        self.flow(direction, |flow, _| flow.bytes.len())
    }

    /// Whether the connection is whole: neither direction has ended, at once or in flight, and nobody
    /// has dropped a half.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let state = lock(&self.shared);
        state.directions.iter().all(|flow| flow.end.is_none() && !flow.unread)
    }

    fn flow<T>(&self, direction: Direction, with: impl FnOnce(&mut Flow, u64) -> T) -> T {
        let mut state = lock(&self.shared);
        let now_ns = state.now_ns;
        with(&mut state.directions[direction.index()], now_ns)
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct MemoryRx {
    shared: Arc<Mutex<State>>,
    direction: Direction,
    /// Whether arrivals are told.
    pub(super) stamps: bool,
}

impl Receive for MemoryRx {
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        let mut state = lock(&self.shared);
        let now_ns = state.now_ns;
        state.directions[self.direction.index()].receive(into, now_ns)
    }

    fn arrived(&self) -> Option<u64> {
        self.stamps.then(|| lock(&self.shared).directions[self.direction.index()].arrived_ns)?
    }
}

impl Drop for MemoryRx {
    fn drop(&mut self) {
        lock(&self.shared).directions[self.direction.index()].unread = true;
    }
}

/// The sending half.
#[derive(Debug)]
pub struct MemoryTx {
    shared: Arc<Mutex<State>>,
    direction: Direction,
}

impl Transmit for MemoryTx {
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        lock(&self.shared).transmit(self.direction, bytes)
    }

    fn shutdown(&mut self) {
        lock(&self.shared).cut(self.direction, Cut::Close);
    }

    fn reset(&mut self) {
        lock(&self.shared).cut(self.direction, Cut::Reset);
    }
}

impl Drop for MemoryTx {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[derive(Debug)]
struct State {
    now_ns: u64,
    directions: [Flow; 2],
}

#[derive(Debug)]
struct Flow {
    config: LinkConfig,
    bytes: VecDeque<u8>,
    /// (arrival time, bytes): the segments of `bytes`, in order, times never decreasing.
    segments: VecDeque<(u64, usize)>,
    taken: u64,
    stalled: bool,
    cut_at: Option<(u64, Cut)>,
    /// The end of this direction and when it arrives.
    end: Option<(u64, WireError)>,
    /// The receiving half is gone.
    unread: bool,
    /// When the last bytes that were received had arrived.
    arrived_ns: Option<u64>,
}

impl State {
    fn transmit(&mut self, direction: Direction, bytes: &[u8]) -> Result<usize, WireError> {
        let now_ns = self.now_ns;
        let flow = &mut self.directions[direction.index()];
        if flow.end.is_some() || flow.unread {
            return Err(WireError::Reset);
        }
        let count = bytes.len().min(flow.config.transmit_max).min(flow.room());
        let crossed = match flow.cut_at {
            Some((at, cut)) if flow.taken + count as u64 >= at => Some((at, cut)),
            _ => None,
        };
        let kept = match crossed {
            Some((at, _)) => usize::try_from(at - flow.taken).unwrap_or(count),
            None => count,
        };
        flow.append(&bytes[..kept], now_ns);
        flow.taken += count as u64;
        if let Some((_, cut)) = crossed {
            // What is in front of the offset arrives, so that a test knows what the peer has.
            let arrives_ns = flow.last_arrival(now_ns);
            flow.cut_at = None;
            match cut {
                Cut::Close => flow.close(now_ns),
                Cut::Reset => {
                    flow.end = Some((arrives_ns, WireError::Reset));
                    self.directions[1 - direction.index()].reset(now_ns);
                }
            }
        }
        Ok(count)
    }

    fn cut(&mut self, direction: Direction, cut: Cut) {
        let now_ns = self.now_ns;
        match cut {
            Cut::Close => self.directions[direction.index()].close(now_ns),
            Cut::Reset => self.directions.iter_mut().for_each(|flow| flow.reset(now_ns)),
        }
    }
}

impl Flow {
    fn new(config: LinkConfig) -> Self {
        // Room for the common case is taken now; a larger `capacity` set later grows once.
        Self {
            config,
            bytes: VecDeque::with_capacity(config.capacity),
            segments: VecDeque::with_capacity(1024),
            taken: 0,
            stalled: false,
            cut_at: None,
            end: None,
            unread: false,
            arrived_ns: None,
        }
    }

    fn room(&self) -> usize {
        self.config.capacity.saturating_sub(self.bytes.len())
    }

    /// When something sent now arrives: after the latency, but never before what is in flight.
    fn last_arrival(&self, now_ns: u64) -> u64 {
        let arrives_ns = now_ns.saturating_add(self.config.latency_ns);
        self.segments.back().map_or(arrives_ns, |(last_ns, _)| arrives_ns.max(*last_ns))
    }

    fn append(&mut self, bytes: &[u8], now_ns: u64) {
        if bytes.is_empty() {
            return;
        }
        let arrives_ns = self.last_arrival(now_ns);
        self.bytes.extend(bytes);
        match self.segments.back_mut() {
            Some((last_ns, count)) if *last_ns == arrives_ns => *count += bytes.len(),
            _ => self.segments.push_back((arrives_ns, bytes.len())),
        }
    }

    fn close(&mut self, now_ns: u64) {
        if self.end.is_none() {
            self.end = Some((self.last_arrival(now_ns), WireError::Closed));
        }
    }

    /// Ends the direction now; what has not arrived is lost.
    fn reset(&mut self, now_ns: u64) {
        while let Some((arrives_ns, count)) = self.segments.back().copied() {
            if arrives_ns <= now_ns && !self.stalled {
                break;
            }
            self.segments.pop_back();
            self.bytes.truncate(self.bytes.len() - count);
        }
        // An end that has arrived already stays what it was.
        if self.end.is_none_or(|(at_ns, _)| at_ns > now_ns) {
            self.end = Some((now_ns, WireError::Reset));
        }
    }

    fn receive(&mut self, into: &mut [u8], now_ns: u64) -> Result<usize, WireError> {
        if self.stalled || into.is_empty() {
            return Ok(0);
        }
        let wanted = into.len().min(self.config.receive_max);
        let mut filled = 0;
        while filled < wanted {
            let Some((arrives_ns, count)) = self.segments.front_mut() else { break };
            if *arrives_ns > now_ns {
                break;
            }
            let take = (*count).min(wanted - filled);
            let (front, back) = self.bytes.as_slices();
            let (head, tail) = into[filled..filled + take].split_at_mut(take.min(front.len()));
            head.copy_from_slice(&front[..head.len()]);
            tail.copy_from_slice(&back[..tail.len()]);
            self.bytes.drain(..take);
            filled += take;
            self.arrived_ns = Some(*arrives_ns);
            *count -= take;
            if *count == 0 {
                self.segments.pop_front();
            }
        }
        match self.end {
            Some((at_ns, error)) if filled == 0 && self.bytes.is_empty() && at_ns <= now_ns => {
                Err(error)
            }
            _ => Ok(filled),
        }
    }

    fn next_arrival(&self, now_ns: u64) -> Option<u64> {
        if self.stalled {
            return None;
        }
        let ends = self.end.map(|(at_ns, _)| at_ns);
        let arrives = self.segments.iter().map(|(at_ns, _)| *at_ns);
        arrives.chain(ends).find(|at_ns| *at_ns > now_ns)
    }
}

/// A panic of one user of the link leaves the state as valid as it was between two calls.
fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn halves(config: LinkConfig) -> ((WireRx, WireTx), (WireRx, WireTx), Link) {
        let (a, b, link) = pair(config);
        (a.split(), b.split(), link)
    }

    fn read_all(rx: &mut WireRx) -> (Vec<u8>, Option<WireError>) {
        let mut got = vec![];
        let mut into = [0; 7];
        loop {
            match rx.receive(&mut into) {
                Ok(0) => return (got, None),
                Ok(count) => got.extend_from_slice(&into[..count]),
                Err(error) => return (got, Some(error)),
            }
        }
    }

    #[test]
    fn bytes_arrive_after_the_latency_and_not_before() {
        let config = LinkConfig { latency_ns: 100, ..LinkConfig::default() };
        let ((_, mut tx), (mut rx, _keep), link) = halves(config);
        assert_eq!(tx.transmit(b"first"), Ok(5));
        assert_eq!(link.next_arrival_ns(), Some(100));
        link.advance_to(60);
        assert_eq!(tx.transmit(b"second"), Ok(6));
        assert_eq!(read_all(&mut rx), (vec![], None));
        link.advance_to(100);
        assert_eq!(read_all(&mut rx), (b"first".to_vec(), None));
        assert_eq!(link.next_arrival_ns(), Some(160));
        link.advance_to(50);
        link.advance_to(160);
        assert_eq!(read_all(&mut rx), (b"second".to_vec(), None));
        assert_eq!(link.next_arrival_ns(), None);
    }

    #[test]
    fn a_shorter_latency_lets_nothing_overtake() {
        let config = LinkConfig { latency_ns: 100, ..LinkConfig::default() };
        let ((_, mut tx), (mut rx, _keep), link) = halves(config);
        tx.transmit(b"slow").unwrap();
        link.configure(Direction::AToB, LinkConfig::default());
        tx.transmit(b"fast").unwrap();
        assert_eq!(read_all(&mut rx), (vec![], None));
        link.advance_to(100);
        assert_eq!(read_all(&mut rx), (b"slowfast".to_vec(), None));
    }

    #[test]
    fn a_full_link_pushes_back() {
        let config = LinkConfig { capacity: 4, ..LinkConfig::default() };
        let ((_, mut tx), (mut rx, _keep), _link) = halves(config);
        assert_eq!(tx.transmit(b"abcdef"), Ok(4));
        assert_eq!(tx.transmit(b"ef"), Ok(0));
        assert_eq!(read_all(&mut rx).0, b"abcd");
        assert_eq!(tx.transmit(b"ef"), Ok(2));
    }

    #[test]
    fn a_cut_at_an_offset_delivers_exactly_the_bytes_before_it() {
        for cut in [Cut::Close, Cut::Reset] {
            let config = LinkConfig { latency_ns: 10, ..LinkConfig::default() };
            let ((_a_rx, mut tx), (mut rx, mut back), link) = halves(config);
            link.cut_at(Direction::AToB, 5, cut);
            assert_eq!(tx.transmit(b"abc"), Ok(3));
            assert_eq!(tx.transmit(b"defg"), Ok(4), "the sender cannot know yet");
            assert_eq!(tx.transmit(b"h"), Err(WireError::Reset));
            link.advance_to(10);
            let wanted = if cut == Cut::Close { WireError::Closed } else { WireError::Reset };
            assert_eq!(read_all(&mut rx), (b"abcde".to_vec(), Some(wanted)));
            assert_eq!(back.transmit(b"x").is_ok(), cut == Cut::Close);
        }
    }

    #[test]
    fn a_reset_loses_what_is_in_flight_and_keeps_what_arrived() {
        let config = LinkConfig { latency_ns: 10, ..LinkConfig::default() };
        let ((mut a_rx, mut tx), (mut rx, mut back), link) = halves(config);
        tx.transmit(b"arrived").unwrap();
        link.advance_to(10);
        tx.transmit(b"lost").unwrap();
        back.transmit(b"lost too").unwrap();
        link.cut(Direction::AToB, Cut::Reset);
        assert_eq!(read_all(&mut rx), (b"arrived".to_vec(), Some(WireError::Reset)));
        assert_eq!(read_all(&mut a_rx), (vec![], Some(WireError::Reset)));
        assert_eq!(tx.transmit(b"x"), Err(WireError::Reset));
        assert_eq!(back.transmit(b"x"), Err(WireError::Reset));
    }

    #[test]
    fn a_stalled_direction_looks_alive_and_loses_nothing() {
        let ((_, mut tx), (mut rx, _keep), link) = halves(LinkConfig::default());
        link.stall(Direction::AToB, true);
        assert_eq!(tx.transmit(b"later"), Ok(5));
        assert_eq!(read_all(&mut rx), (vec![], None));
        link.stall(Direction::AToB, false);
        assert_eq!(read_all(&mut rx), (b"later".to_vec(), None));
    }

    #[test]
    fn a_dropped_sender_closes_in_order_and_a_dropped_reader_resets() {
        let ((a_rx, mut tx), (mut rx, mut back), _link) = halves(LinkConfig::default());
        tx.transmit(b"last words").unwrap();
        drop(tx);
        assert_eq!(read_all(&mut rx), (b"last words".to_vec(), Some(WireError::Closed)));
        drop(a_rx);
        assert_eq!(back.transmit(b"x"), Err(WireError::Reset));
    }

    proptest! {
        #[test]
        fn whatever_the_link_does_bytes_stay_in_order(
            steps in prop::collection::vec((0usize..40, 0u64..30, 1usize..20, 1usize..20, 0u64..50), 1..80),
        ) {
            let ((_, mut tx), (mut rx, _keep), link) = halves(LinkConfig::default());
            let (mut sent, mut got, mut now_ns) = (vec![], vec![], 0);
            for (offer, latency_ns, receive_max, transmit_max, pause_ns) in steps {
                link.configure(
                    Direction::AToB,
                    LinkConfig { capacity: 64, latency_ns, receive_max, transmit_max },
                );
                let bytes: Vec<u8> = (0..offer).map(|i| (sent.len() + i) as u8).collect();
                let taken = tx.transmit(&bytes).unwrap();
                prop_assert!(taken <= transmit_max);
                sent.extend_from_slice(&bytes[..taken]);
                prop_assert!(link.pending(Direction::AToB) <= 64);
                now_ns += pause_ns;
                link.advance_to(now_ns);
                let mut into = [0; 16];
                let count = rx.receive(&mut into).unwrap();
                prop_assert!(count <= receive_max);
                got.extend_from_slice(&into[..count]);
            }
            link.advance_to(now_ns + 1_000);
            got.extend(read_all(&mut rx).0);
            prop_assert_eq!(link.taken(Direction::AToB), sent.len() as u64);
            prop_assert_eq!(got, sent);
        }
    }
}
