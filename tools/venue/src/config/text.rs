//! The default configuration as commented text. A test reads it back and compares.

pub(super) const COMMENTED: &str = r#"# taut venue: configuration. Every value below is the default.
# Secrets are never here: `clients` names the environment variables that hold them.

# Address to listen on. Anything beyond this machine needs allow_remote.
bind = "127.0.0.1"
allow_remote = false
# Added to Kraken's ports: 4000 spot market data, 4001 spot trading, 4002 derivatives market data,
# 4003 derivatives trading, 4004 derivatives L3, 4005 spot L3. REST is at 4443.
port_offset = 0
# Gateway instances behind the router. A session sticks to the one that it was given first.
gateway_instances = 2

# What the venue does on purpose, so long after its start, a text each: "10s roll-over". "60s..90s ..." is some time
# between the two, by the seed. While it runs, `--control -` takes steps without a time on standard input.
# `taut venue --help` says what each does:
#   drop TAUT spot-trading                (or cut, reset, half-open)
#   stall TAUT spot-trading 500ms         (or delay, late-report)
#   sequence-jump TAUT spot-trading 7     (or resend-storm)
#   logout TAUT spot-trading some text
#   logons refuse                         (or logons close, logons judge)
#   market BTC/USD cancel_only            one instrument: what it takes, and AssetPairStatus
#   trading maintenance                   all pairs of spot, and what 35=h says; session-status: 35=h alone
#   index BTC/USD 60000                   (or index BTC/USD down)
#   prices BTC/USD off                    (or on)
#   instance 0 stop                       (or start)
#   report-copies 2
#   trades withhold                       (or trades restate)
#   stop
control = []
control_seed = 1
# One seed, the same OrderIDs and trade ids; without it (and without --seed) they differ from start to start.
# id_seed = 1

# Where Kraken's documents are silent or contradict each other.
[switches]
# Orders that OrderCancelRequest (F) reaches: "connection" (the same connection only) or
# "sender_cache" (all that the gateway remembers of the SenderCompID) or "account" (all, whoever placed
# them).
cancel_scope = "connection"
# The same for OrderMassCancelRequest (q) with 530=1 and 530=6, and with 530=7.
mass_cancel_session_scope = "connection"
mass_cancel_all_scope = "sender_cache"
# The same for OrderCancelReplaceRequest (G).
amend_scope = "connection"
# Fields that a message does not have: "ignore" or "reject" (35=3 with 373=0 or 2).
unknown_tags = "ignore"
# Fields of Reject (3): "documented" (45, 371, 372, 373, 58) or "captured" (45, 58).
reject_form = "documented"
# Input that is no message (a wrong CheckSum, for example) is disregarded, its number is not used up, and it counts
# as a reject; the session is told by Reject (3), "reject", or not at all, "pass_over", as FIX has it.
garbled = "reject"
# Text of BusinessMessageReject (j): "captured" (`<ClOrdID> : <error>`) or "bare".
business_text = "captured"
# Whether fills carry MiscFeeBasis (891).
fee_basis = false
# AvgPx (6) on derivatives: "zero" (0.0 even after fills, as in production) or "average".
derivatives_avg_px = "zero"
# Whether derivatives take OrderCancelReplaceRequest (G): not in production, but on UAT.
derivatives_amends = false
# Whether derivatives take OrderStatusRequest (H): neither in production nor on UAT, by the newest text.
derivatives_status = false
# Self-trade prevention on derivatives: the sub-accounts of a client are the "children" of its account, or
# "apart", so that they trade with each other.
derivatives_sub_accounts = "children"
# Wrong credentials: "logout" (with a text) or "silent" (close without a word).
logon_refusal = "logout"
# MsgSeqNum of that Logout: "documented" (2, although no Logon was sent) or "standard" (1).
refusal_number = "documented"
# A Logon with 141=N and a lower number than expected: "replay" (accepted; the reports since that
# number are sent again) or "logout".
low_logon_number = "replay"
# Whether 141=Y at logon starts the ClOrdID watermark anew.
reset_flag_resets_watermark = false
# Whether numeric ClOrdIDs, read as microseconds, must be within 120 s of now, as UUIDs must.
numeric_id_window = false
# Numeric ClOrdIDs with leading zeros: "refuse" (35=3 with 373=5) or "number" (reports have the number without them).
leading_zeros = "refuse"
# Whether a cancel over the rate limit is refused, as other transactions are.
rate_limit_cancels = true
# Whether a mass cancel adds the points of each order that it cancels.
mass_cancel_points = true

