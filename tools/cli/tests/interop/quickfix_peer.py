"""QuickFIX (PyPI `quickfix` or `quickfix-tls`) as the counterparty of `taut acceptor` or `taut initiator`.

    quickfix_peer.py initiator|acceptor PORT HOOK STORE

Plays one conversation, prints a line per step, and ends with status 0 only if all of them went well. HOOK is the
--control address of the other side, which knows the session as FIX.4.4:ISLD->TW.
"""
import os
import sys
import threading
import time
import urllib.request

import quickfix as fix

ROLE, PORT, HOOK, STORE = sys.argv[1:5]
PATIENCE = 30.0


class App(fix.Application):
    def __init__(self):
        super().__init__()
        self.changed = threading.Condition()
        self.logons = self.logouts = 0
        self.echoes, self.sent_admin = [], []

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def onCreate(self, sid):
        self.sid = sid

    def onLogon(self, sid):
        self.note(lambda: setattr(self, "logons", self.logons + 1))

    def onLogout(self, sid):
        self.note(lambda: setattr(self, "logouts", self.logouts + 1))

    def toAdmin(self, message, sid):
        text = message.toString().replace("\x01", "|")
        self.note(lambda: self.sent_admin.append(text))

    def fromAdmin(self, message, sid):
        text = message.toString().replace("\x01", "|")
        if "|35=3|" in text:
            print("REJECTED", text, flush=True)
            self.note(lambda: self.echoes.append("rejected"))

    def toApp(self, message, sid):
        pass

    def fromApp(self, message, sid):
        identifier = fix.ClOrdID()
        message.getField(identifier)
        value = identifier.getValue()
        self.note(lambda: self.echoes.append(value))

    def wait(self, what, holds):
        with self.changed:
            if not self.changed.wait_for(holds, PATIENCE):
                print("NOT", what, self.logons, self.logouts, self.echoes, flush=True)
                sys.exit(1)

    def session(self):
        return fix.Session.lookupSession(self.sid)


def order(app, identifier):
    message = fix.Message()
    message.getHeader().setField(fix.MsgType("D"))
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    for tag, value in ((11, identifier), (55, "X"), (54, "1"), (38, "100"), (40, "2"), (44, "10.50"), (60, now)):
        message.setField(fix.StringField(tag, value))
    fix.Session.sendToTarget(message, app.sid)


def echoed(app, what, *identifiers):
    """Orders go out; each comes back once, in their order."""
    expected = app.echoes + list(identifiers)
    for identifier in identifiers:
        order(app, identifier)
    app.wait(what, lambda: len(app.echoes) >= len(expected))
    time.sleep(0.1)
    if app.echoes != expected:
        print("NOT", what, app.echoes, "but", expected, flush=True)
        sys.exit(1)
    print("OK", what, flush=True)


def hook(key, value):
    url = "http://%s/?SESSION=FIX.4.4:ISLD-%%3ETW&%s=%s" % (HOOK, key, value)
    urllib.request.urlopen(url, timeout=5).read()


def converse(app, engine):
    app.wait("logon", lambda: app.logons == 1)
    print("OK logon", flush=True)
    echoed(app, "orders", "A1", "A2", "A3", "A4", "A5")

    session = app.session()
    hook("NEXTSENDERSEQNUM", session.getExpectedTargetNum() + 5)
    echoed(app, "gap of ours", "B1")
    if not any("|35=2|" in text for text in app.sent_admin):
        print("NOT gap of ours: QuickFIX asked for nothing", flush=True)
        sys.exit(1)
    session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + 3)
    echoed(app, "gap of theirs", "C1", "C2")
    if not any("|35=4|" in text and "|123=Y|" in text for text in app.sent_admin):
        print("NOT gap of theirs: QuickFIX filled nothing", flush=True)
        sys.exit(1)

    before = session.getExpectedSenderNum()
    engine.stop(True)
    engine.start()
    app.wait("reconnect", lambda: app.logons == 2)
    session = app.session()
    after = session.getExpectedSenderNum()
    if after <= before:
        print("NOT reconnect: the number went from", before, "to", after, flush=True)
        sys.exit(1)
    echoed(app, "reconnect", "D1")

    logons, logouts = app.logons, app.logouts
    hook("LOGOUT", 1)
    app.wait("logout of ours", lambda: app.logouts == logouts + 1)
    print("OK logout of ours", flush=True)
    if ROLE == "initiator":
        engine.stop(True)
        engine.start()
    else:
        session.logon()
    app.wait("logon after it", lambda: app.logons == logons + 1)
    logouts = app.logouts
    app.session().logout("")
    app.wait("logout of theirs", lambda: app.logouts == logouts + 1)
    print("OK logout of theirs", flush=True)

    if ROLE == "initiator":
        logons = app.logons
        engine.stop(True)
        engine.start(reset=True)
        app.wait("reset", lambda: app.logons > logons)
        if app.session().getExpectedTargetNum() != 2:
            print("NOT reset:", app.session().getExpectedTargetNum(), flush=True)
            sys.exit(1)
        echoed(app, "reset", "E1")


class Engine:
    """QuickFIX's engine; stopped by force it hangs up without a word, and starts again from its store."""

    def __init__(self, app):
        self.app = app

    def start(self, reset=False):
        lines = ["[DEFAULT]", "StartTime=00:00:00", "EndTime=00:00:00", "UseDataDictionary=N", "HeartBtInt=30",
                 "FileStorePath=" + STORE, "ConnectionType=" + ROLE]
        if ROLE == "acceptor":
            lines += ["SocketAcceptPort=" + PORT, "SocketAcceptAddress=127.0.0.1", "SocketReuseAddress=Y"]
        else:
            lines += ["SocketConnectHost=127.0.0.1", "SocketConnectPort=" + PORT, "ReconnectInterval=1"]
        lines += ["ResetOnLogon=Y"] if reset else []
        lines += ["[SESSION]", "BeginString=FIX.4.4", "SenderCompID=TW", "TargetCompID=ISLD"]
        path = STORE + "/session.cfg"
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        settings = fix.SessionSettings(path)
        kind = fix.SocketInitiator if ROLE == "initiator" else fix.SocketAcceptor
        self.parts = settings, fix.FileStoreFactory(settings)
        self.engine = kind(self.app, self.parts[1], settings)
        self.engine.start()

    def stop(self, by_force=False):
        self.engine.stop(by_force)
        self.engine = None


def main():
    app = App()
    engine = Engine(app)
    engine.start()
    converse(app, engine)
    print("DONE", flush=True)
    # Not `engine.stop()`: QuickFIX's acceptor closes its sockets from this thread while its own thread drops them,
    # and every third time that is a segmentation fault.
    os._exit(0)


main()
