"""A model server on this machine: it speaks OpenAI's protocols to tests that collect answers, which so need no network."""

import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Event, Lock, Thread
from time import monotonic, time
from typing import Literal
from uuid import uuid4
from zlib import crc32

import numpy as np

OPTION = re.compile(r"^[ \t]*\(?([A-Z])\)[ \t]+\S", re.MULTILINE)
EFFORTS = {"low": 1, "medium": 2, "high": 4}
STATUS = {"rate_limit": 429, "server_error": 500}
SOON = {"Retry-After": "0", "retry-after-ms": "10"}  # the openai client takes the milliseconds, and a zero for nothing said
THOUGHTS = ("so", "wait", "perhaps", "then", "because", "if", "not", "this", "that", "again", "hence", "or")


@dataclass(frozen=True)
class Reply:
    """What a model says once."""

    text: str
    reasoning: str = ""
    finish_reason: str = "stop"


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with a request, after this many seconds; a timeout is nothing but the seconds."""

    kind: Literal["rate_limit", "server_error", "timeout", "malformed", "not_json", "cut"]
    seconds: float = 0.0


@dataclass(frozen=True)
class Call:
    """A request as it came, the status of its answer, and when it came, in seconds of a clock that only goes forward."""

    path: str
    body: dict
    status: int
    time: float


def chooses(prompt: str, draw: np.random.Generator, body: dict) -> Reply:
    """One of the prompt's options, each as likely as the others, after reasoning of a random length; a number if it has none."""
    length = draw.integers(5, 25) * effort(body)
    letters = sorted(set(OPTION.findall(prompt)))
    answer = draw.choice(letters) if letters else draw.integers(100)
    return Reply(f"ANSWER: {answer}", " ".join(draw.choice(THOUGHTS, length)))