# The life of a session.
[switches.session]
# A second logon of a CompID that is up: "refuse" (closed without a word) or "evict" (the first is cut).
duplicate_logon = "refuse"
# Wrong logons in a row that lock a client out (0: never), and for how many seconds.
lockout_after = 0
lockout_s = 60
# Rejects in one second that end a session (0: any number is taken).
errors_per_second_max = 100
# Seconds after which a market data session that has asked for no market data is dropped (0: never).
unsubscribed_s = 0
# Cancel on disconnect: whether a Logon without 8674 asks for it; milliseconds from the end of the connection to the cancels, and whether a clean
# logout, a heartbeat time-out and a takeover by a second logon cancel too.
disconnect_cancels = true
cancel_grace_ms = 0
logout_cancels = false
timeout_cancels = true
takeover_cancels = true
# With a state that is kept: whether a session that was logged on when the venue was killed has lost its
# connection when the venue comes back, with the same cancels.
restart_cancels = true
# Rollover at 22:00 UTC: sessions end by "logout" (with a text) or "drop".
rollover_notice = "logout"
# For so many seconds the venue is closed: connections are closed at once ("close") or logons are answered
# by a Logout ("logout").
rollover_window_s = 30
rollover_closed = "close"
# Whether the rollover cancels orders, clears what the gateway remembers of a CompID's orders, and starts
# the ClOrdID watermark anew.
rollover_cancels = false
rollover_clears_cache = false
rollover_resets_watermark = false

# "sticky": all requests of a session take one path and keep their order. "websocket_like": each takes any
# gateway instance and up to so many microseconds, by the seed, so that they may overtake each other.
[routing]
mode = "sticky"
seed = 1
delay_us_max = 2000

# Rate limits of a derivatives session: tokens in a full bucket, milliseconds in which an empty one
# fills, and what D, G, F and q cost; and the tokens of a client's calls by REST, which are apart.
[derivatives_limits]
tokens = 500
window_ms = 10000
send = 10
edit = 10
cancel = 10
cancel_all = 25
rest_tokens = 500

[switches.market_data]
# L3 on spot: "own_port" (port 4005 only) or "off" (35=Y with 281=B).
spot_l3 = "own_port"
# ChecksumOrderBook (5041) on L3: "orders" (the rule of the WebSocket), "levels" (as on L2) or "none".
l3_checksum = "orders"
# MDEntryTime (273) on L3: "captured" (time of day to the millisecond) or "guide" (date, microseconds).
l3_entry_time = "captured"
# Whether L3 entries carry 5060 and 5273.
l3_timestamps = true
# Whether the instrument list carries MDPricePrecision (5052), as since July 2026.
md_price_precision = true

# Reports that are kept, for each client, to be sent again when it asks, or when it comes back. Older ones
# are gap filled.
[replay]
messages = 16384
mib = 8
# A directory: then they are kept there, and the sessions' numbers go on when the venue starts again. Needs the
# routing `sticky`.
# journal = "venue-journal"

# What survives the end of the venue, kill -9 included.
[state]
# A directory: accounts, orders, books and sessions are kept there, and gone on with at the next start;
# `--fresh` starts clean. Not together with replay.journal, which it makes unnecessary.
# dir = "venue-state"
# How far the journal grows before the next snapshot of everything, MiB: more of it is read at a start.
journal_mib = 48

# Where Kraken has a rule of trading, but does not say which.
[trading]
# An order whose stop price the market has passed already: "trigger" (at once) or "refuse".
passed_stop = "trigger"
# How far from the best price a market order trades, per cent; 0 switches the protection off.
market_protection_percent = 10
derivatives_protection_percent = 1
# How much less than its price counts, per cent, what a flex wallet of derivatives holds beside its cash.
collateral_haircut_percent = 5
# Most that the margin positions of an account may have cost, per quote currency, whole units.
margin_allowance = 100000000

# Fee rates in millionths: 1600 is 0.16 %.
[fees]
maker = 1600
taker = 2600
# "given" (base for sells, quote for buys), "base" or "quote".
currency = "given"
# Of derivatives, in the cash of the wallet.
derivatives_maker = 200
derivatives_taker = 500

# The house that trades with the clients.
[liquidity]
# "synthetic" or "none". A recorded market is chosen on the command line.
mode = "synthetic"
symbol = "BTC/USD"
# Further synthetic markets, each in another instrument, with the fields of [liquidity.synthetic]:
# markets = [{ symbol = "ETH/USD", synthetic = { seed = 2, start_price = "3000" } },
#            { symbol = "PF_XBTUSD" }]
markets = []

