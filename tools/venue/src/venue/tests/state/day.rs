//! A day at the venue that a seed makes: four traders, what they do, and what becomes of the venue in the
//! middle of it.

use std::num::NonZeroU32;

use taut::types::{PairStatus, Px, Qty, Side};
use taut_codec::value::UtcTime;

use super::super::harness::*;
use super::{dir, keeping};
use crate::Service;
use crate::config::{LiquidityMode, VenueConfig};
use crate::liquidity::capture::{CapturedLevel, CapturedUpdate};
use crate::liquidity::{Capture, LiquiditySource};

const SENDERS: [(&str, Service); 4] = [
    ("TAUT", Service::SpotTrading),
    ("OTHER", Service::SpotTrading),
    ("TAUT_DRV", Service::DerivativesTrading),
    ("OTHER_DRV", Service::DerivativesTrading),
];

/// Instruments, about where they trade, and how far from it prices are.
const INSTRUMENTS: [(&str, u32, u32); 3] =
    [("BTC/USD", 50_000, 10), ("PF_ETHUSD", 1_000, 5), ("PI_XBTUSD", 50_000, 10)];

fn is_derivatives(who: usize) -> bool {
    SENDERS[who].1 == Service::DerivativesTrading
}

/// Who stands on the other side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum House {
    Nobody,
    Synthetic,
    /// The replay of a recorded book.
    Recorded,
}

impl House {
    const fn mode(self) -> LiquidityMode {
        match self {
            Self::Synthetic => LiquidityMode::Synthetic,
            Self::Nobody | Self::Recorded => LiquidityMode::None,
        }
    }

    pub(super) fn source(self) -> Option<LiquiditySource> {
        let speed = NonZeroU32::new(1000).unwrap();
        (self == Self::Recorded)
            .then(|| LiquiditySource::Captures { captures: vec![recorded()], speed })
    }
}

/// A book of BTC/USD that changes five times a second for two minutes.
fn recorded() -> Capture {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut level = |side: Side, least: i64| {
        let px = Px(50_000 - side.sign() * rng.i64(1..9));
        CapturedLevel { side, px, qty: Qty(rng.i64(least..5) * 100_000_000) }
    };
    let both = [Side::Buy, Side::Sell];
    let snapshot = both.map(|side| level(side, 1)).to_vec();
    let mut updates = vec![CapturedUpdate { after: 0, levels: snapshot }];
    for at in 1..600 {
        let levels = both.map(|side| level(side, 0)).to_vec();
        updates.push(CapturedUpdate { after: at * 200_000_000, levels });
    }
    let symbol = "BTC/USD".parse().unwrap();
    let (checksums, last) = (0, Vec::new());
    Capture { symbol, price_precision: 0, qty_precision: 8, updates, checksums, last }
}

/// What becomes of the venue in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    /// Every connection is lost.
    Cut,
    /// It is killed.
    Killed,
    /// It saves its state at its end.
    Saved,
}

/// An order that became live, as its owner was told.
#[derive(Debug, Clone)]
struct Known {
    owner: usize,
    cl_ord_id: String,
    order_id: String,
    symbol: String,
    side: String,
    kind: String,
    in_force: String,
}

/// A venue and four traders who do at random what a seed says.
pub(super) struct Day {
    pub(super) world: World,
    config: VenueConfig,
    house: House,
    peers: Vec<Option<Peer>>,
    rng: fastrand::Rng,
    orders: Vec<Known>,
    next_id: u64,
    next_out: [u64; SENDERS.len()],
    /// All that the traders were told.
    told: Vec<String>,
}

impl Day {
    fn new(config: VenueConfig, house: House, seed: u64) -> Self {
        let start = UtcTime::parse(START).unwrap();
        Self::at(World::fed(&config, house.source(), start).unwrap(), config, house, seed)
    }

    /// At a venue that has just begun.
    pub(super) fn at(world: World, config: VenueConfig, house: House, seed: u64) -> Self {
        let mut day = Self {
            world,
            config,
            house,
            peers: vec![None; SENDERS.len()],
            rng: fastrand::Rng::with_seed(seed),
            orders: Vec::new(),
            next_id: 1,
            next_out: [1; SENDERS.len()],
            told: Vec::new(),
        };
        for who in 0..SENDERS.len() {
            day.log_on(who, "141=Y|");
        }
        day
    }

