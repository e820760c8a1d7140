use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use ring::{digest, hmac};
use taut::market::BookStatus;
use taut::order::UpdateKind;
use taut::pipeline::Layout;
use taut::wire::WireKind;
use taut::wire::tls::TlsMode;

use crate::peer::{get, now_text};
use crate::rig::{API_KEY, Heard, Rig, Setup};

/// Values that differ from run to run.
const OF_THE_RUN: [u32; 8] = [9, 10, 52, 60, 11, 41, 554, 5025];

/// A message without the values that differ from run to run.
fn form(message: &str) -> String {
    let field = |field: &str| {
        let (tag, _) = field.split_once('=').expect("tag=value");
        let masked = OF_THE_RUN.contains(&tag.parse().expect("a number"));
        if masked { format!("{tag}=*|") } else { format!("{field}|") }
    };
    message.trim_end_matches('|').split('|').map(field).collect()
}

/// Venue file 2.1, by another road than the engine's.
fn password(nonce: &str) -> String {
    let signed = format!("35=A|34=1|49=TAUT|56=KRAKEN-TRD|553={API_KEY}|").replace('|', "\x01");
    let digest = digest::digest(&digest::SHA256, format!("{signed}{nonce}").as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA512, b"secret");
    base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, digest.as_ref()))
}

/// Instruments and a book, so that trading can begin.
pub fn serve_market_data(rig: &mut Rig) {
    rig.market_data.accept_logon();
    let request = rig.market_data.expect("x");
    let id = get(&request, 320).to_owned();
    let rules = "55=BTC/USD|562=0.01|5010=2|5011=0.01|2349=1|5022=0.1|5032=1|";
    rig.market_data.send("y", &format!("320={id}|322=1|560=0|146=1|{rules}"));
    let request = rig.market_data.expect("V");
    let id = get(&request, 262).to_owned();
    let time = &now_text()[9..];
    let level = |side: u32, name: &str, px: &str| {
        format!("269={side}|278={name}{px}|270={px}|271=1.0|273={time}|")
    };
    let levels = level(1, "O", "101.0") + &level(0, "B", "99.0");
    rig.market_data.send("W", &format!("55=BTC/USD|262={id}|268=2|{levels}"));
}

/// ExecIDs so far.
static EXEC_IDS: AtomicU64 = AtomicU64::new(1);

/// A report on the only order. `ids` is 11, or 11 and 41.
pub fn report(rig: &mut Rig, ids: (&str, &str), kind: char, qty: &str, px: &str) {
    let time = now_text();
    // Numbers begin anew at a reset; ExecIDs do not.
    let number = EXEC_IDS.fetch_add(1, Ordering::Relaxed);
    let leaves = if kind == '4' { "0.0" } else { qty };
    let orig = if ids.1.is_empty() { String::new() } else { format!("41={}|", ids.1) };
    let body = format!(
        "6=0.0|11={}|14=0.0|17=EXEC:{number}|37=OKWUQF-YPJM2-DTAJHH|38={qty}|39={kind}|40=2|{orig}44={px}|\
         54=1|55=BTC/USD|59=1|60={time}|150={kind}|151={leaves}|381=0.0|",
        ids.0
    );
    rig.trading.send("8", &body);
}

