use std::io::Write;
use std::net::TcpStream;

use crate::client::fix;
use crate::world::World;

#[test]
fn plain_text_to_the_tls_port_is_answered_with_a_tls_alert() {
    let world = World::tls();
    for bytes in
        [fix("35=A|34=1|49=TAUT|56=KRAKEN-TRD|98=0|108=30|"), b"GET / HTTP/1.1\r\n\r\n".to_vec()]
    {
        let mut client = world.trading.knock("TAUT");
        client.send_raw(&bytes);
        let answer = client.receive_rest();
        assert_eq!(answer.first(), Some(&21), "an alert record: {answer:?}");
        assert_eq!(answer.get(5), Some(&2), "a fatal one: {answer:?}");
    }
    world.expect_service();
}

#[test]
fn garbage_before_a_logon_ends_the_connection_and_nothing_else() {
    for world in [World::plain(), World::tls()] {
        let mut client = world.trading.open("TAUT");
        client.send_raw(b"\x00\xff\x018=FI hello 10=000\x018=FIX.4.4\x019=x\x01");
        client.expect_end();
        world.trader().log_out();
        world.expect_service();
    }
}

#[test]
fn garbage_within_a_session_is_rejected_and_skipped() {
    for world in [World::plain(), World::tls()] {
        let mut client = world.trader();
        let mut bytes = b"\x00\xff\xfe garbage 8=FIX.4.4\x019=5\x0135=0\x0110=0\x01".to_vec();
        bytes.extend(client.message("1", "112=one|"));
        bytes.extend(b"8=FIX.4.4\x019=99999999999999999999\x0135=D\x01");
        bytes.extend(client.message("1", "112=two|"));
        client.send_raw(&bytes);
        for expected in ["3 -", "3 -", "0 one", "3 -", "0 two"] {
            assert_eq!(client.receive().values(&[35, 112]), expected);
        }
        client.log_out();
        world.expect_service();
    }
}

#[test]
fn endless_garbage_is_cut_off() {
    let world = World::plain();
    let mut trader = world.trader();
    let mut stranger = world.trading.open("OTHER");
    for _ in 0..64 {
        stranger.send_if_open(&[b'x'; 4096]);
        trader.send_if_open(&[0; 4096]);
    }
    stranger.receive_rest();
    trader.receive_rest();
    world.expect_service();
}

#[test]
fn a_wrong_checksum_or_length_is_rejected_disregarded_and_the_number_asked_for_again() {
    let world = World::plain();
    let damages: [fn(&mut String); 3] = [
        |text| {
            let at = text.len() - 2;
            let digit = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
            text.replace_range(at..=at, digit);
        },
        // One too many: the trailer is not where the length says.
        |text| {
            let (head, rest) = text.split_once("\x019=").expect("a length");
            let (length, rest) = rest.split_once('\x01').expect("its end");
            let length = length.parse::<u32>().expect("a number") + 1;
            *text = format!("{head}\x019={length}\x01{rest}");
        },
        |text| *text = text.replacen("112=bad", "112=worse", 1),
    ];
    for damage in damages {
        let mut client = world.trader();
        let bytes = client.message("1", "112=bad|");
        let mut text = String::from_utf8(bytes).expect("ASCII");
        damage(&mut text);
        client.send_raw(text.as_bytes());
        client.send("1", "112=good|");
        assert_eq!(client.receive().values(&[35, 45, 373]), "3 2 99");
        assert_eq!(client.receive().values(&[35, 7, 16]), "2 2 0");
        // Gap fill over both: they do not matter any more.
        client.send_raw(&client.numbered(2, "4", "43=Y|122=20260101-00:00:00.000|123=Y|36=4|"));
        client.expect_alive("after");
        client.log_out();
    }
    world.expect_service();
}

#[test]
fn messages_arrive_in_pieces_and_in_one_piece() {
    let world = World::tls();
    let mut client = world.trader();
    for byte in client.message("1", "112=bytes|") {
        client.send_raw(&[byte]);
    }
    assert_eq!(client.receive().get(112), "bytes");
    let all: Vec<u8> = (0..100).flat_map(|id| client.message("1", &format!("112={id}|"))).collect();
    client.send_raw(&all);
    for id in 0..100 {
        assert_eq!(client.receive().get(112), id.to_string());
    }
    client.log_out();
}

#[test]
fn connections_that_break_at_any_point_leave_the_venue_serving() {
    let world = World::tls();
    for bytes in
        [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01", &[0x16, 3, 3, 0xff, 0xff, 1, 2, 3]]
    {
        let mut stream = TcpStream::connect(world.trading.address).expect("it listens");
        stream.write_all(bytes).expect("it reads");
        drop(stream);
    }
    let mut half = world.trading.open("TAUT");
    half.send_raw(b"8=FIX.4.4\x019=100\x0135=A\x01");
    drop(half);
    let mut unread = world.trader();
    for id in 1..200 {
        unread.limit(id, 1, "0.01", "100");
    }
    drop(unread);
    world.expect_service();
    let stats = world.end();
    assert_eq!(stats.live_orders, 0, "cancel on disconnect: {stats:?}");
}
