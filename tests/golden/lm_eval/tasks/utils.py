"""Choices shuffled by Python's global random state, as lm_eval/tasks/gpqa/cot_zeroshot/utils.py does."""

import random


def process_docs(dataset):
    def one(doc):
        choices = [doc[f"Incorrect Answer {i}"].strip() for i in (1, 2, 3)] + [doc["Correct Answer"].strip()]
        random.shuffle(choices)
        return {
            **{f"choice{i + 1}": c for i, c in enumerate(choices)},
            "choices": choices,
            "answer": f"({chr(65 + choices.index(doc['Correct Answer'].strip()))})",
        }

    return dataset.map(one)


def wino_text(doc):  # winogrande: the *text* function gives the gold index ...
    return {"1": 0, "2": 1}[doc["answer"]]


def wino_choice(doc):  # ... the choices are contexts ...
    i = doc["sentence"].index("_")
    return [doc["sentence"][:i] + doc[o] for o in ("option1", "option2")]


def wino_target(doc):  # ... and the target is the common continuation
    return doc["sentence"][doc["sentence"].index("_") + 1 :].strip()


class LastWord:  # a filter class of the task itself
    def __init__(self, strip=False):
        self.strip = strip

    def apply(self, resps, docs):
        return [[(r.split() or [""])[-1].strip("." if self.strip else "") for r in rs] for rs in resps]


def with_question(resps, docs):  # a filter function of the task itself; keeps all repeats, as humaneval does
    return [[d["question"] + " " + r for r in rs] for rs, d in zip(resps, docs)]


def last_number_is_right(doc, results):
    one = results[0][0] if isinstance(results[0], list) else results[0]
    return {"exact_match": int(one.split(" ")[-1] == doc["answer"].split("#### ")[-1])}
