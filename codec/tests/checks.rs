//! The generated field checks: captured messages pass, and each kind of damage is found.

mod common;

use common::{bytes_of, captures, framed, message, with};
use proptest::prelude::*;
use taut_codec::ids::Market;
use taut_codec::kraken::{self, RejectText, TextForm};
use taut_codec::rules::{FieldFault, Options, Reason};

fn checked(bytes: &[u8], options: Options) -> Result<(), FieldFault> {
    with(bytes, |message| kraken::check(message, options))
}

/// Good bodies of messages, each with what it shows.
const GOOD: &[(&str, &str)] = &[
    ("0", ""),
    ("1", "112=x|"),
    ("2", "7=8|16=0|"),
    ("3", "45=12|58=Missing Mandatory Field: Side (54)|"),
    ("4", "123=Y|36=14|"),
    ("5", "58=Logon failed: invalid credentials|"),
    ("A", "98=0|108=60|141=Y|553=KEY|554=PASS|5025=1775572321000|8674=0|"),
    ("A", "98=0|108=30|95=5|96=a|b=c|141=Y|"),
    // market, GTD, post-only, stop-loss-limit, trailing stop, iceberg, margin, for a sub-account
    ("D", "11=1|55=BTC/USD|54=1|40=1|38=0.001|59=1|60=20260407-14:32:05.000|"),
    (
        "D",
        "11=1|55=BTC/USD|54=1|40=2|44=84000|38=0.001|59=6|126=20260408-14:32:05|60=20260407-14:32:05.000|",
    ),
    ("D", "11=1|55=BTC/USD|54=1|40=2|44=83000|38=0.001|59=1|18=P s|60=20260407-14:32:05.000|"),
    ("D", "11=1|55=BTC/USD|54=2|40=4|99=80000|44=79500|38=0.001|59=1|60=20260407-14:32:05.000|"),
    ("D", "11=1|55=BTC/USD|54=2|40=U|99=2000|38=0.001|59=1|60=20260407-14:32:05.000|"),
    ("D", "11=1|55=BTC/USD|54=1|40=2|44=84000|38=0.15|1138=0.01|59=1|60=20260407-14:32:05.000|"),
    ("D", "11=1|55=BTC/USD|54=1|40=1|38=1|59=1|5001=1|78=1|79=sub|60=20260407-14:32:05.000|"),
    ("F", "11=2|41=1|54=1|55=BTC/USD|60=20260407-14:32:06.000|"),
    ("q", "11=2|60=20260407-14:32:10.000|530=6|"),
    ("H", "11=2|37=OQNCZM-NVAVC-AVD2LO|55=BTC/USD|"),
    (
        "8",
        "6=84000|11=1|14=0.001|17=E|31=84000|32=0.001|37=O|38=0.001|39=2|40=2|44=84000|54=1|55=BTC/USD|59=1|\
         60=20260407-14:32:05.122|118=84|136=1|137=0.168|138=USD|139=4|150=F|151=0|381=84|1003=T|5050=1|",
    ),
    ("V", "262=1|263=2|264=10|265=1|267=1|269=0|55=BTC/USD|"),
    (
        "y",
        "320=1|322=2|560=0|146=2|55=BTC/USD|562=0.00001|5010=5|5011=0.0001|5013=0.5|2349=1|5052=1|5022=0.1|\
         5032=1|55=ETH/USD|562=0.0001|5010=4|5011=0.001|2349=2|5022=0.01|5032=1|",
    ),
    ("X", "262=1|55=BTC/USD|268=1|279=0|269=2|278=T|270=1.0|271=1.0|273=13:42:27.208|40=1|2446=2|"),
    ("W", "262=1|55=BTC/USD|268=0|"),
];

#[test]
fn messages_of_the_venue_file_pass() {
    for (msg_type, body) in GOOD {
        let bytes = message(msg_type, body);
        assert_eq!(checked(&bytes, Options::default()), Ok(()), "{msg_type} {body}");
    }
}

#[test]
fn every_byte_exact_capture_passes() {
    let Some(captures) = captures() else { return };
    assert!(captures.len() >= 20, "{} captures", captures.len());
    for text in captures {
        assert_eq!(checked(&bytes_of(&text), Options::default()), Ok(()), "{text}");
    }
}

