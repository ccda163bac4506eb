"""An OpenAI-compatible server on loopback that fails as it is told to, in a process of its own, standard library only.

``python misbehaving.py '{"faults": {"500": 0.1}}'`` prints its address and serves until its standard input closes. It
answers the ``n`` of the last ``What is n?`` of a prompt, or a running number. What it did is told at ``/stats``.
"""

import asyncio
import contextlib
import http.server
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

MODELS = ["alpha", "beta"]
USAGE = {"prompt_tokens": 20, "completion_tokens": 5}
DEFAULTS = {"faults": {}, "latency": 0.0, "seed": 0, "retry_after": 0.02, "slow": 5.0, "key": None}
#: Faults after which the server has billed the call although its reply never arrives whole.
BILLED = ("slow", "truncated", "half", "closed")


class Server:
    def __init__(self, settings):
        self.settings = DEFAULTS | settings
        self.random = random.Random(self.settings["seed"])
        self.log, self.in_flight, self.most_in_flight = [], 0, 0

    def fate(self):
        draw = self.random.random()
        for fault, share in self.settings["faults"].items():
            if draw < share:
                return fault
            draw -= share
        return "answered"

    async def connection(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b""
                if not await self.respond(head, body, writer):
                    break
        writer.close()

    async def respond(self, head, body, writer):
        method, path = head.split()[:2]
        if path == "/stats":
            return await send(writer, 200, {"log": self.log, "most_in_flight": self.most_in_flight})
        authorization = re.search(r"authorization: bearer (\S*)", head, re.IGNORECASE)
        if self.settings["key"] and authorization[1] != self.settings["key"]:
            return await send(writer, 401, {"error": {"message": f"Incorrect key: {authorization[1]}"}})
        if path == "/v1/models":
            return await send(writer, 200, {"object": "list", "data": [{"id": name} for name in MODELS]})
        if path != "/v1/chat/completions":
            return await send(writer, 404, {"detail": "Not Found"})
        asked = json.loads(body)
        if method != "POST" or asked["model"] not in MODELS:
            return await send(writer, 404, {"error": {"message": f"no model {asked['model']}"}})
        numbers = re.findall(r"What is (\d+)\?", asked["messages"][0]["content"])
        number = int(numbers[-1]) if numbers else len(self.log)
        fate = self.fate()
        entry = {"number": number, "fate": fate, "at": time.time(), "asked": asked}
        self.log.append(entry)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.settings["latency"])
            return await self.act(fate, number, authorization[1], writer)
        finally:
            self.in_flight -= 1

    async def act(self, fate, number, key, writer):
        reply = completion(f"It is {number}.\n#### {number}\n\nQuestion: And more?")
        text = json.dumps(reply).encode()
        if fate == "slow":
            await asyncio.sleep(self.settings["slow"])
        elif fate == "429":
            return await send(writer, 429, {"error": {"message": "slow down"}})
        elif fate == "429_asking":
            return await send(
                writer, 429, {"error": {"message": "wait"}}, f"retry-after: {self.settings['retry_after']}\r\n"
            )
        elif fate == "closed":
            return False
        elif fate == "half":
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n" + text[:40]
            )
            await writer.drain()
            return False
        elif fate == "truncated":
            return await send(writer, 200, text[: len(text) // 2])
        elif fate == "huge":
            usage = {"prompt_tokens": 20, "completion_tokens": 250_000}
            return await send(writer, 200, completion("na " * 333_333 + "a", usage))
        elif fate == "echo":
            return await send(writer, 200, completion(f"Your key is {key}\n#### {number}"))
        elif fate != "answered":
            return await send(writer, int(fate), {"error": {"message": f"The key was {key}"}})
        return await send(writer, 200, text)


def completion(content, usage=USAGE, finish="stop", **message):
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "alpha", "choices": [choice], "usage": usage}


async def send(writer, status, body, headers=""):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Some\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n{headers}\r\n"
    writer.write(head.encode() + text)
    await writer.drain()
    return True


async def main(settings):
    serving = await asyncio.start_server(Server(settings).connection, "127.0.0.1", 0, limit=2**22)
    print(f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    await ended.wait()


class Running:
    """The server as a context: started with its settings, asked what it did, ended."""

    def __init__(self, **settings):
        self.settings = settings

    def __enter__(self):
        command = [sys.executable, str(Path(__file__).resolve()), json.dumps(self.settings)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        self.base_url = f"{self.address}/v1"
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def stats(self):
        with urllib.request.urlopen(f"{self.address}/stats") as response:
            return json.load(response)

    def log(self):
        return self.stats()["log"]


class Scripted:
    """A server in a thread that answers as a function says: (request's body, number of the call, path) -> (status, body[, headers])."""

    def __init__(self, answer, about=None):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def tell(self, status, body, headers=()):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in (
                    {"content-type": "application/json", "content-length": str(len(data))} | dict(headers)
                ).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                listed = {
                    "object": "list",
                    "data": [{"id": "alpha", "object": "model", "created": 1, "owned_by": "me", **(about or {})}],
                }
                self.tell(200, listed) if self.path == "/v1/models" else self.tell(404, {"detail": "Not Found"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked.append(body)
                self.tell(*answer(body, len(asked), self.path))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.base_url = f"{self.address}/v1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
