//! What leaves the gateway for the stages behind it, and the way there: session, field checks, parse.

use taut::session::{Received, SessionEvent};
use taut::types::ClOrdId;
use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::checks::{self, CheckSwitches, Finding};
use super::parse::{self, Unreadable};
use super::{ConnectionId, Gateway, Market, Service, Subscriber};
use crate::market_data::request::MdRequest;
use crate::oes::request::{OrderRequest, Origin};
use crate::oes::{Owner, OwnerId};

/// What leaves the gateway for the stages behind it, in the order of arrival.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// A trading session logged on.
    LoggedOn {
        /// The client, and which of its logons it is.
        owner: Owner,
        /// Whether the ClOrdID watermark starts anew: ForceResetClOrdID(5030), or 141=Y by switch.
        reset_watermark: bool,
    },
    /// A trading request.
    Order(OrderRequest),
    /// A command that was refused here; its client has been answered.
    Refused(RefusedCommand),
    /// A market data request.
    MarketData {
        /// Who asks.
        from: Subscriber,
        /// What it asks.
        request: MdRequest,
    },
    /// The orders of a trading session that is gone are to be cancelled (venue file 2.3).
    CancelOnDisconnect {
        /// The connection whose orders go.
        owner: OwnerId,
    },
    /// A day is over (venue file 3.5).
    Rollover,
    /// A market data session is gone.
    MarketDataGone {
        /// Whose.
        from: Subscriber,
    },
}

/// A D, F, G or q of a session that was logged on, which the gateway did not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedCommand {
    /// The client.
    pub client: u16,
    /// MsgSeqNum(34); 0 if it cannot be read.
    pub msg_seq_num: u64,
    /// MsgType(35).
    pub msg_type: u8,
    /// ClOrdID(11), if it can be read.
    pub cl_ord_id: Option<ClOrdId>,
    /// Whether it was marked as a possible duplicate (43 or 97).
    pub poss_dup: bool,
}

