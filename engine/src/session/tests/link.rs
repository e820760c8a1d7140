//! Two sessions against each other over a link that breaks at any byte, and arbitrary input.

use super::*;
use proptest::prelude::*;

/// One end of the link, with what it received so far.
pub(super) struct End {
    pub session: Session,
    pub out: Outbox,
    /// Bytes that have arrived and are not a whole message yet.
    inbox: Vec<u8>,
    /// The ids of the application messages delivered.
    pub delivered: Vec<u64>,
    pub next_id: u64,
}

impl End {
    fn new(
        role: Role,
        (us, peer): (&str, &str),
        reset: bool,
        change: impl FnOnce(&mut SessionConfig),
    ) -> Self {
        let (us, peer) = (us.parse().unwrap(), peer.parse().unwrap());
        let mut config = match role {
            Role::Initiator => SessionConfig::initiator(us, peer),
            Role::Acceptor => SessionConfig::acceptor(us, peer),
        };
        config.heartbeat_seconds = 5;
        config.reset_on_logon = reset;
        change(&mut config);
        Self {
            session: Session::new(config),
            out: Outbox::with_capacity(64 * 1024),
            inbox: Vec::new(),
            delivered: Vec::new(),
            next_id: 1,
        }
    }

    fn drain_inbox(&mut self, now: UtcTime) {
        while let Frame::Message { len } = Framer::new(limits::MESSAGE_BYTES_MAX).next(&self.inbox)
        {
            let bytes: Vec<u8> = self.inbox.drain(..len).collect();
            self.take(&bytes, now);
            let mut held = [0; 4096];
            while let Some(len) = self.session.take_held(now, &mut held) {
                self.take(&held[..len], now);
            }
        }
    }

    fn take(&mut self, bytes: &[u8], now: UtcTime) {
        with_message(bytes, |message| match self.session.received(message, now, &mut self.out) {
            Received::Logon => self.session.accept_logon(now, &mut self.out).unwrap(),
            Received::Application => self.delivered.push(message.uint(11).unwrap()),
            Received::Admin | Received::Ignored => {}
        });
    }

    pub fn send(&mut self, now: UtcTime) {
        let id = self.next_id;
        let sent = self.session.send(b"D", now, &mut self.out, |body| {
            body.uint(11, id);
        });
        if sent.is_ok() {
            self.next_id += 1;
        }
    }
}

pub(super) struct Link {
    pub ends: [End; 2],
    pub now: UtcTime,
    pub connected: bool,
}

impl Link {
    fn new(reset: bool) -> Self {
        Self::new_with(reset, |_| {})
    }

    pub fn new_with(reset: bool, change: impl Fn(&mut SessionConfig)) -> Self {
        let ends = [
            End::new(Role::Initiator, ("A", "B"), reset, &change),
            End::new(Role::Acceptor, ("B", "A"), false, &change),
        ];
        Self { ends, now: START, connected: false }
    }

    pub fn connect(&mut self) {
        for end in &mut self.ends {
            end.inbox.clear();
            end.session.connected(self.now, &mut end.out, |_, _| {}).unwrap();
        }
        self.connected = true;
    }

    pub fn cut(&mut self) {
        for end in &mut self.ends {
            end.session.disconnected(self.now);
        }
        self.connected = false;
    }

    /// Carries up to `bytes` from one end to the other.
    pub fn carry(&mut self, from: usize, bytes: usize) {
        if !self.connected {
            return;
        }
        let n = bytes.min(self.ends[from].out.pending().len());
        let chunk = self.ends[from].out.pending()[..n].to_vec();
        self.ends[from].out.consume(n);
        self.ends[1 - from].inbox.extend(chunk);
        self.ends[1 - from].drain_inbox(self.now);
    }

    pub fn tick(&mut self, millis: u64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        for end in &mut self.ends {
            end.session.tick(self.now, &mut end.out);
        }
        if self.connected && self.ends.iter().any(|e| e.session.should_close()) {
            self.cut();
        }
    }

    /// Carries until nothing moves.
    fn settle(&mut self) {
        for _ in 0..100 {
            if self.ends.iter().all(|end| end.out.is_empty()) {
                return;
            }
            self.carry(0, usize::MAX);
            self.carry(1, usize::MAX);
        }
        panic!("the two sessions talk for ever");
    }

    fn check(&self) {
        for end in 0..2 {
            let delivered = &self.ends[end].delivered;
            assert!(delivered.windows(2).all(|w| w[0] < w[1]), "once and in order: {delivered:?}");
            let sent = self.ends[1 - end].next_id;
            assert!(delivered.last().is_none_or(|&last| last < sent), "nothing is invented");
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Carry(usize, usize),
    Tick(u64),
    Cut,
    Connect,
    Logout(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..2).prop_map(Step::Send),
        8 => (0usize..2, 1usize..400).prop_map(|(from, bytes)| Step::Carry(from, bytes)),
        2 => (1u64..4000).prop_map(Step::Tick),
        1 => Just(Step::Cut),
        3 => Just(Step::Connect),
        1 => (0usize..2).prop_map(Step::Logout),
    ]
}

fn run(link: &mut Link, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Send(end) => link.ends[end].send(link.now),
            Step::Carry(from, bytes) => link.carry(from, bytes),
            Step::Tick(millis) => link.tick(millis),
            Step::Cut if link.connected => link.cut(),
            Step::Connect if !link.connected => link.connect(),
            Step::Logout(end) => {
                let end = &mut link.ends[end];
                end.session.logout(None, link.now, &mut end.out);
            }
            Step::Cut | Step::Connect => {}
        }
        link.check();
    }
}

