"""Runs lm_eval offline against server.py and writes runs/. Usage: VENV/bin/python make.py [names of runs]"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import server

os.chdir(os.path.dirname(os.path.abspath(__file__)))
http = server.serve()
threading.Thread(target=http.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{http.server_port}/v1"
CHAT = ["--model", "local-chat-completions", "--apply_chat_template", "--model_args"]
TEXT = ["--model", "local-completions", "--model_args"]
LOGS = ["--log_samples"]


def chat(name, more=""):
    return [*CHAT, f"model={name},base_url={URL}/chat/completions,max_retries=1{more}"]


def plain(name):
    return [*TEXT, f"model={name},base_url={URL}/completions,tokenizer_backend=remote,max_retries=1"]


RUNS = {  # name -> several commands, all writing under runs/<name>
    "mcq": [["--tasks", "mcq", "--num_fewshot", "2", "--seed", f"1,2,3,{s}", *plain("acme/tiny-7b"), *LOGS] for s in (4, 5, 6)],
    "mcq_repeats": [["--tasks", "mcq_repeats", "--model", "dummy", *LOGS]],
    "gen": [["--tasks", "sums", *chat("acme/tiny-chat"), *LOGS]],
    "letter": [["--tasks", "letters", "--seed", f"{s},2,3,4", *chat("acme/tiny-chat"), *LOGS] for s in (1, 7)],
    "letter_same_cache": [["--tasks", "letters", "--seed", f"{s},2,3,4", *chat("acme/tiny-chat"), *LOGS] for s in (1, 7)],
    "same_seed": [["--tasks", "sums3", *chat("acme/tiny-seeded"), *LOGS]],
    "own_seed": [["--tasks", "sums3", *chat("acme/tiny-seeded", f",seed={s}"), *LOGS] for s in (1, 2)],
    "averages_only": [["--tasks", "sums,mcq", *plain("acme/tiny-7b"), "--gen_kwargs", "temperature=0.9,top_p=0.95"]],
    "think": [["--tasks", "sums", *chat("tiny-think", ",think_end_token=</think>"), *LOGS]],
    "think_kept": [["--tasks", "sums", *chat("tiny-think"), *LOGS]],
    "majority": [["--tasks", "sums_maj", *plain("acme/tiny-7b"), *LOGS]],
    "custom_filter": [["--tasks", "sums_custom", "--limit", "3", *chat("acme/tiny-chat"), *LOGS]],
    "shapes": [["--tasks", "trio,winoish,cloze", "--limit", "2", *plain("acme/tiny-7b"), *LOGS]],
    "named_json": [["--tasks", "arcish", *plain("acme/tiny-7b"), *LOGS]],  # --output_path is a .json file
    "picked": [["--tasks", "mcq", "--samples", json.dumps({"mcq": [1, 3]}), *plain("acme/tiny-7b"), *LOGS]],
    "predict_only": [["--tasks", "sums3", "--limit", "2", "--predict_only", *chat("acme/tiny-chat"), *LOGS]],
}
for name in sys.argv[1:] or RUNS:
    shutil.rmtree(f"runs/{name}", ignore_errors=True)
    cache = tempfile.TemporaryDirectory()
    for n, command in enumerate(RUNS[name]):
        if name != "letter_same_cache":
            cache = tempfile.TemporaryDirectory()  # datasets keeps the result of process_docs: see NOTES.md
        env = {**os.environ, "HF_HOME": cache.name, "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none", "TQDM_DISABLE": "1"}
        server.SEEN.clear()
        server.LOG.clear()
        out = f"runs/{name}" + ("/arc.json" if name == "named_json" else "")
        done = subprocess.run(
            [sys.executable, "-m", "lm_eval", "run", "--include_path", "tasks", "--output_path", out, *command],
            env=env,
            capture_output=True,
            text=True,
        )
        print(name, n, "ok" if done.returncode == 0 else done.stderr[-3000:], json.dumps(server.LOG[:1]), flush=True)
