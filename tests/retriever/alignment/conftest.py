import pytest

from retriever.models.encoder import Encoder


@pytest.fixture(scope="session")
def base_encoder(cache) -> Encoder:
    """The packaged encoder as training meets it: on torch, in float32."""
    return Encoder("base", cache=cache, backend="torch")
