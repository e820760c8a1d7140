//! The manual: what an engine does from start to end, and what its owner decides.
//!
//! # 1. Start
//! [`Engine::new`](crate::pipeline::Engine::new) checks the configuration
//! ([`EngineConfig`](crate::config::EngineConfig): one TOML file, every field explained in
//! [`commented_toml`](crate::config::EngineConfig::commented_toml)). Secrets come from the environment and
//! are held in types that cannot be printed ([`Credentials`](crate::kraken::logon::Credentials),
//! [`Secret`](crate::secret::Secret)). [`start`](crate::pipeline::Engine::start) takes all memory and
//! starts the threads of the path. Both sessions are dialled, log on, ask for the instruments, and
//! subscribe. A report that comes before the instruments are known ends its connection unread; the trading
//! session comes back when they are, and the venue sends the report again. Not if the Logon with which it comes
//! back resets the numbers, as each does with [`ResetPolicy::Always`](crate::conductor::ResetPolicy::Always):
//! then that report is lost with all that was missed, and what became of the orders is found out as after
//! any drop. [`Strategy::on_start`](crate::strategy::Strategy::on_start) is called once
//! the trading session is up and every configured book stands.
//!
//! # 2. Threads
//! A [`Layout`](crate::pipeline::Layout) puts the same stages on one, two or three threads:
//!
//! | layout | threads | between them |
//! |---|---|---|
//! | `inline` | everything on one | function calls |
//! | `split` | sockets and sessions; strategy | two rings of typed records |
//! | `full` | reader; sessions; strategy | slots of message bytes, then the same two rings |
//!
//! Between session and strategy travel [`Event`](crate::event::Event)s and
//! [`Command`](crate::command::Command)s: fixed-size `Copy` records, never message bytes. A ring that has no
//! room for what a message could become leaves the message in the socket: the venue is slowed down, nothing
//! is lost, and heartbeats go on. A housekeeping thread off the path fills the histograms, which can be read while
//! the engine runs ([`Running::latency`](crate::pipeline::Running::latency)). What the path uses is touched before,
//! its rings, tables, buffers and stacks; [`Outcome::faults`](crate::pipeline::Outcome::faults) tells what page faults
//! were left.
//!
//! Idle threads spin or sleep ([`IdlePolicy`](crate::pipeline::IdlePolicy)). Spin only with a core for each
//! thread: three spinning threads on two cores cost milliseconds. Pinning is read back and reported
//! ([`Pinning`](crate::pipeline::Pinning)).
//!
//! # 3. Wires
//! [`WireKind`](crate::wire::WireKind): `uring` receives by one standing request into a ring of buffers and
//! enters the kernel only when it has something; `busy-poll` is plain non-blocking receive, which Onload and
//! VMA accelerate without a change ([`busy_poll`](crate::wire::busy_poll) says how); `mio` is the portable one, with
//! which idle threads sleep: the default where they have not a core each. These send by `send(2)`. `xdp` has a TCP/IP
//! stack of its own over an AF_XDP socket ([`crate::wire::xdp`]); it wants an interface's queue and an address
//! that the kernel does not have ([`XdpSection`](crate::config::XdpSection)). Which is fastest depends on the
//! host: measure there.
//!
//! # 4. TLS
//! rustls does the handshake and checks the certificate; after it the traffic keys go to our own record
//! layer, which seals and opens in place and never allocates. `mode = "rustls"` keeps rustls for the records
//! too; it allocates for each. TLS 1.3 only. See [`crate::wire::tls`].
//!
//! # 5. Sessions
//! [`Session`](crate::session::Session) is a state machine for both roles, judged by the FIX session-layer
//! test cases. Numbers must be contiguous: a gap is asked for, a low number without PossDup ends the
//! session, a ResendRequest of the venue is answered by a gap fill and never by an order. What is garbled is
//! ignored. Every number, and every reason, is in the events.
//!
//! A session is up when the venue has answered the Logon and both sides have what they missed: a
//! TestRequest behind all that was resent is answered. An order sent before that could be void with our
//! own gap fill.
//!
//! What happens between two connections is decided by a [`Conductor`](crate::conductor::Conductor), one for
//! each session. It dials the hosts in their order, with a name look-up at each dial, on a thread of its
//! own; waits longer after each failure, half of it by chance, and much longer after a refused logon; and
//! counts only a session that was up for a while as a success. Nothing meant for the dead connection leaves
//! on the next one: it is withdrawn, and reported. Refusals, failures and early ends have limits, after which
//! the session is given up and the engine ends ([`ReconnectSection`](crate::config::ReconnectSection)).
//!
//! The venue's day ends at 22:00 UTC ([`RolloverSection`](crate::config::RolloverSection)). New orders are
//! refused some seconds before ([`Refusal::RollingOver`](crate::risk::Refusal::RollingOver)); the drop is
//! expected; both sequence spaces start at 1, in a new epoch; the session comes back within the window. The
//! same happens if the session was down, or the engine did not run, when the day ended.
//! [`SessionUpdate::Link`](crate::strategy::SessionUpdate::Link) tells the strategy of each step.
//!
//! # 6. A strategy
//! [`Strategy`](crate::strategy::Strategy) has callbacks; [`Context`](crate::strategy::Context) is what it
//! sees and does meanwhile. A request is refused at once, with a typed, final
//! [`Refusal`](crate::risk::Refusal), or it takes effect in the desk's tables and leaves for the wire when
//! the callback returns, behind everything issued before it. Callbacks must not block.
//!
//! Requests need not wait for acknowledgements. A replace names the last request on the order, acknowledged
//! or not; the venue keeps the order of arrival, so the chain holds. Two limits are the venue's: a replace
//! needs the OrderID, so until the new order's first report its terms are held, the newest in the place of an
//! earlier one ([`Context::replace`](crate::strategy::Context::replace)); and when a
//! link of the chain is refused, those behind it are refused too, after which the order stands where it last
//! was. A fill can cross any of them.
//!
//! An [`OrderSpec`](crate::strategy::OrderSpec) is a market or a limit order, at once or behind a trigger: a
//! stop, a take profit or a trailing stop, which waits at the venue, out of the book. It is live
//! ([`UpdateKind::Live`](crate::order::UpdateKind::Live)) while it waits
//! ([`Order::is_untriggered`](crate::order::Order::is_untriggered)); that it triggered is told by
//! [`UpdateKind::Triggered`](crate::order::UpdateKind::Triggered), and from then on it is a market or limit order
//! like any other. An amend that crosses the trigger changes quantity and limit only.
//!
//! A strategy that follows the best price must know its own quotes in the book: market data and reports come
//! on different connections, and amends are faster than either.
//!
//! A strategy may trade both of Kraken's markets ([`SecondSection`](crate::config::SecondSection)): the
//! instruments of the second follow those of the first, and a request goes to the session of its instrument
//! or order. Orders of different sessions have no order among them: each session has its lane. The start
//! waits for both; when one is lost its orders become uncertain and are found out by themselves, while the
//! other trades on. [`Context::cancel_all`](crate::strategy::Context::cancel_all), but of one instrument, and
//! the kill switch are for both.
//!
//! # 7. Orders and truth
//! Every command ends in exactly one of `OnWire` (with its MsgSeqNum), refused, or `Withdrawn` (it never
//! left). When the trading session is lost, open orders become
//! [`Uncertain`](crate::order::OrderState::Uncertain): the venue cancels them if the session was logged on
//! with `cancel_on_disconnect`, but no report can say so until somebody asks. Fills are counted once, by
//! ExecID and by CumQty.
//!
//! When the session is up again, what became of them is found out, and
//! [`on_reconciled`](crate::strategy::Strategy::on_reconciled) tells of all at once, each with its
//! [`Proof`](crate::order::Proof). That nothing is said of an order shows something only if the venue has sent
//! again all that was missed. It has not if the numbers were reset, or if it declared a number void
//! ([`SessionEvent::Voided`](crate::session::SessionEvent::Voided)) that we have not seen used for an
//! administrative message: a lost Heartbeat cannot be told from a lost report. Orders are then asked about one
//! by one where the market has status requests, and cancelled where it has none
//! ([`Recovery`](crate::desk::Recovery)).
//!
//! What is asked and not answered in time is asked again, with
//! [`Alarm::Unresolved`](crate::event::Alarm::Unresolved) each time. After five rounds the strategy is told how
//! many orders are uncertain still, and may trade. By REST they are looked up until a list settles them; without
//! it they are asked about every 30 seconds, with the same alarm, until an answer, a report or a cancel settles
//! them. They count as open until then. Only what `cancel_at_start` asks for is never given up: the strategy
//! does not start before the orders of an earlier run are cancelled.
//!
//! That an order is [`Gone`](crate::order::OrderState::Gone) does not say what was filled of it before. Until
//! the venue does, the position is uncertain by what was open:
//! [`SessionUpdate::PositionUncertain`](crate::strategy::SessionUpdate::PositionUncertain) says by how much at
//! most, and every limit counts it as open. A late report settles it, or REST on spot, which is asked by itself
//! (QueryOrders, ClosedOrders; the key needs the permission for closed orders), or, where neither is to be had, an
//! operator who has looked
//! ([`Operator::settle_position`](crate::pipeline::Operator::settle_position)).
//!
//! # 8. Risk
//! Only a [`Checked`](crate::risk::Checked) order can be encoded, and only the risk check makes one. It holds
//! each order and replace against the instrument's rules and against limits of the instrument
//! ([`RiskLimits`](crate::risk::RiskLimits)): quantity, notional, distance from the mid price, age of the
//! book, position if every open order filled, open orders, rate, orders of ours that it could meet; against
//! limits of all instruments together ([`TotalLimits`](crate::risk::TotalLimits)); and against the venue's
//! own rate limit ([`VenueRate`](crate::risk::VenueRate)), so that what the venue would refuse is not sent.
//! An order behind a trigger is judged where it would trade: its trigger around the mid price, on the side that
//! the market has not passed, its limit around the trigger, its notional at the dearer of the two. Orders of ours
//! that it could meet, and that could meet it, are those as if it had triggered: where that is too strict, let the
//! venue decide (`allow_self_cross`). A [`Refusal`](crate::risk::Refusal) says which limit it was, with the numbers.
//! A cancel is refused by the
//! venue's rate limit only; a mass cancel by nothing.
//!
//! The kill switch ([`KillCause`](crate::risk::KillCause)) is pulled by the strategy
//! ([`Context::kill`](crate::strategy::Context::kill)), by an operator
//! ([`Operator::kill`](crate::pipeline::Operator::kill)) or by a loss of the day beyond its limit. Everything
//! is cancelled by one mass cancel for the SenderCompID, again after a reconnect and one by one if the venue
//! refuses that; orders and replaces are refused until the operator re-arms
//! ([`Operator::rearm`](crate::pipeline::Operator::rearm)). A loss that is still beyond its limit pulls the
//! switch again at once. The day ends at midnight, UTC. What was lost before the engine's start does not
//! count: what an earlier run left behind counts from its first mid price on.
//!
//! Limits change only by [`Operator::set_limits`](crate::pipeline::Operator::set_limits), between two events,
//! and hold from the next command on; open orders that the new ones would refuse stay.
//!
//! # 9. Latency
//! [`Stage`](crate::trace::Stage) lists the stamps. A stage's time is the difference to the stamp before it,
//! so waiting is part of the stage that waited: a second message of one read waits in `frame`, a ring hop is
//! in `book/order` or `encode`, and a system call that the reader makes before it comes back to the socket
//! is nowhere, because the venue's bytes were not ours yet. `order to answer` includes the venue.
//!
//! # 10. Journal
//! With a section `[journal]` ([`JournalSection`](crate::config::JournalSection)) each session keeps what it
//! sends and receives, and where it stands, in a directory of its own ([`crate::journal`]): a message is
//! stored before its first byte goes to the wire, and a run begins with the numbers, the nonce and the
//! ClOrdIDs behind those of the run before, however that one ended. What cannot be stored is not sent: the
//! connection ends, with [`Alarm::Journal`](crate::event::Alarm::Journal). Storing is a copy into mapped
//! memory; a thread of the journals' own waits for the disk, unless
//! [`Durability::EveryMessage`](crate::journal::Durability::EveryMessage) asks the path to. Under the others
//! the path can still meet a page that the kernel is writing out at that moment, and wait for it. Secrets are
//! replaced by as many stars before they are stored. `taut journal print|verify|export DIR/trading` reads it.
//!
//! # 11. End
//! [`Running::stop`](crate::pipeline::Running::stop), or the strategy's own
//! [`Context::stop`](crate::strategy::Context::stop): the strategy cancels
//! ([`Strategy::on_stop`](crate::strategy::Strategy::on_stop)), confirmations are awaited, the sessions log
//! out, the threads end. [`Outcome`](crate::pipeline::Outcome) has the desk as it was, the latency tables,
//! and where the threads ran. A session that is given up ends the engine too. A stop is heard at any
//! moment, while dialling too; only the system's name look-up is waited for.
//!
//! # 12. Limits
//! All of them stand in [`crate::limits`], with the relations between them checked at compile time. Reaching
//! one is an event.
