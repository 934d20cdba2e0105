import pytest
import torch
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution
from torch.distributions import Categorical

from models.agents.distributions import MaskableOneOfManyDistribution, OneOfMany, OneOfManyDistribution, masked

LOGITS = torch.tensor([[0.0, 1.0, -2.0, 3.0, 0.5], [-1.0, -30.0, 2.0, 2.0, 0.0]])
CLOSED = torch.tensor([[1.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0, 1.0]])
N = 20_000


def _shares(logits: torch.Tensor) -> torch.Tensor:
    """Of each row's items among many draws."""
    torch.manual_seed(0)
    drawn = OneOfMany(logits=logits.repeat_interleave(N, dim=0)).sample().view(len(logits), N)
    return torch.stack([(drawn == k).float().mean(dim=1) for k in range(logits.shape[1])], dim=1)


def test_draws_follow_the_probabilities() -> None:
    expected = LOGITS.softmax(dim=-1)
    assert bool(((_shares(LOGITS) - expected).abs() <= 5 * (expected * (1 - expected) / N).sqrt()).all())


def test_what_is_closed_is_never_drawn_and_the_rest_shares_its_chances() -> None:
    expected = LOGITS.masked_fill(CLOSED > 0, -torch.inf).softmax(dim=-1)
    found = masked(LOGITS, CLOSED)
    torch.testing.assert_close(found.softmax(dim=-1), expected)
    assert not bool(_shares(found)[CLOSED > 0].any())


def test_closed_items_are_below_open_ones_however_high_they_were() -> None:
    found = masked(torch.tensor([[1000.0, 0.0, -30.0]]), torch.tensor([[1.0, 0.0, 0.0]]))
    assert found.tolist() == [[-40.0, 0.0, -30.0]]


def test_what_was_given_up_lies_no_lower_than_what_is_closed() -> None:
    logits = torch.tensor([[7.0, 5.0, -1000.0]], requires_grad=True)
    found = masked(logits, torch.tensor([[0.0, 1.0, 0.0]]))
    assert found.tolist() == [[7.0, -33.0, -33.0]]
    found.backward(torch.ones_like(found))
    assert logits.grad is not None
    assert logits.grad.tolist() == [[1, 0, 1]]


def test_where_all_is_closed_all_is_alike() -> None:
    torch.testing.assert_close(masked(LOGITS, torch.ones_like(LOGITS)).softmax(dim=-1), torch.full((2, 5), 0.2))


def test_only_what_is_open_learns() -> None:
    logits = LOGITS.clone().requires_grad_()
    actions = torch.tensor([1, 3])
    OneOfMany(logits=masked(logits, CLOSED)).log_prob(actions).sum().backward()
    found, logits.grad = logits.grad, None
    Categorical(logits=logits.masked_fill(CLOSED > 0, -1e8)).log_prob(actions).sum().backward()
    torch.testing.assert_close(found, logits.grad)


def test_it_says_what_pytorchs_own_says_of_entropy_and_choices() -> None:
    own, theirs = OneOfManyDistribution(5).proba_distribution(LOGITS), Categorical(logits=LOGITS)
    torch.testing.assert_close(own.entropy(), theirs.entropy())
    torch.testing.assert_close(own.log_prob(torch.tensor([0, 1])), theirs.log_prob(torch.tensor([0, 1])))
    assert own.mode().tolist() == [3, 2]


def test_several_draws_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match=r"once a row, not \(3,\)"):
        OneOfMany(logits=LOGITS).sample(torch.Size([3]))


def test_masks_of_the_environment_close_and_open_again() -> None:
    own, theirs = MaskableOneOfManyDistribution(5), MaskableCategoricalDistribution(5)
    actions = torch.tensor([2, 1])
    for masks in (CLOSED.numpy() == 0, None, ~CLOSED.numpy().astype(bool)[:, ::-1]):
        for distribution in (own, theirs):
            distribution.proba_distribution(LOGITS).apply_masking(masks)
        torch.testing.assert_close(own.entropy(), theirs.entropy())
        torch.testing.assert_close(own.log_prob(actions), theirs.log_prob(actions))
        torch.testing.assert_close(own.distribution.probs, theirs.distribution.probs)
    assert own.mode().tolist() == theirs.mode().tolist()
