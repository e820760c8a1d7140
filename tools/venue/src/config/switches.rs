//! The switches for what Kraken leaves open.

use serde::{Deserialize, Serialize};

use super::SessionSwitches;
use crate::gateway::checks::{LeadingZeros, UnknownTags};
use crate::gateway::report::{BusinessTextForm, RejectForm};
use crate::gateway::{GarbledInput, GatewaySwitches, ReplayLimits};
use crate::market_data::MarketDataSwitches;
use crate::oes::{DerivativesLimits, OesSwitches, Scope};

/// Where Kraken's documents are silent or contradict each other. Names in brackets are those of the
/// venue file's table of contradictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Which orders 35=F reaches (3.6, C1). Default `connection`.
    pub cancel_scope: Scope,
    /// Which orders 35=q with 530=1 and 530=6 reaches (3.6). Default `connection`.
    pub mass_cancel_session_scope: Scope,
    /// Which orders 35=q with 530=7 reaches (3.6, C2). Default `sender_cache`.
    pub mass_cancel_all_scope: Scope,
    /// Which orders 35=G reaches. Default `connection`.
    pub amend_scope: Scope,
    /// Fields that a message does not have. Default `ignore`.
    pub unknown_tags: UnknownTags,
    /// Fields of 35=3 (C14). Default `documented`.
    pub reject_form: RejectForm,
    /// What a session is told of input that is no message (3.7). Default `reject`.
    pub garbled: GarbledInput,
    /// Text of 35=j (C15). Default `captured`.
    pub business_text: BusinessTextForm,
    /// Whether fills carry MiscFeeBasis(891). Default no.
    pub fee_basis: bool,
    /// AvgPx(6) on derivatives: 0.0 even after fills, as seen in production (4.6), or the average. Default
    /// `zero`.
    pub derivatives_avg_px: AvgPx,
    /// Whether derivatives take 35=G (C8): not in production, but on UAT. Default no.
    pub derivatives_amends: bool,
    /// Whether derivatives take 35=H (C8): neither in production nor on UAT, by the newest text. Default no.
    pub derivatives_status: bool,
    /// Whether self-trade prevention on derivatives counts a broker's sub-accounts (78, 79) as children of its
    /// account (6.10), or each as an account by itself. Default `children`.
    pub derivatives_sub_accounts: SubAccounts,
    /// What a client with wrong credentials sees. Default `logout`.
    pub logon_refusal: LogonRefusal,
    /// MsgSeqNum of that Logout. Default `documented`.
    pub refusal_number: RefusalNumber,
    /// What becomes of a Logon with 141=N and a lower number than expected (C6). Default `replay`.
    pub low_logon_number: LowLogonNumber,
    /// The life of a session.
    pub session: SessionSwitches,
    /// Whether 141=Y at logon starts the ClOrdID watermark anew (6.9). Default no.
    pub reset_flag_resets_watermark: bool,
    /// Whether numeric ClOrdIDs, read as microseconds, are held to the 120 s of the UUIDs (6.9).
    /// Default no.
    pub numeric_id_window: bool,
    /// Numeric ClOrdIDs with leading zeros (6.9). Default `refuse`.
    pub leading_zeros: LeadingZeros,
    /// Whether a cancel over the rate limit is refused, as other transactions are (7). Default yes.
    pub rate_limit_cancels: bool,
    /// Whether a mass cancel adds the points of each order that it cancels (7). Default yes.
    pub mass_cancel_points: bool,
    /// Market data.
    pub market_data: MarketDataSwitches,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            cancel_scope: Scope::Connection,
            mass_cancel_session_scope: Scope::Connection,
            mass_cancel_all_scope: Scope::SenderCache,
            amend_scope: Scope::Connection,
            unknown_tags: UnknownTags::default(),
            reject_form: RejectForm::default(),
            garbled: GarbledInput::default(),
            business_text: BusinessTextForm::default(),
            fee_basis: false,
            derivatives_avg_px: AvgPx::default(),
            derivatives_amends: false,
            derivatives_status: false,
            derivatives_sub_accounts: SubAccounts::default(),
            logon_refusal: LogonRefusal::default(),
            refusal_number: RefusalNumber::default(),
            low_logon_number: LowLogonNumber::default(),
            session: SessionSwitches::default(),
            reset_flag_resets_watermark: false,
            numeric_id_window: false,
            leading_zeros: LeadingZeros::default(),
            rate_limit_cancels: true,
            mass_cancel_points: true,
            market_data: MarketDataSwitches::default(),
        }
    }
}

/// AvgPx(6) of derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AvgPx {
    /// `0.0`.
    #[default]
    Zero,
    /// GrossTradeAmt(381) by CumQty(14), as on spot.
    Average,
}

/// What sub-accounts are to self-trade prevention on derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubAccounts {
    /// Of the family whose master is the client's account, or the first of its `domain`.
    #[default]
    Children,
    /// Accounts of somebody else: they trade with each other.
    Apart,
}

/// Answer to wrong credentials; both are documented (venue file section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogonRefusal {
    /// Logout `Logon failed: invalid credentials`, then close.
    #[default]
    Logout,
    /// Close without a word.
    Silent,
}

/// MsgSeqNum of the Logout that refuses a logon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalNumber {
    /// As in the example of the documentation: 2, although no Logon was sent.
    #[default]
    Documented,
    /// The first that is free, as the standard has it: 1, because the refused logon has no session.
    Standard,
}

/// Answer to a Logon with ResetSeqNumFlag(141) `N`, or without it, whose number is lower than expected.
/// Any other message with a low number, unless it is marked as a duplicate, is answered by a Logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowLogonNumber {
    /// It is accepted and asks for a replay of the reports from its number on.
    #[default]
    Replay,
    /// Logout, as the standard has it.
    Logout,
}

impl Switches {
    pub(crate) fn gateway(&self) -> GatewaySwitches {
        GatewaySwitches {
            unknown_tags: self.unknown_tags,
            reject_form: self.reject_form,
            garbled: self.garbled,
            business_text: self.business_text,
            fee_basis: self.fee_basis,
            derivatives_average: self.derivatives_avg_px == AvgPx::Average,
            derivatives_amends: self.derivatives_amends,
            derivatives_status: self.derivatives_status,
            refusal_skips_a_number: self.refusal_number == RefusalNumber::Documented,
            session: self.session,
            reset_flag_resets_watermark: self.reset_flag_resets_watermark,
            numeric_id_window: self.numeric_id_window,
            leading_zeros: self.leading_zeros,
            low_logon_replays: self.low_logon_number == LowLogonNumber::Replay,
            replay: ReplayLimits::default(),
            refusal_text: match self.logon_refusal {
                LogonRefusal::Logout => Some("Logon failed: invalid credentials"),
                LogonRefusal::Silent => None,
            },
        }
    }

    pub(crate) fn oes(&self) -> OesSwitches {
        OesSwitches {
            cancel_scope: self.cancel_scope,
            amend_scope: self.amend_scope,
            mass_cancel_session: self.mass_cancel_session_scope,
            mass_cancel_all: self.mass_cancel_all_scope,
            rate_limit_cancels: self.rate_limit_cancels,
            mass_cancel_points: self.mass_cancel_points,
            rollover_clears_cache: self.session.rollover_clears_cache,
            rollover_resets_watermark: self.session.rollover_resets_watermark,
            derivatives: DerivativesLimits::default(),
        }
    }
}