    /// The times of a venue pass by its ticks only.
    pub(super) fn pass(&mut self, millis: u64) {
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
                let symbol = field(55);
                // Told before what triggered it: it is known already.
                if !self.orders.iter().any(|one| one.order_id == order) {
                    self.orders.push(Known {
                        owner: who,
                        cl_ord_id: field(11),
                        order_id: order.to_owned(),
                        symbol,
                        side: field(54),
                        kind: field(40),
                        in_force: field(59),
                    });
                }
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
        if is_derivatives(who) { comb(&self.world, self.next_id) } else { self.next_id.to_string() }
    }

    pub(super) fn step(&mut self) {
        let who = self.rng.usize(..SENDERS.len());
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
                let (symbol, ..) = INSTRUMENTS[self.rng.usize(..3)];
                self.world.venue.set_market_status(symbol, status, self.world.now);
                self.listen();
            }
            80..83 => {
                let (symbol, around, _) = INSTRUMENTS[self.rng.usize(..3)];
                let off = self.rng.i64(-5..5);
                let price = taut_codec::value::Decimal::new(i64::from(around) + off, 0);
                let price = self.rng.bool().then_some(price);
                self.world.venue.set_index(symbol, price, self.world.now);
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
                self.next_out = [1; SENDERS.len()];
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
        if is_derivatives(who) {
            return self.new_contract_order(who, &id, &time, side);
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

    fn new_contract_order(&mut self, who: usize, id: &str, time: &str, side: u8) {
        let (symbol, qty) = (INSTRUMENTS[self.rng.usize(1..3)].0, self.rng.u8(1..9));
        let (px, stop) = (self.price(symbol), self.price(symbol));
        let watched = if self.rng.bool() { 1 } else { 5 };
        let kind = match self.rng.u8(..12) {
            0 => "18=s|40=1|59=3".to_owned(),
            1 => format!("18=s P|40=2|44={px}|59=1"),
            2 => format!("18=s E|40=2|44={px}|59=1"),
            3 => format!("18=s E|40=3|59=1|99={stop}|388={watched}"),
            4 => format!("18=s|40=4|44={px}|59=1|99={stop}|388={watched}"),
            5 => format!("18=s|40=R|59=1|99={stop}|388={watched}"),
            6 => "18=s|40=U|59=1|99=2".to_owned(),
            7 => format!("18=s|40=2|44={px}|59=3"),
            _ => format!("18=s|40=2|44={px}|59=1"),
        };
        self.say(who, &format!("D|11={id}|38={qty}|54={side}|55={symbol}|{kind}|60={time}|"));
    }

    /// A price near that of the instrument.
    fn price(&mut self, symbol: &str) -> String {
        let (_, around, off) = INSTRUMENTS.into_iter().find(|one| one.0 == symbol).unwrap();
        self.rng.u32(around - off..around + off).to_string()
    }

    fn amend(&mut self) {
        let Some(at) = self.pick() else { return };
        let Known { owner: who, cl_ord_id: orig, order_id, symbol, side, kind, in_force } =
            self.orders[at].clone();
        let (id, time) = (self.id(who), self.world.time());
        let mut terms = String::new();
        if matches!(kind.as_str(), "2" | "4" | "T" | "V") {
            terms +=
                &format!("44={}|", if kind == "V" { "-5".into() } else { self.price(&symbol) });
        }
        if matches!(kind.as_str(), "U" | "V") {
            terms += &format!("99={}|", self.rng.u8(1..9));
        } else if matches!(kind.as_str(), "3" | "4" | "R" | "T") {
            terms += &format!("99={}|", self.price(&symbol));
        }
        let qty = self.rng.u8(1..12);
        self.say(
            who,
            &format!(
                "G|11={id}|37={order_id}|38={qty}|40={kind}|41={orig}|54={side}|55={symbol}|\
                 59={in_force}|60={time}|{terms}"
            ),
        );
        self.orders[at].cl_ord_id = id;
    }

    fn cancel(&mut self) {
        let Some(at) = self.pick() else { return };
        let Known { owner: who, order_id, symbol, side, .. } = self.orders[at].clone();
        let (id, time) = (self.id(who), self.world.time());
        self.say(who, &format!("F|11={id}|37={order_id}|54={side}|55={symbol}|60={time}|"));
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
            self.peers = vec![None; SENDERS.len()];
            let now = self.world.now;
            // The directory is held until then.
            drop(std::mem::replace(&mut self.world, World::new()).venue);
            self.world = World::fed(&self.config, self.house.source(), now).unwrap();
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

pub(super) fn play(
    fate: Fate,
    house: House,
    seed: u64,
    before: usize,
    after: usize,
) -> (Vec<String>, [u8; 32]) {
    let dir = dir();
    let mut config = keeping(dir.path(), house.mode());
    if fate == Fate::Cut {
        config.state.dir = None;
    }
    let mut day = Day::new(config, house, seed);
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