const ORDER: &str = "11=1|38=1|40=2|44=1|54=1|55=BTC/USD|59=1|60=20260407-14:32:05.000|";
const ENTRY: &str = "279=0|269=0|278=B1|270=1.0|271=1.0|273=13:42:27.208|";

#[test]
fn each_kind_of_damage_has_its_reason_and_tag() {
    let order = |from: &str, to: &str| ("D", ORDER.replace(from, to));
    let entries = |group: &str| ("X", format!("55=BTC/USD|262=1|{group}"));
    let with_entry =
        |from: &str, to: &str| entries(&format!("268=2|{ENTRY}{}", ENTRY.replace(from, to)));
    use Reason::*;
    let cases: Vec<((&str, String), Reason, u32)> = vec![
        // FIX session cases 14.a to 14.m
        (order("11=1|", "11=1|999=HI|"), InvalidTagNumber, 999),
        (order("11=1|", "11=1|6000=HI|"), InvalidTagNumber, 6000),
        (("1", String::new()), RequiredMissing, 112),
        (order("54=1|", ""), RequiredMissing, 54),
        (order("11=1|38=1|", ""), RequiredMissing, 11),
        (with_entry("278=B1|", ""), RequiredMissing, 278),
        (order("11=1|", "11=1|150=0|"), NotOfThisMessage, 150),
        (order("11=1|", "11=1|5041=0|"), NotOfThisMessage, 5041),
        (("0", "55=MSFT|".into()), NotOfThisMessage, 55),
        (order("55=BTC/USD", "55="), Empty, 55),
        (with_entry("270=1.0", "270="), Empty, 270),
        (order("40=2", "40=9"), ValueIncorrect, 40),
        (order("40=2", "40=22"), FormatIncorrect, 40),
        (order("11=1|", "11=1|18=P x|"), ValueIncorrect, 18),
        (order("11=1|", "11=1|18=P  s|"), ValueIncorrect, 18),
        (order("38=1|", "38=99999999999999999999|"), ValueIncorrect, 38),
        (with_entry("269=0", "269=7"), ValueIncorrect, 269),
        (order("38=1|", "38=+1|"), FormatIncorrect, 38),
        (order("44=1|", "44=1e3|"), FormatIncorrect, 44),
        (order("60=2026", "60=20x6"), FormatIncorrect, 60),
        (with_entry("273=13", "273=33"), FormatIncorrect, 273),
        (entries("268=x|"), FormatIncorrect, 268),
        (order("11=1|", "11=1|122=20260407-14:32:05|"), OutOfOrder, 122),
        (order("40=2|", "40=2|40=2|"), Repeated, 40),
        (with_entry("270=1.0|", "270=1.0|270=1.0|"), Repeated, 270),
        (entries(&format!("268=1|{ENTRY}268=1|{ENTRY}")), Repeated, 268),
        (entries(&format!("268=3|{ENTRY}{ENTRY}")), GroupCountIncorrect, 268),
        (entries(&format!("268=1|{ENTRY}{ENTRY}")), GroupCountIncorrect, 268),
        (entries("268=1|"), GroupCountIncorrect, 268),
        (entries(&format!("268=4294967295|{ENTRY}")), GroupCountIncorrect, 268),
        (entries(&format!("268=1|269=0|{ENTRY}")), GroupOutOfOrder, 269),
        (with_entry("270=1.0|271=1.0|", "271=1.0|270=1.0|"), GroupOutOfOrder, 270),
        (order("11=1|", "11=1|79=sub|"), GroupOutOfOrder, 79),
        (order("44=1|", ""), ConditionallyMissing, 44),
        (order("40=2", "40=4"), ConditionallyMissing, 99),
        (order("59=1", "59=6"), ConditionallyMissing, 126),
        (("F", "11=2|54=1|55=A|60=20260407-14:32:06|".into()), ConditionallyMissing, 41),
        (("q", "11=2|60=20260407-14:32:10|530=1|".into()), ConditionallyMissing, 55),
        (("x", "320=1|559=1|".into()), ConditionallyMissing, 167),
        (with_entry("269=0", "269=2"), ConditionallyMissing, 40),
        (("G", ORDER.replace("11=1|", "11=2|18=E|37=O|41=1|")), ValueIncorrect, 18),
        (("U", String::new()), InvalidMsgType, 35),
    ];
    assert_eq!(checked(&message("D", ORDER), Options::default()), Ok(()));
    for ((msg_type, body), reason, tag) in cases {
        let found = checked(&message(msg_type, &body), Options::default());
        assert_eq!(found, Err(FieldFault { reason, tag }), "{msg_type} {body}");
    }
}

