use super::*;

const TEXT: &str = concat!(
    "wss://ws.kraken.com <-> 1.5\n",
    "1.50: {\"event\":\"heartbeat\"}\n",
    "2.0: [1,{\"as\":[[\"10.50\",\"1.00000000\",\"1\"],[\"11.00\",\"2.00000000\",\"1\"]],",
    "\"bs\":[[\"10.00\",\"0.50000000\",\"1\"]]},\"book-2\",\"XBT/CHF\"]\n",
    "2.25: [1,{\"a\":[[\"10.40\",\"1.00000000\",\"2\"]]},",
    "{\"b\":[[\"10.10\",\"0.30000000\",\"2\",\"r\"]],\"c\":\"CRC\"},\"book-2\",\"XBT/CHF\"]\n",
    "\n",
);

fn text() -> String {
    let digits = ["1040100000000", "1050100000000", "101030000000", "100050000000"];
    let crc = crc32fast::hash(digits.concat().as_bytes());
    TEXT.replace("CRC", &crc.to_string())
}

#[test]
fn both_sides_of_an_update_count_and_levels_beyond_the_depth_leave() {
    let capture = Capture::parse(&text(), "BTC/CHF").unwrap();
    assert_eq!(capture.symbol.as_str(), "BTC/CHF");
    assert_eq!((capture.price_precision, capture.checksums), (1, 1));
    assert_eq!(capture.duration(), 250_000_000);
    let brief = |levels: &[CapturedLevel]| -> Vec<_> {
        levels.iter().map(|l| (l.side, l.px.0, l.qty.0)).collect()
    };
    assert_eq!(
        brief(&capture.updates[1].levels),
        [(Side::Sell, 104, 100_000_000), (Side::Sell, 110, 0), (Side::Buy, 101, 30_000_000)]
    );
    assert_eq!(
        brief(&capture.last),
        [
            (Side::Sell, 104, 100_000_000),
            (Side::Sell, 105, 100_000_000),
            (Side::Buy, 101, 30_000_000),
            (Side::Buy, 100, 50_000_000)
        ]
    );
}

#[test]
fn a_changed_digit_is_found_by_the_checksum_with_its_line() {
    let changed = text().replace("0.30000000", "0.30000001");
    let error = Capture::parse(&changed, "XBT/CHF").unwrap_err();
    assert!(matches!(error, CaptureError::Checksum { line: 4, .. }), "{error}");
}

#[test]
fn malformed_lines_are_named_by_number() {
    let good = text();
    for (from, to) in [
        ("2.25: ", "2.25 "),
        ("2.25: ", "now: "),
        ("2.25: [", "2.25: [["),
        ("\"0.30000000\"", "\"0.3O\""),
        ("\"0.30000000\"", "\"-1\""),
        ("\"0.30000000\"", "\"0.000000001\""),
        ("\"10.10\"", "\"0\""),
        ("\"10.10\"", "\"0.0000000000000000001\""),
        ("\"10.10\"", "\"9000000000000000.1\""),
        ("\"10.10\"", "10.10"),
        ("\"r\"", "\"x\""),
        ("\"c\":\"", "\"c\":\"9999999999"),
        (",\"c\":", ",\"d\":"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let error = Capture::parse(&bad, "XBT/CHF").unwrap_err();
        assert!(matches!(error, CaptureError::Malformed { line: 4, .. }), "{to}: {error}");
    }
    let headless: String = good.lines().skip(3).collect();
    let error = Capture::parse(&headless, "XBT/CHF").unwrap_err();
    assert!(matches!(error, CaptureError::Malformed { line: 1, .. }), "{error}");
}

#[test]
fn an_unknown_pair_is_answered_with_those_that_are_there() {
    let error = Capture::parse(&text(), "ETH/USD").unwrap_err();
    assert_eq!(error.to_string(), "no book of ETH/USD in the recording; it has XBT/CHF");
    assert!(matches!(
        Capture::load(Path::new("no/such/file"), "XBT/CHF"),
        Err(CaptureError::Read { .. })
    ));
}

const FUTURES: &str = concat!(
    "1.0: {\"event\":\"subscribed\",\"feed\":\"book\",\"product_ids\":[\"PI_XRPUSD\"]}\n",
    "2.0: {\"feed\":\"book_snapshot\",\"product_id\":\"PI_XRPUSD\",\"seq\":7,",
    "\"bids\":[{\"price\":0.5881,\"qty\":320.0}],\"asks\":[{\"price\":0.589,\"qty\":4.0}]}\n",
    "2.5: {\"feed\":\"trade\",\"product_id\":\"PI_XRPUSD\",\"seq\":3,\"price\":0.589,\"qty\":1.0}\n",
    "3.0: {\"feed\":\"book\",\"product_id\":\"PI_XRPUSD\",\"side\":\"sell\",\"seq\":8,",
    "\"price\":0.589,\"qty\":0.0}\n",
    "3.5: {\"feed\":\"book\",\"product_id\":\"PI_XRPUSD\",\"side\":\"sell\",\"seq\":9,",
    "\"price\":0.5895,\"qty\":17.0}\n",
);

#[test]
fn a_futures_book_is_read_and_its_numbers_are_verified() {
    let all = Capture::parse_all(FUTURES).unwrap();
    assert_eq!(all.len(), 1);
    let capture = &all[0];
    assert_eq!(capture.symbol.as_str(), "PI_XRPUSD");
    assert_eq!((capture.price_precision, capture.qty_precision, capture.checksums), (4, 0, 2));
    let brief: Vec<_> = capture.last.iter().map(|l| (l.side, l.px.0, l.qty.0)).collect();
    assert_eq!(brief, [(Side::Sell, 5895, 17), (Side::Buy, 5881, 320)]);
    assert_eq!(capture.instrument().qty_min, Qty(1));
    let lost: String =
        FUTURES.lines().filter(|l| !l.contains("seq\":8")).map(|l| format!("{l}\n")).collect();
    let error = Capture::parse_all(&lost).unwrap_err();
    assert!(matches!(error, CaptureError::Sequence { line: 4, before: 7, got: 9 }), "{error}");
    for (from, to) in
        [("\"sell\",\"seq\":9", "\"both\",\"seq\":9"), ("\"seq\":9,", ""), ("17.0", "\"17\"")]
    {
        let bad = FUTURES.replacen(from, to, 1);
        assert!(
            matches!(Capture::parse_all(&bad), Err(CaptureError::Malformed { line: 5, .. })),
            "{to}"
        );
    }
}

#[test]
fn all_pairs_of_a_recording_are_read_at_once() {
    let both = text() + &text().replace("XBT/CHF", "XMR/USD");
    let all = Capture::parse_all(&both).unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.symbol.as_str()).collect();
    assert_eq!(names, ["BTC/CHF", "XMR/USD"]);
    assert_eq!(all[0].last, all[1].last);
    assert!(matches!(Capture::parse_all("\n"), Err(CaptureError::UnknownPair { .. })));
}
