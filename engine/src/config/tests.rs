use super::*;
use crate::kraken::logon::Credentials;
use crate::kraken::session::FieldChecks;
use crate::pipeline::{Engine, Layout};
use crate::secret::Secret;
use crate::session::{Resend, ResendPolicy};
use crate::types::Market;
use crate::wire::tls::Trust;

#[test]
fn the_commented_configuration_reads() {
    let config = EngineConfig::from_toml(EngineConfig::commented_toml()).expect("it reads");
    assert_eq!(config.path.layout, Layout::Inline);
    assert!(config.tls.enabled && !config.tls.uat_insecure && !config.path.live);
    assert_eq!(config.orders, OrdersSection::default(), "what is said there is the default");
    let never = EngineConfig::commented_toml().replace("deadline_ms = 5000", "deadline_ms = 0");
    assert!(matches!(EngineConfig::from_toml(&never), Err(ConfigError::Value { .. })));
}

#[test]
fn a_resend_policy_names_types_and_never_an_order_by_itself() {
    let section = |text: &str| toml::from_str::<JournalSection>(text).unwrap();
    let silent = section("dir = 'x'").resend_policy().unwrap();
    assert_eq!(silent, ResendPolicy::NOTHING);
    let named = section("dir = 'x'\n[resend]\nH = 'replay'\nq = 'ask'").resend_policy().unwrap();
    let answers = ["H", "q", "D", "F", "G"].map(|one| named.of(one.as_bytes()));
    let void = Resend::GapFill;
    assert_eq!(answers, [Resend::Replay, Resend::Ask, void, void, void]);
    for refused in ["A = 'replay'", "'' = 'ask'", "LONG = 'replay'"] {
        let refused = section(&format!("dir = 'x'\n[resend]\n{refused}")).resend_policy();
        assert!(matches!(refused, Err(ConfigError::Value { .. })), "{refused:?}");
    }
    let unknown = toml::from_str::<JournalSection>("dir = 'x'\n[resend]\nH = 'perhaps'");
    assert!(unknown.is_err());
}

#[test]
fn field_checks_are_a_choice_for_each_session() {
    let text = EngineConfig::commented_toml();
    let config = EngineConfig::from_toml(text).expect("it reads");
    let checks = (config.market_data.field_checks, config.trading.field_checks);
    assert_eq!(checks, (FieldChecks::Off, FieldChecks::Off), "one says so, one says nothing");
    let strict = text.replace("field_checks = \"off\"", "field_checks = \"strict\"");
    let config = EngineConfig::from_toml(&strict).expect("it reads");
    let checks = (config.market_data.field_checks, config.trading.field_checks);
    assert_eq!(checks, (FieldChecks::Strict, FieldChecks::Off));
    assert!(EngineConfig::from_toml(&text.replace("\"off\"", "\"some\"")).is_err());
}

#[test]
fn a_production_host_is_refused_without_live() {
    for host in ["fix.kraken.com", "FIX.Kraken.com.", "colo-london.vip-fix.kraken.com"] {
        let text = EngineConfig::commented_toml().replacen("127.0.0.1", host, 1);
        let refused = EngineConfig::from_toml(&text);
        assert!(matches!(refused, Err(ConfigError::NotLive { .. })), "{host}: {refused:?}");
        let live = text.replace("live = false", "live = true");
        assert!(EngineConfig::from_toml(&live).is_ok(), "{host}");
    }
    for host in ["fix.uat.kraken.com", "colo-london.vip-fix.uat.kraken.com", "notkraken.com"] {
        assert!(!is_production(host), "{host}");
    }
}

#[test]
fn without_tls_only_this_machine_is_dialled() {
    let plain = EngineConfig::commented_toml()
        .replace("enabled = true", "enabled = false")
        .replace("live = false", "live = true");
    for host in ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"] {
        assert!(EngineConfig::from_toml(&plain.replace("127.0.0.1", host)).is_ok(), "{host}");
    }
    for host in ["fix.kraken.com", "10.0.0.1", "localhost.example.org", "127.0.0.1.nip.io"] {
        // Either session is enough.
        for text in [plain.replacen("127.0.0.1", host, 1), plain.replace("127.0.0.1", host)] {
            let error = EngineConfig::from_toml(&text).expect_err(host).to_string();
            assert!(error.contains("tls.enabled") && error.contains(host), "{error}");
        }
    }
}

#[test]
fn an_unverified_certificate_is_refused_with_a_production_host() {
    let text = EngineConfig::commented_toml()
        .replacen("127.0.0.1", "fix.kraken.com", 1)
        .replace("live = false", "live = true")
        .replace("uat_insecure = false", "uat_insecure = true");
    assert!(EngineConfig::from_toml(&text).is_err());
}

