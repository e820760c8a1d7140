"""Bytes made and read by `simplefix`, a codec that is not ours, to and from `taut acceptor`.

    by_hand.py PORT
"""
import datetime
import socket
import sys

import simplefix

NOW = datetime.datetime.now(datetime.timezone.utc)


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.parser = simplefix.FixParser()
        self.number = 1

    def make(self, kind, *pairs, number=None):
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, kind)
        message.append_pair(49, "TW")
        message.append_pair(56, "ISLD")
        message.append_pair(34, self.number if number is None else number)
        message.append_utc_timestamp(52, precision=3)
        for tag, value in pairs:
            message.append_pair(tag, value)
        if number is None:
            self.number += 1
        return message.encode()

    def send(self, kind, *pairs, number=None):
        self.socket.sendall(self.make(kind, *pairs, number=number))

    def expect(self, kind, **values):
        while True:
            message = self.parser.get_message()
            if message is not None:
                break
            data = self.socket.recv(4096)
            if not data:
                sys.exit("closed instead of " + kind)
            self.parser.append_buffer(data)
        # What it reads it must write again, byte for byte: BodyLength and CheckSum are right.
        if message.encode(raw=False) != message.encode(raw=True):
            sys.exit("BodyLength or CheckSum: %s" % message)
        got = message.get(35).decode()
        wrong = {tag: message.get(tag[1:]) for tag, value in values.items()
                 if (message.get(tag[1:]) or b"").decode() != value}
        if got != kind or wrong:
            sys.exit("expected %s %s, got %s" % (kind, values, message))
        return message


def main():
    peer = Peer(int(sys.argv[1]))
    peer.send("A", (98, "0"), (108, "30"))
    peer.expect("A", t34="1", t98="0", t108="30")
    print("OK logon")

    order = ((11, "one"), (55, "X"), (54, "1"), (38, "5"), (40, "2"), (44, "10.50"))
    for byte in peer.make("D", *order):
        peer.socket.sendall(bytes([byte]))
    peer.expect("D", t34="2", t11="one", t44="10.50")
    print("OK byte by byte")

    first, second = peer.make("D", (11, "two"), *order[1:]), peer.make("1", (112, "alive"))
    peer.socket.sendall(b"noise\x01" + first + b"8=FIX.4.4\x01noise\x01" + second)
    peer.expect("D", t34="3", t11="two")
    peer.expect("0", t34="4", t112="alive")
    print("OK garbage between")

    wrong = bytearray(peer.make("1", (112, "wrong sum"), number=peer.number))
    wrong[-2] = ord("0") + (wrong[-2] - ord("0") + 1) % 10
    peer.socket.sendall(bytes(wrong))
    lost = peer.number
    peer.send("1", (112, "ahead"), number=lost + 1)
    peer.expect("2", t7=str(lost), t16="0")
    sent = NOW.strftime("%Y%m%d-%H:%M:%S")
    peer.send("4", (43, "Y"), (122, sent), (123, "Y"), (36, str(lost + 1)), number=lost)
    peer.expect("0", t112="ahead")
    peer.number = lost + 2
    print("OK gap and gap fill")

    peer.send("2", (7, "2"), (16, "0"))
    peer.expect("D", t34="2", t43="Y", t11="one")
    peer.expect("D", t34="3", t43="Y", t11="two")
    peer.expect("4", t34="4", t43="Y", t123="Y", t36="7")
    print("OK resend")

    peer.send("4", (36, str(peer.number + 100)))
    peer.number += 100 - 1
    peer.send("1", (112, "after the reset"))
    peer.expect("0", t112="after the reset")
    print("OK sequence reset")

    peer.send("5")
    peer.expect("5")
    if peer.socket.recv(1):
        sys.exit("something behind the Logout")
    print("OK logout")
    print("DONE")


main()
