//! Dialling: the name is resolved at every call, because the venue moves hosts behind a DNS
//! time-to-live of five minutes and says never to pin addresses (venue file 1).

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
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
    #[error("cannot connect to {host}:{port} ({tried} addresses tried), the last said: {source}")]
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

/// Resolves `host` and tries each of its addresses in the resolver's order, until one takes the
/// connection or `timeout` has passed. What is left of the time is shared evenly by the addresses
/// that are left. (The resolver's own time is the system's and cannot be bounded from here.)
///
/// # Errors
/// See [`DialError`].
pub fn dial(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, DialError> {
    let addresses: Vec<_> = (host, port)
        .to_socket_addrs()
        .map_err(|source| DialError::Resolve { host: host.to_owned(), source })?
        .collect();
    let deadline = Instant::now() + timeout;
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        if share.is_zero() {
            last.get_or_insert_with(|| io::ErrorKind::TimedOut.into());
            break;
        }
        match TcpStream::connect_timeout(address, share) {
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
        assert!(error.to_string().contains(&port.to_string()));
    }

    #[test]
    fn a_dial_without_time_fails_at_once() {
        let error = dial("127.0.0.1", 9, Duration::ZERO).unwrap_err();
        let DialError::Connect { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_name_that_is_no_name_cannot_be_resolved() {
        let error = dial("no such host", 1, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, DialError::Resolve { .. }), "{error}");
    }
}
