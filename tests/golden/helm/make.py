"""Writes three small HELM run directories with the real runner (crfm-helm 0.5.16).

Run as `python make.py`. A scripted client answers, so nothing leaves the machine. The files are
HELM's own; at the end they are only written without indentation and without efficiency statistics.
"""

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from helm.benchmark.adaptation.adapter_spec import AdapterSpec
from helm.benchmark.augmentations.data_augmenter import DataAugmenterSpec
from helm.benchmark.augmentations.perturbation import PerturbationSpec
from helm.benchmark.config_registry import register_builtin_configs_from_helm_package
from helm.benchmark.executor import ExecutionSpec
from helm.benchmark.metrics.common_metric_specs import get_basic_metric_specs
from helm.benchmark.model_deployment_registry import ClientSpec, ModelDeployment, register_model_deployment
from helm.benchmark.presentation.run_display import write_run_display_json
from helm.benchmark.presentation.schema import Schema
from helm.benchmark.run_spec import RunSpec
from helm.benchmark.runner import Runner
from helm.benchmark.scenarios.scenario import Input, Instance, Output, Reference, Scenario, ScenarioSpec
from helm.clients.client import Client
from helm.common.request import ErrorFlags, GeneratedOutput, RequestResult, Thinking, Token

HERE = Path(__file__).parent
MODEL = "toy/model"
LOWERCASE = "helm.benchmark.augmentations.lowercase_perturbation.LowerCasePerturbation"
QUESTIONS = {  # question: (choices, index of the correct one)
    "What shines by day?": (["the sun", "the moon", "a lamp"], 0),
    "What is frozen water?": (["steam", "ice", "rain"], 1),
    "Which is a fruit?": (["an oak", "a stone", "a pear"], 2),
}
EXAMPLES = {"Two plus two?": "four", "Opposite of up?": "down", "Colour of grass?": "green", "Cat or dog barks?": "dog"}
KEPT = {
    "exact_match", "exact_match@2", "quasi_exact_match", "quasi_exact_match@2", "predicted_index",
    "num_prompt_tokens", "num_completion_tokens", "num_output_tokens", "finish_reason_stop", "logprob",
}  # fmt: skip


class Choices(Scenario):
    name, description, tags = "toy_choices", "Three questions with three choices.", []

    def get_instances(self, output_path):
        def instance(question, answers, right, split):
            references = [Reference(Output(a), ["correct"] if i == right else []) for i, a in enumerate(answers)]
            return Instance(Input(question), references, split=split)

        shots = [instance(q, [a, "none"], 0, "train") for q, a in EXAMPLES.items()]
        return shots + [instance(q, *choices, "test") for q, choices in QUESTIONS.items()]


class Words(Scenario):
    name, description, tags = "toy_words", "Two questions with free answers.", []

    def get_instances(self, output_path):
        pairs = {"Capital of FRANCE?": "Paris", "Largest planet?": "Jupiter"}
        return [Instance(Input(q), [Reference(Output(a), ["correct"])], split="test") for q, a in pairs.items()]