fn on(market: Market) -> Options {
    Options { market: Some(market), ..Options::default() }
}

const COMB: &str = "11=9e58120f-182b-4dce-9609-8ca7cdd174f0|";

/// An order as derivatives want it: captured, but for the time.
fn derivative() -> String {
    ORDER.replace("11=1|", &format!("{COMB}18=s|")).replace("BTC/USD", "PF_ETHUSD")
}

#[test]
fn each_market_has_its_own_rules() {
    use Reason::*;
    let order = |from: &str, to: &str| ("D", derivative().replace(from, to));
    let with = |field: &str| ("D", derivative() + field);
    let other = |msg_type: &'static str, body: &str| (msg_type, body.replace("ID|", COMB));
    // What both take, what only spot takes, and what derivatives answer to that.
    type Case = ((&'static str, String), Option<(Reason, u32)>);
    let cases: Vec<Case> = vec![
        (order("", ""), None),
        (order("18=s|", "18=P s|"), None),
        (order("18=s|", "18=E s P|"), None),
        (order("59=1|", "59=3|"), None),
        (with("388=1|62=20260407-14:32:15.000|78=1|79=sub|"), None),
        (order("18=s|", ""), Some((RequiredMissing, 18))),
        (order("18=s|", "18=P|"), Some((ValueIncorrect, 18))),
        (order("18=s|", "18=s v|"), Some((ValueIncorrect, 18))),
        (order("18=s|", "18=s f|"), Some((ValueIncorrect, 18))),
        (order("18=s|", "18=q s|"), Some((ValueIncorrect, 18))),
        (order(COMB, "11=1688738168|"), Some((ValueIncorrect, 11))),
        (order("-4dce-", "-1dce-"), Some((ValueIncorrect, 11))),
        (order("40=2|", "40=V|99=1|"), Some((ValueIncorrect, 40))),
        (order("59=1|", "59=4|"), Some((ValueIncorrect, 59))),
        (order("59=1|", "59=6|126=20260408-14:32:05|"), Some((ValueIncorrect, 59))),
        (with("126=20260408-14:32:05|"), Some((NotOfThisMessage, 126))),
        (with("168=20260408-14:32:05.000|"), Some((NotOfThisMessage, 168))),
        (with("1138=1|"), Some((NotOfThisMessage, 1138))),
        (with("5001=1|"), Some((NotOfThisMessage, 5001))),
        (with("7928=1|"), Some((NotOfThisMessage, 7928))),
        (other("F", "ID|41=1|54=1|55=PF_ETHUSD|60=20260407-14:32:05.000|"), None),
        (
            other("F", "11=7|41=1|54=1|55=PF_ETHUSD|60=20260407-14:32:05.000|"),
            Some((ValueIncorrect, 11)),
        ),
        (other("q", "ID|60=20260407-14:32:05.000|530=6|"), None),
        (other("q", "11=7|60=20260407-14:32:05.000|530=6|"), Some((ValueIncorrect, 11))),
        (other("H", "ID|37=O|55=BTC/USD|"), Some((NotOnThisMarket, 35))),
        (other("g", "263=0|335=TSS0|336=SESSION|"), Some((NotOnThisMarket, 35))),
        (other("h", "335=TSS0|336=SESSION|340=2|"), Some((NotOnThisMarket, 35))),
    ];
    for ((msg_type, body), on_derivatives) in cases {
        let bytes = message(msg_type, &body);
        assert_eq!(checked(&bytes, on(Market::Spot)), Ok(()), "spot: {msg_type} {body}");
        assert_eq!(checked(&bytes, Options::default()), Ok(()), "both: {msg_type} {body}");
        let found = checked(&bytes, on(Market::Derivatives)).map_err(|f| (f.reason, f.tag));
        assert_eq!(found.err(), on_derivatives, "derivatives: {msg_type} {body}");
    }
}

#[test]
fn a_tag_of_the_other_market_is_ignored_where_unknown_tags_are() {
    let bytes = message("D", &(derivative() + "1138=1|5001=|"));
    let lenient = Options { allow_unknown: true, allow_empty: true, ..on(Market::Derivatives) };
    assert_eq!(checked(&bytes, lenient), Ok(()));
}

#[test]
fn a_refusal_says_what_kraken_says() {
    let text = |market, body: &str| {
        let fault = checked(&message("D", body), on(market)).expect_err("a fault");
        let form = TextForm::Documented;
        let text = RejectText { fault, market: Some(market), form }.to_string();
        (fault.reason.session_reject(), fault.reason.business_reject(), text)
    };
    let spot = |from: &str, to: &str| text(Market::Spot, &ORDER.replace(from, to));
    let missing = "Missing mandatory field: Side (54)";
    assert_eq!(spot("54=1|", ""), (Some(1), None, missing.into()));
    assert_eq!(spot("40=2", "40=9"), (Some(5), None, "Invalid value for tag 40: OrderType".into()));
    assert_eq!(spot("44=1|", "").1, Some(5));
    let comb = "COMB UUIDv4 required for ClOrdID on derivatives";
    let numeric = derivative().replace(COMB, "11=1688738168|");
    assert_eq!(text(Market::Derivatives, &numeric), (Some(5), None, comb.into()));
    assert!(spot("11=1|", "11=0|").2.starts_with("ClOrdID invalid value ("));
    let fault = FieldFault { reason: Reason::RequiredMissing, tag: 54 };
    let captured = RejectText { fault, market: None, form: TextForm::Captured };
    assert_eq!(captured.to_string(), "Missing Mandatory Field: Side (54)");
}

#[test]
fn what_the_documents_demand_and_captures_lack_is_for_strict_checks() {
    let strict = Options { check_documented: true, ..Options::default() };
    let fill = GOOD.iter().find(|(msg_type, _)| *msg_type == "8").expect("there").1;
    let cancelled = "6=0.0|11=1|14=0.0|17=E|37=O|38=1|39=4|40=1|54=1|55=A|59=1|150=4|151=0.0|";
    use Reason::{ConditionallyMissing, RequiredMissing};
    for (msg_type, body, add, reason, tag) in [
        ("8", fill, "527=7|", ConditionallyMissing, 527),
        ("8", cancelled, "41=1|", ConditionallyMissing, 41),
        ("3", "45=12|58=x|372=D|", "373=1|", RequiredMissing, 373),
        ("3", "45=12|58=x|373=1|", "372=D|", RequiredMissing, 372),
        ("4", "36=14|", "123=N|", RequiredMissing, 123),
    ] {
        let bytes = message(msg_type, body);
        assert_eq!(checked(&bytes, Options::default()), Ok(()), "{body}");
        assert_eq!(checked(&bytes, strict), Err(FieldFault { reason, tag }), "{body}");
        assert_eq!(checked(&message(msg_type, &format!("{body}{add}")), strict), Ok(()), "{body}");
    }
    // A fill has all that the documents name.
    for field in ["31=84000|", "32=0.001|", "6=84000|", "1003=T|", "5050=1|"] {
        let bytes = message("8", &fill.replace(field, ""));
        let tag = field.split('=').next().and_then(|tag| tag.parse().ok()).expect("a tag");
        let reason = ConditionallyMissing;
        assert_eq!(checked(&bytes, Options::default()), Err(FieldFault { reason, tag }), "{field}");
    }
}

#[test]
fn data_stands_behind_its_length_and_nothing_else_does() {
    let found = |body: &str| {
        checked(&message("5", body), Options::default()).map_err(|f| (f.reason, f.tag))
    };
    assert_eq!(found("354=3|355=a\x01b|58=x|"), Ok(()));
    assert_eq!(found("58=x|355=ab|354=2|"), Err((Reason::OutOfOrder, 355)));
    assert_eq!(found("354=2|58=x|355=ab|"), Err((Reason::OutOfOrder, 354)));
    assert_eq!(found("355=ab|"), Err((Reason::OutOfOrder, 355)));
    assert_eq!(found("354=2|"), Err((Reason::OutOfOrder, 354)));
}

#[test]
fn header_and_trailer_are_checked_like_the_body() {
    let header = "34=2|49=damien|52=20230707-13:56:08.000|56=KRAKEN-TRD|";
    for (inner, reason, tag) in [
        (format!("35=0|{}", header.replace("56=KRAKEN-TRD|", "")), Reason::RequiredMissing, 56),
        (format!("35=0|{}", header.replace("KRAKEN-TRD", "")), Reason::Empty, 56),
        (format!("35=0|{}", header.replace("52=2", "52=x")), Reason::FormatIncorrect, 52),
        (format!("35=0|{header}43=X|"), Reason::FormatIncorrect, 43),
        (format!("35=0|{header}34=3|"), Reason::Repeated, 34),
        (format!("35=1|112=x|{header}"), Reason::OutOfOrder, 34),
        (format!("35=1|{header}93=1|89=x|112=x|"), Reason::OutOfOrder, 112),
    ] {
        let found = checked(&framed(&inner), Options::default());
        assert_eq!(found, Err(FieldFault { reason, tag }), "{inner}");
    }
}

#[test]
fn the_first_finding_in_wire_order_counts_and_what_is_missing_comes_last() {
    let body = ORDER.replace("54=1|", "").replace("44=1|", "").replace("55=BTC/USD", "55=");
    let found = |body: &str| checked(&message("D", body), Options::default()).map_err(|f| f.tag);
    assert_eq!(found(&body.replace("38=1", "38=x")), Err(38));
    assert_eq!(found(&body), Err(55));
    assert_eq!(found(&body.replace("55=", "55=A")), Err(54), "44 is missing by condition only");
}

#[test]
fn each_option_lets_pass_what_it_is_for_and_no_more() {
    let strict = Options::default();
    let passes = |body: &str, options| checked(&message("D", body), options).is_ok();
    let cases = [
        (Options { allow_user_defined: true, ..strict }, ORDER.to_owned() + "6000=x|"),
        (Options { allow_unknown: true, ..strict }, ORDER.to_owned() + "999=x|"),
        (Options { allow_empty: true, ..strict }, ORDER.replace("44=1", "44=")),
        (Options { check_order: false, ..strict }, ORDER.to_owned() + "43=N|"),
        (Options { check_required: false, ..strict }, ORDER.replace("54=1|", "")),
    ];
    for (n, (_, body)) in cases.iter().enumerate() {
        assert!(!passes(body, strict));
        for (m, (options, _)) in cases.iter().enumerate() {
            // What is unknown may be user-defined as well.
            let covers = n == m || (n, m) == (0, 1);
            assert_eq!(passes(body, *options), covers, "body {n}, option {m}");
        }
    }
    let user_defined = Options { allow_user_defined: true, ..strict };
    assert!(!passes(&(ORDER.to_owned() + "6000=|"), user_defined), "an empty value stays one");
}

proptest! {
    #[test]
    fn the_order_of_the_body_does_not_matter_and_each_field_of_it_does(seed in any::<u64>()) {
        let mut fields: Vec<_> = ORDER.split_inclusive('|').collect();
        let mut rng = seed;
        for n in (1..fields.len()).rev() {
            rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            fields.swap(n, (rng >> 33) as usize % (n + 1));
        }
        prop_assert_eq!(checked(&message("D", &fields.concat()), Options::default()), Ok(()));
        let left_out = fields.remove(seed as usize % fields.len());
        let tag = left_out.split('=').next().and_then(|tag| tag.parse().ok()).expect("a tag");
        let fault = checked(&message("D", &fields.concat()), Options::default());
        prop_assert_eq!(fault.map_err(|fault| fault.tag), Err(tag));
    }
}
