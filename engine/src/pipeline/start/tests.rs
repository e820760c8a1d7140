use rtrb::RingBuffer;

use super::*;
use crate::config::JournalSection;
use crate::secret::Secret;

/// Two markets, each session with a journal.
fn engine(dir: &std::path::Path) -> Engine {
    let mut config = EngineConfig::from_toml(EngineConfig::commented_toml()).expect("it reads");
    let of = |section: &SessionSection, target: &str| SessionSection {
        target: target.to_owned(),
        ..section.clone()
    };
    config.second = Some(crate::config::SecondSection {
        symbols: vec!["PF_XBTUSD".to_owned()],
        market_data: of(&config.market_data, "KRAKEN-DRV-MD"),
        trading: of(&config.trading, "KRAKEN-DRV-TRD"),
        venue_rate: crate::config::VenueRateSection::default(),
        reach: crate::order::Reach::default(),
        rest: Some(RestSection::at("127.0.0.1".to_owned(), 4443)),
    });
    config.journal =
        Some(JournalSection { segment_mib: 1, ..JournalSection::in_dir(dir.to_path_buf()) });
    let credentials = Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0"));
    Engine::new(config, credentials.expect("good ones")).expect("it is checked")
}

fn core_of(engine: &mut Engine) -> Result<SessionCore, StartError> {
    let (traces, _) = RingBuffer::new(16);
    engine.session_core(Clock::system(), traces).map(|(core, _)| core)
}

/// A judge that can be asked for while somebody has it.
fn judge() -> (Arc<()>, ResendJudge) {
    let kept = Arc::new(());
    let with = Arc::clone(&kept);
    (kept, Box::new(move |_| Arc::strong_count(&with) > 0))
}

#[test]
fn a_core_that_the_process_may_not_run_on_is_refused_at_the_start_and_named() {
    struct Nothing;
    impl Strategy for Nothing {}
    let available = available_cores();
    for wrong in [1023, 5_000] {
        for on_path in [true, false] {
            let dir = tempfile::tempdir().expect("a directory");
            let mut engine = engine(dir.path());
            let path = &mut engine.config.path;
            path.cores = available.clone();
            if on_path {
                path.cores.push(wrong);
            } else {
                path.housekeeping_core = Some(wrong);
            }
            let refused = engine.start(Nothing).err().expect("it does not start");
            let StartError::Core { core, available: named } = &refused else { panic!("{refused}") };
            assert_eq!((*core, named), (wrong, &available));
            assert!(refused.to_string().contains(&format!("core {wrong}")), "{refused}");
        }
    }
}

#[test]
fn each_session_has_a_judge_of_its_own_and_one_that_is_not_configured_has_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let ((first, of_first), (second, of_second)) = (judge(), judge());
    let mut both = engine(dir.path())
        .ask_before_resend(TRADING, of_first)
        .ask_before_resend(SECOND_TRADING, of_second);
    let core = core_of(&mut both).expect("both are there");
    drop(both);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 2));
    drop(core);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    let mut unknown = engine(dir.path()).ask_before_resend(SessionId(9), judge().1);
    let refused = core_of(&mut unknown).err().expect("there is no such session");
    assert!(refused.to_string().contains("session 9"), "{refused}");
}

#[test]
fn each_market_has_calls_by_rest_of_its_own_where_a_host_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut engine = engine(dir.path());
    let mut core = core_of(&mut engine).expect("it is good");
    assert_eq!(engine.callers(&mut core, None).len(), 1, "of the second");
    engine.config.rest = Some(RestSection::at("127.0.0.1".to_owned(), 4443));
    assert_eq!(engine.callers(&mut core, None).len(), 2);
    let desk = engine.desk_config(&core).expect("it is good");
    assert!(desk.rest.is_some() && desk.second.expect("there are two").rest.is_some());
}
