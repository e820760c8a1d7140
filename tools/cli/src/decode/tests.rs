use super::*;
use crate::skipped::skipped;

const REPORT: &str = "8=FIX.4.4|9=134|35=j|34=16|49=KRAKEN-TRD|52=20230707-14:05:37.805|56=damien|45=0|58=1688738737 : EOrder:Insufficient funds|372=D|379=1688738737|380=0|10=149|";

fn decoded(input: &[u8]) -> String {
    let mut out = Vec::new();
    decode(&Dialect::Kraken, &mut &input[..], &mut out).expect("memory does not fail");
    String::from_utf8(out).expect("the output is text")
}

#[test]
fn a_log_line_and_raw_bytes_print_the_same_fields() {
    let log = decoded(format!("12:00:01 IN {REPORT} end\n").as_bytes());
    let raw = decoded(REPORT.replace('|', "\x01").as_bytes());
    assert_eq!(log, raw);
    assert!(log.starts_with("#1 BusinessMessageReject (j) seq 16 KRAKEN-TRD -> damien\n"), "{log}");
    assert!(log.contains("  380 BusinessRejectReason       0 (other)\n"), "{log}");
    assert_eq!(log.lines().count(), 14);
}

#[test]
fn credentials_are_masked_even_in_a_broken_message() {
    for text in [
        "8=FIX.4.4|9=1|35=A|553=APIKEY|554=PASS|5025=123456|10=000|",
        "8=FIX.4.4|9=1|35=A|553=APIKEY|554=PASS|5025=123456",
    ] {
        let text = decoded(text.as_bytes());
        assert!(!text.contains("APIKEY") && !text.contains("PASS") && !text.contains("123456"));
        assert_eq!(text.matches("***").count(), 3, "{text}");
    }
}

#[test]
fn control_bytes_are_escaped() {
    let text = decoded(b"8=FIX.4.4|9=1|35=3|58=a\x1b[31mb\x07|10=000|");
    assert!(text.contains("a\\x1b[31mb\\x07"), "{text}");
}

#[test]
fn a_wrong_length_or_checksum_is_said() {
    let text = decoded(REPORT.replace("9=134", "9=135").as_bytes());
    assert!(text.contains("[BodyLength wrong: 134 bytes]"), "{text}");
    assert!(text.contains("[CheckSum wrong: 150]"), "{text}");
}

#[test]
fn what_a_session_would_not_take_as_a_message_is_said_with_the_reason() {
    let long = "x".repeat(MESSAGE_BYTES_MAX);
    let text = format!("8=FIX.4.4|9={}|35=B|34=7|148={long}|10=000|", long.len() + 15);
    let told = format!(
        "[message too long: MsgType B, MsgSeqNum 7, BodyLength {}, at most {MESSAGE_BYTES_MAX} bytes \
         are taken]",
        long.len() + 15
    );
    for text in [text.replace('|', "\x01"), text] {
        assert!(decoded(text.as_bytes()).contains(&told));
    }
    let third = decoded(REPORT.replace("35=j|34=16|", "34=16|35=j|").as_bytes());
    assert!(third.contains(" [MsgType is not the third field]\n"), "{third}");
}

#[test]
fn several_messages_and_garbage_between_them_are_told_apart() {
    let text =
        decoded(format!("x{REPORT}garbage 8=FI{REPORT}{REPORT}8=FIX.4.4|9=12|35").as_bytes());
    assert_eq!(text.matches("BusinessMessageReject (j) seq 16").count(), 3, "{text}");
    assert!(text.contains("#4 ") && text.contains("[unfinished]"), "{text}");
}

#[test]
fn every_form_that_logs_write_soh_in_prints_the_same_fields() {
    let raw = decoded(REPORT.replace('|', "\x01").as_bytes());
    assert!(!raw.contains('['), "{raw}");
    for form in [
        "^A",
        "\\x01",
        "\\X01",
        "\\u0001",
        "\\001",
        "<SOH>",
        "<soh>",
        "[SOH]",
        "{SOH}",
        "\u{2401}",
        "%01",
        "\\\\x01",
        "\\\\u0001",
        ";",
        "\t",
    ] {
        let line = format!("12:00 \"{}\" and so on\n", REPORT.replace('|', form));
        assert_eq!(decoded(line.as_bytes()), raw, "{form}");
    }
}