impl Gateway {
    /// One message of a connection.
    pub(super) fn message(
        &mut self,
        id: ConnectionId,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Option<Inbound> {
        if self.connections.get(&id)?.client.is_none()
            && let Err(refusal) = self.identify(id, message, now)
        {
            let connection = self.connections.get_mut(&id)?;
            connection.close = true;
            let sender = message.get(tag::SENDER_COMP_ID).unwrap_or_default();
            self.refusals.note(connection.service, sender, connection.source, refusal);
            return None;
        }
        let connection = self.connections.get_mut(&id)?;
        let (client, service) = (connection.client?, connection.service);
        let known = self.clients[usize::from(client)].known_mut(service)?;
        // What it may ask for again is stored first.
        self.replay.store(&mut known.session, connection, now);
        let expected = known.session.next_in();
        let received = known.session.received(message, now, &mut connection.outbox);
        let mut errors = 0;
        while let Some(event) = known.session.next_event() {
            errors += u32::from(matches!(event, SessionEvent::Rejected { .. }));
        }
        // A Logon is stored behind the verdict: it may be the first message of a new sequence space.
        let is_logon = received == Received::Logon;
        let logged_on = if is_logon { self.logon(id, client, message, now) } else { None };
        let connection = self.connections.get_mut(&id)?;
        let known = self.clients[usize::from(client)].known_mut(service)?;
        // Nothing of one that was refused is in force.
        let is_refused = is_logon && !connection.logged_on;
        let came = (message, if is_refused { Received::Ignored } else { received });
        let stored = self.replay.store_inbound(&mut known.session, connection, came, expected, now);
        if is_logon || !stored {
            return logged_on;
        }
        (0..errors).for_each(|_| self.note_error(client, service, now));
        let known = self.clients[usize::from(client)].known_mut(service)?;
        if self.connections.get(&id)?.close {
            // Too many errors: nothing more is taken from it.
            return None;
        }
        match received {
            Received::Application => {
                self.under_way = self.keeps_journals.then_some((client, service));
                let request = self.application(client, service, message, now);
                if request.is_none() {
                    self.dealt_with();
                }
                if matches!(request, Some(Inbound::MarketData { .. }))
                    && message.msg_type() == b"V"
                    && let Some(connection) = self.connections.get_mut(&id)
                {
                    connection.idle_since = None;
                }
                request
            }
            Received::Admin | Received::Logon => {
                known.logged_out |= message.msg_type() == b"5";
                None
            }
            // A duplicate of what was dealt with before is no command of its own.
            Received::Ignored if message.flag(tag::POSS_DUP_FLAG) => None,
            Received::Ignored => refused(client, service, message),
        }
    }

    fn application(
        &mut self,
        client: u16,
        service: Service,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Option<Inbound> {
        let msg_type = message.msg_type();
        if matches!(msg_type, b"3" | b"j") {
            // The client refused something of ours: nothing to be done about it.
            return None;
        }
        let offered: &[&[u8]] = if service.is_trading() {
            &[b"D", b"F", b"G", b"q", b"H"]
        } else {
            &[b"V", b"x", b"g"]
        };
        let market = service.market();
        let off =
            msg_type == b"G" && market == Market::Derivatives && !self.switches.derivatives_amends;
        if !offered.contains(&msg_type) || off {
            return self.unsupported(client, service, message, now);
        }
        // The dictionary has 35=H on spot only.
        let status = msg_type == b"H" && self.switches.derivatives_status;
        let rules = if status { Market::Spot } else { market };
        let switches = CheckSwitches {
            unknown_tags: self.switches.unknown_tags,
            form: self.switches.reject_form,
            market: rules,
            numeric_window: self.switches.numeric_id_window,
            leading_zeros: self.switches.leading_zeros,
        };
        match checks::check(message, switches, now) {
            Ok(()) => {}
            Err(Finding::Reject(reject)) => {
                self.reject(client, service, message, &reject, now);
                return refused(client, service, message);
            }
            Err(Finding::NotOnThisMarket) => {
                return self.unsupported(client, service, message, now);
            }
            Err(Finding::ConditionallyMissing(tag)) if service.is_trading() => {
                const CONDITIONALLY_REQUIRED_MISSING: u32 = 5;
                let text = checks::missing(tag, market, self.switches.reject_form).text;
                let reason = CONDITIONALLY_REQUIRED_MISSING;
                self.refuse(client, service, message, reason, &text, now);
                return refused(client, service, message);
            }
            // There are no BusinessMessageRejects on market data: it answers itself (venue file 4).
            Err(Finding::ConditionallyMissing(_)) => {}
        }
        if let Some(kind) = parse::order_request(message, market) {
            let origin = self.origin(client, service, message)?;
            return Some(Inbound::Order(OrderRequest { origin, kind }));
        }
        let request = match msg_type {
            b"V" => parse::market_data(message).map(MdRequest::MarketData),
            b"x" => parse::instrument_list(message).map(MdRequest::Instruments),
            _ => parse::session_status(message).map(MdRequest::SessionStatus),
        };
        match request {
            Ok(request) => {
                Some(Inbound::MarketData { from: Subscriber { client, service }, request })
            }
            Err(Unreadable(tag)) => {
                let reject = checks::missing(tag, market, self.switches.reject_form);
                self.reject(client, service, message, &reject, now);
                None
            }
        }
    }

    /// Refuses a message that the service does not have.
    fn unsupported(
        &mut self,
        client: u16,
        service: Service,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Option<Inbound> {
        const UNSUPPORTED_MESSAGE_TYPE: u32 = 3;
        let text = "Unsupported message type";
        self.refuse(client, service, message, UNSUPPORTED_MESSAGE_TYPE, text, now);
        refused(client, service, message)
    }

    fn origin(&self, client: u16, service: Service, message: &Message<'_>) -> Option<Origin> {
        let known = self.clients[usize::from(client)].known(service)?;
        Some(Origin {
            client,
            market: service.market(),
            tag: Owner { client, logon: known.logons }.id(),
            msg_seq_num: message.msg_seq_num().ok()?,
            msg_type: *message.msg_type().first()?,
            poss_dup: is_poss_dup(message),
            cl_ord_id: parse::cl_ord_id(message, tag::CL_ORD_ID)?,
        })
    }
}

fn is_poss_dup(message: &Message<'_>) -> bool {
    message.flag(tag::POSS_DUP_FLAG) || message.flag(tag::POSS_RESEND)
}

/// The record of a message that goes no farther, if it is a command.
fn refused(client: u16, service: Service, message: &Message<'_>) -> Option<Inbound> {
    let &[msg_type @ (b'D' | b'F' | b'G' | b'q')] = message.msg_type() else { return None };
    service.is_trading().then(|| {
        Inbound::Refused(RefusedCommand {
            client,
            msg_seq_num: message.msg_seq_num().unwrap_or(0),
            msg_type,
            cl_ord_id: parse::cl_ord_id(message, tag::CL_ORD_ID),
            poss_dup: is_poss_dup(message),
        })
    })
}
