use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Masked, Masker, SECRET_TAGS, blank, checksum, escape, is_secret, mask};

/// `|` is the delimiter in both.
fn masked(text: &str) -> String {
    shown(text.replace('|', "\x01").as_bytes())
}

fn shown(bytes: &[u8]) -> String {
    let mut out = String::new();
    mask(bytes, &mut out).expect("a string takes all");
    out
}

fn shown_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let (mut masker, mut out) = (Masker::new(), String::new());
    for piece in pieces {
        masker.write(piece, &mut out).expect("a string takes all");
    }
    masker.finish(&mut out).expect("a string takes all");
    out
}

const LOGON: &str = "8=FIX.4.4|9=207|35=A|34=1|49=CLIENT|98=0|108=60|141=Y|553=APIKEY|554=bC1C6b1E+/vjDSA==|\
    5025=1775572321000|8674=0|95=6|96=se|ret|58=x|10=178|";
const LOGON_MASKED: &str = "8=FIX.4.4|9=207|35=A|34=1|49=CLIENT|98=0|108=60|141=Y|553=***|554=***|\
    5025=***|8674=0|95=6|96=***|58=x|10=178|";

#[test]
fn the_secrets_of_a_logon_are_replaced_and_all_else_is_shown() {
    assert_eq!(masked(LOGON), LOGON_MASKED);
    let bytes = LOGON.replace('|', "\x01").into_bytes();
    assert_eq!(format!("{0} {0:?}", Masked(&bytes)), format!("{LOGON_MASKED} {LOGON_MASKED}"));
}

#[test]
fn a_message_without_secrets_is_shown_whole() {
    let text = "8=FIX.4.4|9=70|35=8|58=buy 0.01 BTC/USD @ limit 1000|1553=a|396=b|5541=c|10=1|";
    assert_eq!(masked(text), text);
}

#[test]
fn pieces_are_masked_like_the_whole_wherever_they_are_cut() {
    let bytes = LOGON.replace('|', "\x01").into_bytes();
    for one in 0..=bytes.len() {
        for two in one..=bytes.len() {
            let pieces = [&bytes[..one], &bytes[one..two], &bytes[two..]];
            assert_eq!(shown_in_pieces(pieces), LOGON_MASKED);
        }
    }
    assert_eq!(shown_in_pieces(bytes.chunks(1)), LOGON_MASKED);
}

#[test]
fn a_message_that_is_cut_off_anywhere_shows_no_more_than_the_whole() {
    let bytes = LOGON.replace('|', "\x01").into_bytes();
    for length in 0..bytes.len() {
        let out = shown(&bytes[..length]);
        let out = out.strip_suffix("***").unwrap_or(&out);
        assert!(LOGON_MASKED.starts_with(out), "{out}");
    }
}

#[test]
fn the_rest_of_a_secret_at_the_front_is_hidden() {
    assert_eq!(masked("IKEY|554=x|"), "***|554=***|");
    assert_eq!(masked("72321000|8674=0|"), "***|8674=0|");
    assert_eq!(masked("=|58=x|"), "***|58=x|");
    assert_eq!(masked("5572"), "***");
    assert_eq!(masked("1234567890=x|58=y|"), "***|58=y|");
}

#[test]
fn a_secret_behind_a_lost_delimiter_is_hidden() {
    assert_eq!(masked("141=Y553=KEY|98=0|"), "141=Y553=***|98=0|");
    assert_eq!(masked("8=FIX.4.4 554=a 98=0|58=x|"), "8=FIX.4.4 554=***|58=x|");
    assert_eq!(masked("34=1000000000000000005025=7|58=x|"), "34=1000000000000000005025=***|58=x|");
    assert_eq!(masked("58=a=554=b|"), "58=a=554=***|");
    assert_eq!(masked("0554=x|58=y|"), "554=***|58=y|");
    assert_eq!(masked("554secret|58=y|"), "***|58=y|");
    assert_eq!(masked("554=|58=y|"), "554=***|58=y|");
}

#[test]
fn raw_data_is_hidden_as_far_as_its_length_or_in_doubt_up_to_the_trailer() {
    assert_eq!(masked("95=8|96=a|58=b|c|58=x|10=1|"), "95=8|96=***|58=x|10=1|");
    for length in ["95=2|", "95=9|", "95=|", "95=x|", "95=99999999999|", "95=8|58=y|", ""] {
        let out = masked(&format!("{length}96=a|58=b|c|58=x|10=1|58=z|"));
        assert_eq!(out, format!("{length}96=***|10=1|58=z|"), "{length}");
    }
    assert_eq!(masked("95=3|96=abc"), "95=3|96=***");
    assert_eq!(masked("95=3|96=a"), "95=3|96=***");
}

#[test]
fn bytes_that_are_not_printable_are_escaped() {
    assert_eq!(
        shown(b"58=a\nb\x1b[2J\x7f\xff\x00|\\\x01"),
        "58=a\\x0ab\\x1b[2J\\x7f\\xff\\x00\\x7c\\x5c|"
    );
    let mut out = String::new();
    escape(b"a\x01|\xc3\xa9", &mut out).expect("a string takes all");
    assert_eq!(out, "a\\x01\\x7c\\xc3\\xa9");
}

