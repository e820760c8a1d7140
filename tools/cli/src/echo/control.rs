//! The hook of the conformance runner: `GET /?SESSION=FIX.4.4:ISLD->TW44&KEY=VALUE` on a local port.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::Failure;

/// How long one request may take, from its first byte to its last: the sessions wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest request.
const REQUEST_MAX: usize = 4096;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Set the next number that we send.
    NextOut(u64),
    /// Set the next number that we expect.
    NextIn(u64),
    /// Log out in good order.
    LogOut,
    /// Send news with this headline, now or as soon as there is a session.
    News(String),
    /// Whether the application is there.
    Available(bool),
    /// End and start again, as after a crash.
    Restart,
}

/// An order for one session, known by the CompID of its counterparty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The counterparty.
    pub target: String,
    /// What to do.
    pub order: Order,
}

/// Takes one request, if one waits, carries it out by `act` and answers.
pub fn serve(listener: &TcpListener, act: impl FnOnce(&Request) -> bool) {
    let Ok((mut stream, _)) = listener.accept() else { return };
    let request = read(&mut stream, PATIENCE).ok().and_then(|text| parse(&text));
    let done = request.as_ref().is_some_and(act);
    let status = if done { "200 OK" } else { "400 Bad Request" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // Whoever does not wait for the answer misses it.
    let _ = stream.write_all(answer.as_bytes());
}

fn read(stream: &mut TcpStream, patience: Duration) -> io::Result<String> {
    stream.set_nonblocking(false)?;
    let deadline = Instant::now() + patience;
    let mut bytes = Vec::new();
    let mut chunk = [0; 512];
    while bytes.len() < REQUEST_MAX && !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk)? {
            0 => break,
            count => bytes.extend(&chunk[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(text: &str) -> Option<Request> {
    let path = text.strip_prefix("GET ")?.split_whitespace().next()?;
    let mut target = None;
    let mut order = None;
    for part in path.split_once('?')?.1.split('&') {
        let (key, value) = part.split_once('=')?;
        match key.to_ascii_uppercase().as_str() {
            "SESSION" => target = Some(value.replace("%3E", ">").rsplit_once("->")?.1.to_owned()),
            "NEXTSENDERSEQNUM" => order = Some(Order::NextOut(value.parse().ok()?)),
            "NEXTTARGETSEQNUM" => order = Some(Order::NextIn(value.parse().ok()?)),
            "LOGOUT" => order = Some(Order::LogOut),
            "NEWS" => order = Some(Order::News(decoded(value)?)),
            "AVAILABLE" => order = Some(Order::Available(yes_or_no(value)?)),
            "RESTART" => order = Some(Order::Restart),
            _ => return None,
        }
    }
    Some(Request { target: target?, order: order? })
}

fn yes_or_no(value: &str) -> Option<bool> {
    match value {
        "Y" | "1" => Some(true),
        "N" | "0" => Some(false),
        _ => None,
    }
}

/// `%20` and the like resolved.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).ok()
}

/// What cannot stand in the value of a request, in hexadecimal.
fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:~".contains(&byte);
    let one =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}

/// Sends one request: `taut control`.
pub fn send(to: SocketAddr, session: &str, key: &str, value: &str) -> Result<(), Failure> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(5 * PATIENCE))?;
    let session = session.replace('>', "%3E");
    let encoded = encoded(value);
    write!(stream, "GET /?SESSION={session}&{key}={encoded} HTTP/1.1\r\nHost: {to}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => Err(Failure::Usage(format!("{key}={value} was refused for {session}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_sends_byte_after_byte_has_one_deadline_for_all() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let trickle = std::thread::spawn(move || {
            let request = [b'G'; REQUEST_MAX];
            let sent = request.iter().take_while(|&&byte| {
                std::thread::sleep(Duration::from_millis(5));
                client.write_all(&[byte]).is_ok()
            });
            sent.count()
        });
        let given_up = read(&mut stream, Duration::from_millis(100));
        drop(stream);
        assert!(given_up.is_err(), "each byte came in time, the request did not");
        assert!(trickle.join().unwrap() < REQUEST_MAX);
    }

    #[test]
    fn a_request_names_a_session_and_one_thing_to_do() {
        let parsed = parse("GET /?SESSION=FIX.4.4:ISLD->TW44&NEXTSENDERSEQNUM=7 HTTP/1.1\r\n\r\n");
        let request = Request { target: "TW44".into(), order: Order::NextOut(7) };
        assert_eq!(parsed, Some(request));
        let parsed = parse("GET /x?SESSION=FIX.4.4:ISLD-%3ETW&RESTART=1 HTTP/1.1");
        assert_eq!(parsed, Some(Request { target: "TW".into(), order: Order::Restart }));
        let parsed = parse("GET /?SESSION=A->B&NEWS=two%20words%21 HTTP/1.1");
        let order = Order::News("two words!".into());
        assert_eq!(parsed, Some(Request { target: "B".into(), order }));
        assert_eq!(decoded(&encoded("a%b ü|")).as_deref(), Some("a%b ü|"));
        for (value, available) in [("Y", true), ("0", false)] {
            let order = parse(&format!("GET /?SESSION=A->B&AVAILABLE={value} X")).unwrap().order;
            assert_eq!(order, Order::Available(available));
        }
        for bad in ["GET /?SESSION=A->B&NEWS=%4 X", "GET /?SESSION=A->B&AVAILABLE=x X"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        for bad in ["", "GET / HTTP/1.1", "GET /?SESSION=A->B HTTP/1.1", "GET /?X=1&LOGOUT=1 H"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
