//! Whether each live order can be cancelled, whichever session it is of, wherever it was sent from, and
//! whatever is down: against a model that knows which request covers what.

use proptest::prelude::*;

use super::two::{FUTURE, TRADING_2, sent, started, two};
use super::*;
use crate::command::CancelScope;
use crate::desk::{RestPolicy, Resume};
use crate::order::{Place, Scope};

const SCOPES: [Scope; 3] = [Scope::Connection, Scope::SenderCompId, Scope::Account];
const SIDES: [(SessionId, InstrumentId); 2] = [(TRADING, ID), (TRADING_2, FUTURE)];

const REST: RestPolicy = RestPolicy {
    attempts: 3,
    retry_ms: 100,
    answer_ms: 1_000,
    climb_ms: 500,
    may_cancel_all: false,
    cancel_after_seconds: 0,
};

/// Of one session: what reaches how far, and whether REST is there.
type Profile = (usize, usize, usize, bool, bool, bool);

fn reach((cancel, session, all, forgets_at_rollover, may_sweep, _): Profile) -> Reach {
    Reach {
        cancel: SCOPES[cancel],
        mass_cancel_session: SCOPES[session],
        mass_cancel_all: SCOPES[all],
        forgets_at_rollover,
        may_sweep,
        ..Reach::default()
    }
}

/// An order that nobody has asked to cancel, or whose cancel is kept.
struct Own {
    side: usize,
    order: OrderHandle,
    connection: u32,
    day: u32,
    kept: bool,
}

struct World {
    fixture: Fixture,
    profiles: [Profile; 2],
    own: Vec<Own>,
    up: [bool; 2],
    connection: u32,
    current: [u32; 2],
    day: [u32; 2],
    /// The last mass cancel of the connection of each.
    swept: [Option<CancelScope>; 2],
}

impl World {
    fn new(profiles: [Profile; 2]) -> Self {
        let mut config = two();
        (config.reach, config.rest) = (reach(profiles[0]), profiles[0].5.then_some(REST));
        let second = config.second.as_mut().unwrap();
        (second.reach, second.rest) = (reach(profiles[1]), profiles[1].5.then_some(REST));
        // What is looked at is what the strategy asks for.
        config.recovery.status_requests = false;
        config.recovery.may_cancel = false;
        config.recovery.resume = Resume::AtOnce;
        let fixture = started(&config);
        let (own, up) = (Vec::new(), [true; 2]);
        Self {
            fixture,
            profiles,
            own,
            up,
            connection: 1,
            current: [1; 2],
            day: [0; 2],
            swept: [None; 2],
        }
    }

    fn place(&self, own: &Own) -> Place {
        let forgets = self.profiles[own.side].3;
        match own.connection == self.current[own.side] {
            true => Place::Here,
            false if forgets && own.day != self.day[own.side] => Place::Forgotten,
            false => Place::Earlier,
        }
    }

    /// The rung that is to be taken for an order, or why none is.
    fn rung(&self, own: &Own) -> Result<Rung, Refusal> {
        let (cancel, session, all, _, may_sweep, rest) = self.profiles[own.side];
        let last = if rest { Some(Rung::Rest) } else { None };
        if !self.up[own.side] {
            return Ok(last.unwrap_or(Rung::Kept));
        }
        // The venue's side of it: the places that a scope covers, from the nearest on.
        let far = match self.place(own) {
            Place::Here => 0,
            Place::Earlier => 1,
            Place::Forgotten => 2,
        };
        let id = SIDES[own.side].1;
        let rung = match () {
            () if cancel >= far => Some(Rung::Cancel),
            () if may_sweep && session >= far => {
                Some(Rung::MassCancel(CancelScope::Instrument(id)))
            }
            () if may_sweep && all >= far => Some(Rung::MassCancel(CancelScope::SenderCompId)),
            () => last,
        };
        // One that is on its way, and takes the order as well, serves.
        let is_swept = match self.swept[own.side] {
            None => false,
            Some(CancelScope::SenderCompId) => all >= far,
            Some(_) => session >= far,
        };
        match rung {
            Some(Rung::MassCancel(_)) if is_swept => Err(Refusal::CancelPending),
            rung => rung.ok_or(Refusal::OutOfReach),
        }
    }

    /// The last mass cancel among what was sent is on its way.
    fn note_swept(&mut self, side: usize, commands: &[(SessionId, CommandKind)]) {
        for (_, kind) in commands {
            if let CommandKind::MassCancel(cancel) = kind {
                self.swept[side] = Some(cancel.scope);
            }
        }
    }

