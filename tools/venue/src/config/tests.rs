use super::*;

#[test]
fn the_commented_text_reads_back_to_the_defaults() {
    let read = VenueConfig::from_toml(VenueConfig::commented_toml()).unwrap();
    assert_eq!(read, VenueConfig::default());
}

#[test]
fn the_commented_text_names_every_field() {
    fn leaves(value: &toml::Value, out: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    if !value.is_table() && !value.is_array() {
                        out.push(name.clone());
                    }
                    leaves(value, out);
                }
            }
            toml::Value::Array(array) => array.iter().for_each(|value| leaves(value, out)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    leaves(&toml::Value::try_from(VenueConfig::default()).unwrap(), &mut names);
    assert!(names.len() > 40);
    for name in names {
        let line = format!("{name} = ");
        let text = VenueConfig::commented_toml();
        assert!(text.lines().any(|l| l.starts_with(&line)), "{name} is not in the text");
    }
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(VenueConfig::from_toml("").unwrap(), VenueConfig::default());
}

#[test]
fn a_malformed_configuration_is_refused_with_the_place() {
    for (text, needle) in [
        ("prot_offset = 1", "prot_offset"),
        ("[switches]\ncancel_scope = \"all\"", "cancel_scope"),
        ("bind = \"0.0.0.0\"", "allow_remote"),
        ("port_offset = 62000", "port_offset"),
        ("gateway_instances = 0", "gateway_instances"),
        ("clients = []", "clients"),
        ("[state]\ndir = \"a\"\n[replay]\njournal = \"b\"", "only one of the two"),
        ("[state]\ndir = \"a\"\n[routing]\nmode = \"websocket_like\"", "routing.mode"),
        ("[replay]\njournal = \"a\"\n[routing]\nmode = \"websocket_like\"", "routing.mode"),
        ("[state]\nfresh = true", "fresh"),
        ("[[clients]]\nsender = \"a\"\n[[clients]]\nsender = \"a\"", "twice"),
        ("[[clients]]\nsender = \"\"", "sender"),
        ("[[clients]]\nsender = \"a\"\nmarket = \"derivatives\"", "ends with DRV"),
        ("[[clients]]\nsender = \"a_DRV\"", "ends with DRV"),
        ("[[clients]]\nsender = \"a\"\nbalances = { USD = \"ten\" }", "balances.USD"),
        ("[[clients]]\nsecret = \"hunter2\"", "secret"),
        ("[[instruments]]\ntick_size = \"0.01\"", "tick_size"),
        ("[[instruments]]\nprice_precision = 200", "price_precision"),
    ] {
        let error = VenueConfig::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(needle), "{text:?} gives {error:?}");
    }
}

#[test]
fn another_address_is_served_with_permission_only() {
    let text = "bind = \"192.0.2.1\"\nallow_remote = true\nport_offset = 10000";
    let config = VenueConfig::from_toml(text).unwrap();
    let address = config.address(Service::SpotTrading).unwrap();
    assert_eq!(address.to_string(), "192.0.2.1:14001");
}

#[test]
fn credentials_come_from_the_variables_that_the_client_names() {
    let client = ClientConfig {
        api_key_env: "KEY_A".into(),
        api_secret_env: "SECRET_A".into(),
        ..ClientConfig::default()
    };
    let set = |names: &'static [&'static str]| {
        move |name: &str| names.contains(&name).then(|| "c2VjcmV0".to_string())
    };
    assert!(client.credentials(set(&[])).unwrap().is_none());
    assert!(client.credentials(set(&["KEY_A", "SECRET_A"])).unwrap().is_some());
    let error = client.credentials(set(&["KEY_A"])).unwrap_err().to_string();
    assert!(error.contains("SECRET_A"), "{error}");
}

#[test]
fn a_bad_key_and_a_bad_secret_are_named_by_their_own_variables() {
    let client = ClientConfig::default();
    let error = |key: &str, secret: &str| {
        let read = |name: &str| Some(if name.ends_with("KEY") { key } else { secret }.to_owned());
        client.credentials(read).unwrap_err().to_string()
    };
    for secret in ["", "not base64!"] {
        let text = error("key", secret);
        assert!(text.contains("variable TAUT_API_SECRET: the API secret"), "{text}");
    }
    let text = error("a\x01b", "c2VjcmV0");
    assert!(text.contains("variable TAUT_API_KEY: the API key"), "{text}");
}

/// Every switch by its path, with its default as TOML.
fn switches() -> Vec<(String, String)> {
    fn leaves(path: &str, value: &toml::Value, out: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    let path =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    leaves(&path, value, out);
                }
            }
            value => out.push((path.to_owned(), value.to_string())),
        }
    }
    let mut out = Vec::new();
    leaves("", &toml::Value::try_from(Switches::default()).unwrap(), &mut out);
    out
}

#[test]
fn the_page_of_switches_lists_each_with_its_default_and_no_other() {
    let page = include_str!("../../SWITCHES.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let switches = switches();
    for (path, default) in &switches {
        let row = format!("| `{path}` | `{}` | ", default.trim_matches('"'));
        let found = rows.iter().filter(|line| line.starts_with(&row)).count();
        assert_eq!(found, 1, "{row}");
    }
    assert_eq!(rows.len(), switches.len(), "a row that is no switch");
    let cells = "default, source, meaning and what shows it";
    assert!(rows.iter().all(|row| row.split(" | ").count() == 5), "{cells}");
}

#[test]
fn each_contradiction_of_the_documents_has_its_switches_or_a_reason_for_none() {
    let page = include_str!("../../SWITCHES.md");
    let known: Vec<String> = switches().into_iter().map(|(path, _)| path).collect();
    for number in 1..=19 {
        let row = format!("| C{number} | ");
        let found: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(&row)).collect();
        let [what] = found[..] else { panic!("{row}: {found:?}") };
        match what.split_once(": ") {
            Some(("none", why)) => assert!(why.len() > 20, "{row}{what}"),
            Some(("switch", names)) => {
                for name in names.trim_end_matches(" |").split(", ") {
                    let name = name.trim_matches('`');
                    assert!(known.iter().any(|one| one == name), "{row}{name}");
                }
            }
            _ => panic!("{row}{what}"),
        }
    }
}

#[test]
fn a_number_with_which_there_would_be_no_venue_is_refused_by_its_field() {
    for (field, value, range) in [
        ("trading.market_protection_percent", 101, "0 to 100"),
        ("trading.derivatives_protection_percent", 101, "0 to 100"),
        ("trading.collateral_haircut_percent", 101, "0 to 100"),
        ("derivatives_limits.tokens", 0, "1 to 4294967295"),
        ("derivatives_limits.window_ms", 0, "1 to 4294967295"),
        ("switches.session.rollover_window_s", 3601, "0 to 3600"),
    ] {
        let error =
            VenueConfig::from_toml(&format!("{field} = {value}\n")).unwrap_err().to_string();
        let expected = format!("configuration, {field}: {range} are possible, not {value}");
        assert_eq!(error, expected);
    }
}
