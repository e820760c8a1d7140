//! Tags of the Kraken dialect of FIX 4.4 and their names (venue file, sections 2 to 4).

macro_rules! tags {
    ($($number:literal $constant:ident $name:literal;)*) => {
        $(
            #[doc = concat!($name, "(", $number, ")")]
            pub const $constant: u32 = $number;
        )*

        /// The name of `tag`, if the dialect has it.
        #[must_use]
        pub const fn name(tag: u32) -> Option<&'static str> {
            match tag {
                $($number => Some($name),)*
                _ => None,
            }
        }
    };
}

tags! {
    1 ACCOUNT "Account";
    6 AVG_PX "AvgPx";
    7 BEGIN_SEQ_NO "BeginSeqNo";
    8 BEGIN_STRING "BeginString";
    9 BODY_LENGTH "BodyLength";
    10 CHECK_SUM "CheckSum";
    11 CL_ORD_ID "ClOrdID";
    14 CUM_QTY "CumQty";
    16 END_SEQ_NO "EndSeqNo";
    17 EXEC_ID "ExecID";
    18 EXEC_INST "ExecInst";
    31 LAST_PX "LastPx";
    32 LAST_QTY "LastQty";
    34 MSG_SEQ_NUM "MsgSeqNum";
    35 MSG_TYPE "MsgType";
    36 NEW_SEQ_NO "NewSeqNo";
    37 ORDER_ID "OrderID";
    38 ORDER_QTY "OrderQty";
    39 ORD_STATUS "OrdStatus";
    40 ORD_TYPE "OrdType";
    41 ORIG_CL_ORD_ID "OrigClOrdID";
    43 POSS_DUP_FLAG "PossDupFlag";
    44 PRICE "Price";
    45 REF_SEQ_NUM "RefSeqNum";
    49 SENDER_COMP_ID "SenderCompID";
    50 SENDER_SUB_ID "SenderSubID";
    52 SENDING_TIME "SendingTime";
    54 SIDE "Side";
    55 SYMBOL "Symbol";
    56 TARGET_COMP_ID "TargetCompID";
    57 TARGET_SUB_ID "TargetSubID";
    58 TEXT "Text";
    59 TIME_IN_FORCE "TimeInForce";
    60 TRANSACT_TIME "TransactTime";
    62 VALID_UNTIL_TIME "ValidUntilTime";
    78 NO_ALLOCS "NoAllocs";
    79 ALLOC_ACCOUNT "AllocAccount";
    95 RAW_DATA_LENGTH "RawDataLength";
    96 RAW_DATA "RawData";
    97 POSS_RESEND "PossResend";
    98 ENCRYPT_METHOD "EncryptMethod";
    99 STOP_PX "StopPx";
    102 CXL_REJ_REASON "CxlRejReason";
    103 ORD_REJ_REASON "OrdRejReason";
    108 HEART_BT_INT "HeartBtInt";
    109 CLIENT_ID "ClientID";
    112 TEST_REQ_ID "TestReqID";
    118 NET_MONEY "NetMoney";
    122 ORIG_SENDING_TIME "OrigSendingTime";
    123 GAP_FILL_FLAG "GapFillFlag";
    126 EXPIRE_TIME "ExpireTime";
    136 NO_MISC_FEES "NoMiscFees";
    137 MISC_FEE_AMT "MiscFeeAmt";
    138 MISC_FEE_CURR "MiscFeeCurr";
    139 MISC_FEE_TYPE "MiscFeeType";
    141 RESET_SEQ_NUM_FLAG "ResetSeqNumFlag";
    146 NO_RELATED_SYM "NoRelatedSym";
    150 EXEC_TYPE "ExecType";
    151 LEAVES_QTY "LeavesQty";
    167 SECURITY_TYPE "SecurityType";
    168 EFFECTIVE_TIME "EffectiveTime";
    262 MD_REQ_ID "MDReqID";
    263 SUBSCRIPTION_REQUEST_TYPE "SubscriptionRequestType";
    264 MARKET_DEPTH "MarketDepth";
    265 MD_UPDATE_TYPE "MDUpdateType";
    266 AGGREGATED_BOOK "AggregatedBook";
    267 NO_MD_ENTRY_TYPES "NoMDEntryTypes";
    268 NO_MD_ENTRIES "NoMDEntries";
    269 MD_ENTRY_TYPE "MDEntryType";
    270 MD_ENTRY_PX "MDEntryPx";
    271 MD_ENTRY_SIZE "MDEntrySize";
    273 MD_ENTRY_TIME "MDEntryTime";
    278 MD_ENTRY_ID "MDEntryID";
    279 MD_UPDATE_ACTION "MDUpdateAction";
    281 MD_REQ_REJ_REASON "MDReqRejReason";
    320 SECURITY_REQ_ID "SecurityReqID";
    322 SECURITY_RESPONSE_ID "SecurityResponseID";
    335 TRAD_SES_REQ_ID "TradSesReqID";
    336 TRADING_SESSION_ID "TradingSessionID";
    340 TRAD_SES_STATUS "TradSesStatus";
    354 ENCODED_TEXT_LEN "EncodedTextLen";
    355 ENCODED_TEXT "EncodedText";
    369 LAST_MSG_SEQ_NUM_PROCESSED "LastMsgSeqNumProcessed";
    371 REF_TAG_ID "RefTagID";
    372 REF_MSG_TYPE "RefMsgType";
    373 SESSION_REJECT_REASON "SessionRejectReason";
    378 EXEC_RESTATEMENT_REASON "ExecRestatementReason";
    379 BUSINESS_REJECT_REF_ID "BusinessRejectRefID";
    380 BUSINESS_REJECT_REASON "BusinessRejectReason";
    381 GROSS_TRADE_AMT "GrossTradeAmt";
    388 DISCRETION_INST "DiscretionInst";
    393 TOT_NO_RELATED_SYM "TotNoRelatedSym";
    434 CXL_REJ_RESPONSE_TO "CxlRejResponseTo";
    527 SECONDARY_EXEC_ID "SecondaryExecID";
    530 MASS_CANCEL_REQUEST_TYPE "MassCancelRequestType";
    553 USERNAME "Username";
    554 PASSWORD "Password";
    559 SECURITY_LIST_REQUEST_TYPE "SecurityListRequestType";
    560 SECURITY_REQUEST_RESULT "SecurityRequestResult";
    562 MIN_TRADE_VOL "MinTradeVol";
    567 TRAD_SES_STATUS_REJ_REASON "TradSesStatusRejReason";
    789 NEXT_EXPECTED_MSG_SEQ_NUM "NextExpectedMsgSeqNum";
    891 MISC_FEE_BASIS "MiscFeeBasis";
    893 LAST_FRAGMENT "LastFragment";
    1003 TRADE_ID "TradeID";
    1102 TRIGGER_PRICE "TriggerPrice";
    1138 DISPLAY_QTY "DisplayQty";
    2349 PRICE_PRECISION "PricePrecision";
    2446 AGGRESSOR_SIDE "AggressorSide";
    5001 LEVERAGE "Leverage";
    5010 QTY_PRECISION "QtyPrecision";
    5011 QTY_MIN "QtyMin";
    5012 QTY_MAX "QtyMax";
    5013 MINIMUM_COST "MinimumCost";
    5022 TICK_SIZE "TickSize";
    5025 NONCE "Nonce";
    5030 FORCE_RESET_CL_ORD_ID "ForceResetClOrdID";
    5032 ASSET_PAIR_STATUS "AssetPairStatus";
    5041 CHECKSUM_ORDER_BOOK "ChecksumOrderBook";
    5050 LIQUIDITY_IND "LiquidityInd";
    5051 REBASED "Rebased";
    5052 MD_PRICE_PRECISION "MDPricePrecision";
    5060 MD_ENTRY_TIMESTAMP "MDEntryTimestamp";
    5273 MD_ENTRY_TIME_QUEUE "MDEntryTimeQueue";
    7928 SELF_TRADE_PREVENTION "SelfTradePrevention";
    8674 CANCEL_ORDERS_ON_DISCONNECT "CancelOrdersOnDisconnect";
}
