//! Random commands.

use proptest::prelude::*;

use super::super::*;

/// One random step; numbers are reduced to what makes sense when it is played.
#[derive(Debug, Clone)]
pub(super) enum Step {
    New(New),
    Amend {
        who: usize,
        which: usize,
        qty: i64,
        px: i64,
        post: bool,
        stop: i64,
        show: Option<i64>,
    },
    Cancel {
        who: usize,
        which: usize,
    },
    CancelWhere {
        who: Option<usize>,
        session: Option<u32>,
        drop: bool,
    },
    Status(PairStatus),
    /// Nothing but time.
    Tick,
}

#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) who: usize,
    pub(super) buy: bool,
    pub(super) kind: OrdType,
    pub(super) tif: TimeInForce,
    pub(super) post: bool,
    pub(super) mode: SelfTrade,
    pub(super) qty: i64,
    pub(super) px: i64,
    pub(super) stop: i64,
    pub(super) show: Option<i64>,
    /// EffectiveTime and ExpireTime, steps from now.
    pub(super) start: Option<u64>,
    pub(super) end: u64,
}

fn rarely<T: std::fmt::Debug + Clone + 'static>(
    weight: u32,
    some: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![weight => Just(None), 1 => some.prop_map(Some)]
}

fn kinds() -> impl Strategy<Value = OrdType> {
    let triggered = proptest::sample::select(OrdType::ALL[2..].to_vec());
    prop_oneof![8 => Just(OrdType::Limit), 1 => Just(OrdType::Market), 3 => triggered]
}

fn tifs() -> impl Strategy<Value = TimeInForce> {
    use TimeInForce::{Fok, Gtc, Gtd, Ioc};
    prop_oneof![6 => Just(Gtc), 1 => Just(Ioc), 1 => Just(Fok), 1 => Just(Gtd)]
}

fn modes() -> impl Strategy<Value = SelfTrade> {
    use SelfTrade::{CancelBoth, CancelNewest, CancelOldest};
    proptest::sample::select(vec![CancelNewest, CancelOldest, CancelBoth])
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = (0usize..3, any::<bool>(), modes());
    let what = (kinds(), tifs(), 0u8..6, 0i64..25, 0i64..14, 0i64..14);
    let more = (rarely(3, 0i64..8), rarely(8, 0u64..6), 0u64..12);
    let new = (who, what, more).prop_map(|(who, what, more)| {
        let (kind, tif, post, qty, px, stop) = what;
        // Distances and offsets are small numbers.
        let trails = matches!(kind, OrdType::TrailingStop | OrdType::TrailingStopLimit);
        let (px, stop) = if trails { (px - 7, stop / 3) } else { (px, stop) };
        let show = more.0.filter(|_| kind == OrdType::Limit || qty == 7);
        let (start, end) = (more.1, more.2);
        let ((who, buy, mode), post) = (who, post == 0);
        Step::New(New { who, buy, kind, tif, post, mode, qty, px, stop, show, start, end })
    });
    let amend =
        (0usize..3, any::<usize>(), 0i64..30, 0i64..14, 0u8..4, 0i64..14, rarely(4, 0i64..8))
            .prop_map(|(who, which, qty, px, post, stop, show)| Step::Amend {
                who,
                which,
                qty,
                px,
                post: post == 0,
                stop,
                show,
            });
    let cancel = (0usize..3, any::<usize>()).prop_map(|(who, which)| Step::Cancel { who, which });
    let many = (proptest::option::of(0usize..3), proptest::option::of(0u32..3), any::<bool>())
        .prop_map(|(who, session, drop)| Step::CancelWhere { who, session, drop });
    let status = prop_oneof![
        6 => Just(PairStatus::Online),
        1 => Just(PairStatus::PostOnly),
        1 => Just(PairStatus::CancelOnly),
        1 => Just(PairStatus::LimitOnly),
        1 => Just(PairStatus::Maintenance),
    ]
    .prop_map(Step::Status);
    let step = prop_oneof![
        30 => new, 14 => amend, 6 => cancel, 1 => many, 2 => status, 2 => Just(Step::Tick)
    ];
    proptest::collection::vec(step, 10..80)
}