    fn buy(&mut self, side: usize) {
        let (session, id) = SIDES[side];
        sent(&mut self.fixture);
        let Ok(order) = self.fixture.ctx().buy(id, Qty(1), Px(1_000)) else {
            assert!(!self.up[side], "nothing else is in the way");
            return;
        };
        let commands = sent(&mut self.fixture);
        let [(to, CommandKind::New(new))] = commands[..] else { panic!("{commands:?}") };
        assert_eq!(to, session);
        let acked = Report {
            instrument: id,
            order_qty: Qty(1),
            leaves_qty: Qty(1),
            ..report(new.get().cl_ord_id, ExecType::New, OrdStatus::New)
        };
        self.fixture.event(session, EventKind::Report(acked));
        let (connection, day) = (self.current[side], self.day[side]);
        self.own.push(Own { side, order, connection, day, kept: false });
    }

    fn cancel(&mut self, which: usize) {
        sent(&mut self.fixture);
        let (own, session) = (&self.own[which], SIDES[self.own[which].side].0);
        let (side, expected) = (own.side, self.rung(own));
        let got = self.fixture.ctx().cancel(own.order).map(|route| route.rung);
        assert_eq!(got, expected);
        let table = if own.side == 0 { Some(self.fixture.desk.orders()) } else { None };
        let table = table.or(self.fixture.desk.second_orders()).unwrap();
        let order = *table.get(own.order).unwrap();
        let commands = sent(&mut self.fixture);
        assert!(commands.iter().all(|(to, _)| *to == session), "{commands:?}");
        let is_there = |is: fn(&CommandKind) -> bool| commands.iter().any(|(_, kind)| is(kind));
        match expected {
            Ok(Rung::Cancel) => assert!(is_there(|kind| matches!(kind, CommandKind::Cancel(_)))),
            Ok(Rung::MassCancel(_)) => {
                assert!(is_there(|kind| matches!(kind, CommandKind::MassCancel(_))));
            }
            Ok(Rung::Rest) => assert!(order.is_by_rest()),
            Ok(Rung::Kept) => assert!(order.is_cancel_kept()),
            Err(Refusal::CancelPending) => {
                assert!(!is_there(|kind| matches!(kind, CommandKind::MassCancel(_))));
            }
            Err(_) => return,
        }
        self.note_swept(side, &commands);
        if self.up[self.own[which].side] {
            self.own.swap_remove(which);
        } else {
            // While it is down it may be asked again only without REST.
            self.own[which].kept = true;
        }
    }

    /// Another connection, with or without numbers that go on.
    fn up(&mut self, side: usize, epoch: u32) {
        self.connection += 1;
        (self.up[side], self.current[side], self.swept[side]) = (true, self.connection, None);
        let told = self.fixture.desk.strategy().orders.len();
        self.fixture.up_again(SIDES[side].0, epoch, self.connection);
        let commands = sent(&mut self.fixture);
        // What was kept has left, or was told to be out of reach, and rightly.
        let told = &self.fixture.desk.strategy().orders[told..];
        for own in self.own.iter().filter(|own| own.side == side && own.kept) {
            let out = UpdateKind::CancelRefused { refusal: Refusal::OutOfReach };
            let is_told =
                told.iter().any(|update| (update.handle, update.kind) == (own.order, out));
            assert_eq!(is_told, self.rung(own) == Err(Refusal::OutOfReach));
        }
        self.note_swept(side, &commands);
        self.own.retain(|own| own.side != side || !own.kept);
    }

    fn step(&mut self, (kind, side, pick): (u8, usize, usize)) {
        let session = SIDES[side].0;
        match kind {
            0..3 => self.buy(side),
            3 if self.up[side] => {
                self.fixture.event(session, lost());
                self.up[side] = false;
            }
            3 => self.up(side, 1 + pick as u32 % 2),
            4 => {
                let rolled = LinkEvent::RolledOver { rollover: UtcTime(1), by_peer: false };
                self.fixture.event(session, EventKind::Link(rolled));
                self.day[side] += 1;
            }
            _ => {
                let open: Vec<usize> =
                    (0..self.own.len()).filter(|&at| !self.own[at].kept).collect();
                if let Some(&which) = open.get(pick % open.len().max(1)) {
                    self.cancel(which);
                }
            }
        }
    }
}

fn profile() -> impl proptest::strategy::Strategy<Value = Profile> {
    (0usize..3, 0usize..3, 0usize..3, any::<bool>(), any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_live_order_of_either_market_is_out_of_reach_while_any_rung_reaches_it(
        profiles in [profile(), profile()],
        steps in prop::collection::vec((0u8..8, 0usize..2, 0usize..64), 1..80),
    ) {
        let mut world = World::new(profiles);
        for step in steps {
            world.step(step);
        }
    }
}
