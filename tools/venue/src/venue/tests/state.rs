//! A state that is gone on with: a venue that was killed and came back does what one does that only lost its
//! connections.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use taut::types::PairStatus;
use taut_codec::value::UtcTime;
use tempfile::TempDir;

use super::harness::*;
use crate::Service;
use crate::config::{ConfigError, LiquidityMode, TierName, VenueConfig};
use crate::state::StateError;

const SENDERS: [(&str, Service); 3] = [
    ("TAUT", Service::SpotTrading),
    ("OTHER", Service::SpotTrading),
    ("TAUT_DRV", Service::DerivativesTrading),
];

fn keeping(dir: &Path, liquidity: LiquidityMode) -> VenueConfig {
    let mut config = config();
    config.liquidity.mode = liquidity;
    config.liquidity.synthetic.events_per_second = 200;
    config.clients[1].tier = TierName::Pro;
    config.instruments[0].leverage = 5;
    config.instruments[0].position_max = "1000".into();
    config.instruments[0].lendable = "1000".into();
    config.state.dir = Some(dir.to_owned());
    config
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// What becomes of the venue in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Every connection is lost.
    Cut,
    /// It is killed.
    Killed,
    /// It saves its state at its end.
    Saved,
}

/// A venue and three traders who do at random what a seed says.
struct Day {
    world: World,
    config: VenueConfig,
    peers: Vec<Option<Peer>>,
    rng: fastrand::Rng,
    /// ClOrdID, OrderID, symbol and side of orders, by the trader.
    orders: Vec<[String; 4]>,
    owners: Vec<usize>,
    next_id: u64,
    next_out: [u64; 3],
    /// All that the traders were told.
    told: Vec<String>,
}

impl Day {
    fn new(config: VenueConfig, seed: u64) -> Self {
        let mut day = Self {
            world: World::with(&config),
            config,
            peers: vec![None, None, None],
            rng: fastrand::Rng::with_seed(seed),
            orders: Vec::new(),
            owners: Vec::new(),
            next_id: 1,
            next_out: [1; 3],
            told: Vec::new(),
        };
        for who in 0..SENDERS.len() {
            day.log_on(who, "141=Y|");
        }
        day
    }

    /// The times of a venue pass by its ticks only.
    fn pass(&mut self, millis: u64) {
        self.world.pass(millis);
        self.world.venue.tick(self.world.now);
        self.listen();
    }

    fn log_on(&mut self, who: usize, extra: &str) {
        self.pass(1);
        let (sender, service) = SENDERS[who];
        let number = if extra.starts_with("141=Y") { 1 } else { self.next_out[who] };
        let stays = self.rng.bool();
        let extra = format!("{extra}8674={}|", u8::from(stays));
        let body = self.world.logon_body(sender, service, number, &extra);
        let (id, answers) = self.world.try_logon(service, &body);
        self.told.extend(answers);
        self.next_out[who] = number + 1;
        self.peers[who] = Some(Peer { id, sender, service, next_out: number + 1 });
    }

    /// Takes what everybody is told, and notes the orders that became live.
    fn listen(&mut self) {
        for who in 0..SENDERS.len() {
            let Some(peer) = &self.peers[who] else { continue };
            let said = self.world.take(peer.id);
            self.hear(who, said);
        }
    }

    fn hear(&mut self, who: usize, said: Vec<String>) {
        for message in &said {
            let is_live = values(message, &[35, 150]) == "8 0";
            if is_live && let Some(order) = get(message, 37) {
                let field = |tag| get(message, tag).unwrap().to_owned();
                self.orders.push([field(11), order.to_owned(), field(55), field(54)]);
                self.owners.push(who);
            }
        }
        self.told.extend(said);
    }

    fn say(&mut self, who: usize, type_and_body: &str) {
        let Some(mut peer) = self.peers[who].clone() else { return };
        let bytes = self.world.message(&mut peer, type_and_body);
        self.next_out[who] = peer.next_out;
        self.peers[who] = Some(peer.clone());
        self.world.venue.received(peer.id, &bytes, self.world.now);
        let said = self.world.take(peer.id);
        self.hear(who, said);
        self.listen();
    }