#[test]
fn the_list_of_secret_tags_is_the_rule() {
    for tag in 0..20_000 {
        assert_eq!(is_secret(tag), SECRET_TAGS.contains(&tag), "{tag}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_always_printable(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), proptest::sample::select(&b"\x01=9565340|"[..])], 0..200)) {
        let out = shown(&bytes);
        prop_assert!(out.bytes().all(|b| (0x20..0x7f).contains(&b)));
        prop_assert_eq!(shown_in_pieces(bytes.chunks(3)), out);
    }

    /// Lower-case letters stand in the secrets only; whatever surrounds them, none may come out.
    #[test]
    fn no_byte_of_a_secret_comes_out_whatever_surrounds_it(
        before in "[A-Z0-9=\x01]{0,30}",
        tag in proptest::sample::select(&SECRET_TAGS[..]),
        secret in "[a-z]{1,30}",
        behind in "[A-Z0-9=\x01]{0,30}",
        delimited: bool,
    ) {
        // `1` and `96=` without a delimiter is `196=`, another field.
        prop_assume!(delimited || !before.ends_with(|c: char| c.is_ascii_digit()));
        let delimiter = if delimited { "\x01" } else { "" };
        let text = format!("{before}{delimiter}{tag}={secret}\x01{behind}");
        let out = shown(text.as_bytes());
        // Escapes and the only text of the masker's own have lower-case letters: none are needed here.
        prop_assert!(!out.bytes().any(|b| b.is_ascii_lowercase()), "{out}");
    }

    #[test]
    fn a_logon_with_broken_bytes_shows_no_run_of_its_password(
        hits in proptest::collection::vec((0usize..55, any::<u8>()), 0..4), cut in 0usize..40,
    ) {
        let mut bytes: Vec<u8> =
            b"8=FIX.4.4\x019=99\x0135=A\x0134=1\x01141=Y\x01554=zyxwvutsrqponm\x0198=0\x01".to_vec();
        let value = bytes.windows(4).position(|w| w == b"554=").expect("there") + 4;
        for (at, byte) in hits {
            // The tag itself must stay: a damaged tag cannot be known.
            let at = at % bytes.len();
            if !(value - 4..value).contains(&at) && byte != b'=' && byte != 1 {
                bytes[at] = byte;
            }
        }
        let from = cut.min(value - 4);
        // A digit where the fragment begins, in place of the delimiter, is of the tag: `1554=`.
        prop_assume!(from != value - 5 || !bytes[from].is_ascii_digit());
        let out = shown(&bytes[from..]);
        for run in ["zyx", "wvu", "tsr", "qpo"] {
            prop_assert!(!out.contains(run), "{out}");
        }
    }
}

fn blanked(text: &str) -> String {
    let mut bytes = text.replace('|', "\x01").into_bytes();
    let hidden = blank(&mut bytes);
    let shown = String::from_utf8(bytes).expect("stars and ASCII").replace('\x01', "|");
    assert_eq!(hidden, shown != text, "{text}");
    shown
}

#[test]
fn a_blanked_logon_keeps_its_length_and_gets_a_right_checksum() {
    let mut logon = LOGON.trim_end_matches("178|").replace('|', "\x01").into_bytes();
    let sum = checksum(&logon[..logon.len() - 3]);
    logon.extend_from_slice(&sum);
    logon.push(1);
    let mut bytes = logon.clone();
    assert!(blank(&mut bytes));
    assert_eq!(bytes.len(), logon.len());
    let at = bytes.len() - 7;
    assert_eq!(checksum(&bytes[..at]), bytes[at + 3..at + 6]);
    assert_ne!(bytes[at + 3..at + 6], sum, "the stars changed the sum");
    let shown = String::from_utf8(bytes[..at].to_vec()).expect("ASCII").replace('\x01', "|");
    assert_eq!(
        shown,
        "8=FIX.4.4|9=207|35=A|34=1|49=CLIENT|98=0|108=60|141=Y|553=******|554=*****************|\
         5025=*************|8674=0|95=6|96=******|58=x|"
    );
}

#[test]
fn only_secrets_are_blanked() {
    for text in ["8=FIX.4.4|35=8|58=buy @ 1000|1553=a|396=b|5541=c|10=100|", "", "|", "8=F|10=1|"] {
        assert_eq!(blanked(text), text);
    }
    assert_eq!(blanked("58=x 554=secret|49=A|"), "58=x 554=******|49=A|");
    assert_eq!(blanked("rest of a secret|49=A|"), "****************|49=A|");
    assert_eq!(blanked("123|49=A|12"), "***|49=A|**");
    assert_eq!(blanked("96=no|length|10=1|"), "96=**|******|10=1|");
    assert_eq!(blanked("95=1|96=a|10=999|"), "95=1|96=*|10=999|");
}

proptest! {
    #[test]
    fn what_is_blanked_is_what_is_masked(
        text in "(8=F\\||10=|95=|[1-9]\\||96=|554=|5025=|[1-9]{1,2}=|[a-z1]|\\|){0,24}"
    ) {
        let mut bytes = text.replace('|', "\x01").into_bytes();
        let (masked, length) = (shown(&bytes), bytes.len());
        blank(&mut bytes);
        prop_assert_eq!(bytes.len(), length);
        // One has a star for each byte, the other three for a run; delimiters within a run differ too.
        let left = |text: String| text.replace(['*', '|', '\x01'], "");
        prop_assert_eq!(left(String::from_utf8(bytes).expect("ASCII")), left(masked));
    }
}
