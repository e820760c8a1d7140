//! The bodies of y and h, as captured (venue file 4.12 and 4.13).

use taut::types::Instrument;
use taut_codec::encode::Encoder;
use taut_codec::tag;
use taut_codec::value::Decimal;

use super::request::RequestId;

/// SecurityRequestResult(560).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListResult {
    /// `0`
    Valid,
    /// `1`: invalid or unsupported request.
    Invalid,
    /// `2`: nothing found.
    NoneFound,
    /// `4`: temporarily unavailable.
    Unavailable,
}

impl ListResult {
    /// The value of tag 560.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Valid => b'0',
            Self::Invalid => b'1',
            Self::NoneFound => b'2',
            Self::Unavailable => b'4',
        }
    }
}

/// What an InstrumentList (35=y) answers.
#[derive(Debug, Clone, Copy)]
pub struct ListHead {
    /// SecurityReqID(320).
    pub id: RequestId,
    /// SecurityResponseID(322).
    pub response: u64,
    /// SecurityRequestResult(560).
    pub result: ListResult,
    /// TotNoRelatedSym(393) and LastFragment(893), if the list takes more than one message.
    pub fragment: Option<(usize, bool)>,
}

/// An InstrumentList (35=y). Its numbers are shortest forms without a forced decimal. `562` is the
/// quantity step; `5012` and `5013` are there if the
/// instrument has a largest quantity and a minimum cost; `5052` equals `2349`, because
/// no tokenised stock is rebased here.
pub fn write_instrument_list<'a>(
    enc: &mut Encoder<'_>,
    head: &ListHead,
    text: Option<&str>,
    md_price_precision: bool,
    instruments: impl ExactSizeIterator<Item = &'a Instrument>,
) {
    if let Some(text) = text {
        enc.bytes(tag::TEXT, text.as_bytes());
    }
    enc.bytes(tag::SECURITY_REQ_ID, head.id.as_bytes())
        .uint(tag::SECURITY_RESPONSE_ID, head.response);
    if let Some((total, _)) = head.fragment {
        enc.uint(tag::TOT_NO_RELATED_SYM, total as u64);
    }
    enc.byte(tag::SECURITY_REQUEST_RESULT, head.result.fix());
    if let Some((_, last)) = head.fragment {
        enc.byte(tag::LAST_FRAGMENT, if last { b'Y' } else { b'N' });
    }
    if instruments.len() == 0 {
        return;
    }
    enc.uint(tag::NO_RELATED_SYM, instruments.len() as u64);
    for rules in instruments {
        enc.bytes(tag::SYMBOL, rules.symbol.as_bytes())
            .decimal(tag::MIN_TRADE_VOL, rules.qty_decimal(rules.qty_step), 0)
            .uint(tag::QTY_PRECISION, u64::from(rules.qty_precision))
            .decimal(tag::QTY_MIN, rules.qty_decimal(rules.qty_min), 0);
        if let Some(max) = rules.qty_max {
            enc.decimal(tag::QTY_MAX, rules.qty_decimal(max), 0);
        }
        if rules.cost_min.normalized() != Decimal::new(0, 0) {
            enc.decimal(tag::MINIMUM_COST, rules.cost_min, 0);
        }
        enc.uint(tag::PRICE_PRECISION, u64::from(rules.price_precision));
        if md_price_precision {
            enc.uint(tag::MD_PRICE_PRECISION, u64::from(rules.price_precision));
        }
        enc.decimal(tag::TICK_SIZE, rules.px_decimal(rules.tick_size), 0)
            .byte(tag::ASSET_PAIR_STATUS, rules.status.fix());
    }
}

/// A TradingSessionStatus (35=h).
pub fn write_session_status(
    enc: &mut Encoder<'_>,
    id: RequestId,
    session: RequestId,
    status: TradingStatus,
    reject_reason: Option<u32>,
) {
    enc.bytes(tag::TRAD_SES_REQ_ID, id.as_bytes())
        .bytes(tag::TRADING_SESSION_ID, session.as_bytes())
        .uint(tag::TRAD_SES_STATUS, status.fix());
    if let Some(reason) = reject_reason {
        enc.uint(tag::TRAD_SES_STATUS_REJ_REASON, u64::from(reason));
    }
}

/// TradSesStatus(340); venue file 4.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradingStatus {
    /// `0`
    Unknown,
    /// `1`: no new orders, no cancels.
    Maintenance,
    /// `2`
    #[default]
    Online,
    /// `101`: no matching.
    CancelOnly,
    /// `102`: only post-only limit orders and cancels.
    PostOnly,
}

impl TradingStatus {
    /// The value of tag 340.
    #[must_use]
    pub const fn fix(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Maintenance => 1,
            Self::Online => 2,
            Self::CancelOnly => 101,
            Self::PostOnly => 102,
        }
    }
}

crate::state::stored_enum!(TradingStatus {
    0 = Unknown,
    1 = Maintenance,
    2 = Online,
    3 = CancelOnly,
    4 = PostOnly,
});