    fn id(&mut self, who: usize) -> String {
        self.next_id += 1;
        if who == 2 { comb(&self.world, self.next_id) } else { self.next_id.to_string() }
    }

    fn step(&mut self) {
        let who = self.rng.usize(..3);
        if self.peers[who].is_none() {
            return self.log_on(who, "141=N|");
        }
        match self.rng.u8(..100) {
            0..45 => self.new_order(who),
            45..60 => self.amend(),
            60..70 => self.cancel(),
            70..73 => {
                let (id, time) = (self.id(who), self.world.time());
                self.say(who, &format!("q|11={id}|530=7|60={time}|"));
            }
            73..76 => {
                let peer = self.peers[who].take().unwrap();
                self.world.lose(&peer);
                self.listen();
            }
            76..80 => {
                let status = match self.rng.u8(..4) {
                    0 => PairStatus::PostOnly,
                    1 => PairStatus::CancelOnly,
                    _ => PairStatus::Online,
                };
                self.world.venue.set_market_status("BTC/USD", status, self.world.now);
                self.listen();
            }
            80..83 => {
                let price = taut_codec::value::Decimal::new(self.rng.i64(49_990..50_010), 0);
                let price = self.rng.bool().then_some(price);
                self.world.venue.set_index("BTC/USD", price, self.world.now);
                self.listen();
            }
            84..86 => {
                let reported = self.rng.bool();
                self.world.venue.report_trades(reported, self.world.now);
                self.listen();
            }
            83 => {
                self.world.venue.roll_over(self.world.now);
                self.pass(1);
                for peer in self.peers.iter_mut().filter_map(Option::take) {
                    self.world.lose(&peer);
                }
                self.next_out = [1; 3];
                self.pass(31_000);
            }
            _ => {
                let millis = self.rng.u64(1..3_000);
                self.pass(millis);
            }
        }
    }

    fn new_order(&mut self, who: usize) {
        let (id, time) = (self.id(who), self.world.time());
        let side = self.rng.u8(1..=2);
        if who == 2 {
            let px = self.rng.u16(995..1005);
            let qty = self.rng.u8(1..9);
            return self.say(
                who,
                &format!("D|11={id}|38={qty}|40=2|44={px}|54={side}|55=PF_ETHUSD|59=1|60={time}|"),
            );
        }
        let (px, qty) = (self.rng.u32(49_990..50_010), self.rng.u8(1..9));
        let until = self.world.now.plus_nanos(self.rng.u64(1..9_000) * 1_000_000);
        let until = String::from_utf8(until.to_fix_millis().to_vec()).unwrap();
        let kind = match self.rng.u8(..9) {
            0 => format!("40=1|54={side}|55=BTC/USD|59=1"),
            1 => format!("40=3|54={side}|55=BTC/USD|59=1|99={px}|388={}", self.rng.u8(..2)),
            2 => format!("40=V|44=-5|54={side}|55=BTC/USD|59=1|99=3"),
            3 => format!("40=2|44={px}|54={side}|55=BTC/USD|59=6|126={until}"),
            4 => format!("40=2|44={px}|54={side}|55=BTC/USD|59=1|168={until}"),
            5 => format!("40=2|44={px}|54={side}|55=BTC/USD|59=1|1138=1"),
            6 => format!("40=2|44={px}|54={side}|55=BTC/USD|59=1|5001=1"),
            _ => format!("40=2|44={px}|54={side}|55=BTC/USD|59=1"),
        };
        self.say(who, &format!("D|11={id}|38={qty}|{kind}|60={time}|"));
    }

    fn amend(&mut self) {
        let Some(at) = self.pick() else { return };
        let ([orig, order, symbol, side], who) = (self.orders[at].clone(), self.owners[at]);
        let (id, time) = (self.id(who), self.world.time());
        let px = if who == 2 { self.rng.u32(995..1005) } else { self.rng.u32(49_990..50_010) };
        let qty = self.rng.u8(1..12);
        self.say(
            who,
            &format!(
                "G|11={id}|37={order}|38={qty}|40=2|41={orig}|44={px}|54={side}|55={symbol}|59=1|60={time}|"
            ),
        );
        self.orders[at][0] = id;
    }