/// Whatever happened before, a fresh connection synchronises both sides.
pub(super) fn heals(link: &mut Link) {
    if link.connected {
        link.cut();
    }
    link.connect();
    link.settle();
    for end in 0..2 {
        assert_eq!(link.ends[end].session.phase(), Phase::Active);
    }
    link.tick(5000);
    link.settle();
    for end in 0..2 {
        let before = link.ends[1 - end].delivered.len();
        let id = link.ends[end].next_id;
        link.ends[end].send(link.now);
        link.settle();
        let after = &link.ends[1 - end].delivered;
        assert_eq!((after.len(), after.last().copied()), (before + 1, Some(id)));
    }
    let [a, b] = &link.ends;
    assert_eq!(a.session.next_out(), b.session.next_in());
    assert_eq!(b.session.next_out(), a.session.next_in());
    link.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_sessions_over_a_breaking_link_deliver_at_most_once_in_order_and_heal(
        reset in any::<bool>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut link = Link::new(reset);
        run(&mut link, steps);
        heals(&mut link);
    }

    #[test]
    fn without_a_cut_every_message_arrives(sends in prop::collection::vec(
        (0usize..2, 1usize..300, 1usize..300), 1..60)
    ) {
        let mut link = Link::new(false);
        link.connect();
        link.settle();
        for (end, forth, back) in sends {
            link.ends[end].send(link.now);
            link.carry(end, forth);
            link.carry(1 - end, back);
        }
        link.settle();
        for end in 0..2 {
            let expected: Vec<u64> = (1..link.ends[end].next_id).collect();
            prop_assert_eq!(&link.ends[1 - end].delivered, &expected);
        }
    }

    #[test]
    fn no_message_makes_a_session_panic_or_lose_count(
        acceptor in any::<bool>(),
        active in any::<bool>(),
        inputs in prop::collection::vec(hostile(), 1..30),
    ) {
        let role = if acceptor { Role::Acceptor } else { Role::Initiator };
        let mut rig = if active {
            Rig::active(role, |_| {})
        } else {
            let mut rig = Rig::new(role, |_| {});
            rig.connect();
            rig
        };
        for (fields, tick) in inputs {
            let (next_in, epoch) = (rig.session.next_in(), rig.session.epoch());
            let bytes = fix(&fields);
            let mut index = vec![Field::default(); 64];
            // What the scanner refuses never reaches a session.
            if let Ok(count) = Scanner::new().index(&bytes, &mut index) {
                let message = Message::new(&bytes, &index[..count]);
                if rig.session.received(&message, rig.now, &mut rig.out) == Received::Logon {
                    rig.session.accept_logon(rig.now, &mut rig.out).unwrap();
                }
            }
            let (now_in, now_epoch) = (rig.session.next_in(), rig.session.epoch());
            prop_assert!(now_in >= next_in || now_epoch > epoch);
            prop_assert!(now_in <= limits::SEQ_NUM_MAX + 1);
            rig.tick_after(tick);
            let mut expected = None;
            for sent in rig.sent() {
                let fields: Vec<&str> = sent.split('|').collect();
                let number: u64 = fields[1].strip_prefix("34=").unwrap().parse().unwrap();
                let gap_fill = fields[0] == "35=4";
                if gap_fill || fields[0] == "35=A" {
                    continue;
                }
                if let Some(expected) = expected {
                    prop_assert_eq!(number, expected);
                }
                expected = Some(number + 1);
            }
        }
    }
}

fn hostile() -> impl Strategy<Value = (String, u64)> {
    let value = prop_oneof![
        4 => (0u64..12).prop_map(|n| n.to_string()),
        1 => any::<u64>().prop_map(|n| n.to_string()),
        2 => prop::sample::select(vec!["Y", "N", "", "PEER", "US", "x", "-1"]).prop_map(str::to_string),
        1 => Just("20260407-14:32:01.000".to_string()),
    ];
    let tags = vec![7u32, 16, 34, 36, 43, 49, 52, 56, 58, 97, 98, 108, 112, 122, 123, 141, 11];
    let extra = prop::collection::vec((prop::sample::select(tags), value), 0..6);
    let kind = prop::sample::select(vec!["0", "1", "2", "3", "4", "5", "A", "D", "8", "", "zz"]);
    let number = prop_oneof![3 => 1u64..8, 1 => any::<u64>()];
    (kind, number, any::<bool>(), extra, 0u64..20_000).prop_map(
        |(kind, number, header, extra, tick)| {
            let mut text = format!("35={kind}|");
            if header {
                text += &format!("34={number}|49=PEER|56=US|52=20260407-14:32:01.000|");
            }
            for (tag, value) in extra {
                text += &format!("{tag}={value}|");
            }
            (text, tick)
        },
    )
}
