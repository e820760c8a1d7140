use super::*;

fn with(header: &str, messages: &str, components: &str, fields: &str) -> String {
    format!(
        "<fix><header>{header}</header><trailer/><messages>{messages}</messages>\
         <components>{components}</components><fields>{fields}</fields></fix>"
    )
}

const A: &str = "<field number='1' name='A' type='STRING'/>";
const B: &str = "<field number='2' name='B' type='NUMINGROUP'/>";

#[test]
fn krakens_dialect_reads_with_every_message_of_the_venue_file() {
    let model = Model::from_xml(KRAKEN_FIX44).expect("our own file");
    let msg_types: String = model.messages.iter().map(|m| m.msg_type.as_str()).collect();
    assert_eq!(msg_types, "012345ADFGqH89rjVWXYxygh");
    let order = model.messages.iter().find(|m| m.msg_type == "D").expect("there");
    assert_eq!(order.sender, Some(Sender::Client));
    let price = order.items.iter().find(|item| item.tag == 44).expect("there");
    let limits = ["2", "4", "T", "V"].map(String::from).to_vec();
    assert_eq!(price.presence, Presence::When(40, limits));
    let tags = |items: &[Item]| items.iter().map(|item| item.tag).collect::<Vec<_>>();
    let list = model.messages.iter().find(|m| m.msg_type == "y").expect("there");
    let group = list.items.last().and_then(|item| item.group.as_deref()).expect("a group");
    assert_eq!(tags(group), [55, 562, 5010, 5011, 5012, 5013, 2349, 5052, 5022, 5032]);
}

#[test]
fn a_component_that_is_not_required_requires_nothing_and_a_group_in_it_does() {
    let message = "<message name='M' msgtype='M'><component name='C' required='N'/></message>";
    let component = "<component name='C'><field name='A' required='Y'/>\
                     <group name='B' required='Y'><field name='A' required='Y'/></group></component>";
    let model = Model::from_xml(&with("", message, component, &(A.to_owned() + B))).expect("good");
    let items = &model.messages[0].items;
    assert_eq!(items[0].presence, Presence::Optional);
    assert_eq!(items[1].presence, Presence::Optional);
    assert_eq!(items[1].group.as_ref().expect("a group")[0].presence, Presence::Required);
}

#[test]
fn each_kind_of_bad_dictionary_is_told() {
    let message = |body: &str| format!("<message name='M' msgtype='M'>{body}</message>");
    let bad = |header: &str, messages: &str, components: &str, fields: &str| {
        Model::from_xml(&with(header, messages, components, fields)).expect_err("bad")
    };
    let line = 1;
    assert!(matches!(Model::from_xml("<fix"), Err(DictionaryError::Xml(_))));
    assert_eq!(Model::from_xml("<fix/>"), Err(DictionaryError::ElementMissing("fields")));
    let undefined = DictionaryError::Undefined { name: "A".into(), line };
    assert_eq!(bad("<field name='A'/>", "", "", ""), undefined);
    assert_eq!(bad("", &message("<component name='A'/>"), "", ""), undefined);
    assert_eq!(bad("", "", "", &A.repeat(2)), DictionaryError::Twice { name: "A".into(), line });
    let twice = DictionaryError::Twice { name: "M".into(), line };
    assert_eq!(bad("", &message("").repeat(2), "", ""), twice);
    let kind = DictionaryError::Kind { kind: "X".into(), line };
    assert_eq!(bad("", "", "", &A.replace("STRING", "X")), kind);
    let number = DictionaryError::Attribute { attribute: "number", line };
    assert_eq!(bad("", "", "", &A.replace("'1'", "'0'")), number);
    let empty = message("<group name='B'/>");
    assert_eq!(bad("", &empty, "", B), DictionaryError::EmptyGroup { line });
    let when = message("<field name='A' required='C'/>");
    assert_eq!(bad("", &when, "", A), DictionaryError::Attribute { attribute: "when", line });
    let other = DictionaryError::ElementUnexpected { element: "x".into(), line };
    assert_eq!(bad("", &message("<x name='A'/>"), "", A), other);
}

#[test]
fn components_without_end_and_components_that_multiply_end_in_an_error() {
    let message = "<message name='M' msgtype='M'><component name='C0'/></message>";
    let circle = "<component name='C0'><component name='C0'/></component>";
    let error = Model::from_xml(&with("", message, circle, "")).expect_err("a circle");
    assert!(matches!(error, DictionaryError::TooDeep { .. }));
    let doubling: String = (0..30)
        .map(|n| {
            let next = format!("<component name='C{}'/>", n + 1);
            format!("<component name='C{n}'>{}</component>", next.repeat(2))
        })
        .collect();
    let last = "<component name='C30'><field name='A'/></component>";
    let error =
        Model::from_xml(&with("", message, &(doubling + last), A)).expect_err("2^30 fields");
    assert!(matches!(error, DictionaryError::TooLarge { .. }));
}

#[test]
fn elements_nested_without_measure_end_in_an_error_or_are_passed_over() {
    let depth = 100_000;
    let deep = format!("<fix>{}{}</fix>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Model::from_xml(&deep).is_err());
}