#[test]
fn no_secret_comes_out_in_whatever_form_a_log_writes_soh() {
    let logon = "8=FIX.4.4|9=99|35=A|34=1|49=me|553=APIKEY|554=PASS|5025=123456|98=0|58=a 554=PASS|\
        95=6|96=se|RAW|10=000|";
    for form in [
        "|",
        "\x01",
        "^A",
        "\\x01",
        "\\u0001",
        "\\001",
        "<SOH>",
        "\u{2401}",
        "%01",
        "\\\\x01",
        ";",
        " ",
        // Not recognised, or not as a whole: nothing may come out all the same.
        "&#1;",
        "&lt;SOH&gt;",
        "x01",
        "\\1",
        "#01",
        "_",
        " | ",
        "=",
        "==",
        "",
        "\\\\\\x01",
        "\u{a6}",
        "^a^",
    ] {
        for text in [logon.to_owned(), logon.replace("10=000|", ""), logon.replace("9=99|", "")] {
            let text = decoded(text.replace('|', form).as_bytes());
            for secret in ["APIKEY", "PASS", "123456", "RAW"] {
                assert!(!text.contains(secret), "{form:?} {secret}: {text}");
            }
            assert!(text.starts_with("#1 "), "{form:?}: {text}");
        }
    }
}

#[test]
fn a_run_that_is_no_field_is_hidden_from_a_secret_tag_on() {
    let text = decoded(b"8=FIX.4.4|9=1|35=A|junk 553=APIKEY|49=x5025=77|58=fine|rest|10=000|");
    assert!(text.contains("junk 553=***") && text.contains("x5025=***"), "{text}");
    assert!(text.contains(" fine") && text.contains(" rest"), "{text}");
    assert!(!text.contains("APIKEY") && !text.contains("77"), "{text}");
}

#[test]
fn the_rest_of_a_secret_behind_a_delimiter_in_it_is_hidden() {
    let text = decoded(b"8=FIX.4.4;9=1;35=A;554=PA;SS;WORD;58=fine;10=000;");
    assert!(!text.contains("SS") && !text.contains("WORD") && text.contains("fine"), "{text}");
}

#[test]
fn what_holds_no_message_is_counted_in_bytes() {
    let mut out = Vec::new();
    for (input, bytes, messages) in [(&b""[..], 0, 0), (b"8=FI", 4, 0), (b"x8=FIX", 6, 1)] {
        let seen = decode(&Dialect::Kraken, &mut &*input, &mut out).expect("memory does not fail");
        assert_eq!(seen, Seen { bytes, messages });
    }
}

/// A dictionary of another venue: components, groups in groups, data fields of header and body.
const OTHER: &str = "<fix>
  <header>
    <field name='BeginString' required='Y'/><field name='BodyLength' required='Y'/>
    <field name='MsgType' required='Y'/><field name='MsgSeqNum' required='Y'/>
    <field name='XmlDataLen' required='N'/><field name='XmlData' required='N'/>
  </header>
  <trailer><field name='CheckSum' required='Y'/></trailer>
  <messages>
    <message name='News' msgtype='B'><component name='Parties' required='N'/></message>
  </messages>
  <components>
    <component name='Parties'>
      <group name='NoParties' required='N'>
        <field name='PartyID' required='Y'/>
        <group name='NoSubIDs' required='N'><field name='SubID' required='Y'/></group>
      </group>
    </component>
  </components>
  <fields>
    <field number='8' name='BeginString' type='STRING'/><field number='9' name='BodyLength' type='LENGTH'/>
    <field number='10' name='CheckSum' type='STRING'/><field number='34' name='MsgSeqNum' type='SEQNUM'/>
    <field number='35' name='MsgType' type='STRING'/><field number='212' name='XmlDataLen' type='LENGTH'/>
    <field number='213' name='XmlData' type='DATA'/><field number='453' name='NoParties' type='NUMINGROUP'/>
    <field number='448' name='PartyID' type='STRING'>
      <value enum='D' description='THE_DESK'/><value enum='F' description='THE_FLOOR'/>
    </field>
    <field number='802' name='NoSubIDs' type='NUMINGROUP'/><field number='523' name='SubID' type='STRING'/>
  </fields>
