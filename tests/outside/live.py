"""A subscriber to a server's change feed (`/live`): a WebSocket in plain Python, on a thread of its own."""

import base64
import json
import os
import socket
import struct
import threading


class Feed:
    def __init__(self, host, port):
        self.told = []  # every feature that was said to have changed, as (revision, what was said)
        self.news = threading.Condition()
        self.socket = socket.create_connection((host, port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /live HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.stream = self.socket.makefile("rb")
        status = self.stream.readline()
        assert b" 101 " in status, status
        while self.stream.readline() != b"\r\n":
            pass
        assert self.message()["type"] == "hello"
        self.send(1, b'{"type":"subscribe"}')
        assert self.message()["type"] == "snapshot"
        self.socket.settimeout(None)
        threading.Thread(target=self.listen, daemon=True).start()

    def send(self, kind, payload):
        """A client's frame; all ours are short."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | kind, 0x80 | len(payload)]) + mask + masked)

    def message(self):
        """The next one with words in it; `None` at the end."""
        words = b""
        while True:
            head = self.stream.read(2)
            if len(head) < 2:
                return None
            length = head[1] & 127
            if length > 125:
                form = ">H" if length == 126 else ">Q"
                (length,) = struct.unpack(form, self.stream.read(struct.calcsize(form)))
            payload = self.stream.read(length)
            kind = head[0] & 15
            if kind == 8:
                return None
            if kind == 9:
                self.send(10, payload)
            elif kind < 3:
                words += payload
                if head[0] & 0x80:
                    return json.loads(words)

    def listen(self):
        try:
            while message := self.message():
                changed = message.get("changed", [])
                with self.news:
                    self.told += [(message.get("revision"), change) for change in changed]
                    self.news.notify_all()
        except OSError:
            pass  # the server has gone

    def wait_for(self, wanted, seconds):
        """What was told and is wanted, waited for so long at most; an empty list when nothing came."""
        find = lambda: [(revision, change) for revision, change in self.told if wanted(revision, change)]
        with self.news:
            self.news.wait_for(find, seconds)
            return find()

    def close(self):
        self.socket.close()
