//! HTTP/1.1, as much of it as calls need: POST with a Content-Length, GET for derivatives, connections that stay
//! open.

use std::net::IpAddr;

use taut::kraken::rest::DERIVATIVES_PATH;

use super::{Answer, Call};
use crate::limits::{REST_BODY_BYTES_MAX, REST_HEAD_BYTES_MAX, REST_HEADERS_MAX};

/// What stands in front of what came.
pub(super) enum Read {
    /// A part of a request.
    Incomplete,
    /// A request of `len` bytes.
    Request {
        /// The call.
        call: Call,
        /// Whether its sender closes the connection after the answer.
        close: bool,
        /// Its length.
        len: usize,
    },
    /// Something that cannot be answered otherwise than by a status and the end.
    Bad(u16),
}

/// Reads the first request.
pub(super) fn read(bytes: &[u8], source: Option<IpAddr>) -> Read {
    let mut headers = [httparse::EMPTY_HEADER; REST_HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) if head <= REST_HEAD_BYTES_MAX => head,
        Ok(httparse::Status::Partial) if bytes.len() <= REST_HEAD_BYTES_MAX => {
            return Read::Incomplete;
        }
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Read::Bad(431),
        Err(_) => return Read::Bad(400),
    };
    let header = |name: &str| {
        let mut found = request.headers.iter().filter(|one| one.name.eq_ignore_ascii_case(name));
        let first = found.next().map(|one| one.value);
        // Two of one name could be read in two ways.
        if found.next().is_some() { Err(400u16) } else { Ok(first) }
    };
    let body = || -> Result<usize, u16> {
        if header("transfer-encoding")?.is_some() {
            return Err(411);
        }
        let Some(text) = header("content-length")? else { return Ok(0) };
        let len = taut_codec::value::parse_u64(text).map_err(|_| 400u16)?;
        usize::try_from(len).ok().filter(|&len| len <= REST_BODY_BYTES_MAX).ok_or(413)
    };
    let len = match body() {
        Ok(len) => head + len,
        Err(status) => return Read::Bad(status),
    };
    let target = request.path.unwrap_or_default();
    let is_derivatives = target.starts_with(DERIVATIVES_PATH);
    let is_get = match (request.method, is_derivatives) {
        (Some("POST"), _) => false,
        (Some("GET"), true) => true,
        _ => return Read::Bad(405),
    };
    if bytes.len() < len {
        return Read::Incomplete;
    }
    let text = |name: &str| header(name).map(|value| value.unwrap_or_default().to_vec());
    let [key, sign] = if is_derivatives { ["apikey", "authent"] } else { ["api-key", "api-sign"] };
    let (Ok(api_key), Ok(signature), Ok(nonce), Ok(connection)) =
        (text(key), text(sign), text("nonce"), text("connection"))
    else {
        return Read::Bad(400);
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) if is_derivatives => (path, query),
        _ => (target, ""),
    };
    let call = Call {
        is_get,
        path: path.to_owned(),
        query: query.as_bytes().to_vec(),
        api_key,
        signature,
        nonce,
        body: bytes[head..len].to_vec(),
        source,
    };
    let close = match request.version {
        Some(0) => !connection.eq_ignore_ascii_case(b"keep-alive"),
        _ => connection.eq_ignore_ascii_case(b"close"),
    };
    Read::Request { call, close, len }
}

/// The answer as it goes over the wire.
pub(super) fn write(answer: &Answer, close: bool) -> Vec<u8> {
    let Answer { status, body } = answer;
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    let end = if close { "Connection: close\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json; charset=utf-8\r\n\
         Cache-Control: no-store\r\nContent-Length: {}\r\n{end}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &[u8] = b"POST /0/private/CancelAll HTTP/1.1\r\nHost: localhost\r\nAPI-Key: k\r\n\
        api-sign: s\r\nContent-Length: 7\r\n\r\nnonce=1";

    #[test]
    fn a_request_is_read_when_all_of_it_is_there() {
        for cut in 0..CALL.len() {
            assert!(matches!(read(&CALL[..cut], None), Read::Incomplete), "{cut}");
        }
        let more = [CALL, b"POST"].concat();
        let Read::Request { call, close, len } = read(&more, None) else { panic!("no request") };
        assert_eq!((len, close, call.path.as_str()), (CALL.len(), false, "/0/private/CancelAll"));
        assert_eq!(
            (&call.api_key[..], &call.signature[..], &call.body[..]),
            (&b"k"[..], &b"s"[..], &b"nonce=1"[..])
        );
    }

    #[test]
    fn a_connection_stays_open_as_its_version_and_header_say() {
        let close = |version: &str, header: &str| {
            let text = format!("POST / HTTP/{version}\r\n{header}\r\n");
            matches!(read(text.as_bytes(), None), Read::Request { close: true, .. })
        };
        assert!(!close("1.1", "") && close("1.1", "Connection: Close\r\n"));
        assert!(close("1.0", "") && !close("1.0", "Connection: keep-alive\r\n"));
    }

    #[test]
    fn what_is_no_call_has_the_status_that_says_why() {
        let status = |text: &str| match read(text.as_bytes(), None) {
            Read::Bad(status) => status,
            _ => 0,
        };
        assert_eq!(status("8=FIX.4.4\x019=5\x01"), 400);
        assert_eq!(status("GET /0/private/OpenOrders HTTP/1.1\r\n\r\n"), 405);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n"), 413);
        let twice = "POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(status(twice), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
        let long = format!("POST / HTTP/1.1\r\nX: {}", "x".repeat(REST_HEAD_BYTES_MAX));
        assert_eq!(status(&long), 431);
        let many = format!("POST / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(REST_HEADERS_MAX + 1));
        assert_eq!(status(&many), 431);
    }
}