[liquidity.synthetic]
# One seed, one market.
seed = 1
# Mean number of orders and cancels a second.
events_per_second = 200
# Where the mid price starts, and is pulled back to.
start_price = "60000"
# Distance of the innermost bid from the innermost offer that arrive, ticks.
spread_ticks = 4
# Levels that each side has at least (25 or more).
depth_levels = 60
# Quantity of an order.
qty_min = "0.001"
qty_max = "0.5"
# Most house orders alive at a time, at least four times depth_levels.
orders_max = 600
# Farthest that the mid price moves in one step, and from its start, ticks.
volatility_ticks = 2
range_ticks = 5000
# Share of steps that are market orders, and cancels, per cent.
market_percent = 8
cancel_percent = 40
# Chance that a market order is followed by another of the same side, per cent.
cluster_percent = 60
# By how much a market order raises the rate of what follows, per cent of the usual rate; it dies down by
# a sixteenth with each step.
excitation_percent = 0

# What is traded. Decimal numbers are texts, so that they are exact.
[[instruments]]
symbol = "BTC/USD"
# Decimals of a price and of a quantity.
price_precision = 1
qty_precision = 8
# Prices and quantities are multiples of these.
tick_size = "0.1"
qty_step = "0.00000001"
# Smallest and largest quantity, and smallest price x quantity ("0" for none).
qty_min = "0.0001"
qty_max = "0"
cost_min = "0.5"
# "online", "hidden", "maintenance", "cancel_only", "post_only", "limit_only", "delisted" or
# "reduce_only".
status = "online"
# The index price that triggers can watch: "book" (follows the middle of the book) or "none".
index = "book"
# Leverage of margin orders (5001=1); below 2 there are none. On derivatives one over the initial margin.
leverage = 5
# Largest position of an account, and most that all positions together can borrow (spot).
position_max = "100"
lendable = "1000"
# Derivatives: what a quantity of one is, units of the base asset (linear: PF_, FF_) or of the quote
# currency (inverse: PI_, FI_), and the maintenance margin, per cent of the initial one.
contract_value = "1"
maintenance_percent = 50

[[instruments]]
symbol = "ETH/USD"
price_precision = 2
qty_precision = 8
tick_size = "0.01"
qty_step = "0.00000001"
qty_min = "0.0001"
cost_min = "0.5"
status = "online"
index = "book"
leverage = 5
position_max = "100"
lendable = "1000"

# A perpetual future, linear; the others of derivatives are PI_XBTUSD (inverse), FF_XBTUSD_261225 and
# FI_XBTUSD_261225 (until a date).
[[instruments]]
symbol = "PF_XBTUSD"
price_precision = 0
qty_precision = 4
tick_size = "1"
qty_step = "0.0001"
qty_min = "0.0001"
cost_min = "0"
leverage = 50
position_max = "1000"

[[instruments]]
symbol = "PF_ETHUSD"
price_precision = 1
qty_precision = 3
tick_size = "0.1"
qty_step = "0.001"
qty_min = "0.001"
cost_min = "0"
leverage = 50
position_max = "10000"

[[instruments]]
symbol = "PI_XBTUSD"
price_precision = 1
qty_precision = 0
tick_size = "0.5"
qty_step = "1"
qty_min = "1"
cost_min = "0"
leverage = 50
position_max = "50000000"

# Who may log on, with an account of its own.
[[clients]]
sender = "TAUT"
# "spot" (ports 4000, 4001, 4005) or "derivatives" (4002 to 4004; the sender ends with DRV).
market = "spot"
# Environment variables with the API key and the API secret (base64). Without them the client has
# market data only.
api_key_env = "TAUT_API_KEY"
api_secret_env = "TAUT_API_SECRET"
can_trade = true
can_use_margin = true
can_see_market_data = true
# Addresses that it may log on from, such as "192.0.2.7" or "192.0.2.0/24"; none: any.
sources = []
# Clients with the same account share it; empty for one of its own.
account = ""
# Rate limits: "starter", "intermediate", "pro" or "unlimited".
tier = "pro"
# The pool of sub-accounts whose rate limit it shares; empty for none.
domain = ""
# Derivatives: what happens when its orders meet each other, or those of its domain: "reject_taker",
# "cancel_maker_self", "cancel_maker_child" or "cancel_maker_any".
self_trade = "reject_taker"
# Sub-accounts that it may trade for by AllocAccount (79), and what each has:
# sub_accounts = { "ALICE" = { USD = "1000" }, "BOB" = { BTC = "1" } }
sub_accounts = {}

[clients.balances]
BTC = "100"
ETH = "1000"
USD = "10000000"

[[clients]]
sender = "TAUT_DRV"
market = "derivatives"

# On derivatives the flex wallet, which all linear contracts share.
[clients.balances]
USD = "10000000"

# The wallets of inverse contracts, one for each base asset.
[clients.wallets]
BTC = "100"
"#;
