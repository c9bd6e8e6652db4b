"""The embedder on the real embedded model."""

import asyncio

import numpy as np
import pytest

from rung.errors import UserError
from rung.models.base import Embedder
from rung.models.embedder import open_embedder
from rung.models.fetch import model_folder

NAME = "local/all-minilm-l6-v2"


def test_an_unknown_embedder_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no embedder at"):
        open_embedder(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(model_folder(NAME) is None, reason=f"{NAME} is not fetched")
def test_vectors_are_unit_long_alike_for_alike_texts_and_free_of_company():
    embedder = open_embedder(NAME)
    assert isinstance(embedder, Embedder)
    texts = ["How do I activate my card?", "card activation help", "rain in Paris", "word " * 900]
    vectors = asyncio.run(embedder.embed(texts))
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]
    alone = asyncio.run(embedder.embed(texts[:1]))
    assert np.allclose(alone[0], vectors[0], atol=1e-6)
    twice = asyncio.run(embedder.embed([texts[2], texts[2]]))
    assert np.array_equal(twice[0], twice[1])
    assert asyncio.run(embedder.embed([])).shape == (0, 384)