class Scripted(Client):
    """Answers the n-th request that ends with a given question with its n-th scripted reply."""

    letters = {"What shines by day?": "AAA", "What is frozen water?": "BAB", "Which is a fruit?": "CBX"}
    words = {  # two completions a request; the second planet question meets a content filter
        "Capital of FRANCE?": [("Paris", "Lyon")],
        "capital of france?": [("Lyon", "paris")],
        "Largest planet?": [("Jupiter", "Saturn")],
        "largest planet?": [None],
    }
    calls = Counter()

    def make_request(self, request):
        if request.echo_prompt:
            return self.score(request.prompt)
        question = request.prompt.split("Question: ")[-1].split("\n")[0]
        n = self.calls[question]  # the runner asks trial by trial, so here the number of the trial
        self.calls[question] += 1
        texts = self.words[question][n] if question in self.words else [" " + self.letters[question][n]]
        if texts is None:
            flags = ErrorFlags(is_retriable=False, is_fatal=False)
            return RequestResult(False, [], [], False, error="Content filtered", error_flags=flags)
        thinking = Thinking("Planets: Jupiter is the largest.") if question == "Largest planet?" else None
        outputs = [
            GeneratedOutput(text, logprob, [Token(text, logprob)], {"reason": "stop"}, thinking=thinking)
            for text, logprob in ((text, round(-1 / len(text), 3)) for text in texts)
        ]
        return RequestResult(True, [], outputs, cached=n == 2, request_time=0.25, request_datetime=1767225600)

    @staticmethod
    def score(prompt):
        """Echoes the prompt with log probabilities; likes "the sun", "ice" and "a stone".

        The tokenizer of the metric takes characters, so each character of the choice is a token.
        """
        question, choice = prompt.split("Answer:")
        liked = choice.strip() in ("the sun", "ice", "a stone")
        tokens = [Token(question + "Answer:", 0.0)] + [Token(c, -0.25 if liked else -2.0) for c in choice]
        output = GeneratedOutput(prompt, sum(t.logprob for t in tokens), tokens, {"reason": "length"})
        return RequestResult(True, [], [output], cached=False, request_time=0.25, request_datetime=1767225600)


def spec(name, scenario, augmenter=DataAugmenterSpec(), **adapter):
    adapter = AdapterSpec(
        instructions="", input_prefix="Question: ", output_prefix="Answer: ", reference_prefix="A. ",
        output_suffix="", model=MODEL, model_deployment=MODEL, max_tokens=5, stop_sequences=["\n"], **adapter,
    )  # fmt: skip
    scenario_spec = ScenarioSpec(class_name=f"make.{scenario.__name__}")
    metrics = get_basic_metric_specs(["exact_match", "quasi_exact_match"])
    return RunSpec(name, scenario_spec, adapter, metrics, augmenter, groups=["toy"])


SPECS = {
    "joint": spec(
        "toy_choices:method=multiple_choice_joint,model=toy_model", Choices, method="multiple_choice_joint",
        max_train_instances=2, num_train_trials=3, num_outputs=1, temperature=0.0,
    ),
    "separate": spec(
        "toy_choices:method=multiple_choice_separate_original,model=toy_model", Choices,
        method="multiple_choice_separate_original", max_train_instances=0, num_train_trials=1, num_outputs=1,
        temperature=0.0,
    ),
    "generation": spec(
        "toy_words:model=toy_model", Words,
        DataAugmenterSpec([PerturbationSpec(LOWERCASE)], should_augment_eval_instances=True, should_include_original_eval=True),
        method="generation", max_train_instances=0, num_train_trials=1, num_outputs=2, temperature=0.7,
    ),
}  # fmt: skip


def slim(path):
    data = json.loads(path.read_text())
    if path.name == "stats.json":
        data = [stat for stat in data if stat["name"]["name"] in KEPT]
    if path.name == "per_instance_stats.json":
        for record in data:
            record["stats"] = [stat for stat in record["stats"] if stat["name"]["name"] in KEPT]
    if path.name in ("stats.json", "per_instance_stats.json"):
        for stat in data if path.name == "stats.json" else [s for record in data for s in record["stats"]]:
            for key in ("sum_squared", "min", "max", "variance", "stddev"):
                stat.pop(key, None)
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n")


def main():
    register_builtin_configs_from_helm_package()
    client = ClientSpec(class_name="make.Scripted")
    register_model_deployment(ModelDeployment(MODEL, client, tokenizer_name="simple/tokenizer1", max_sequence_length=512))
    with tempfile.TemporaryDirectory() as folder:
        execution = ExecutionSpec(url=None, auth=None, local_path=folder, parallelism=1)
        runner = Runner(execution, folder, "toy", False, False, False, False, True)
        for name, run_spec in SPECS.items():
            runner.run_one(run_spec)
            run = Path(folder, "runs", "toy", run_spec.name)
            write_run_display_json(str(run), run_spec, Schema(), False)
            shutil.rmtree(HERE / name, ignore_errors=True)
            shutil.copytree(run, HERE / name)
            for path in (HERE / name).glob("*.json"):
                slim(path)


if __name__ == "__main__":
    import make  # the class names above name this module

    make.main()