    fn cancel(&mut self) {
        let Some(at) = self.pick() else { return };
        let ([_, order, symbol, side], who) = (self.orders[at].clone(), self.owners[at]);
        let (id, time) = (self.id(who), self.world.time());
        self.say(who, &format!("F|11={id}|37={order}|54={side}|55={symbol}|60={time}|"));
    }

    fn pick(&mut self) -> Option<usize> {
        let count = self.orders.len();
        (count > 0).then(|| count - 1 - self.rng.usize(..count.min(12)))
    }

    /// What happens in the middle, and everybody comes back.
    fn suffer(&mut self, fate: Fate) {
        self.pass(1);
        let before = self.world.venue.state_digest();
        if fate == Fate::Cut {
            for who in 0..SENDERS.len() {
                if let Some(peer) = self.peers[who].take() {
                    self.world.lose(&peer);
                }
            }
        } else {
            if fate == Fate::Saved {
                self.world.venue.save_state(self.world.now).unwrap();
            }
            self.peers = vec![None, None, None];
            let now = self.world.now;
            // The directory is held until then.
            drop(std::mem::replace(&mut self.world, World::new()).venue);
            self.world = World::at(&self.config, now);
            let went_on = self.world.venue.went_on().expect("there was a state");
            assert_eq!(went_on.digest, before, "the state is that of the last turn");
            assert_eq!(went_on.turns == 0, fate == Fate::Saved, "{went_on:?}");
        }
        self.world.venue.tick(self.world.now);
        for who in 0..SENDERS.len() {
            self.log_on(who, "141=N|");
            let peer = self.peers[who].clone().unwrap();
            self.say(who, "2|7=1|16=0|");
            assert!(self.world.venue.stats().sessions_up > who, "{}", peer.sender);
        }
        // A resend takes a few rounds.
        for _ in 0..20 {
            self.pass(1);
        }
    }
}

fn play(
    fate: Fate,
    liquidity: LiquidityMode,
    seed: u64,
    before: usize,
    after: usize,
) -> (Vec<String>, [u8; 32]) {
    let dir = dir();
    let mut config = keeping(dir.path(), liquidity);
    if fate == Fate::Cut {
        config.state.dir = None;
    }
    let mut day = Day::new(config, seed);
    for _ in 0..before {
        day.step();
    }
    let now = day.world.now;
    day.suffer(fate);
    assert!(day.world.now > now);
    for _ in 0..after {
        day.step();
    }
    day.pass(1);
    let digest = day.world.venue.state_digest();
    (day.told, digest)
}

/// Days that are compared; `TAUT_CASES` asks for more.
fn cases() -> ProptestConfig {
    let asked = std::env::var("TAUT_CASES").ok();
    let cases = asked.map_or(24, |count| count.parse().expect("TAUT_CASES is a number"));
    ProptestConfig::with_cases(cases)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_venue_that_was_killed_goes_on_as_one_that_only_lost_its_connections(
        seed: u64, before in 1usize..120, after in 1usize..60, house: bool, saved: bool,
    ) {
        let liquidity = if house { LiquidityMode::Synthetic } else { LiquidityMode::None };
        let fate = if saved { Fate::Saved } else { Fate::Killed };
        let (is, is_digest) = play(fate, liquidity, seed, before, after);
        let (should, should_digest) = play(Fate::Cut, liquidity, seed, before, after);
        for (at, (is, should)) in is.iter().zip(&should).enumerate() {
            prop_assert_eq!(is, should, "message {}", at);
        }
        prop_assert_eq!(is.len(), should.len());
        prop_assert_eq!(is_digest, should_digest);
    }
}

