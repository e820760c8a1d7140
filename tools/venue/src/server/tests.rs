//! The venue on sockets.

use std::io::Read;
use std::time::Instant;

use super::*;
use crate::venue::{Outcome, Step};

/// Longest wait for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_line_of_the_arrival_log_ends_with_how_far_the_command_came() {
    let arrival = |cl_ord_id, outcome| Arrival {
        sender: "TAUT".parse().unwrap(),
        msg_seq_num: 7,
        msg_type: b'D',
        cl_ord_id,
        poss_dup: false,
        at: UtcTime(1),
        outcome,
    };
    let id = taut::types::ClOrdId::numeric(42);
    let mut log = Vec::new();
    for (id, outcome) in
        [(id, Outcome::Arrived), (id, Outcome::RefusedByOes), (None, Outcome::RefusedByGateway)]
    {
        write_arrival(&mut log, &arrival(id, outcome)).unwrap();
    }
    let text = String::from_utf8(log).unwrap();
    assert_eq!(text, "TAUT 7 D 42 arrived\nTAUT 7 D 42 oes\nTAUT 7 D - gateway\n");
}

#[test]
fn a_base_port_that_leads_beyond_the_last_port_is_out_of_range() {
    let listen = |base| Listen { base_port: Some(base), ..Listen::loopback() };
    let error = listen(61_535).port(Door::Fix(Service::SpotTrading)).unwrap_err().to_string();
    assert_eq!(error, "--base-port 61535: spot-trading at 4001 above it would exceed 65535");
    assert_eq!(listen(61_534).port(Door::Fix(Service::SpotTrading)).unwrap(), 65_535);
}

/// What every FIX port says to these bytes, to the end.
fn answers_to(bytes: &[u8]) -> Vec<(Service, Vec<u8>)> {
    let mut config = crate::VenueConfig::default();
    config.liquidity.mode = crate::config::LiquidityMode::None;
    let clock = Clock::system();
    let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
    let certificate = crate::certificate::Certificate::generate(&["localhost"]).unwrap();
    let tls = certificate.server_tls(taut::wire::tls::TlsMode::RecordLayer).unwrap();
    let mut server = Server::bind(venue, Some(tls), &Listen::loopback(), clock).unwrap();
    let addresses = server.addresses().unwrap();
    assert_eq!(addresses.len(), Service::ALL.len(), "every port is served");
    let mut answers = Vec::new();
    for (service, address) in addresses {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        client.write_all(bytes).unwrap();
        let (mut answer, mut buffer) = (Vec::new(), [0; 64]);
        // As long as it takes: the end of the stream is the condition.
        loop {
            server.step().unwrap();
            match client.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What it had sent beyond what was read makes the end a reset.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{service:?}: {error}"),
            }
        }
        answers.push((service, answer));
    }
    answers
}

#[test]
fn a_plain_client_of_a_tls_port_gets_an_alert_and_the_end() {
    for (service, answer) in answers_to(b"8=FIX.4.4\x019=76\x0135=A\x01") {
        // A record of type 21, two bytes long: fatal.
        assert_eq!((answer[0], answer[5]), (21, 2), "{service:?}: {answer:?}");
    }
}

/// A ClientHello that does not say that it speaks more than TLS 1.2.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    // No session; TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; no compression.
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    // P-256, uncompressed points, ECDSA with SHA-256.
    let extensions: [&[u8]; 3] =
        [&[0, 10, 0, 4, 0, 2, 0, 23], &[0, 11, 0, 2, 1, 0], &[0, 13, 0, 4, 0, 2, 4, 3]];
    let extensions = extensions.concat();
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut handshake = vec![1, 0];
    handshake.extend((hello.len() as u16).to_be_bytes());
    handshake.extend(hello);
    let mut record = vec![22, 3, 1];
    record.extend((handshake.len() as u16).to_be_bytes());
    record.extend(handshake);
    record
}

