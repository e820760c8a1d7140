//! What the session rejects.

use std::sync::Arc;

use taut::session::Fault;
use taut_codec::dictionary::Dictionary;
use taut_codec::message::Message;
use taut_codec::rules::{Dialect, Options, Reason};

/// The dialect, and how strict to be about it.
#[derive(Clone)]
pub struct Rules {
    /// The messages and fields.
    pub dictionary: Arc<Dictionary>,
    /// How strict.
    pub options: Options,
}

impl Rules {
    /// What the session rejects.
    pub(super) fn fault(&self, message: &Message<'_>) -> Option<Fault> {
        let fault = self.dictionary.check(message, self.options).err()?;
        let reason = fault.reason.session_reject()?;
        let about_one = fault.reason != Reason::InvalidMsgType
            && !(fault.reason == Reason::GroupOutOfOrder && self.starts_wrong(message, fault.tag));
        Some(Fault { reason, tag: about_one.then_some(fault.tag) })
    }

    /// Whether `tag` stands where the first field of a group should: then it is the group that is wrong
    /// as much as the field, and the Reject names neither.
    fn starts_wrong(&self, message: &Message<'_>, tag: u32) -> bool {
        let Some(layout) = self.dictionary.layout(message.msg_type()) else { return false };
        let counts = |tag| layout.members.iter().any(|m| m.tag == tag && m.group != 0);
        message.fields().windows(2).any(|pair| pair[1].tag == tag && counts(pair[0].tag))
    }
}
