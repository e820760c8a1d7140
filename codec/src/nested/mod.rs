//! Groups within groups, components and required data: what Kraken's dialect lacks, generated from
//! `codec/dictionary/nested.xml` to be tested.

#[allow(dead_code, reason = "the tests use what Kraken's messages do not show")]
mod new_order_list;

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use new_order_list::orders::party_ids::party_sub_ids as order_sub_ids;
use new_order_list::orders::{self, party_ids as order_parties};
use new_order_list::party_ids::party_sub_ids;
use new_order_list::{Draft, LAYOUT, MSG_TYPE, Optional, View, party_ids};

use crate::encode::{EncodeError, Encoder, Header, HeaderOrder};
use crate::ids::Market;
use crate::message::{FieldError, GroupError, Message};
use crate::rules::{self, Dialect, FieldFault, Layout, Options, Reason};
use crate::scan::{DataFields, Field, Scanner};
use crate::value::{Decimal, UtcTime};

/// The generated tables as a dialect; header and trailer are Kraken's.
struct Nested;

impl Dialect for Nested {
    fn layout(&self, msg_type: &[u8]) -> Option<Layout<'_>> {
        (msg_type == MSG_TYPE).then_some(LAYOUT)
    }

    fn has_tag(&self, _: u32) -> bool {
        false
    }

    fn is_valid(&self, _: u16, _: &[u8], _: Option<Market>) -> bool {
        false
    }

    fn data_fields(&self) -> DataFields<'_> {
        DataFields::KRAKEN
    }
}

const BODY: &str = "66=L1|453=1|448=us|802=2|523=a|803=1|523=b|452=7|73=2|11=o1|44=1.5|453=2|448=A|802=1|523=x|\
    452=1|448=B|452=3|354=3|355=p^q|11=o2|95=5|96=r^s^t|";