/// From logon to logout; returns the forms of all messages of trading and of market data.
fn run(setup: Setup) -> [Vec<String>; 2] {
    let mut rig = setup.start();
    let logon = rig.trading.accept_logon();
    assert_eq!(get(&logon, 554), password(get(&logon, 5025)), "{setup:?}");
    serve_market_data(&mut rig);
    let new = rig.trading.expect("D");
    let first = get(&new, 11).to_owned();
    report(&mut rig, (&first, ""), 'A', "0.5", "99.0");
    report(&mut rig, (&first, ""), '0', "0.5", "99.0");
    let replace = rig.trading.expect("G");
    assert_eq!(get(&replace, 41), first);
    let second = get(&replace, 11).to_owned();
    report(&mut rig, (&second, &first), '5', "0.7", "99.5");
    let cancel = rig.trading.expect("F");
    assert_eq!(get(&cancel, 41), second);
    let third = get(&cancel, 11).to_owned();
    let ids = [&first, &second, &third].map(|id| id.parse::<u64>().unwrap());
    assert!(ids[0] < ids[1] && ids[1] < ids[2], "ClOrdIDs increase: {ids:?}");
    report(&mut rig, (&third, &second), '4', "0.7", "99.5");
    rig.wait(|heard| match heard {
        Heard::Order(update) => {
            matches!(update.kind, UpdateKind::Canceled { requested: true, .. }).then_some(())
        }
        _ => None,
    });
    rig.trading.refresh_keys();
    rig.market_data.refresh_keys();
    // A change of the book with its checksum (venue file 4.10.1).
    let sum = crc32fast::hash(b"1010100995200990100");
    let entry = "279=0|269=0|278=B99.5|270=99.5|271=2.0|273=12:00:00.000|";
    let id = get(rig.market_data.seen.last().unwrap(), 262).to_owned();
    rig.market_data.send("X", &format!("55=BTC/USD|262={id}|268=1|{entry}5041={sum}|"));
    rig.wait(|heard| (*heard == Heard::Book).then_some(()));
    rig.market_data.send("1", "112=alive|");
    assert_eq!(get(&rig.market_data.expect("0"), 112), "alive");
    rig.running.stop();
    rig.trading.accept_logout();
    rig.market_data.accept_logout();
    let forms =
        [&rig.trading, &rig.market_data].map(|peer| peer.seen.iter().map(|m| form(m)).collect());
    let outcome = crate::rig::finish(rig.running);
    let market = outcome.desk.markets().get(taut::types::InstrumentId(0)).unwrap();
    assert_eq!(market.status(), BookStatus::Empty, "the session is over");
    assert_eq!(outcome.desk.stats().on_wire, 3, "{setup:?}");
    assert!(outcome.desk.is_quiet() && outcome.desk.orders().live_len() == 0);
    forms
}

#[test]
fn every_layout_wire_and_tls_mode_sends_the_same_bytes() {
    let trading = [
        "8=FIX.4.4|9=*|35=A|34=1|49=TAUT|52=*|56=KRAKEN-TRD|98=0|108=30|141=Y|553=APIKEY|554=*|5025=*|8674=0|10=*|",
        "8=FIX.4.4|9=*|35=D|34=2|49=TAUT|52=*|56=KRAKEN-TRD|11=*|18=P|38=0.5|40=2|44=99|54=1|55=BTC/USD|59=1|60=*|10=*|",
        "8=FIX.4.4|9=*|35=G|34=3|49=TAUT|52=*|56=KRAKEN-TRD|11=*|18=P|37=OKWUQF-YPJM2-DTAJHH|38=0.7|40=2|41=*|44=99.5|54=1|55=BTC/USD|59=1|60=*|10=*|",
        "8=FIX.4.4|9=*|35=F|34=4|49=TAUT|52=*|56=KRAKEN-TRD|11=*|37=OKWUQF-YPJM2-DTAJHH|41=*|54=1|55=BTC/USD|60=*|10=*|",
        "8=FIX.4.4|9=*|35=5|34=5|49=TAUT|52=*|56=KRAKEN-TRD|10=*|",
    ];
    let market_data = [
        "8=FIX.4.4|9=*|35=A|34=1|49=TAUT|52=*|56=KRAKEN-MD|98=0|108=30|141=Y|10=*|",
        "8=FIX.4.4|9=*|35=x|34=2|49=TAUT|52=*|56=KRAKEN-MD|263=0|320=INSTRUMENTS|559=4|10=*|",
        "8=FIX.4.4|9=*|35=V|34=3|49=TAUT|52=*|56=KRAKEN-MD|146=1|55=BTC/USD|262=0.1|263=1|264=10|265=1|267=3|269=0|269=1|269=2|10=*|",
        "8=FIX.4.4|9=*|35=0|34=4|49=TAUT|52=*|56=KRAKEN-MD|112=alive|10=*|",
        "8=FIX.4.4|9=*|35=5|34=5|49=TAUT|52=*|56=KRAKEN-MD|10=*|",
    ];
    for layout in [Layout::Inline, Layout::Split, Layout::Full] {
        for wire in WireKind::SOCKETS {
            for tls in [None, Some(TlsMode::RecordLayer), Some(TlsMode::Rustls)] {
                let setup = Setup { layout, wire, tls, ..Setup::PLAIN };
                let sent = run(setup);
                assert_eq!(sent[0], trading, "{setup:?}");
                assert_eq!(sent[1], market_data, "{setup:?}");
            }
        }
    }
}
