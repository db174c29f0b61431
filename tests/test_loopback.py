"""The model server of the tests, asked by hand, by OpenAI's client, and by Inspect."""

import gc
import json
from collections import Counter
from http.client import HTTPConnection, IncompleteRead
from threading import Thread
from time import monotonic, sleep

import numpy as np
import pytest
from loopback import Reply, Trouble, loopback

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
ASKED = "Which?\n\nA) one\nB) two\n(C) three"


def post(server, path, **body):
    """The status, the headers and the text of an answer."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.request("POST", path, json.dumps({"model": "tiny"} | body))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def chat(server, prompt=ASKED, **body):
    """The choices and the usage of an answer."""
    answer = json.loads(post(server, CHAT, messages=[{"role": "user", "content": prompt}], **body)[2])
    return [choice["message"] for choice in answer["choices"]], answer["usage"]


def test_a_seed_says_what_is_replied_and_no_seed_does_not():
    with loopback() as server:
        assert chat(server, seed=1) == chat(server, seed=1)
        assert len({chat(server, seed=seed)[0][0]["reasoning_content"] for seed in range(5)}) == 5
        assert len({chat(server)[0][0]["reasoning_content"] for _ in range(5)}) == 5
        assert chat(server, temperature=0) == chat(server, temperature=0.0, seed=2)
        seeds = [call.body.get("seed") for call in server.calls]
    assert seeds == [1, 1, 0, 1, 2, 3, 4, *[None] * 6, 2]


def test_replies_of_an_entropy_do_not_depend_on_which_request_comes_first():
    def said(prompts):
        with loopback(entropy=1) as server:
            return Counter((prompt, chat(server, prompt)[0][0]["reasoning_content"]) for prompt in prompts)

    assert said("aabb") == said("baba")
    assert len(said("aabb")) == 4


def test_answers_are_all_options_after_reasoning_that_grows_with_the_effort():
    with loopback() as server:
        ((*choices, _), usage) = chat(server, seed=0, n=30)
        lengths = [chat(server, seed=0, reasoning_effort=effort)[1] for effort in ("low", "medium", "high")]
    assert {choice["content"] for choice in choices} == {"ANSWER: A", "ANSWER: B", "ANSWER: C"}
    assert usage["completion_tokens"] == usage["completion_tokens_details"]["reasoning_tokens"] + 2 * 30
    low, *others = [usage["completion_tokens_details"]["reasoning_tokens"] for usage in lengths]
    assert others == [2 * low, 4 * low]


def test_responses_hold_reasoning_and_text():
    with loopback(lambda prompt, *_: Reply(prompt[::-1], "let me see", "length")) as server:
        parts = [{"type": "input_text", "text": "cba"}]
        answer = json.loads(post(server, RESPONSES, input=[{"role": "user", "content": parts}], instructions="fed")[2])
    reasoning, message = answer["output"]
    assert reasoning["summary"][0]["text"] == "let me see"
    assert message["content"][0]["text"] == "abc\ndef"
    assert answer["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}
    assert answer["incomplete_details"] == {"reason": "max_output_tokens"}


def test_embeddings_of_a_text_are_always_the_same():
    openai = pytest.importorskip("openai")
    with loopback() as server, openai.OpenAI(base_url=server.url, api_key="none") as client:
        assert [model.id for model in client.models.list()] == ["tiny"]
        both = client.embeddings.create(model="tiny", input=["one", "two"], dimensions=5)  # it asks for base64
        (one,) = client.embeddings.create(model="tiny", input="one", encoding_format="float", dimensions=5).data
        (short,) = client.embeddings.create(model="tiny", input="one").data
    assert [found.index for found in both.data] == [0, 1]
    assert both.data[0].embedding == one.embedding != both.data[1].embedding
    assert (len(one.embedding), len(short.embedding)) == (5, 8)
    assert np.linalg.norm(one.embedding) == pytest.approx(1)
    assert both.usage.prompt_tokens == 2
    assert server.calls[1].body["encoding_format"] == "base64"


def test_troubles_are_what_they_say():
    kinds = ["rate_limit", "server_error", "timeout", "malformed", "not_json", "cut"]
    with loopback(behaviour=lambda number, _: Trouble(kinds[number], 0.2 * (number == 2))) as server:
        found = [post(server, CHAT, messages=[]) for _ in kinds[:-1]]
        with pytest.raises(IncompleteRead):
            post(server, CHAT, messages=[])
    assert [status for status, _, _ in found] == [429, 500, 200, 200, 200]
    assert [call.status for call in server.calls] == [429, 500, 200, 200, 200, 200]
    assert (found[0][1]["Retry-After"], found[0][1]["retry-after-ms"]) == ("0", "10")
    assert json.loads(found[0][2])["error"]["code"] == "rate_limit"
    assert server.calls[3].time - server.calls[2].time >= 0.2
    assert "choices" in json.loads(found[2][2])
    assert "choices" not in json.loads(found[3][2])
    assert found[4][2].startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("mistaken", ["reply", "behaviour"])
def test_a_mistake_of_a_test_is_answered_and_raised(mistaken):
    with pytest.raises(ZeroDivisionError), loopback(**{mistaken: lambda *_: 1 / 0}) as server:
        status, _, said = post(server, CHAT, messages=[])
    assert status == 400
    assert "ZeroDivisionError" in said


def test_a_server_stops_at_once_though_clients_stay_and_others_wait():
    def left(server):
        with pytest.raises(ConnectionError):
            post(server, CHAT, messages=[])

    with loopback(behaviour=lambda number, _: Trouble("timeout", 60) if number else None) as server:
        stays = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        stays.request("GET", "/v1/models")
        stays.getresponse().read()
        waits = Thread(target=left, args=[server])
        waits.start()
        while len(server.calls) < 2:
            sleep(0.01)
        begun = monotonic()
    assert monotonic() - begun < 5
    waits.join()
    stays.close()


@pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")  # both are of Inspect
@pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")
@pytest.mark.parametrize(
    ("model", "service", "path", "probes"),
    [("openai-api/local/tiny", "LOCAL", CHAT, 0), ("openai/o4-mini", "OPENAI", RESPONSES, 1)],  # do summaries work?
)
def test_inspect_finds_reasoning(model, service, path, probes, tmp_path, monkeypatch):
    inspect = pytest.importorskip("inspect_ai")
    from inspect_ai.dataset import Sample
    from inspect_ai.solver import generate

    monkeypatch.setenv("INSPECT_HTTP_POOL_KEEPALIVE_CONNECTIONS", "0")  # or it leaves connections open
    monkeypatch.setenv(f"{service}_API_KEY", "none")
    options = {"log_dir": str(tmp_path), "display": "none", "reasoning_effort": "high"}
    with loopback(behaviour=lambda number, _: None if number else Trouble("rate_limit")) as server:
        task = inspect.Task([Sample(f"{ASKED} {number}") for number in range(2)], solver=generate(), epochs=2)
        # not by `…_BASE_URL`, at which Inspect looks once: the next server would be asked at the address of this one
        (log,) = inspect.eval(task, model=model, model_base_url=server.url, **options)
    gc.collect()  # streams that it left open are found here, where that is no error
    assert log.status == "success", log.error
    assert [call.path for call in server.calls] == [path] * (4 + 1 + probes)
    for sample in log.samples:
        reasoning, text = sample.output.message.content
        usage = sample.output.usage
        assert reasoning.type == "reasoning"
        assert len((reasoning.summary or reasoning.reasoning).split()) == usage.reasoning_tokens == usage.output_tokens - 2
        assert text.text.startswith("ANSWER: ")