/// Runs `look` over a message with this body; `|` and `^` for SOH.
fn with<R>(body: &str, look: impl FnOnce(&Message<'_>) -> R) -> R {
    let inner = format!("35=E|34=1|49=A|52=20230707-13:56:08.000|56=B|{body}");
    let inner = inner.replace(['|', '^'], "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{inner}", inner.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    let mut fields = [Field::default(); 64];
    let count = Scanner::new().index(&bytes, &mut fields).expect("well formed");
    look(&Message::new(&bytes, &fields[..count]))
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn groups_within_groups_are_read_entry_by_entry() {
    with(BODY, |message| {
        let list = View::new(*message);
        assert_eq!((list.list_id(), list.raw_data()), (Ok(&b"L1"[..]), Ok(&b"r\x01s\x01t"[..])));
        let mut seen = Vec::new();
        for party in list.party_ids().expect("good") {
            let subs = party.party_sub_ids().expect("good");
            let subs: Vec<_> = subs.map(|sub| text(sub.party_sub_id().expect("there"))).collect();
            seen.push((text(party.party_id().expect("there")), party.party_role(), subs));
        }
        assert_eq!(seen, [("us".into(), Ok(7), ["a".into(), "b".into()].to_vec())]);

        let orders: Vec<_> = list.orders().expect("good").collect();
        assert_eq!(orders[0].price(), Ok(Some(Decimal::new(15, 1))));
        assert_eq!(orders[0].encoded_text(), Ok(Some(&b"p\x01q"[..])));
        let parties: Vec<_> = orders[0].party_ids().expect("good").collect();
        let subs = |n: usize| parties[n].party_sub_ids().map(|entries| entries.len());
        assert_eq!((parties.len(), subs(0), subs(1)), (2, Ok(1), Ok(0)));
        assert_eq!(parties[1].party_id(), Ok(&b"B"[..]));
        assert_eq!(orders[1].cl_ord_id(), Ok(&b"o2"[..]));
        assert_eq!(orders[1].price(), Ok(None));
        assert_eq!(orders[1].party_ids().map(|entries| entries.len()), Ok(0));
    });
}

#[test]
fn a_group_is_not_taken_for_the_same_group_within_another() {
    let without = BODY.replace("453=1|448=us|802=2|523=a|803=1|523=b|452=7|", "");
    with(&without, |message| {
        let list = View::new(*message);
        assert_eq!(list.party_ids().map(|entries| entries.len()), Ok(0));
        let first = list.orders().expect("good").next().expect("one");
        assert_eq!(first.party_ids().map(|entries| entries.len()), Ok(2));
    });
    let repeated = BODY.replace("66=L1|", "66=L1|453=1|448=x|452=7|");
    with(&repeated, |message| {
        let twice = View::new(*message).party_ids().map(|entries| entries.len());
        assert_eq!(twice, Err(GroupError::TagRepeated));
    });
}

#[test]
fn a_draft_with_groups_within_groups_writes_what_a_view_reads() {
    let sub = |party_sub_id| party_sub_ids::Draft { party_sub_id, optional: Default::default() };
    let (first, second) = (sub(&b"a"[..]), sub(&b"b"[..]));
    let typed = party_sub_ids::Optional { party_sub_id_type: Some(1) };
    let subs = [party_sub_ids::Draft { optional: typed, ..first }, second];
    let ours = [party_ids::Draft {
        party_id: b"us",
        party_role: 7,
        optional: party_ids::Optional { party_sub_ids: &subs },
    }];
    let order_subs = [order_sub_ids::Draft { party_sub_id: b"x", optional: Default::default() }];
    let theirs = [
        order_parties::Draft {
            party_id: b"A",
            party_role: 1,
            optional: order_parties::Optional { party_sub_ids: &order_subs },
        },
        order_parties::Draft { party_id: b"B", party_role: 3, optional: Default::default() },
    ];
    let orders = [
        orders::Draft {
            cl_ord_id: b"o1",
            optional: orders::Optional {
                price: Some(Decimal::new(15, 1)),
                party_ids: &theirs,
                encoded_text: Some(b"p\x01q"),
            },
        },
        orders::Draft { cl_ord_id: b"o2", optional: Default::default() },
    ];
    let draft = Draft {
        list_id: b"L1",
        orders: &orders,
        raw_data: b"r\x01s\x01t",
        optional: Optional { party_ids: &ours },
    };
    let write = |draft: &Draft<'_>| {
        let mut buffer = [0; 512];
        let header = Header {
            msg_type: MSG_TYPE,
            msg_seq_num: 1,
            sender: b"A",
            target: b"B",
            sending_time: UtcTime::parse(b"20230707-13:56:08.000").expect("a time"),
            orig_sending_time: None,
            order: HeaderOrder::default(),
        };
        let mut encoder = Encoder::begin(&mut buffer, &header);
        draft.write(&mut encoder);
        encoder.finish().map(|range| buffer[range].to_vec())
    };
    with(BODY, |message| assert_eq!(write(&draft).map(|b| text(&b)), Ok(text(message.bytes()))));
    // Data that is required cannot be left out, nor be empty.
    let empty = Draft { raw_data: b"", ..draft };
    assert_eq!(write(&empty), Err(EncodeError::EmptyValue { tag: 96 }));
}

#[test]
fn the_generated_checks_look_into_groups_within_groups() {
    let found = |body: &str| {
        with(body, |message| rules::check(&Nested, message, Options::default()))
            .map_err(|FieldFault { reason, tag }| (reason, tag))
    };
    assert_eq!(found(BODY), Ok(()));
    for (from, to, fault) in [
        ("523=a|803=1|", "803=1|523=a|", (Reason::GroupOutOfOrder, 803)),
        ("802=2|", "802=3|", (Reason::GroupCountIncorrect, 802)),
        ("802=2|", "802=1|", (Reason::GroupCountIncorrect, 802)),
        ("453=2|", "453=3|", (Reason::GroupCountIncorrect, 453)),
        ("73=2|", "73=1|", (Reason::GroupCountIncorrect, 73)),
        ("452=7|", "", (Reason::RequiredMissing, 452)),
        ("452=3|", "452=x|", (Reason::FormatIncorrect, 452)),
        ("11=o2|", "11=o2|11=o3|", (Reason::GroupCountIncorrect, 73)),
        ("803=1|", "803=1|803=2|", (Reason::Repeated, 803)),
        // What stands at the wrong place is told of before what its value is (14.j).
        ("448=B|452=3|", "448=B|452=3|802=|", (Reason::GroupOutOfOrder, 802)),
        ("95=5|96=r^s^t|", "", (Reason::RequiredMissing, 95)),
        ("354=3|355=p^q|", "354=3|", (Reason::OutOfOrder, 354)),
    ] {
        assert!(BODY.contains(from));
        assert_eq!(found(&BODY.replacen(from, to, 1)), Err(fault), "{from} to {to}");
    }
}

#[test]
fn a_view_of_damaged_groups_says_what_is_wrong() {
    let wrong = BODY.replace("802=2", "802=3");
    let inner = with(&wrong, |message| {
        let party = View::new(*message).party_ids().expect("good").next().expect("one");
        party.party_sub_ids().map(|entries| entries.len())
    });
    assert_eq!(inner, Err(GroupError::CountWrong));
    let role = BODY.replace("452=7|", "");
    let missing = with(&role, |message| {
        let party = View::new(*message).party_ids().expect("good").next().expect("one");
        party.party_role()
    });
    assert_eq!(missing, Err(FieldError::Missing { tag: 452 }));
}