/// What the traders of some days are told: enough of everything for the comparison to mean something.
#[test]
fn the_days_that_are_compared_have_fills_amends_triggers_expiries_and_resent_reports() {
    let told: Vec<String> = (0..12)
        .flat_map(|seed| play(Fate::Killed, LiquidityMode::Synthetic, seed, 120, 40).0)
        .collect();
    let count =
        |tags: &[u32], wanted: &str| told.iter().filter(|one| values(one, tags) == wanted).count();
    for (tags, wanted, least) in [
        (&[35, 150][..], "8 F", 100),
        (&[35, 150], "8 5", 10),
        (&[35, 150], "8 D", 2),
        (&[35, 150], "8 C", 2),
        (&[35, 150], "8 4", 50),
        (&[35, 43], "8 Y", 200),
        (&[35, 58], "8 GTD order expired", 2),
    ] {
        let is = count(tags, wanted);
        assert!(is >= least, "{is} of {wanted}");
    }
}

/// A venue whose `TAUT` has one order and is gone, by a kill.
fn killed_with_an_order(config: &VenueConfig, extra: &str) -> (UtcTime, u64) {
    let mut world = World::with(config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, extra);
    let reports = world.limit(&mut peer, 1, 1, "1", "100");
    assert_eq!(reports.len(), 2);
    world.pass(10);
    (world.now, peer.next_out)
}

fn refusal(config: &VenueConfig) -> StateError {
    let at = UtcTime::parse(START).unwrap();
    match World::try_at(config, at).map(|_| ()) {
        Err(ConfigError::State(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_that_was_on_when_the_venue_was_killed_loses_its_orders_if_it_asked_for_that() {
    for (extra, switch, stays) in
        [("141=Y|8674=0|", true, 0), ("141=Y|8674=1|", true, 1), ("141=Y|8674=0|", false, 1)]
    {
        let dir = dir();
        let mut config = keeping(dir.path(), LiquidityMode::None);
        config.switches.session.restart_cancels = switch;
        let (now, number) = killed_with_an_order(&config, extra);
        let mut world = World::at(&config, now.plus_nanos(5_000_000_000));
        assert_eq!(world.venue.open_orders("TAUT"), stays, "{extra} {switch}");
        world.pass(1);
        let body = world.logon_body("TAUT", Service::SpotTrading, number, "141=N|");
        let (id, answers) = world.try_logon(Service::SpotTrading, &body);
        // The report of the cancel has the number before.
        assert_eq!(values(&answers[0], &[35, 34]), format!("A {}", 5 - stays), "{answers:?}");
        let mut peer =
            Peer { id, sender: "TAUT", service: Service::SpotTrading, next_out: number + 1 };
        let replayed = world.send(&mut peer, "2|7=1|16=0|");
        let kept: Vec<String> = replayed
            .iter()
            .map(|one| values(one, &[35, 34, 43, 150]))
            .filter(|one| one.starts_with('8'))
            .collect();
        let all = ["8 2 Y A", "8 3 Y 0", "8 4 Y 4"];
        assert_eq!(kept, all[..3 - stays], "{replayed:?}");
        // The watermark is above 1.
        let again = world.limit(&mut peer, 1, 1, "1", "100");
        assert_eq!(values(&again[0], &[35, 380]), "j 0", "{again:?}");
    }
}

#[test]
fn what_expired_while_the_venue_was_away_expires_when_it_is_back_and_the_day_is_made_up_for() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let mut world = World::with(&config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    let time = world.time();
    let order = "D|11=1|38=1|40=2|44=100|54=1|55=BTC/USD|59=6|126=20260407-15:00:00.000|60=";
    assert_eq!(world.send(&mut peer, &format!("{order}{time}|")).len(), 2);
    assert_eq!(world.limit(&mut peer, 2, 1, "1", "100").len(), 2);
    drop(world);
    // Two rollovers later.
    let later = UtcTime::parse(b"20260409-03:00:00.000").unwrap();
    let mut world = World::at(&config, later);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=N|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    // The expiry is the first message of the new day.
    assert_eq!(values(&answers[0], &[35, 34]), "A 2", "{answers:?}");
}

#[test]
fn a_copy_of_a_logon_and_a_used_nonce_are_refused_by_the_next_life_too() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let mut world = World::with(&config);
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    assert_eq!(get(&world.try_logon(Service::SpotTrading, &body).1[0], 35), Some("A"));
    let now = world.now;
    drop(world);
    let mut world = World::at(&config, now.plus_nanos(1_000_000_000));
    let answers = world.try_logon(Service::SpotTrading, &body).1;
    assert_eq!(get(&answers[0], 35), Some("5"), "{answers:?}");
}

#[test]
fn a_turn_that_was_not_written_to_its_end_is_cut_off_and_told() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let (now, _) = killed_with_an_order(&config, "141=Y|8674=1|");
    let journal = dir.path().join("journal");
    let mut segments: Vec<_> =
        fs::read_dir(&journal).unwrap().map(|one| one.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|kind| kind == "journal"));
    segments.sort();
    let last = segments.last().unwrap();
    let mut bytes = fs::read(last).unwrap();
    // The last record is the turn of the order.
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[end] ^= 0x55;
    fs::write(last, bytes).unwrap();
    let world = World::at(&config, now);
    let went_on = world.venue.went_on().unwrap();
    assert!(went_on.torn_bytes > 300, "{went_on:?}");
    assert_eq!(world.venue.open_orders("TAUT"), 0, "nobody was told of it");
}

#[test]
fn a_state_is_refused_to_another_configuration_by_the_fields_that_differ() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let (now, _) = killed_with_an_order(&config, "141=Y|8674=1|");
    let mut other = config.clone();
    other.fees.maker += 1;
    other.clients[0].balances.insert("USD".into(), "5".into());
    let error = refusal(&other).to_string();
    for needle in ["fees.maker was 1600, is 1601", "clients.0.balances.USD", "--fresh"] {
        assert!(error.contains(needle), "{error}");
    }
    // Where it listens and what it does on purpose is another matter.
    let mut same = config.clone();
    same.port_offset = 7;
    same.control = vec!["10s roll-over".into()];
    assert_eq!(World::at(&same, now).venue.open_orders("TAUT"), 1);
    other.state.fresh = true;
    let world = World::at(&other, now);
    assert_eq!((world.venue.open_orders("TAUT"), world.venue.went_on()), (0, None));
}

