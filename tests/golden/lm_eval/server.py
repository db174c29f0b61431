"""A tiny stand-in for a model server (standard library only), for make.py.

/v1/chat/completions and /v1/completions (text, or prompt log-probabilities with echo), /tokenize, /detokenize,
/tokenizer_info. A token is one character. Texts are drawn by (prompt, n): n is the request's seed when the model's
name has "seeded" in it, else how often this prompt came before. Names with "think" reason before they answer.
"""

import glob
import hashlib
import json
import re
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer

DOCS = [json.loads(line) for f in sorted(glob.glob("data/*.jsonl")) for line in open(f, encoding="utf-8")]
SEEN, LOG = Counter(), []  # LOG: every generation request, for make.py


def draw(*key):
    return int(hashlib.sha256(repr(key).encode()).hexdigest()[:8], 16)


def find(prompt):
    """The last of our documents that the prompt asks about."""
    asked = [(prompt.rfind(q), d) for d in DOCS if (q := d.get("question") or d.get("Question")) and q in prompt]
    return max(asked, key=lambda x: x[0])[1] if asked else {}


def text(prompt, n):
    doc, r = find(prompt), draw(prompt, n)
    if "Record ID" in doc:
        options = dict(re.findall(r"\(([A-D])\) (.*)", prompt))
        right = next(k for k, v in options.items() if v == doc["Correct Answer"])
        letter = right if r % 2 else "ABCD"[r // 2 % 4]
        return [
            f"I weigh (A) against ({letter}). The answer is ({letter}).",
            f"It must be {options[letter].upper()}",
            f"The answer is: {letter}",
            f"(D) looks odd.\nThe answer is ({letter})",
            "I cannot tell.",
        ][r // 8 % 5]
    gold = doc.get("answer", "#### 7").split("#### ")[-1] if isinstance(doc.get("answer"), str) else "7"
    value = gold if r % 2 else str(r // 2 % 9 + 1)
    return [
        f"Let us see.\n#### {value}",
        f"#### {value}",
        f"So:\n#### ${value}",
        f"That makes {value} in all.\n#### {value}.",
        f"Surely\n#### {value}",
        f"I get ${value}",
        f"#### {value}\nor, to be careful, 3 + 4 = 7",
        "I do not know – désolé.",
        f"{value}.",
        f"#### {value} pears",
        None,
        "",
    ][r // 32 % 12]


def logprobs(tokens):
    """Each character's log-probability and the best other one's; right answers of our documents are likelier."""
    prompt = "".join(map(chr, tokens))
    doc = find(prompt)
    gold = doc["choices"][doc["answer"]] if isinstance(doc.get("answer"), int) else None
    easy = len(prompt) - len(gold) if gold and prompt.endswith((" " + gold, "\nAnswer: " + gold)) else len(prompt)
    own, top, h = [None], [None], hashlib.sha256(b"")
    for i, c in enumerate(prompt):
        h.update(c.encode())
        if i:
            lp = -(int(h.hexdigest()[:4], 16) % 1000) / (1500 if i >= easy else 1000)
            own.append(lp)
            top.append({c: lp} if lp > -0.6 else {c: lp, "~": -0.5})
    return [*own, -0.5], [*top, {"~": -0.5}]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def reply(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply({"eos_token": "\x03", "bos_token": None, "pad_token": None, "chat_template": None})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            return self.reply({"tokens": [ord(c) for c in body["prompt"]]})
        if self.path == "/detokenize":
            return self.reply({"prompt": "".join(map(chr, body["tokens"]))})
        if body.get("echo"):
            scored = [logprobs(tokens) for tokens in body["prompt"]]
            return self.reply(
                {
                    "choices": [
                        {"index": i, "text": "", "logprobs": {"token_logprobs": own, "top_logprobs": top}}
                        for i, (own, top) in enumerate(scored)
                    ]
                }
            )
        chat = "messages" in body
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        if isinstance(prompt, list):
            prompt = "".join(map(chr, prompt[0]))
        n = body["seed"] if "seeded" in body["model"] else SEEN[body["model"], prompt]
        SEEN[body["model"], prompt] += 1
        LOG.append({k: v for k, v in body.items() if k != "messages"})
        out = text(prompt, n)
        if "think" in body["model"]:
            out = f"<think>Hmm, 5? Wait, {n} again. Wait.</think>\n\n{out}"
        message = (
            {"message": {"role": "assistant", "content": out, "reasoning_content": "never stored"}} if chat else {"text": out}
        )
        self.reply({"choices": [{"index": 0, "finish_reason": "stop", **message}], "usage": {"completion_tokens": 9}})


def serve():
    return HTTPServer(("127.0.0.1", 0), Handler)