#[test]
fn a_client_that_speaks_tls_1_2_at_most_gets_an_alert_that_says_so() {
    for (service, answer) in answers_to(&client_hello_of_tls_1_2()) {
        // Fatal, protocol_version(70).
        let alert = (answer[0], answer.get(5..7));
        assert_eq!(alert, (21, Some(&[2, 70][..])), "{service:?}: {answer:?}");
    }
}

#[test]
fn a_client_that_is_sent_away_while_it_sends_reads_why_and_then_the_end() {
    let mut config = crate::VenueConfig::default();
    config.liquidity.mode = crate::config::LiquidityMode::None;
    config.switches.session.errors_per_second_max = 1;
    let clock = Clock::system();
    let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
    let time = String::from_utf8(clock.now().to_fix_millis().to_vec()).unwrap();
    let mut server = Server::bind(venue, None, &Listen::loopback(), clock).unwrap();
    let address = server.address_of(Service::SpotMarketData).unwrap();
    let message = |msg_type: &str, number: u32, body: &str| message(msg_type, number, &time, body);
    // More than the server reads at once, so that something is left unread when it has had enough.
    let mut all = message("A", 1, "98=0|108=30|141=Y|");
    let mut number = 1;
    while all.len() < 100_000 {
        number += 1;
        all += &message("V", number, "262=1|");
    }
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    let (mut sent, mut answer, mut buffer) = (0, Vec::new(), [0; 4096]);
    loop {
        server.step().unwrap();
        match client.write(&all.as_bytes()[sent..]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("\x0158=Too many errors\x01"), "{answer}");
}

#[test]
fn an_address_beyond_this_machine_is_not_bound_without_leave() {
    let mut config = crate::VenueConfig::default();
    config.liquidity.mode = crate::config::LiquidityMode::None;
    let clock = Clock::system();
    let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
    let listen = Listen { address: [0, 0, 0, 0].into(), ..Listen::loopback() };
    let error = Server::bind(venue, None, &listen, clock).err().unwrap();
    assert!(matches!(error, ServerError::Remote(_)), "{error}");
}

/// A message of TAUT to spot market data.
fn message(msg_type: &str, number: u32, time: &str, body: &str) -> String {
    let target = Service::SpotMarketData.comp_id();
    let body = format!("35={msg_type}|34={number}|49=TAUT|52={time}|56={target}|{body}");
    let text = format!("8=FIX.4.4|9={}|{body}", body.len()).replace('|', "\x01");
    let sum = text.bytes().fold(0u8, u8::wrapping_add);
    format!("{text}10={sum:03}\x01")
}

#[test]
fn a_session_is_cut_or_reset_in_the_middle_of_a_message() {
    for (word, ends_by) in [("cut", None), ("reset", Some(io::ErrorKind::ConnectionReset))] {
        let mut config = crate::VenueConfig::default();
        config.liquidity.mode = crate::config::LiquidityMode::None;
        let clock = Clock::system();
        let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
        let time = String::from_utf8(clock.now().to_fix_millis().to_vec()).unwrap();
        let now = clock.now();
        let mut server = Server::bind(venue, None, &Listen::loopback(), clock).unwrap();
        let address = server.address_of(Service::SpotMarketData).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        client.write_all(message("A", 1, &time, "98=0|108=30|141=Y|").as_bytes()).unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        let mut step: Option<Step> = Some(format!("{word} TAUT spot-market-data").parse().unwrap());
        let end = loop {
            server.step().unwrap();
            match client.read(&mut buffer) {
                Ok(0) => break None,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => break Some(error.kind()),
            }
            if heard.ends_with(b"\x01")
                && let Some(step) = step.take()
            {
                heard.clear();
                assert!(server.venue().control(&step, now));
                client.write_all(message("1", 2, &time, "112=x|").as_bytes()).unwrap();
            }
        };
        assert_eq!(end, ends_by, "{word}");
        assert_eq!(heard.len(), 30, "{word}: {}", String::from_utf8_lossy(&heard));
        assert!(heard.starts_with(b"8=FIX.4.4\x019="), "{word}");
    }
}

/// What a server tells, for the test to read.
#[derive(Clone, Default)]
struct Told(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_that_sees_a_silent_close_is_a_line_for_whoever_runs_the_venue() {
    let mut config = crate::VenueConfig::default();
    config.liquidity.mode = crate::config::LiquidityMode::None;
    let clock = Clock::system();
    let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
    let mut server = Server::bind(venue, None, &Listen::loopback(), clock).unwrap();
    let told = Told::default();
    server.tell(told.clone());
    let address = server.address_of(Service::SpotTrading).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    let body = "35=A\x0134=1\x0149=NOBODY\x0156=KRAKEN-TRD\x01";
    let mut logon = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
    let sum = logon.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    logon.extend(format!("10={sum:03}\x01").bytes());
    client.write_all(&logon).unwrap();
    // As long as it takes: the end of the stream and the line are the conditions.
    let mut is_closed = false;
    while !is_closed || told.0.lock().unwrap().is_empty() {
        server.step().unwrap();
        is_closed |= matches!(client.read(&mut [0; 64]), Ok(0));
    }
    assert_eq!(
        String::from_utf8(told.0.lock().unwrap().clone()).unwrap(),
        "logon refused: NOBODY on spot-trading from 127.0.0.1: SenderCompID(49) is no client of this market\n"
    );
}

/// Runs a server until somebody who connects to a service and sends `bytes` is told of.
fn told_of(mut server: Server, service: Service, bytes: &[u8]) -> String {
    let told = Told::default();
    server.tell(told.clone());
    let mut client = TcpStream::connect(server.address_of(service).unwrap()).unwrap();
    client.write_all(bytes).unwrap();
    let end = Instant::now() + PATIENCE;
    while told.0.lock().unwrap().is_empty() {
        assert!(Instant::now() < end, "nothing is told");
        server.step().unwrap();
    }
    String::from_utf8(told.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn a_handshake_that_fails_is_told_with_its_reason() {
    let clock = Clock::system();
    let mut config = crate::VenueConfig::default();
    config.liquidity.mode = crate::config::LiquidityMode::None;
    let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
    let certificate = crate::certificate::Certificate::generate(&["localhost"]).unwrap();
    let tls = certificate.server_tls(taut::wire::tls::TlsMode::RecordLayer).unwrap();
    let server = Server::bind(venue, Some(tls), &Listen::loopback(), clock).unwrap();
    let line = told_of(server, Service::SpotTrading, b"8=FIX.4.4\x019=5\x0135=A\x01");
    let expected = "logon refused: somebody on spot-trading from 127.0.0.1: \
                    TLS handshake: the peer does not speak TLS\n";
    assert_eq!(line, expected);
}

#[test]
fn a_control_step_that_cannot_be_done_is_told_whether_it_was_written_or_typed() {
    let mut config = crate::VenueConfig::default();
    config.liquidity.mode = crate::config::LiquidityMode::None;
    config.control = vec!["0s cut TAUT spot-trading".into()];
    let clock = Clock::system();
    let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
    let mut server = Server::bind(venue, None, &Listen::loopback(), clock).unwrap();
    let told = Told::default();
    server.tell(told.clone());
    let (typed, steps) = std::sync::mpsc::channel();
    for line in ["logons refuse", "explode", "drop NOBODY spot-trading", "drop TAUT spot-trading"] {
        typed.send(line.to_owned()).unwrap();
    }
    server.follow(steps);
    let expected = [
        r#"control: "explode": there is no such step"#,
        r#"control: "drop NOBODY spot-trading": there is no such client"#,
        r#"control: "drop TAUT spot-trading": there is nothing now that it could be done to"#,
        r#"control: "0s cut TAUT spot-trading": there is nothing now that it could be done to"#,
    ];
    let lines = || told.0.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count();
    let end = Instant::now() + PATIENCE;
    while lines() < expected.len() {
        assert!(Instant::now() < end, "{} lines", lines());
        server.step().unwrap();
    }
    let said = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}
