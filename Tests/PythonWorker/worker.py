#!/usr/bin/env python3
"""A worker in another language: docs/protocol.md and the standard library are all it is made of.

It joins, renders squares of a colour that the cell's key decides, uploads them and leaves.

    worker.py TOKEN     and to be tried with:
        --cut                 breaks the connection in the middle of the first upload and goes on after it
        --dies-at GUIDANCE    is killed as soon as it renders a cell of this guidance scale
        --hangs-at GUIDANCE   gets no further with such a cell, but says that it lives, until it loses its lease
        --identity HEX        is the worker that it was before it was killed
"""

import argparse, base64, hashlib, json, os, signal, socket, ssl, struct, sys, time, zlib

VERSION = 2
HELLO, CLAIM, BEAT, OFFER, CHUNK, BYE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x08
WELCOME, REFUSED, GRANT, IDLE, BEAT_REPLY, SEND, ACK, DRAIN = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88


class Token:
    """tmdne1_ and base64url of flags, secret, port, hosts, key hash, expiry, checksum."""

    def __init__(self, text):
        assert text.startswith("tmdne1_"), "not a join token"
        encoded = text[len("tmdne1_"):]
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        body, checksum = raw[:-4], raw[-4:]
        assert hashlib.sha256(body).digest()[:4] == checksum, "the token is mistyped"
        flags, self.secret, self.port, count = body[0], body[1:33], *struct.unpack(">HB", body[33:36])
        assert flags & ~3 == 0, "the token is of another version"
        at, self.hosts = 36, []
        for _ in range(count):
            self.hosts.append(body[at + 1:at + 1 + body[at]].decode())
            at += 1 + body[at]
        self.key_hash = body[at:at + 32] if flags & 1 else None


def der(data, at):
    """The tag, the whole element and the content of the DER element at `at`."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[start:start + size], "big"), start + size
    return tag, data[at:start + length], data[start:start + length]


def public_key_info(certificate):
    """SubjectPublicKeyInfo of a certificate: the seventh part of a version 3 TBSCertificate."""
    content, at = der(der(certificate, 0)[2], 0)[2], 0
    for _ in range(6):  # version, serial number, signature algorithm, issuer, validity, subject
        at += len(der(content, at)[1])
    return der(content, at)[1]


class Connection:
    def __init__(self, token):
        plain = socket.create_connection((token.hosts[0], token.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain
        if token.key_hash is None:
            assert token.hosts[0] == "127.0.0.1", "the secret must not cross a network in the clear"
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the key itself is checked, before anything is said
        self.socket = context.wrap_socket(plain)
        key = public_key_info(self.socket.getpeercert(binary_form=True))
        if hashlib.sha256(key).digest() != token.key_hash:
            self.socket.close()
            raise SystemExit("the coordinator shows another key than the token names")

    def send(self, kind, payload):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.socket.sendall(struct.pack(">IB", len(data) + 1, kind) + data)

    def receive(self):
        length, kind = struct.unpack(">IB", self.exactly(5))
        return kind, json.loads(self.exactly(length - 1))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the coordinator closed the connection")
            data += piece
        return data

    def break_off(self):
        """Ends without a goodbye, as a cable does that is pulled."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.socket.detach())