def effort(body: dict) -> int:
    """How many times as long the request asks a model to reason."""
    return EFFORTS.get(body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort"), 1)


class Server(ThreadingHTTPServer):
    """The server: its `url` and the `calls` that it got, in order; a call's place there is its number for `behaviour`."""

    daemon_threads = False  # so that closing the server waits for its threads
    request_queue_size = 1024  # five by default: more connections at once would wait a second for their next attempt

    def __init__(self, reply, behaviour, entropy):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.calls: list[Call] = []
        self.problems: list[BaseException] = []
        self.stopping = Event()
        self._reply, self._behaviour = reply, behaviour
        self._entropy = np.random.SeedSequence().entropy if entropy is None else entropy
        self._asked = Counter()
        self._connected = set()
        self._lock = Lock()

    def receive(self, path, body):
        """Note a request; return its trouble and the status that it is answered with."""
        with self._lock:
            trouble = self._behaviour(len(self.calls), body) or Trouble("timeout")
            status = STATUS.get(trouble.kind, 200 if path in ANSWERS else 404)
            self.calls.append(Call(path, body, status, monotonic()))
        return trouble, status

    def replies(self, prompt, body):
        """As many replies as are asked for: by the seed if there is one, all the same at temperature 0."""
        count, key = body.get("n") or 1, crc32(prompt.encode())
        if body.get("temperature") == 0:
            return [self._reply(prompt, np.random.default_rng(key), body)] * count
        if body.get("seed") is not None:
            draw = np.random.default_rng([body["seed"], key])
        else:
            with self._lock:
                self._asked[prompt] += 1
                draw = np.random.default_rng([self._entropy, key, self._asked[prompt]])
        return [self._reply(prompt, draw, body) for _ in range(count)]

    def process_request(self, request, client_address):
        self._connected.add(request)
        super().process_request(request, client_address)

    def close_request(self, request):
        self._connected.discard(request)
        super().close_request(request)

    def handle_error(self, request, client_address):  # noqa: ARG002 - so it is called
        """Keep what a thread raised, unless a client left, or the test is over."""
        error = sys.exception()
        if not (isinstance(error, ConnectionError) or self.stopping.is_set()):
            self.problems.append(error)

    def stop(self):
        """Close the server with all connections, also those that clients keep for later."""
        self.shutdown()
        self.stopping.set()
        for connection in list(self._connected):
            with suppress(OSError):  # closed meanwhile
                connection.shutdown(SHUT_RDWR)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection, over which requests come one after another."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body waits 40 ms for the client's word that it has the headers
    server: Server

    def do_GET(self):
        self._answer({})

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client left before it had said all")
        self._answer(json.loads(body))

    def _answer(self, body):
        try:
            trouble, status = self.server.receive(self.path, body)
            text = self._text(body, trouble.kind, status)
        except Exception as error:
            # a status that no client tries again, so that a test with a mistake in its reply ends
            self._send(400, _error(400, repr(error)))
            raise
        if self.server.stopping.wait(trouble.seconds):
            raise ConnectionAbortedError
        kind = {"Content-Type": "text/html"} if trouble.kind == "not_json" else {}
        self._send(status, text, cut=trouble.kind == "cut", **(kind if status == 200 else SOON))

    def _text(self, body, trouble, status):
        if status != 200:
            return _error(status, "not_found" if status == 404 else trouble)
        if trouble == "not_json":
            return b"<!DOCTYPE html><title>Sign in</title><p>Please sign in."
        if trouble == "malformed":
            return _json({"id": "malformed", "object": "unknown", "model": body.get("model")})
        return _json(ANSWERS[self.path](self.server, body))

    def _send(self, status, text, *, cut=False, **headers):
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": len(text)} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(text[: len(text) // 2] if cut else text)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_):
        """Nothing: tests look at `calls`."""


@contextmanager
def loopback(
    reply: Callable[[str, np.random.Generator, dict], Reply] = chooses,
    behaviour: Callable[[int, dict], Trouble | None] = lambda _number, _body: None,
    entropy: int | None = None,
) -> Iterator[Server]:
    """A server while the block runs; what `reply` or `behaviour` raised is raised at its end.

    With an `entropy`, replies without a seed are the same for every run: each depends on its prompt and on how often that
    was asked before, and so not on which of several requests at once comes first.
    """
    server = Server(reply, behaviour, entropy)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
    if server.problems:
        raise server.problems[0]


def _chat(server, body):
    prompt = _prompt(body["messages"])
    replies = server.replies(prompt, body)
    messages = [{"role": "assistant", "content": reply.text, "reasoning_content": reply.reasoning or None} for reply in replies]
    said = zip(messages, replies, strict=True)
    choices = [{"index": n, "message": message, "finish_reason": reply.finish_reason} for n, (message, reply) in enumerate(said)]
    usage = _usage(prompt, replies, "prompt", "completion")
    return _head("chat.completion", body) | {"created": int(time()), "choices": choices, "usage": usage}


def _response(server, body):
    asked = body["input"] if isinstance(body["input"], list) else [{"content": body["input"]}]
    prompt = _prompt([{"content": body.get("instructions")}, *asked])
    (reply,) = server.replies(prompt, body)
    why = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reply.finish_reason)
    said = [{"type": "output_text", "text": reply.text, "annotations": []}]
    message = {"type": "message", "id": f"msg_{uuid4().hex}", "role": "assistant", "status": "completed", "content": said}
    summary = [{"type": "summary_text", "text": reply.reasoning}]
    reasoning = {"type": "reasoning", "id": f"rs_{uuid4().hex}", "summary": summary}
    if "reasoning.encrypted_content" in (body.get("include") or []):
        reasoning["encrypted_content"] = base64.b64encode(reply.reasoning.encode()).decode()
    return _head("response", body) | {
        "created_at": int(time()),
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "error": None,
        "output": [reasoning, message] if reply.reasoning else [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": _usage(prompt, [reply], "input", "output") | {"input_tokens_details": {"cached_tokens": 0}},
    }


def _embeddings(_server, body):
    texts, model = [body["input"]] if isinstance(body["input"], str) else body["input"], body["model"]
    vectors = [_embedding(text, model, body.get("dimensions") or 8) for text in texts]
    packed = body.get("encoding_format") == "base64"
    sent = [base64.b64encode(vector.tobytes()).decode() if packed else vector.tolist() for vector in vectors]
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(sent)]
    tokens = sum(len(text.split()) for text in texts)
    return {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _embedding(text, model, dimensions):
    vector = np.random.default_rng([crc32(text.encode()), crc32(model.encode())]).normal(size=dimensions)
    return (vector / np.linalg.norm(vector)).astype("<f4")


ANSWERS = {
    "/v1/chat/completions": _chat,
    "/v1/responses": _response,
    "/v1/embeddings": _embeddings,
    "/v1/models": lambda *_: {
        "object": "list",
        "data": [{"id": "tiny", "object": "model", "created": 0, "owned_by": "loopback"}],
    },
}


def _prompt(messages):
    """All text of a conversation, whose parts may be strings or lists; what has no text is left out."""
    contents = [message.get("content") or "" for message in messages]
    parts = [[{"text": content}] if isinstance(content, str) else content for content in contents]
    return "\n".join(part["text"] for content in parts for part in content if part.get("text"))


def _usage(prompt, replies, read, wrote):
    """Numbers of tokens, which are words, under the names that a protocol has for what a model read and wrote."""
    asked, thought = len(prompt.split()), sum(len(reply.reasoning.split()) for reply in replies)
    written = thought + sum(len(reply.text.split()) for reply in replies)
    details = {f"{wrote}_tokens_details": {"reasoning_tokens": thought}}
    return {f"{read}_tokens": asked, f"{wrote}_tokens": written, "total_tokens": asked + written} | details


def _head(kind, body):
    return {"id": f"{kind}-{uuid4().hex}", "object": kind, "model": body["model"]}


def _error(status, what):
    return _json({"error": {"message": f"{what} ({status})", "type": what, "param": None, "code": what}})


def _json(value):
    return json.dumps(value).encode()