</fix>";

fn decoded_by_other(inner: &str) -> String {
    let dictionary = Dictionary::from_xml(OTHER).expect("a dictionary");
    let inner = inner.replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{inner}", inner.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    let mut out = Vec::new();
    decode(&Dialect::Loaded(Box::new(dictionary)), &mut &bytes[..], &mut out).expect("memory");
    String::from_utf8(out).expect("the output is text")
}

#[test]
fn a_loaded_dictionary_names_fields_and_values_and_judges_messages() {
    let parties = "453=2|448=D|802=2|523=a|523=b|448=F|";
    let good = decoded_by_other(&format!("35=B|34=7|{parties}"));
    assert!(good.starts_with("#1 News (B) seq 7 "), "{good}");
    assert!(!good.contains('['), "{good}");
    assert!(good.contains("  448 PartyID                    D (the desk)\n"), "{good}");
    let bad = decoded_by_other(&format!("35=B|34=7|{}", parties.replace("802=2", "802=3")));
    assert!(bad.contains("[Incorrect NumInGroup count for repeating group (802)]"), "{bad}");
    let bad = decoded_by_other(&format!("35=B|34=7|{}", parties.replace("448=F", "448=G")));
    assert!(bad.contains("[Value is incorrect (out of range) for this tag (448)]"), "{bad}");
}

#[test]
fn a_data_field_of_the_dictionary_is_one_field_whatever_it_holds() {
    let data = "<a>|10=000|8=FIX.4.4|9=5|35=0|</a>";
    let text = decoded_by_other(&format!("35=B|34=7|212={}|213={data}|453=0|", data.len()));
    assert!(!text.contains('['), "{text}");
    assert!(text.contains("  213 XmlData                    <a>\\x0110=000\\x018=FIX"), "{text}");
    assert_eq!(text.lines().count(), 9, "{text}");
}

#[test]
fn encoded_text_may_hold_delimiters_in_krakens_dialect() {
    let body = "35=5|34=7|49=A|56=B|354=13|355=a|10=123|58=b|58=end|";
    let text = decoded(format!("8=FIX.4.4|9={}|{body}10=000|", body.len()).as_bytes());
    assert!(text.contains("  355 EncodedText                a|10=123|58=b\n"), "{text}");
    assert!(text.contains("   58 Text                       end\n"), "{text}");
}

#[test]
fn recorded_logs_are_decoded_by_the_dictionary_beside_the_repository() {
    let shared = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fix");
    let (Ok(xml), Ok(log)) = (
        std::fs::read_to_string(shared.join("FIX44.xml")),
        std::fs::read(shared.join("inet-fix40-20100201.fix")),
    ) else {
        skipped(format_args!("there are no logs in {}", shared.display()));
        return;
    };
    let dictionary = Dictionary::from_xml(&xml).expect("QuickFIX's dictionary");
    let mut out = Vec::new();
    let log = &log[..log.len().min(2_000_000)];
    let seen =
        decode(&Dialect::Loaded(Box::new(dictionary)), &mut &*log, &mut out).expect("memory");
    let text = String::from_utf8(out).expect("the output is text");
    assert_eq!(seen.messages, text.lines().filter(|line| line.starts_with('#')).count() as u64);
    assert!(seen.messages > 100 && !text.contains("CheckSum wrong"), "{seen:?}");
    assert!(text.contains("#1 Logon (A) seq 1 "), "{}", &text[..200]);
}
