//! What each message is answered with.
//!
//! | received | answer |
//! |---|---|
//! | NewOrderSingle (D) | itself; with PossResend(97)=Y and a ClOrdID seen since the logon: nothing |
//! | SecurityDefinition (d), Email (C), QuoteRequest (R) | itself |
//! | News (B) with the headline `echo:TEXT` | News with the headline TEXT and nothing else; other news: nothing |
//! | TradeCaptureReportRequest (AD), Reject (3), BusinessMessageReject (j) | nothing |
//! | XMLnonFIX (n) | News that says so |
//! | anything else | BusinessMessageReject 380=3 |
//! | an order without a field that it needs by its type | BusinessMessageReject 380=5 |
//! | anything while the application is not available | BusinessMessageReject 380=4 |

use taut::session::is_header;
use taut::session::resend::{copy_fields, is_session_field};
use taut_codec::encode::Encoder;
use taut_codec::message::Message;
use taut_codec::rules::FieldFault;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::{HEADLINE, NO_LINES_OF_TEXT, Peer};
use crate::echo::conditions;

/// BusinessRejectReason: unsupported message type, application not available, conditionally required
/// field missing.
const UNSUPPORTED: u64 = 3;
const NOT_AVAILABLE: u64 = 4;
const CONDITIONALLY_MISSING: u64 = 5;
/// ClOrdIDs of one logon that are remembered.
const SEEN_MAX: usize = 1 << 20;

impl Peer {
    /// Answers a message, as far as there is anything to say to it.
    pub(super) fn answer(&mut self, message: &Message<'_>, now: UtcTime) {
        if !self.available && !matches!(message.msg_type(), b"3" | b"j") {
            let text = "Application not available";
            return self.business_reject(message, NOT_AVAILABLE, text, now);
        }
        let by_dictionary = self.rules.dictionary.check(message, self.rules.options);
        let business = |fault: FieldFault| fault.reason.session_reject().is_none();
        if by_dictionary.is_err_and(business) || conditions::missing(message).is_some() {
            return self.business_reject(
                message,
                CONDITIONALLY_MISSING,
                "Conditionally required field missing",
                now,
            );
        }
        match message.msg_type() {
            b"D" => {
                let id = message.get(tag::CL_ORD_ID).unwrap_or(b"");
                if message.flag(tag::POSS_RESEND) && self.seen.contains(id) {
                    return;
                }
                if self.seen.len() < SEEN_MAX {
                    self.seen.insert(id.to_vec());
                }
                self.echo(message, now);
            }
            b"d" | b"C" | b"R" => self.echo(message, now),
            b"B" => {
                let headline = message.get(HEADLINE).unwrap_or(b"");
                let text = headline.strip_prefix(b"echo:").unwrap_or(b"").trim_ascii();
                if !text.is_empty() {
                    self.send(b"B", now, |body| {
                        body.bytes(HEADLINE, text);
                    });
                }
            }
            b"AD" | b"3" | b"j" => {}
            b"n" => {
                let number = message.msg_seq_num().unwrap_or(0);
                let text = format!("Successfully received 'n' message with seqNo={number}");
                self.send(b"B", now, |body| {
                    body.uint(NO_LINES_OF_TEXT, 0).bytes(HEADLINE, text.as_bytes());
                });
            }
            _ => self.business_reject(message, UNSUPPORTED, "Unsupported Message Type", now),
        }
    }

    fn business_reject(&mut self, message: &Message<'_>, reason: u64, text: &str, now: UtcTime) {
        let number = message.msg_seq_num().unwrap_or(0);
        let msg_type = message.msg_type();
        let route = self.session.route_back(message);
        self.send(b"j", now, |body| {
            route(body);
            body.uint(tag::REF_SEQ_NUM, number)
                .bytes(tag::TEXT, text.as_bytes())
                .bytes(tag::REF_MSG_TYPE, msg_type)
                .uint(tag::BUSINESS_REJECT_REASON, reason);
        });
    }

    /// The message as it was, values unchanged, with a header of its own.
    fn echo(&mut self, message: &Message<'_>, now: UtcTime) {
        self.send(message.msg_type(), now, |body| {
            // 90, 91 and 627 to 630 belong to one sending.
            let hop = |tag| matches!(tag, 90 | 91 | 627..=630);
            let header = |tag| is_header(tag) && !is_session_field(tag) && !hop(tag);
            copy_fields(message, body, header);
            let trailer = |tag| matches!(tag, 89 | 93);
            copy_fields(message, body, |tag| {
                !is_header(tag) && !is_session_field(tag) && !trailer(tag)
            });
        });
    }

    fn send(&mut self, msg_type: &[u8], now: UtcTime, body: impl FnOnce(&mut Encoder<'_>)) {
        if let Err(error) = self.session.send(msg_type, now, &mut self.outbox, body) {
            eprintln!("taut: {} not sent: {error}", msg_type.escape_ascii());
        }
    }
}
