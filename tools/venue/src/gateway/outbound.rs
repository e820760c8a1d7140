//! What the gateway sends: its own rejects, and messages of the stages behind it.

use taut::session::SendError;
use taut_codec::encode::{Encoder, HeaderOrder, TimePrecision};
use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::report::{self, BusinessReject, ExecutionReport, FieldReject};
use super::{DropReason, Gateway, Service, Subscriber, replay};
use crate::market_data::Outlet;

impl Gateway {
    /// A session-level Reject of the field checks.
    pub(super) fn reject(
        &mut self,
        client: u16,
        service: Service,
        message: &Message<'_>,
        reject: &FieldReject,
        now: UtcTime,
    ) {
        self.note_error(client, service, now);
        let form = self.switches.reject_form;
        let ref_seq_num = message.msg_seq_num().unwrap_or(0);
        self.send_on(client, service, b"3", HeaderOrder::default(), now, |enc| {
            report::write_field_reject(enc, ref_seq_num, message.msg_type(), reject, form);
        });
    }

    pub(super) fn refuse(
        &mut self,
        client: u16,
        service: Service,
        message: &Message<'_>,
        reason: u32,
        text: &str,
        now: UtcTime,
    ) {
        let ref_id = message.get(tag::CL_ORD_ID).unwrap_or_default();
        let ref_id = if ref_id.iter().all(|&b| b >= 0x20) { ref_id } else { b"" };
        let reject = BusinessReject { ref_msg_type: message.msg_type(), ref_id, reason, text };
        self.business_reject(client, service, &reject, now);
    }

    /// Sends a BusinessMessageReject.
    pub fn business_reject(
        &mut self,
        client: u16,
        service: Service,
        reject: &BusinessReject<'_>,
        now: UtcTime,
    ) {
        self.note_error(client, service, now);
        let form = self.switches.business_text;
        self.send_on(client, service, b"j", HeaderOrder::default(), now, |enc| {
            report::write_business_reject(enc, reject, (form, service.market()));
        });
    }

    /// Sends an ExecutionReport to a client's trading session, or keeps it for the client to ask for.
    pub(super) fn execution_report(
        &mut self,
        client: u16,
        service: Service,
        report: &ExecutionReport<'_>,
        now: UtcTime,
    ) -> bool {
        let mut templates = self.templates.take().unwrap_or_default();
        let sent = self.report(client, service, now, |session, out| {
            let config = session.config();
            // What the templates' headers are like.
            let is_usual = config.time_precision == TimePrecision::Millis && !config.last_processed;
            let names = (config.sender, config.target);
            match is_usual.then(|| templates.prepare(names, report)).flatten() {
                Some(prepared) => session.post_rendered(b"8", now, out, |buffer, number| {
                    prepared.fill(buffer, number, now)
                }),
                None => session.post(b"8", HeaderOrder::default(), now, out, |enc| {
                    report::write_execution_report(enc, report);
                }),
            }
        });
        self.templates = Some(templates);
        sent
    }

    /// Sends a message to a client's session on a service, if it is up; a report is kept for it if it is
    /// not. A session whose outbox is full
    /// is dropped: a slow reader must not hold anybody up.
    pub(super) fn send_on(
        &mut self,
        client: u16,
        service: Service,
        msg_type: &[u8],
        order: HeaderOrder,
        now: UtcTime,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> bool {
        if self.muted {
            return true;
        }
        if replay::is_replayed(service, msg_type) {
            return self.report(client, service, now, |session, out| {
                session.post(msg_type, order, now, out, body)
            });
        }
        let Some(entry) = self.clients.get_mut(usize::from(client)) else { return false };
        let sender = entry.sender;
        let Some(known) = entry.known_mut(service) else { return false };
        let connection = known.live.and_then(|live| self.connections.get_mut(&live));
        let Some(connection) = connection.filter(|connection| !connection.close) else {
            return false;
        };
        let sent =
            known.session.send_with_order(msg_type, order, now, &mut connection.outbox, body);
        match sent {
            Ok(_) => true,
            Err(SendError::NotLoggedOn) => false,
            Err(SendError::OutboxFull | SendError::Encode(_) | SendError::SeqNumExhausted) => {
                // Its peer would miss a message without knowing: the connection is worth nothing now.
                self.drops.note(sender, service, DropReason::Slow);
                connection.drop_now();
                false
            }
        }
    }
}

impl Outlet for Gateway {
    fn send(
        &mut self,
        to: Subscriber,
        msg_type: &[u8],
        order: HeaderOrder,
        now: UtcTime,
        body: impl FnOnce(&mut Encoder<'_>),
    ) {
        self.send_on(to.client, to.service, msg_type, order, now, body);
    }

    fn refused(&mut self, from: Subscriber, now: UtcTime) {
        self.note_error(from.client, from.service, now);
    }
}
