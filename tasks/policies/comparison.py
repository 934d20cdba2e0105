"""Policies played on the same sessions and judged by what is known beside the simulator: report/reinforcement.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.agents.policies import Policy
from models.interactions import Interactions
from models.policy_evaluation.comparison import PolicyDifference, PolicyScores, Reinforcement
from models.policy_evaluation.judgement import (
    Agreement,
    Judgement,
    agreement_with_ratings,
    agreement_with_truth,
    judged_by_ratings,
    judged_by_truth,
    with_praise,
)
from models.policy_evaluation.off_policy import LoggedReactions, logged_reactions, off_policy_value
from models.policy_evaluation.truth import GreedyTruthPolicy, Truth
from models.policy_evaluation.values import Evaluation, all_pairs, evaluate_policy, over_seeds, paired_difference
from models.simulation.settings import EnvironmentSettings, catalogue
from models.simulation.simulator import UserSimulator
from storage.run_folder import RunFolder
from tasks.loading import load_interactions
from tasks.policies.checkpoints import PolicyCheckpoint
from tasks.policies.settings import ReinforceSettings
from tasks.step import step_logger
from tasks.truth import load_truth

BOUND = "greedy_truth"
TOP_SHARE = 10  # off-policy, a policy recommends among the best tenth of the catalogue


def compare_policies(
    folder: RunFolder,
    simulator: UserSimulator,
    settings: ReinforceSettings,
    policies: Mapping[str, Sequence[Policy]],
    trained: Mapping[str, Sequence[PolicyCheckpoint]],
) -> Reinforcement:
    """Play all policies with common random numbers, and let the truth or held-out ratings judge them.

    Parameters
    ----------
    folder
        The run, which has a truth where its dataset was generated, and test rows.
    simulator
        Its audience.
    settings
        What is played.
    policies
        Name to policies, one a training seed.
    trained
        How training went, of those that were trained.
    """
    agents, environment = settings.agents, settings.environment
    truth = load_truth(folder, simulator.n_users, simulator.n_items)
    bound: dict[str, Sequence[Policy]] = {} if truth is None else {BOUND: [GreedyTruthPolicy(truth)]}
    evaluations = {
        name: [_evaluated(name, policy, simulator, settings, truth) for policy in parts]
        for name, parts in {**policies, **bound}.items()
    }
    n_actions = len(catalogue(simulator, environment.catalogue_size))
    logged = None if truth else _logged(simulator, settings.evaluation, load_interactions(folder, ("test",)))
    judgements, agreement = _judged(simulator, settings, policies, evaluations, logged=logged, n_actions=n_actions)
    return Reinforcement(
        dataset=folder.root.name,
        steps=agents.steps,
        seeds=agents.seeds,
        episodes=agents.evaluation_episodes,
        catalogue=n_actions,
        reward=environment.reward,
        users=settings.evaluation.users,
        policies={
            name: _scores(name, evaluations, judgements.get(name), trained.get(name, ()), settings)
            for name in evaluations
        },
        comparisons=tuple(
            PolicyDifference(policy=first, against=second, mean=difference.mean, ci95=difference.ci95)
            for (first, second), difference in all_pairs(evaluations).items()
        ),
        judge="truth" if truth else "held_out_ratings" if logged else None,
        judged_reactions=len(logged) if logged else None,
        agreement=agreement,
        learning_curves={
            name: mean_curve(parts, _curve_scale(evaluations[name], settings)) for name, parts in trained.items()
        },
    )


def _evaluated(
    name: str, policy: Policy, simulator: UserSimulator, settings: ReinforceSettings, truth: Truth | None
) -> Evaluation:
    agents = settings.agents
    evaluation = evaluate_policy(
        policy, simulator, settings.evaluation, agents.evaluation_episodes, agents.evaluation_seed, truth=truth
    )
    true = "" if evaluation.true_likes is None else f", true likes {evaluation.true_likes.mean():.2f}"
    step_logger().info("%s: average reward %.2f%s", name, evaluation.returns.mean(), true)
    return evaluation


def _logged(simulator: UserSimulator, rules: EnvironmentSettings, test: Interactions) -> LoggedReactions | None:
    try:
        return logged_reactions(simulator, rules, test)
    except ValueError as error:
        step_logger().warning("no held-out rating can judge the policies: %s", error)
        return None


def _judged(
    simulator: UserSimulator,
    settings: ReinforceSettings,
    policies: Mapping[str, Sequence[Policy]],
    evaluations: Mapping[str, Sequence[Evaluation]],
    *,
    logged: LoggedReactions | None,
    n_actions: int,
) -> tuple[dict[str, Judgement], Agreement | None]:
    """Judgement of each policy, and how alike the simulator orders `policies`; the bound is no policy of its."""
    seed, played = settings.agents.evaluation_seed, {name: evaluations[name] for name in policies}
    if any(part.true_likes is not None for parts in evaluations.values() for part in parts):
        return judged_by_truth(evaluations), agreement_with_truth(played, seed)
    if logged is None:
        return {}, None
    values = {}
    for name, parts in policies.items():
        values[name] = off_policy_value(
            parts, simulator, settings.evaluation, logged, k=max(1, n_actions // TOP_SHARE), seed=seed
        )
        step_logger().info("%s: SNIPS %.3f, DR %.3f", name, values[name].snips.mean, values[name].dr.mean)
    return judged_by_ratings(values), agreement_with_ratings(played, values, seed)


def _scores(
    name: str,
    evaluations: Mapping[str, Sequence[Evaluation]],
    judgement: Judgement | None,
    checkpoints: Sequence[PolicyCheckpoint],
    settings: ReinforceSettings,
) -> PolicyScores:
    """A policy's numbers, with what an episode brings more than the same episode with other policies."""
    parts, upper = evaluations[name], "greedy" if settings.environment.reaction == "vote" else "greedy_ensemble"
    references = [other for other in ("untrained", "item_mean") if other in evaluations]
    over = {other: paired_difference(parts, evaluations[other]) for other in references}
    return PolicyScores(
        training_seconds=float(np.mean([checkpoint.training_seconds for checkpoint in checkpoints] or [0.0])),
        **over_seeds(parts, settings.agents.evaluation_seed),
        over_untrained=over.get("untrained"),
        over_item_mean=over.get("item_mean"),
        regret=paired_difference(evaluations[upper], parts) if upper in evaluations else None,
        judgement=None if judgement is None else with_praise(judgement, over.get("item_mean")),
    )


def _curve_scale(evaluations: Sequence[Evaluation], settings: ReinforceSettings) -> float:
    """Mean length of the evaluation episodes over that of training's, which a curve is in.

    1 where patience is learned: the curve then has lengths of its own.
    """
    expected = settings.training.expected_length
    shown = settings.evaluation.slate_size if settings.evaluation.actions == "slate" else 1
    return 1.0 if expected is None else float(np.mean([part.length for part in evaluations])) / shown / expected


def mean_curve(checkpoints: Sequence[PolicyCheckpoint], scale: float) -> tuple[tuple[int, float], ...]:
    """Learning curves averaged over seeds, which share their steps; as long as the shortest, where some ended early.

    Rewards are multiplied by `scale`, so that they are of episodes as long as those of the evaluation.
    """
    points = min((len(checkpoint.learning_curve) for checkpoint in checkpoints), default=0)
    curves = np.array([checkpoint.learning_curve[:points] for checkpoint in checkpoints])  # (seeds, points, 2)
    return tuple((int(steps), scale * float(reward)) for steps, reward in curves.mean(axis=0)) if curves.size else ()
