"""Writes expected.json: a plain reading of runs/, with the harness's own filter and metric code for every repeat.

Usage: VENV/bin/python expected.py. It fails if its reading of the first repeat is not what the harness logged.
"""

import glob
import json
import math
import os
import re
import string

from lm_eval.api.metrics import exact_match_fn
from lm_eval.api.registry import get_filter
from lm_eval.filters import extraction  # noqa: F401  registers the filters

os.chdir(os.path.dirname(os.path.abspath(__file__)))
CHOOSE = {"take_first", "take_first_k", "majority_vote"}  # filters that pick among repeats instead of reading one


def read_each(steps, texts, doc):
    """Each repeat through the steps that read a text; None if a step is Python code that the log does not hold."""
    steps = [dict(s) for s in steps if s["function"] not in CHOOSE]
    for s in steps:
        name = s.pop("function")
        if name == "custom" or name.startswith("<"):
            return None
        texts = list(get_filter(name)(**s).apply([texts], [doc]))[0]
    return list(texts)


def plain_regex(steps, texts):
    """The same again without lm_eval, where the steps are one regex: a second opinion."""
    steps = [s for s in steps if s["function"] not in CHOOSE]
    if [s["function"] for s in steps] != ["regex"]:
        return None
    found = []
    for t in texts:
        hits = re.findall(steps[0]["regex_pattern"], t)
        hit = hits[steps[0].get("group_select", 0)] if hits else "[invalid]"
        if isinstance(hit, tuple):
            hit = next((h for h in hit if h), "[invalid]")
        found.append(hit.strip())
    return found


def softmax(xs):
    top = max(xs)
    es = [math.exp(x - top) for x in xs]
    return [round(e / sum(es), 12) for e in es]


def score(config, target, answer):
    metric = next((m for m in config.get("metric_list", []) if m["metric"] == "exact_match"), None)
    if metric is None or "process_results" in config:
        return None
    kwargs = {k: v for k, v in metric.items() if k not in ("metric", "aggregation", "higher_is_better")}
    return float(exact_match_fn(references=[target], predictions=[answer], **kwargs)["exact_match"])


def normal(config, text):
    """What exact_match compares: for telling whether two repeats give the same answer."""
    metric = next((m for m in config.get("metric_list", []) if m["metric"] == "exact_match"), {})
    for r in metric.get("regexes_to_ignore") or []:
        text = re.sub(r, "", text)
    if metric.get("ignore_case"):
        text = text.lower()
    if metric.get("ignore_punctuation"):
        text = text.translate(str.maketrans("", "", string.punctuation))
    return text


def generated(config, line, doc):
    name, (texts,) = line["filter"], line["resps"]
    doc.setdefault("resps", texts)
    assert doc["resps"] == texts, "every filter repeats the same texts"
    steps = next((f["filter"] for f in config.get("filter_list", []) if f["name"] == name), [{"function": "take_first"}])
    answers = read_each(steps, texts, line["doc"])
    assert plain_regex(steps, texts) in (None, answers), (name, answers)
    kinds = [s["function"] for s in steps]
    if answers is not None and "majority_vote" not in kinds:
        assert line["filtered_resps"] == ([answers[0]] if "take_first" in kinds else [answers]), line
    got = {"filtered_resps": line["filtered_resps"], "metrics": {m: line[m] for m in line["metrics"] if m in line}}
    if answers is not None:
        got["answers"] = answers
        got["scores"] = [score(config, line["target"], a) for a in answers]
        got["normal"] = [normal(config, a) for a in answers]
        for a, n, s in zip(answers, got["normal"], got["scores"]):
            assert s in (None, float(n == normal(config, line["target"]))), (a, n, s)
        doc.setdefault("normal_target", normal(config, line["target"]))
        if got["scores"][0] is not None and "take_first" in kinds and "majority_vote" not in kinds:
            assert got["scores"][0] == line["exact_match"], line
        if "choice1" in line["doc"]:  # the letter means another text in another run
            by_letter = {f"({'ABCD'[i]})": line["doc"][f"choice{i + 1}"] for i in range(4)}
            got["answer_texts"] = [by_letter.get(a) for a in answers]
            doc["target_text"] = by_letter[line["target"]]
            doc["record_id"] = line["doc"]["Record ID"]
    doc.setdefault("filters", {})[name] = got


def scored(config, line, doc):
    """One log-likelihood per request and repeat: a request is a choice, or the whole document (loglikelihood)."""
    requests = list(line["arguments"].values())
    same_context = len({r["arg_0"] for r in requests}) == 1
    doc["choices"] = [r["arg_1"].removeprefix(config["target_delimiter"]) if same_context else r["arg_0"] for r in requests]
    per_choice = [[float(ll) for ll, _ in repeats] for repeats in line["resps"]]
    doc["loglikelihoods"] = [list(ks) for ks in zip(*per_choice)]  # repeat x choice
    doc["greedy"] = [[g == "True" for _, g in repeats] for repeats in line["resps"]]  # choice x repeat
    doc["metrics"] = {m: line[m] for m in line["metrics"]}
    if config["output_type"] != "multiple_choice":
        return
    doc["probabilities"] = [softmax(ks) for ks in doc["loglikelihoods"]]
    if not same_context:
        gold = int(line["doc"]["answer"]) - 1  # winogrande: the target is text; the log's doc has the answer
    else:
        gold = int(line["target"]) if line["target"].isdigit() else doc["choices"].index(line["target"])
    doc["gold"] = gold
    first = doc["loglikelihoods"][0]
    assert line["acc"] == float(first.index(max(first)) == gold), line


def run(results):
    whole = json.load(open(results, encoding="utf-8"))
    stamp = re.search(r"_([0-9T.-]+)\.json$", results)[1]
    c = whole["config"]
    out = {
        "results": results,
        "model": whole["model_name"],
        "lm_eval_version": whole["lm_eval_version"],
        "seeds": {k: c[k + "_seed"] for k in ("random", "numpy", "torch", "fewshot")},
        "request_seed": c["model_args"].get("seed", 1234) if isinstance(c["model_args"], dict) else None,
        "averages": whole["results"],
        "tasks": {},
    }
    for task, config in whole["configs"].items():
        path = f"{os.path.dirname(results)}/samples_{task}_{stamp}.jsonl"
        entry = {"output_type": config["output_type"], "repeats": config["repeats"], "samples": None}
        if os.path.exists(path):
            docs = {}
            for text in open(path, encoding="utf-8"):
                line = json.loads(text)
                doc = docs.setdefault(line["doc_id"], {k: line[k] for k in ("doc_id", "target", "prompt_hash", "doc_hash")})
                (generated if config["output_type"] == "generate_until" else scored)(config, line, doc)
            entry.update(samples=path, docs=list(docs.values()))
        out["tasks"][task] = entry
    return out


files = sorted(f for f in glob.glob("runs/*/**/*.json", recursive=True))
expected = {}
for f in files:
    expected.setdefault(f.split("/")[1], []).append(run(f))
with open("expected.json", "w", encoding="utf-8") as out:
    rows = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in expected.items()]
    out.write("{\n" + ",\n".join(rows) + "\n}\n")
print({k: len(v) for k, v in expected.items()})
