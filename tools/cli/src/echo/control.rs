//! The hook of the conformance runner: `GET /?SESSION=FIX.4.4:ISLD->TW44&KEY=VALUE` on a local port.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::Failure;

/// How long one request may take, from its first byte to its last: the sessions wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
/// What can be asked for.
const KEYS: &str = "LOGOUT, RESTART, NEXTSENDERSEQNUM, NEXTTARGETSEQNUM, NEWS, AVAILABLE";
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

/// Takes one request, if one waits, carries it out by `act` and answers: with the reason, if it was not done.
pub fn serve(listener: &TcpListener, act: impl FnOnce(&Request) -> Result<(), String>) {
    let Ok((mut stream, _)) = listener.accept() else { return };
    let read = read(&mut stream, PATIENCE).map_err(|error| format!("the request: {error}"));
    let done = read.and_then(|text| act(&parse(&text)?));
    let (status, reason) = match done {
        Ok(()) => ("200 OK", String::new()),
        Err(reason) => ("400 Bad Request", reason),
    };
    let length = reason.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{reason}"
    );
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

/// # Errors
/// What is wrong with it, in words.
fn parse(text: &str) -> Result<Request, String> {
    let path = text.strip_prefix("GET ").and_then(|rest| rest.split_whitespace().next());
    let query = path.and_then(|path| path.split_once('?'));
    let (_, query) = query.ok_or("no request of the form GET /?SESSION=..&KEY=VALUE")?;
    let mut target = None;
    let mut order = None;
    for part in query.split('&') {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("{part}: KEY=VALUE"))?;
        let value = decoded(value).ok_or_else(|| format!("{part}: not encoded as it should be"))?;
        let number = || value.parse().map_err(|_| format!("{part}: not a number"));
        match key.to_ascii_uppercase().as_str() {
            "SESSION" => {
                let name = value.rsplit_once("->").map(|(_, target)| target.to_owned());
                target = Some(name.ok_or_else(|| format!("{value}: FIX.4.4:SENDER->TARGET"))?);
            }
            "NEXTSENDERSEQNUM" => order = Some(Order::NextOut(number()?)),
            "NEXTTARGETSEQNUM" => order = Some(Order::NextIn(number()?)),
            "LOGOUT" => order = Some(Order::LogOut),
            "NEWS" => order = Some(Order::News(value)),
            "AVAILABLE" => {
                let available = yes_or_no(&value).ok_or_else(|| format!("{part}: Y or N"))?;
                order = Some(Order::Available(available));
            }
            "RESTART" => order = Some(Order::Restart),
            _ => return Err(format!("{key} is none of {KEYS}")),
        }
    }
    let target = target.ok_or("SESSION is missing")?;
    Ok(Request { target, order: order.ok_or_else(|| format!("nothing to do: none of {KEYS}"))? })
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
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(5 * PATIENCE))?;
        let [session, key, value] = [session, key, value].map(encoded);
        write!(stream, "GET /?SESSION={session}&{key}={value} HTTP/1.1\r\nHost: {to}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let what = "nobody to control answers at";
    let answer = ask().map_err(|error| Failure::Address { what, address: to, error })?;
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    let reason = match answer.split_once("\r\n\r\n") {
        Some((_, reason)) if answer.starts_with("HTTP/") && !reason.is_empty() => reason,
        _ => "what answers there is no --control of taut",
    };
    let reason: String = reason.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    Err(Failure::Usage(format!("{key}={value} was refused for {session}: {reason}")))
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
        assert_eq!(parsed, Ok(request));
        let parsed = parse("GET /x?SESSION=FIX.4.4:ISLD-%3ETW&RESTART=1 HTTP/1.1");
        assert_eq!(parsed, Ok(Request { target: "TW".into(), order: Order::Restart }));
        let parsed = parse("GET /?SESSION=A->B&NEWS=two%20words%21 HTTP/1.1");
        let order = Order::News("two words!".into());
        assert_eq!(parsed, Ok(Request { target: "B".into(), order }));
        assert_eq!(decoded(&encoded("a%b ü|")).as_deref(), Some("a%b ü|"));
        for (value, available) in [("Y", true), ("0", false)] {
            let order = parse(&format!("GET /?SESSION=A->B&AVAILABLE={value} X")).unwrap().order;
            assert_eq!(order, Order::Available(available));
        }
        for (bad, named) in [
            ("GET /?SESSION=A->B&NEWS=%4 X", "NEWS=%4: not encoded"),
            ("GET /?SESSION=A->B&AVAILABLE=x X", "AVAILABLE=x: Y or N"),
            ("GET /?SESSION=A->B&NEXTSENDERSEQNUM=x X", "NEXTSENDERSEQNUM=x: not a number"),
            ("", "GET /?SESSION"),
            ("GET / HTTP/1.1", "GET /?SESSION"),
            ("GET /?SESSION=A->B HTTP/1.1", "nothing to do"),
            ("GET /?SESSION=AB&LOGOUT=1 HTTP/1.1", "AB: FIX.4.4:SENDER->TARGET"),
            ("GET /?LOGOUT=1 HTTP/1.1", "SESSION is missing"),
            ("GET /?X=1&LOGOUT=1 H", "X is none of LOGOUT"),
        ] {
            let reason = parse(bad).unwrap_err();
            assert!(reason.contains(named), "{bad}: {reason}");
        }
    }
}
