"""What an exported policy is given in running sessions."""

from __future__ import annotations

import numpy as np
import torch

from models.agents.export import PolicyNetwork
from models.interactions import NO_ITEM, UNKNOWN_RATING
from models.simulation.session import Sessions


def network_inputs(network: PolicyNetwork, sessions: Sessions) -> tuple[torch.Tensor, ...]:
    """The five inputs of `PolicyNetwork.forward`, of each session."""
    histories, width = sessions.histories, network.width
    missing = ((0, 0), (0, width - histories.items.shape[1]))
    d = sessions.simulator.sasrec.settings.width
    return (
        torch.from_numpy(np.pad(histories.items, missing, constant_values=NO_ITEM)),
        torch.from_numpy(np.pad(histories.likes, missing)),
        torch.from_numpy(np.pad(histories.ratings, missing, constant_values=UNKNOWN_RATING)),
        torch.from_numpy(sessions.observations()["user"][:, d : d + 3].astype(np.float32)),
        torch.from_numpy(sessions.seen),
    )
