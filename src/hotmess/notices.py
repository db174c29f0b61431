"""The notices: what the reader of a figure must know although the figure stands, each code with what `hotmess explain` prints."""

__all__ = ["NOTICES"]

NOTICES: dict[str, str] = {
    "label": """Which label was measured. A table can hold both the answer and whether it was right. Answers tell one wrong
        answer from another; right/wrong does not, and gives very different figures on the same runs. Answers decide
        unless `--label score` is given.""",
    "our-own-models": """The answers are those of small models that come with hotmess, so that everything can be tried without a
        key or a network. They are real answers of real models, but of none that anyone uses; docs/reasoners.md says what they
        show and what not.""",
    "unparsed": """No answer could be read from some samples. By default they share one extra class that is always wrong
        (`--invalid class`). `uniform` counts them as a guess over the options, as the paper does, which makes garbling
        cheaper than being wrong; `drop` leaves them out, which is right for failures of the infrastructure only.""",
    "unread-because": """Why no answer could be read from some samples, in the words of the log: nothing was said, the format
        was not kept, a limit cut the text, no pattern matched.""",
    "left-out": """Samples of status error or missing: the infrastructure failed, which says nothing about the model.""",
    "partial-targets": """Some questions have no target in any of their rows. Their answers have a spread, but no error to be
        a part of, so they are left out.""",
    "few-samples": """Some questions have too few samples (or contexts) to tell bias from variance. They are left out of
        error, bias and variance alike, so that the three still add up.""",
    "lonely-plugin": """The plug-in estimator takes the variance of a question with one sample to be zero and counts its whole
        error as bias. The default estimator leaves such questions out instead.""",
    "uneven": """Questions have different numbers of samples. The default estimators do not depend on that number; plug-in
        figures do, and must not be compared between groups with different numbers.""",
    "few-effective": """A handful of questions carry nearly all of the error: the effective number of questions, (sum E)^2 /
        sum E^2, is below 10. No interval method covers well there, since rare and consistent errors may not have been
        seen at all. Read the interval as a lower bound on the doubt.""",
    "no-errors": """No sample was wrong. Incoherence is the share of the error that is variance: without error it does not
        exist, and is shown as a dash, never as 0.""",
    "plugin": """Plug-in figures depend on the number of samples: variance is too small by the factor 1 - 1/K, and bias too
        large by the same amount. Use them to compare with the paper, not groups with one another.""",
    "graded": """Some scores lie between 0 and 1. Losses over classes (brier, kl, mode, zero-one) know right and wrong only,
        and take full marks for right; coverage and squared count partial marks.""",
    "kl-scale": """KL charges each answer that was given no probability -log(delta), 27.6 nats at delta = 1e-12, so its
        absolute size is set by delta. `variance / log_delta` reads as the rate of departing from the model's own most
        common answer, `error / log_delta` as the error rate. Never compare across delta.""",
    "no-incoherence": """0/1 error is not the sum of a bias and a variance that can be averaged over questions: variance helps
        where the most common answer is wrong. The three terms are reported; use the loss `mode` for a share.""",
    "crossed": """The same contexts were used for every question. Then the contexts are a second source of chance: more
        questions do not help against an odd prompt. The interval adds the variance between contexts (two-way
        jackknife).""",
    "few-contexts": """Questions share one or two contexts. The figures hold for these contexts; how much other contexts would
        change them cannot be told from fewer than three.""",
    "unnormalised": """Stated probabilities did not sum to one exactly and were rescaled (within 0.001), or looked like
        percentages and were divided by their sum. Sums further off count as answers that could not be read.""",
    "off-scale": """Scores outside 0 to 1 have no distance to the target that could be compared; they count as answers that
        could not be read.""",
    "missing-tests": """Some runs lack tests that other runs of the same question have. A test without an outcome counts as
        failed, never as passed.""",
    "few-questions": """There are fewer questions than buckets were asked for; fewer buckets are shown.""",
    "few-for-ensembles": """Ensembles that share no sample need as many samples as their size times their number. The closed form
        needs no ensembles: two samples of each question give the whole curve.""",
    "mixed-contexts": """Ensembles that are made of the samples at hand (kl, mode, disjoint ones) take samples of all contexts
        alike. The mean of samples in one context keeps what the context does, the mean over contexts does not; this is
        between the two.""",
    "few-in-halves": """A half of a question's samples needs a pair to have a variance, and with contexts a pair from different
        ones. Where a context decides how long its samples are, a half may be all of one context.""",
    "plugin-tests": """Plug-in variance is too small by the factor 1 - 1/K. Where questions have different numbers of samples,
        that alone makes differences and trends; a test would find them significant.""",
    "few-attempts": """pass@k of a question needs k attempts at it. All points of the curve are about the same questions, so those
        with fewer attempts than the largest k are left out of all.""",
    "zero-length": """Some questions have a mean length of 0: no reasoning at all. They have a place in the shortest
        bucket, but none on a scale of doublings, and are left out of the trends.""",
    "questions-only": """Trends, slopes and differences are tested by leaving out questions. Where all questions share the same
        contexts, these are a second source of chance that the test does not see.""",
    "same-samples": """Questions were sorted by the length of the samples that are scored. If long samples tend to be the odd
        ones, that alone makes the long bucket look less coherent, most with few samples per question.""",
    "label-disagreement": """The score says right where the answer differs from the target, or the other way round. Perhaps
        answers and targets are not written the same way; then every answer looks wrong. `--label score` measures the
        score.""",
    "open-answers": """There were no options: the classes of a question are the different answers seen, and the target. Two
        spellings of one answer are two classes.""",
    "no-interval": """An interval needs something to leave out: two questions or clusters, or, for exactly these questions,
        three samples (or contexts) in each.""",
    "never-right": """No answer equals its target. A model that is always wrong is possible; answers and targets that are
        written in two ways (2.0 and 2, a and A, (B) and B) are more likely.""",
    "one-seed": """Samples of one question were asked for with the same seed. A provider that honours seeds then gives the
        same answer each time, and the variance is too small or zero. Inspect's `--seed 7` sends 7 to every epoch; lm-
        eval sends 1234 with every request to an API unless `model_args` says otherwise.""",
    "repeated-completions": """Long completions repeat others of their question byte for byte. Chance does not do that: a
        cache, or seeds that recur, do. The variance is too small.""",
    "copied-runs": """Two runs hold the same completions. One cache or one seed served both, so the second adds no samples.""",
    "copies": """The same response was read more than once, as when a retried log lies beside the log that it continues, or a
        file beside its copy. It is counted once: a response that is counted twice agrees with itself.""",
    "temperature-zero": """The samples were asked for at temperature 0. What differs between them is then noise of the
        machinery, which is real but not what a user at another temperature meets.""",
    "cached": """Answers came from a cache: they are copies of other answers, not draws.""",
    "capped-length": """Many samples have exactly the greatest length: a limit on tokens cut them. They are longer than they
        look, and their answers may be missing for that reason only.""",
    "reshuffled": """The options of a question stand in another order from run to run. Letters then name other answers each
        time; so the text of the option is the answer.""",
    "options-differ": """The options of a question are not the same everywhere. Then its samples answer different questions.""",
    "two-texts": """Samples under one question id were asked with different texts. If that is a paraphrase, name it in
        `context_id`; if these are different questions, for instance of two data sets that both count from 1, the
        figures mix them.""",
    "mixed-settings": """One model was asked in several ways (effort, temperature, format). Ways to ask are kept apart, since
        their answers are not draws from one distribution; `--pool setting` puts them together.""",
    "grader-noise": """One and the same completion was graded in two ways: a flaky test, or a judge that samples. That
        variance is the grader's, and is counted as the model's.""",
    "errors-as-wrong": """The log scores failures of the infrastructure as wrong answers. They say nothing about the model and
        are left out.""",
    "unfinished": """A log did not finish. Its finished samples count; if the hard questions are those that are missing, the
        figures flatter.""",
    "invalidated": """Somebody invalidated samples of a log, so they are left out.""",
    "edited": """Scores of a log were edited after the run; the last word counts.""",
    "several-scorers": """A log has several scorers (or filters). The first decides, unless `--scorer NAME` says which.""",
    "long-answers": """What the log calls answers are whole texts. Two of them are never equal, so each would be a class of
        its own, and everything would look like variance. Right or wrong is measured instead. A `--pattern` reads an
        answer out of the text.""",
    "own-patterns": """The log's own way of reading answers is code, or needs look-around, and cannot be repeated on all
        samples. hotmess reads them by its own patterns: <answer> tags, a line ANSWER: X, boxed, ####, and where there
        are options the last letter.""",
    "no-reasoning-text": """The text of the reasoning was cut off before the log was written. Lengths in characters are those
        of the answers.""",
    "nothing-held": """Some tasks (or models) hold no prediction in any sample: they were not scored. They are left out.""",
    "stopped": """Samples were stopped by a limit on tokens, steps or time. They count as the log scored them; `--on-limit`
        says otherwise for unit tests.""",
    "no-results": """A samples file of lm-eval lies without its results file, which says how answers are read and which model
        it was. Answers and targets are read by hotmess' own patterns.""",
    "mostly-unparsed": """So little could be read of some models that their row is withheld; see `--max-invalid`.""",
    "no-randomness": """The repeats of some models are copies, so their variance of zero is no result and their row is
        withheld; `--deterministic` shows it. `hotmess check` says how it shows that they are copies.""",
    "skipped": """Records or files could not be read: damaged, cut short, or not what their name says. All others are used.""",
    "left-aside": """Files that are no logs and no sample tables lay among the logs.""",
    "no-length": """Some samples have no length; the mean length of a question is over those that have one.""",
    "no-size": """Some models have no size in the table, so they stand nowhere on an axis of size. They are left out.""",
    "no-difficulty": """Nothing says how hard some questions are: the reference model was not asked them, its answers have no
        length, or the column is empty. They are in no group.""",
    "no-order": """Labels of difficulty have no order that is known (as easy, medium, hard or 1, 2, 3 have). What needs an order
        is not tested. Write them so that they have one: `1 easy`, `2 hard`.""",
    "not-shared": """Some questions were not answered, often enough, by all models (or at all budgets) that are compared. Other
        questions would make other figures, so only shared ones are used.""",
    "unmatched": """Some questions were answered, often enough, by one of two models or runs only. Differences are paired: what is
        hard about a question must count for both or for neither, so these questions are left out of the comparison.""",
    "other-target": """A question has one right answer (or one set of unit tests) in one run and another in the other. Either two
        questions bear one id, or the key was mended between the runs; in both cases the answers cannot be compared, so these
        questions are left out.""",
    "unpaired": """Of two runs, some models or settings are in one only; of one run, some stand beside nothing that differs in
        one thing. They are not compared, and a gate cannot tell whether they got worse.""",
    "turned": """Which single questions changed: the samples of a question (its contexts, where it has some) are dealt anew to
        both sides, many times, and the change that was seen is compared with those of the deals. Of many questions some look
        changed by chance; among those that are named about one in twenty is false (Benjamini and Hochberg). The word says which
        of variance and bias² moved by two of its standard errors. A question that is not named may have changed too: with few
        samples a single question tells little.""",
    "few-sizes": """With fewer than four models nobody can tell how far models stand off a line. The interval of a slope
        then says what other questions would change, not what other models would.""",
    "no-bias": """The estimated bias² (or variance) of a model is not above 0, so its logarithm does not exist. The estimate is
        unbiased, and may be negative by chance where bias is small. Its exponent is then fitted to the means, not to their
        logarithms (quasi-Poisson), and incoherence, which is all variance there, has no slope on the logit scale.""",
    "one-budget": """A model that was asked with one budget has nothing that its figures could be compared with.""",
    "halves": """The shorter and the longer half of a question's samples are compared with each other. The variance that lies
        between the halves is in neither, so both can be more coherent than the whole.""",
    "no-halves": """Natural variation is that between the shorter and the longer half of a question's samples, and each half
        needs two samples.""",
    "not-embedded": """Some samples have no answer that could be embedded: they failed, or no answer tags were found. The table of
        vectors holds the others only, so what is measured of it is about samples that did answer.""",
    "words-only": """Vectors were made of words and pairs of words, without a model. Their spread tells how differently answers
        are worded, and not how differently they are meant: two ways to say the same are far apart. `hotmess embed --by openai`
        or `--by sentence-transformers:MODEL` uses a model.""",
    "guessed": """The plan follows from a guess of how a model fails. It takes answers as right or wrong, and the
        chances of questions as a Beta variable with the stated error rate and incoherence.""",
    "few-pilot": """A pilot of few questions tells little about how much questions differ, so the number that is
        needed may be larger; `questions_high` is that number at the upper end of the pilot's own 80 % interval. Of
        fewer than 10 questions, no plan is made.""",
    "few-pilot-contexts": """What a design with more contexts (without contexts: samples) would gain can be told from
        four different ones of a question. Of fewer, designs with as many as the pilot has can be told, and others are
        left out.""",
    "shared-in-pilot": """The questions of the pilot share their contexts, so an odd context moves all of them. The
        plan counts that part by the number of contexts, not of questions.""",
    "few-shared-contexts": """What all questions have in common because they share their contexts is known from these
        contexts alone. Of two or three it may come out as nothing by chance, or far too small. `questions_high` takes the
        upper end of what they allow.""",
    "wider-than-predicted": """The interval of the pilot is wider, by more than half, than the components of variance predict for
        the pilot itself. Mostly few questions carry nearly all of the error. Intervals of the plan will then be wider too.""",
    "no-split": """Two samples in one context differ by sampling alone; samples of different contexts differ by both.
        With one sample in each context the variance is known, and not what of it is input and what output.""",
    "out-of-reach": """No design that may be chosen has an interval as narrow as was asked for.""",
    "no-price": """Without prices the cost of a design is its number of samples; questions and contexts are then
        free.""",
    "stopping": """Two rules keep what an interval promises. For questions like these: ask them in random order, in
        batches of ten, and stop when the interval is narrow enough, from 40 questions on. For exactly these
        questions: add one sample (or context) for every question, and stop when it is narrow enough, from five
        samples of each on. Never let a question's own answers decide how many samples it gets: to stop where the
        first five agree moves incoherence by a seventh of itself.""",
    "not-planned": """Some models of the pilot have too few questions, or too few errors, to plan by: incoherence is planned
        from 20 questions with an error, if a few of them do not carry nearly all of it.""",
    "spellings": """Names of entities, kinds or attributes differ in case, spaces or the form of letters only. They are taken for
        one, written in the way that is most common. If they are different things, give them names that differ more.""",
    "not-ranks": """Numbers were given as ranks, of which 1 is the most, and could be ratings of which every level was used: few
        levels without a gap. Ratings mostly have the highest for the most: `--high-first`, or a column called `score`;
        `--low-first` says that the lowest is. Numbers that cannot be ranks are refused until it is said what they are.""",
    "row-numbers": """A column holds 1, 2, 3 and so on down the rows. Without a name it is what R and pandas write before
        the others, and is left out. With a name it was taken for a rater, which is right only where rows stand in the
        order of that rater's ranks: `--columns 'id='` leaves it out.""",
    "does-not-apply": """An option says which end of numbers is the most. What the questionnaire saves is an order, not
        numbers, and says so itself.""",
    "one-rank": """A rater who gave one rank only, or the same to all, put nothing before anything. Such a rater is left
        out of means and of agreement, and of the number of raters.""",
    "not-turned": """Coherence is turned round into incoherence, as in the paper; an attribute of another name is not. A
        correlation with it has the other sign than one with incoherence.""",
    "gaps-at-one-end": """How often an entity was left out goes together with its mean rank, as in lists of the first ten.
        Ranks of a part are stretched over all entities as if gaps were random; of such lists they pull what is seldom
        named towards the wrong end, agreement rests on what several raters named, and often there is no correlation
        without noise. Of surveys with random gaps, one in twenty has this note; of lists of the first ones it misses
        some.""",
    "shared-raters": """Somebody ranked by more than one attribute. What such a rater thinks of an entity goes into both ranks, so
        that they go together also where the attributes do not; and the correlation without the noise of raters takes that
        noise to be independent. The paper had one group of raters for each attribute.""",
    "two-wordings": """Raters of one attribute were asked with different words. They may have answered different questions.""",
    "part-ranked": """Some raters did not rank all entities. Their ranks are stretched over all, as if what they left out lay
        evenly between what they ranked: (r - 1/2) / n_r * n + 1/2. Agreement is the mean Spearman correlation of two raters over
        what both ranked, and the reliability of the mean ranks follows from it with the harmonic mean of the raters of an
        entity. Who leaves out only what is low, or only what is hard, moves the means nevertheless.""",
    "never-moved": """A rater who sorted by dragging saved without moving most of the cards. They stand in an order that was drawn
        at random, which says nothing about them.""",
    "one-rater": """One rater has an opinion, but nobody to agree with: no standard error, no W, no reliability, and no
        correlation without the noise of raters.""",
    "no-agreement": """Raters agree no more than by chance, so their mean ranks are noise. A correlation with them has nothing to
        measure, and the one without the noise of raters does not exist.""",
    "few-shared": """Two attributes can be compared over entities that were ranked by both, and no p-value or interval of fewer
        than four of them means anything.""",
    "beyond-one": """Spearman's correlation over the root of both reliabilities can come out beyond 1, since all three are
        estimates. It says that the attributes are ranked alike up to the noise of raters; the interval says how sure that is.""",
    "no-noise-interval": """The interval draws entities with replacement, and computes reliabilities anew each time. Where they
        are often not above 0, the draws say nothing about the correlation without noise. More raters help, more than more
        entities do.""",
}
