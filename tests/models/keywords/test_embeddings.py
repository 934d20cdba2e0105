import numpy as np
from scipy.sparse import csr_array

from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder, item_vectors, mean_vectors


def test_an_items_vector_is_the_unit_mean_of_its_keywords() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    ids, means = mean_vectors(np.array([7, 7, 2, 9, 9]), vectors)
    assert ids.tolist() == [2, 7]  # the vectors of item 9 cancel out
    np.testing.assert_allclose(means, [[1, 0], [np.sqrt(0.5), np.sqrt(0.5)]], rtol=1e-6)


def test_no_keywords_give_no_vectors() -> None:
    ids, means = mean_vectors(np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32))
    assert ids.shape == (0,)
    assert means.shape == (0, 3)


def test_the_bundled_encoder_knows_likeness_without_a_network() -> None:
    encode = SentenceEncoder(EmbeddingSettings())
    vectors = encode(["funny comedy", "hilarious comedy", "cold food"])
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, 384))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > 0.7 > vectors[0] @ vectors[2]
    assert encode([]).shape == (0, 384)


def test_items_vectors_are_the_mean_vectors_of_their_keywords() -> None:
    vectors = np.array([[1, 0], [-1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    sets = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1]], dtype=np.float32)
    items, columns = np.nonzero(sets)
    ids, means = mean_vectors(items, vectors[columns])
    found = item_vectors(csr_array(sets), vectors)
    assert ids.tolist() == [0, 3]
    np.testing.assert_allclose(found[ids], means, atol=1e-7)
    assert not found[[1, 2]].any()
