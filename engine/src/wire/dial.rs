//! Dialling: the name is resolved at every call, because the venue moves hosts behind a DNS
//! time-to-live of five minutes and says never to pin addresses (venue file 1).

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name could not be resolved.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The name has no address.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// No address answered.
    #[error("cannot connect to {host}:{port} ({}), the last said: {source}", addresses_tried(*.tried))]
    Connect {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// How many addresses were tried.
        tried: usize,
        /// What the last attempt ended with.
        source: io::Error,
    },
}

fn addresses_tried(count: usize) -> String {
    if count == 1 { "1 address tried".into() } else { format!("{count} addresses tried") }
}

/// How often a dial looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Resolves `host` and tries each of its addresses in the resolver's order, until one takes the
/// connection or `timeout` has passed. What is left of the time is shared evenly by the addresses
/// that are left. (The resolver's own time is the system's and cannot be bounded from here.)
///
/// # Errors
/// See [`DialError`].
pub fn dial(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, DialError> {
    dial_until(host, port, Instant::now() + timeout, &AtomicBool::new(false))
}

/// The same until `deadline`, or until `cancelled` is set: then it ends as if the time were over.
///
/// # Errors
/// See [`DialError`].
pub fn dial_until(
    host: &str,
    port: u16,
    deadline: Instant,
    cancelled: &AtomicBool,
) -> Result<TcpStream, DialError> {
    try_each(host, port, deadline, cancelled, |address, until| connect(address, until, cancelled))
}

/// Resolves a name and tries each of its addresses by `connect`, which is told until when it may try.
pub(super) fn try_each<T>(
    host: &str,
    port: u16,
    deadline: Instant,
    cancelled: &AtomicBool,
    mut connect: impl FnMut(SocketAddr, Instant) -> io::Result<T>,
) -> Result<T, DialError> {
    let addresses: Vec<_> = (host, port)
        .to_socket_addrs()
        .map_err(|source| DialError::Resolve { host: host.to_owned(), source })?
        .collect();
    let mut last = None;
    for (tried, &address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        if share.is_zero() || cancelled.load(Ordering::Relaxed) {
            last.get_or_insert_with(|| io::ErrorKind::TimedOut.into());
            break;
        }
        match connect(address, Instant::now() + share) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        None => Err(DialError::NoAddress { host: host.to_owned() }),
        Some(source) => {
            Err(DialError::Connect { host: host.to_owned(), port, tried: addresses.len(), source })
        }
    }
}

/// Connects without blocking for longer than a moment at a time. The stream that comes back blocks.
fn connect(
    address: SocketAddr,
    deadline: Instant,
    cancelled: &AtomicBool,
) -> io::Result<TcpStream> {
    let mut stream = mio::net::TcpStream::connect(address)?;
    let mut poll = mio::Poll::new()?;
    poll.registry().register(&mut stream, mio::Token(0), mio::Interest::WRITABLE)?;
    let mut events = mio::Events::with_capacity(1);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match poll.poll(&mut events, Some(left.min(LOOK_EVERY))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => return Err(error),
        }
    }
    poll.registry().deregister(&mut stream)?;
    let stream = TcpStream::from(stream);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_refused_connection_says_where_it_went() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        dial("localhost", port, Duration::from_secs(5)).unwrap();
        drop(listener);
        let error = dial("127.0.0.1", port, Duration::from_secs(5)).unwrap_err();
        assert!(matches!(error, DialError::Connect { tried: 1, .. }), "{error}");
        assert!(error.to_string().contains("(1 address tried)"), "{error}");
        assert!(error.to_string().contains(&port.to_string()));
    }

    #[test]
    fn a_dial_without_time_fails_at_once() {
        let error = dial("127.0.0.1", 9, Duration::ZERO).unwrap_err();
        let DialError::Connect { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_dial_that_is_not_wanted_any_more_ends_at_once() {
        // A listener whose queue is full answers nobody.
        let listener =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let port = listener.local_addr().unwrap().as_socket().unwrap().port();
        let cancelled = std::sync::Arc::new(AtomicBool::new(false));
        let flag = cancelled.clone();
        let thread = std::thread::spawn(move || {
            let far = Instant::now() + Duration::from_secs(600);
            let mut open = Vec::new();
            loop {
                match dial_until("127.0.0.1", port, far, &flag) {
                    Ok(stream) => open.push(stream),
                    Err(error) => return error,
                }
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(!thread.is_finished());
        cancelled.store(true, Ordering::Relaxed);
        let DialError::Connect { source, .. } = thread.join().unwrap() else { panic!() };
        assert_eq!(source.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_name_that_is_no_name_cannot_be_resolved() {
        let error = dial("no such host", 1, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, DialError::Resolve { .. }), "{error}");
    }
}
