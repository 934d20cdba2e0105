"""What users with the same reactions think of a candidate's keywords, in logits of P(like)."""

from __future__ import annotations

from models.explanation.attribution import Pairs
from models.explanation.keyword_removal import OwnKeyword, own_keywords
from models.simulation.simulator import UserSimulator

_MOST = 3
_LEAST = 0.01  # logits; less is not worth a word


def shared_tastes(simulator: UserSimulator, pairs: Pairs) -> list[dict[OwnKeyword, float]]:
    """The keywords of each candidate in which the user's kind lies apart from everybody, furthest first.

    Parameters
    ----------
    simulator
        The audience.
    pairs
        b pairs, `remembered`.

    Returns
    -------
    For each pair at most three keywords, and what each adds to the logit of P(like) because the user is of that kind.
    """
    ensemble, kinds = simulator.ensemble, simulator.models.kinds
    place = ensemble.names.index("user_kinds")
    weight = ensemble.coefficients[place] / ensemble.scales[place]
    surprises = simulator.sasrec.statistics.surprises(pairs.histories)
    tastes = kinds.tastes(kinds.posteriors(pairs.histories, surprises))
    shared = []
    for row, item in enumerate(pairs.items.tolist()):
        added = {
            own: weight * float(tastes[own.side][row, own.column]) for own in own_keywords(simulator.knowledge, item)
        }
        furthest = sorted(added, key=lambda own: -abs(added[own]))[:_MOST]
        shared.append({own: added[own] for own in furthest if abs(added[own]) >= _LEAST})
    return shared
