//! How the gateway answers where the venue's documents disagree or are silent.

use super::GarbledInput;
use super::checks::{LeadingZeros, UnknownTags};
use super::replay::ReplayLimits;
use super::report::{BusinessTextForm, RejectForm};
use crate::config::SessionSwitches;

/// The gateway's switches. What each means and its default: [`crate::config::Switches`].
#[derive(Debug, Clone, Copy)]
pub struct GatewaySwitches {
    /// See [`UnknownTags`].
    pub unknown_tags: UnknownTags,
    /// See [`RejectForm`] (C14).
    pub reject_form: RejectForm,
    /// See [`GarbledInput`] (3.7).
    pub garbled: GarbledInput,
    /// See [`BusinessTextForm`] (C15).
    pub business_text: BusinessTextForm,
    /// Whether ExecutionReports of trades carry MiscFeeBasis(891).
    pub fee_basis: bool,
    /// Whether AvgPx(6) tells the average on derivatives.
    pub derivatives_average: bool,
    /// Whether derivatives take 35=G (C8).
    pub derivatives_amends: bool,
    /// Whether derivatives take 35=H (C8).
    pub derivatives_status: bool,
    /// Whether the Logout that refuses a logon skips a number, as in the documented example: 2 if no
    /// session is concerned yet.
    pub refusal_skips_a_number: bool,
    /// See [`SessionSwitches`].
    pub session: SessionSwitches,
    /// Whether 141=Y starts the ClOrdID watermark anew.
    pub reset_flag_resets_watermark: bool,
    /// Whether numeric ClOrdIDs are held to the 120 s of the UUIDs.
    pub numeric_id_window: bool,
    /// See [`LeadingZeros`].
    pub leading_zeros: LeadingZeros,
    /// Whether a Logon with 141=N and a low number asks for a replay (C6); if not, it is refused.
    pub low_logon_replays: bool,
    /// How much is kept to be sent again.
    pub replay: ReplayLimits,
    /// Text(58) of the Logout on wrong credentials; `None`: the connection is closed without a word.
    pub refusal_text: Option<&'static str>,
}

impl Default for GatewaySwitches {
    fn default() -> Self {
        crate::config::Switches::default().gateway()
    }
}