def png(key, text, width, height):
    """A PNG file of the cell's size: 8-bit RGB, not interlaced, uncompressed so that it takes several chunks.

    `text` is the JSON of its text `tmdne`, in ASCII.
    """

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    seed = bytes.fromhex(key)
    rows = b"".join(
        b"\0" + b"".join(bytes(seed[(x // 8 + y // 8 + c) % 32] for c in range(3)) for x in range(width))
        for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tEXt", b"tmdne\0" + text)
            + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))


class Worker:
    CHUNK = 1000
    DEVICE, PROGRAM = "python", "worker.py"

    def __init__(self, token, cut, dies_at, hangs_at, identity):
        self.token, self.dies_at, self.hangs_at = token, dies_at, hangs_at
        # Times that an upload may be cut before one is resumed.
        self.cuts = 5 if cut else 0
        self.identity = identity or os.urandom(16).hex()
        self.life = os.urandom(16).hex()
        self.stored, self.resumed_at, self.is_draining = 0, None, False

    def join(self, leases):
        self.connection = Connection(self.token)
        secret = base64.urlsafe_b64encode(self.token.secret).rstrip(b"=").decode()
        self.connection.send(HELLO, {
            "version": VERSION, "secret": secret, "name": "python", "identity": self.identity, "life": self.life,
            "device": self.DEVICE, "program": self.PROGRAM, "leases": leases})
        kind, answer = self.connection.receive()
        if kind == REFUSED:
            print(answer["reason"], file=sys.stderr)
            raise SystemExit(78 if answer["isFinal"] else 1)
        assert kind == WELCOME and answer["version"] == VERSION, answer
        assert answer["leases"] == leases, "a lease was lost in the moment without a connection"
        self.sweep = answer["sweep"]

    def receive(self):
        """The next answer; a drain may come at any time, between any two of them."""
        kind, answer = self.connection.receive()
        if kind == DRAIN:
            self.is_draining = True
        return kind, answer

    def answer(self):
        while True:
            kind, answer = self.receive()
            if kind != DRAIN:
                return kind, answer

    def run(self):
        self.join([])
        while not self.is_draining:
            self.connection.send(CLAIM, {})
            kind, answer = self.receive()
            if kind == GRANT:
                for granted in answer["cells"]:
                    self.render(answer, granted)
            elif kind == IDLE:
                time.sleep(min(answer["retrySeconds"], 0.2))
        self.connection.send(BYE, {})
        print(json.dumps({"stored": self.stored, "resumedAt": self.resumed_at}))

    def render(self, grant, granted):
        lease, cell, key = grant["lease"], granted["cell"], granted["key"]
        self.beat(lease, key, cell["steps"])
        if cell["guidance"] == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        while cell["guidance"] == self.hangs_at:
            time.sleep(1)
            self.beat(lease, key, cell["steps"])
        image = png(key, self.text(grant["model"], granted), cell["width"], cell["height"])
        while not self.deliver(lease, key, image):
            pass

    def beat(self, lease, key, steps):
        self.connection.send(BEAT, {"lease": lease, "cell": key, "step": 0, "steps": steps})
        kind, answer = self.answer()
        assert kind == BEAT_REPLY, answer
        if lease in answer["lost"]:
            raise SystemExit("the lease is lost")

    def text(self, model, granted):
        """What the image of a granted cell says of itself. Escapes keep it in ASCII, whatever the prompt is."""
        cell = granted["cell"]
        return json.dumps({
            "schema": 1, "sweep": self.sweep, "device": self.DEVICE, "precision": "none", "program": self.PROGRAM,
            "axes": {
                "model": model, "prompt": granted["rawPrompt"], "negativePrompt": granted["rawNegativePrompt"],
                "style": granted["style"], "size": f"{cell['width']}x{cell['height']}",
                **{name: cell[name] for name in ("guidance", "sampler", "seed", "steps")}},
            **{name: granted[name] for name in ("cell", "files", "key", "position") if name in granted}}).encode()

    def deliver(self, lease, key, image):
        """Offers an image and sends what the coordinator lacks of it. Returns whether that is settled."""
        self.connection.send(OFFER, {
            "lease": lease, "cell": key, "sha256": hashlib.sha256(image).hexdigest(), "bytes": len(image),
            "timings": {"encode": 0, "denoise": 0.001, "decode": 0, "png": 0.001}})
        kind, answer = self.answer()
        if kind == SEND:
            offset = answer["offset"]
            if offset:
                self.resumed_at, self.cuts = offset, 0
            for start in range(offset, len(image), self.CHUNK):
                if self.cuts and start >= len(image) // 2:
                    self.cuts -= 1
                    # The beat's reply says that the chunks before it have arrived.
                    self.connection.send(BEAT, {"lease": lease, "cell": key, "step": 0, "steps": 1})
                    self.answer()
                    self.connection.break_off()
                    self.join([lease])
                    return False
                self.connection.send(CHUNK, image[start:start + self.CHUNK])
            kind, answer = self.answer()
        assert kind == ACK and answer["cell"] == key, (kind, answer)
        if answer["outcome"] == "later":
            time.sleep(0.2)
            return False
        assert answer["outcome"] in ("stored", "duplicate"), answer
        self.stored += answer["outcome"] == "stored"
        return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("token", type=Token)
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--dies-at", type=float)
    parser.add_argument("--hangs-at", type=float)
    parser.add_argument("--identity")
    Worker(**vars(parser.parse_args())).run()
