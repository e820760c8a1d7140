//! HTTP/1.1, the caller's side of it: one call, one answer of a known length or in chunks.

use crate::event::RestProblem;
use crate::limits::{REST_ANSWER_BYTES_MAX, REST_HEADERS_MAX};

/// An answer that is complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status of HTTP.
    pub status: u16,
    /// What it carries.
    pub body: Vec<u8>,
    /// Whether the venue closes the connection behind it.
    pub close: bool,
}

pub(super) const POST: &str = "POST";
pub(super) const GET: &str = "GET";

/// The bytes of a call; a POST has a form. Nothing in them may hold a control byte.
pub(super) fn write(
    method: &str,
    host: &str,
    path: &str,
    headers: &[(&str, &[u8])],
    form: &str,
) -> Vec<u8> {
    let mut out =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: taut\r\n").into_bytes();
    for (name, value) in headers {
        out.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    if method == POST {
        let length = form.len();
        let about = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
        );
        out.extend(about.as_bytes());
    }
    out.extend([b"\r\n", form.as_bytes()].concat());
    out
}

/// Reads the answer at the front of `bytes`. `None`: a part of it is missing.
///
/// # Errors
/// [`RestProblem::Broken`] for what is no HTTP, or longer than [`REST_ANSWER_BYTES_MAX`].
pub fn read_response(bytes: &[u8]) -> Result<Option<Response>, RestProblem> {
    let mut headers = [httparse::EMPTY_HEADER; REST_HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if bytes.len() < REST_ANSWER_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => return Err(RestProblem::Broken),
    };
    let (status, version) = (response.code.unwrap_or(0), response.version);
    let header = |name: &str| {
        let mut all = response.headers.iter();
        all.find(|one| one.name.eq_ignore_ascii_case(name)).map(|one| one.value)
    };
    let close = match header("connection") {
        Some(value) => value.eq_ignore_ascii_case(b"close"),
        None => version == Some(0),
    };
    let behind = &bytes[head..];
    let body = if header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case(b"chunked")) {
        unchunked(behind)?
    } else {
        let length = header("content-length").ok_or(RestProblem::Broken)?;
        let length = taut_codec::value::parse_u64(length).map_err(|_| RestProblem::Broken)?;
        let length = usize::try_from(length).ok().filter(|&length| length <= REST_ANSWER_BYTES_MAX);
        behind.get(..length.ok_or(RestProblem::Broken)?).map(<[u8]>::to_vec)
    };
    match body {
        Some(body) => Ok(Some(Response { status, body, close })),
        None if bytes.len() < 2 * REST_ANSWER_BYTES_MAX => Ok(None),
        None => Err(RestProblem::Broken),
    }
}

/// The body in `bytes`, which come in chunks (RFC 9112 section 7.1); `None`: a part of it is missing.
fn unchunked(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, RestProblem> {
    let mut body = Vec::new();
    loop {
        let (start, length) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(RestProblem::Broken),
        };
        let length = usize::try_from(length).map_err(|_| RestProblem::Broken)?;
        if length > REST_ANSWER_BYTES_MAX - body.len() {
            return Err(RestProblem::Broken);
        }
        let Some(chunk) = bytes.get(start..start + length) else { return Ok(None) };
        let rest = &bytes[start + length..];
        if length == 0 {
            // Fields may follow the last chunk, up to an empty line; nobody needs them.
            let ended = rest.starts_with(b"\r\n") || rest.windows(4).any(|end| end == b"\r\n\r\n");
            return Ok(ended.then_some(body));
        }
        body.extend_from_slice(chunk);
        match rest {
            [b'\r', b'\n', rest @ ..] => bytes = rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err(RestProblem::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_all_of_it_is_there_by_its_length_or_in_chunks() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n\
            2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n";
        let bare = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for text in [plain, chunked, bare] {
            for cut in 0..text.len() {
                assert_eq!(read_response(&text.as_bytes()[..cut]), Ok(None), "{cut} of {text}");
            }
            let whole = Response { status: 200, body: b"hello".to_vec(), close: false };
            assert_eq!(read_response(text.as_bytes()), Ok(Some(whole)), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_connection_is_announced_by_its_header_or_its_version() {
        let close = |text: &str| read_response(text.as_bytes()).unwrap().unwrap().close;
        assert!(close("HTTP/1.1 503 x\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n"));
        assert!(close("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(!close("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    }

    #[test]
    fn what_is_no_answer_or_has_no_end_is_broken() {
        for text in [
            "8=FIX.4.4\u{1}9=5\u{1}",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        ] {
            assert_eq!(read_response(text.as_bytes()), Err(RestProblem::Broken), "{text}");
        }
    }
}
