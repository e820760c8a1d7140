//! A day of engine and venue from morning to morning, with the venue's rollover at 22:00 UTC in it.

use taut::conductor::{ResetPolicy, Rollover};
use taut::pipeline::TRADING;
use taut::strategy::{
    Context, InstrumentId, LinkEvent, OrderSpec, Px, Qty, SessionUpdate, Side, Strategy, TimerId,
};
use taut_codec::value::UtcTime;
use taut_venue::config::{RolloverClosed, RolloverNotice};
use taut_venue::simulation::{End, SimConfig, Simulation};

const MS: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MS;
/// 2027-01-15 22:00:00 UTC.
const EVENING: UtcTime = UtcTime(1_800_050_400_000_000_000);
const TICK: TimerId = TimerId(0);

/// Leaves a bid far below the market in the book for the whole day, and buys a little at the best offer
/// every ten minutes.
#[derive(Default)]
struct AllDay {
    buys: u64,
    refused: u64,
    links: Vec<LinkEvent>,
}

impl Strategy for AllDay {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        let id = InstrumentId(0);
        let bid = ctx.book(id).and_then(|book| book.best_bid()).expect("it has a snapshot").px;
        let facts = *ctx.instrument(id).expect("it is listed");
        let px = Px(bid.0 / 10 * 9 / facts.tick_size.0 * facts.tick_size.0);
        let spec = OrderSpec::limit(id, Side::Buy, Qty(facts.qty_min.0 * 10), px);
        ctx.order(spec.post_only()).expect("nothing forbids it");
        self.on_timer(ctx, TICK);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) {
        let id = InstrumentId(0);
        let ask = ctx.book(id).and_then(|book| book.best_ask()).map(|level| level.px);
        let qty = ctx.instrument(id).map(|facts| facts.qty_min);
        let sent =
            ask.zip(qty).map(|(px, qty)| ctx.order(OrderSpec::limit(id, Side::Buy, qty, px).ioc()));
        match sent {
            Some(Ok(_)) => self.buys += 1,
            _ => self.refused += 1,
        }
        // Ten minutes but for the ten seconds before the rollover, when it is refused.
        let next = ctx.now().plus_nanos(HOUR / 6);
        ctx.set_timer(TICK, next).expect("it is the only one");
    }

    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        if let SessionUpdate::Link { session: TRADING, event } = update {
            self.links.push(*event);
        }
    }
}

struct Case {
    /// Hours from the start to the rollover, and from there to the end.
    hours: [u64; 2],
    /// CancelOrdersOnDisconnect(8674) of our Logon.
    asked: bool,
    /// Whether the venue takes the rollover for a disconnect.
    venue: bool,
    notice: RolloverNotice,
    closed: RolloverClosed,
    reset: ResetPolicy,
}