#[test]
fn two_venues_do_not_share_a_state() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let world = World::with(&config);
    assert!(matches!(refusal(&config), StateError::InUse { .. }));
    let mut fresh = config.clone();
    fresh.state.fresh = true;
    assert!(matches!(refusal(&fresh), StateError::InUse { .. }), "nor does a clean start");
    drop(world);
    World::with(&config);
}

#[test]
fn a_snapshot_that_has_changed_is_refused_and_so_is_a_journal_without_one() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let (now, _) = killed_with_an_order(&config, "141=Y|8674=1|");
    let path = dir.path().join("snapshot");
    let whole = fs::read(&path).unwrap();
    for at in [0, 30, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refusal(&config), StateError::Damaged { .. }), "{at}");
    }
    for end in [0, 7, 31, whole.len() - 1] {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(matches!(refusal(&config), StateError::Damaged { .. }), "cut off at {end}");
    }
    fs::remove_file(&path).unwrap();
    let error = refusal(&config);
    assert!(error.to_string().contains("no snapshot"), "{error}");
    fs::write(&path, &whole).unwrap();
    assert_eq!(World::at(&config, now).venue.open_orders("TAUT"), 1);
}

#[test]
fn a_turn_longer_than_a_record_is_kept_whole() {
    let dir = dir();
    let mut config = keeping(dir.path(), LiquidityMode::None);
    config.clients[0].tier = TierName::Unlimited;
    let mut world = World::with(&config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    for id in 1..=5_000 {
        let reports = world.limit(&mut peer, id, 1, "0.001", "1000");
        assert_eq!(reports.len(), 2, "{reports:?}");
    }
    let time = world.time();
    // How far the journal is written.
    let written = || {
        let segment = dir.path().join("journal/000000001.journal");
        fs::read(segment).unwrap().iter().rposition(|&byte| byte != 0).unwrap()
    };
    let before = written();
    world.send(&mut peer, &format!("q|11=6000|530=7|60={time}|"));
    assert!(written() - before > crate::limits::STATE_RECORD_BYTES);
    let (digest, now) = (world.venue.state_digest(), world.now);
    drop(world);
    let world = World::at(&config, now);
    assert_eq!(world.venue.went_on().unwrap().digest, digest);
    assert_eq!(world.venue.open_orders("TAUT"), 0);
}