#[test]
fn pins_are_read_and_what_is_none_is_refused() {
    let text = EngineConfig::commented_toml();
    let pinned = text.replace("# pins = ", "pins = ");
    let config = EngineConfig::from_toml(&pinned).expect("the example in it is a pin");
    // That of nothing at all.
    let pins = ["sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse().expect("a pin")];
    assert_eq!(config.tls.pins, pins);
    assert!(EngineConfig::from_toml(text).expect("it reads").tls.pins.is_empty());
    let error = EngineConfig::from_toml(&pinned.replace("sha256//", "")).expect_err("no pin");
    assert!(error.to_string().contains("is not sha256// and the base64 of 32 bytes"), "{error}");
    let mut many = config.clone();
    many.tls.pins = vec![pins[0]; TLS_PINS_MAX];
    assert!(many.check().is_ok());
    many.tls.pins.push(pins[0]);
    assert!(many.check().expect_err("one too many").to_string().contains("tls.pins"));
}

#[test]
fn an_engine_that_verifies_no_certificate_says_so() {
    let engine = |text: &str| {
        let config = EngineConfig::from_toml(text).expect("it reads");
        let credentials = Credentials::new(Secret::new("key"), Secret::new("c2VjcmV0"));
        Engine::new(config, credentials.expect("they are usable")).expect("it is checked")
    };
    let safe = EngineConfig::commented_toml();
    let insecure = safe.replace("uat_insecure = false", "uat_insecure = true");
    assert_eq!(engine(safe).warning(), None);
    assert!(engine(&insecure).warning().is_some_and(|text| text.contains("uat_insecure")));
    // The trust that a program gives takes the place of the file's.
    assert_eq!(engine(&insecure).with_trust(Trust::WebPki).warning(), None);
    assert!(engine(safe).with_trust(Trust::UatInsecure).warning().is_some());
}

#[test]
fn where_cores_are_few_the_wire_is_the_one_that_sleeps_and_only_who_has_a_core_each_spins() {
    use crate::pipeline::{IdlePolicy, Layout};
    use crate::wire::WireKind;
    let config = EngineConfig::from_toml(EngineConfig::commented_toml()).expect("it reads");
    assert_eq!(config.path.wire, None, "the file leaves it to the machine");
    let path = |layout, cores: &[usize], wire| PathSection {
        layout,
        wire,
        cores: cores.to_vec(),
        ..config.path.clone()
    };
    use IdlePolicy::{Park, Spin};
    use Layout::{Full, Inline, Split};
    use WireKind::{BusyPoll, Mio, Uring};
    for (layout, cores, asked, wire, idle) in [
        (Inline, &[0][..], None, Uring, Spin),
        (Split, &[0, 1], None, Uring, Spin),
        (Full, &[0, 1, 2], None, Uring, Spin),
        (Split, &[0], None, Mio, Park),
        (Split, &[1, 1], None, Mio, Park),
        (Full, &[0, 1], None, Mio, Park),
        (Inline, &[0], Some(Mio), Mio, Park),
        (Full, &[0, 1, 2], Some(Mio), Mio, Park),
        (Full, &[0, 1], Some(BusyPoll), BusyPoll, Park),
        (Split, &[0, 1], Some(BusyPoll), BusyPoll, Spin),
    ] {
        let path = path(layout, cores, asked);
        assert_eq!((path.wire(), path.idle()), (wire, idle), "{layout:?} on {cores:?}, {asked:?}");
        for told in [Spin, Park] {
            let path = PathSection { idle: Some(told), ..path.clone() };
            assert_eq!((path.wire(), path.idle()), (wire, told), "who asks gets it");
        }
    }
}

#[test]
fn the_wire_xdp_needs_to_know_where_it_is() {
    let text = EngineConfig::commented_toml();
    let xdp = text.replace("# wire = \"uring\"", "wire = \"xdp\"");
    let error = EngineConfig::from_toml(&xdp).expect_err("nothing says where").to_string();
    assert!(error.contains("xdp: must be given"), "{error}");
    // As the comments of the file show it.
    let section = xdp
        .replace("# [xdp]", "[xdp]")
        .replace("# interface =", "interface =")
        .replace("# address =", "address =")
        .replace("# gateway =", "gateway =");
    let section = section.replace("# queue =", "queue =").replace("# generic =", "generic =");
    let config = EngineConfig::from_toml(&section).expect("it says where");
    let stack = config.xdp.expect("it is there").config().expect("it was checked");
    assert_eq!(stack.interface, "eth1");
    assert_eq!((stack.address.octets(), stack.prefix), ([192, 0, 2, 7], 24));
    assert_eq!(stack.gateway.map(|gateway| gateway.octets()), Some([192, 0, 2, 1]));
    for bad in ["192.0.2.7", "192.0.2.7/33", "192.0.2.7/0", "192.0.2/24", "::1/64", "a/24"] {
        let error = EngineConfig::from_toml(&section.replace("192.0.2.7/24", bad));
        assert!(error.expect_err(bad).to_string().contains("xdp.address"), "{bad}");
    }
    let stamped = section.replace("kernel_stamps = false", "kernel_stamps = true");
    let error = EngineConfig::from_toml(&stamped).expect_err("it passes the kernel").to_string();
    assert!(error.contains("path.kernel_stamps"), "{error}");
    assert!(EngineConfig::from_toml(&stamped.replace("\"xdp\"", "\"uring\"")).is_ok());
}

#[test]
fn calls_by_rest_go_to_the_interface_of_the_sessions_market() {
    let text = format!("{}\n[rest]\nhost = \"127.0.0.1\"\n", EngineConfig::commented_toml());
    let spot = EngineConfig::from_toml(&text).expect("spot has them");
    assert_eq!(spot.market(), Market::Spot);
    let derivatives = EngineConfig { rest: spot.rest, ..derivatives() };
    derivatives.check().expect("derivatives have them");
}

fn derivatives() -> EngineConfig {
    let text = EngineConfig::commented_toml();
    let mut config = EngineConfig::from_toml(text).expect("it reads");
    config.market_data.target = "KRAKEN-DRV-MD".to_owned();
    config.trading.target = "KRAKEN-DRV-TRD".to_owned();
    config.instruments.symbols = vec!["PF_XBTUSD".to_owned(), "PF_ETHUSD".to_owned()];
    config.venue_rate.rule = VenueRateName::Derivatives;
    config
}

#[test]
fn sessions_symbols_and_rate_limit_are_of_one_market() {
    let config = derivatives();
    config.check().expect("all of it is derivatives");
    assert_eq!(config.market(), Market::Derivatives);
    type Change = fn(&mut EngineConfig);
    let changes: [(&str, Change); 4] = [
        ("market_data.target", |config| config.market_data.target = "KRAKEN-MD".to_owned()),
        ("market_data.target", |config| config.trading.target = "KRAKEN-TRD".to_owned()),
        ("instruments.symbols", |config| config.instruments.symbols.push("BTC/USD".to_owned())),
        ("venue_rate.rule", |config| config.venue_rate.rule = VenueRateName::Pro),
    ];
    for (named, change) in changes {
        let mut config = config.clone();
        change(&mut config);
        let refused = config.check();
        assert!(
            matches!(&refused, Err(ConfigError::Value { field, .. }) if *field == named),
            "{named}: {refused:?}"
        );
    }
}

#[test]
fn the_second_market_is_read_as_the_file_shows_it_and_is_another_one() {
    let text = EngineConfig::commented_toml();
    let start = text.find("# [second]").expect("it is shown");
    let end = start + text[start..].find("\n\n").expect("an empty line");
    let shown: String = text[start..end]
        .lines()
        .filter(|line| !line.contains("As ["))
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    let config = EngineConfig::from_toml(&format!("{text}\n{shown}")).expect("it reads");
    let second = config.second.as_ref().expect("it is there");
    assert_eq!((config.market(), second.market()), (Market::Spot, Market::Derivatives));
    assert!(!second.reach.amends && second.venue_rate.rule == VenueRateName::Derivatives);
    let symbols: Vec<String> = config.symbols().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(symbols, ["BTC/USD", "PF_XBTUSD"]);
    assert_eq!(config.limit_set().unwrap().each.len(), 2);
    assert_eq!(config.sessions().len(), 4);
    type Change = fn(&mut EngineConfig, &mut SecondSection);
    let changes: [(&str, Change); 5] = [
        ("second.trading.target", |first, _| *first = derivatives()),
        ("second.symbols", |_, second| second.symbols.clear()),
        ("instruments.symbols", |_, second| second.symbols.push("ETH/USD".to_owned())),
        ("market_data.target", |_, second| second.market_data.target = "KRAKEN-MD".to_owned()),
        ("venue_rate.rule", |_, second| second.venue_rate.rule = VenueRateName::Pro),
    ];
    for (named, change) in changes {
        let (mut first, mut other) = (config.clone(), second.clone());
        change(&mut first, &mut other);
        let refused = EngineConfig { second: Some(other), ..first }.check();
        assert!(
            matches!(&refused, Err(ConfigError::Value { field, .. }) if *field == named),
            "{named}: {refused:?}"
        );
    }
    let mut live = config.clone();
    live.second.as_mut().unwrap().trading.host = "fix.kraken.com".to_owned();
    assert!(matches!(live.check(), Err(ConfigError::NotLive { .. })));
}