fn a_day(seed: u64, case: &Case) {
    let [before, behind] = case.hours;
    let mut config = SimConfig::calm(seed);
    config.start = UtcTime(EVENING.0 - before * HOUR);
    config.rollover = Some(Rollover::default());
    config.reset = case.reset;
    config.cancel_on_disconnect = case.asked;
    config.reconnect_after = Some(MS..=400 * MS);
    config.venue.liquidity.synthetic.events_per_second = 1;
    config.venue.switches.session.rollover_cancels = case.venue;
    config.venue.switches.session.rollover_notice = case.notice;
    config.venue.switches.session.rollover_closed = case.closed;
    let mut sim = Simulation::new(config, AllDay::default());
    let resting = |sim: &Simulation<AllDay>| sim.venue().open_orders("TAUT");

    sim.run_for(before * HOUR - 1_000 * MS);
    assert_eq!((sim.downs(), resting(&sim)), (0, 1), "until ten in the evening nothing happens");
    let evening = sim.desk().strategy().buys;
    assert!(evening + 1 >= 6 * before, "{evening} buys in {before} hours");
    assert!(matches!(sim.desk().strategy().links.last(), Some(LinkEvent::Held { .. })));

    sim.run_for(1_500 * MS);
    assert_eq!(sim.downs(), 2, "both sessions are dropped at ten");
    assert_eq!(resting(&sim), usize::from(!(case.asked && case.venue)), "orders over the rollover");
    assert!(sim.run_until(|sim| sim.is_up(), 40_000 * MS), "both are back soon after the window");
    let back = sim.now();
    assert!(back.0 >= EVENING.0 + 30_000 * MS, "not before the venue opens");

    sim.run_for(behind * HOUR);
    let strategy = sim.desk().strategy();
    assert!(
        strategy.buys >= evening + 6 * behind - 1,
        "it trades on: {evening}, then {}",
        strategy.buys
    );
    assert!(sim.desk().stats().fills >= strategy.buys, "and is filled");
    tell(&strategy.links);

    let epoch_of = |end| match end {
        Some(End::OnWire { epoch, msg_seq_num }) => Some((epoch, msg_seq_num)),
        _ => None,
    };
    let numbers: Vec<_> = sim.sent_log().iter().filter_map(|one| epoch_of(one.end)).collect();
    assert!(numbers.is_sorted(), "one epoch after the other, each with rising numbers");
    let (first, last) = (numbers[0].0, numbers[numbers.len() - 1].0);
    assert!(last > first, "a new epoch");
    assert!(numbers.iter().all(|(epoch, _)| [first, last].contains(epoch)), "one for each day");
    let restart = numbers.iter().find(|(epoch, _)| *epoch == last).expect("it trades on").1;
    assert!(restart < 90, "the new day's numbers began at 1: {restart} after ten minutes at most");

    let arrived = sim.arrival_log().len();
    sim.stop();
    assert!(sim.run_until(|sim| sim.is_over(), 60_000 * MS), "the engine ends");
    println!("{} steps, {arrived} commands, {} fills", sim.steps(), sim.desk().stats().fills);
}

/// What the strategy was told of its trading session: once held, once dropped as expected, refused inside
/// the window at least once, one rollover, up with numbers from 1.
fn tell(links: &[LinkEvent]) {
    let count = |wanted: fn(&LinkEvent) -> bool| links.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, LinkEvent::Held { .. })), 1, "{links:?}");
    assert_eq!(count(|event| matches!(event, LinkEvent::Released)), 1, "{links:?}");
    let by_us = |event: &LinkEvent| matches!(event, LinkEvent::RolledOver { by_peer: false, .. });
    assert_eq!(count(by_us), 1, "{links:?}");
    let downs = |event: &LinkEvent| matches!(event, LinkEvent::Down { expected: true, .. });
    assert!(
        count(downs) >= 2,
        "refused inside the window, and told that this is no wonder: {links:?}"
    );
    let ups: Vec<_> = links.iter().filter(|event| matches!(event, LinkEvent::Up { .. })).collect();
    let [first, LinkEvent::Up { attempts, epoch, next_in, next_out }] = ups[..] else {
        panic!("up twice: {links:?}");
    };
    let LinkEvent::Up { epoch: before, .. } = first else { unreachable!("filtered") };
    assert!(*attempts >= 2, "refused, then accepted: {attempts}");
    // A Logon that met a closed door has used its number, unless 141=Y makes it 1 again.
    let most = 3 + u64::from(*attempts);
    // Each 141=Y opens one of its own.
    assert!(epoch > before, "{links:?}");
    // What became of the one order that rests is asked at once: its status, and behind it the cancel of no
    // order.
    assert!(*next_in <= most && *next_out <= most + 2, "{links:?}");
}

#[test]
fn a_day_with_its_rollover_passes_in_the_simulation_whatever_the_venue_does_about_orders() {
    let cases = [
        ([14, 10], true, true, RolloverNotice::Logout, RolloverClosed::Close, ResetPolicy::Never),
        (
            [1, 1],
            true,
            false,
            RolloverNotice::Drop,
            RolloverClosed::Logout,
            ResetPolicy::AfterRollover,
        ),
        ([1, 1], false, true, RolloverNotice::Drop, RolloverClosed::Close, ResetPolicy::Always),
        (
            [1, 1],
            false,
            false,
            RolloverNotice::Logout,
            RolloverClosed::Logout,
            ResetPolicy::FirstConnect,
        ),
    ];
    for (seed, (hours, asked, venue, notice, closed, reset)) in (1..).zip(cases) {
        a_day(seed, &Case { hours, asked, venue, notice, closed, reset });
    }
}
