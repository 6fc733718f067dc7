"""Qdrant's REST protocol over the client's local mode, as far as Isthmus speaks it.

There is no package of the real server. With this the way over HTTP is tested everywhere: addresses, keys, JSON, and a
server that goes. It says nothing of the server's own graph, quantisation or limits.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from qdrant_client import QdrantClient, models


def qdrant_app(client: QdrantClient, api_key: str | None = None, version: str = "1.19.0") -> FastAPI:
    """The application over a client in local mode; with `api_key` it asks for one, as the server does."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.lock = asyncio.Lock()  # local mode knows no threads; a server started again has another event loop
        yield

    app = FastAPI(lifespan=lifespan)

    @app.middleware("http")
    async def guard(request: Request, answer: Any) -> Any:
        if api_key and request.headers.get("api-key") != api_key:
            return JSONResponse({"status": {"error": "Must provide an API key"}}, 401)
        async with app.state.lock:
            return await answer(request)

    @app.get("/")
    def info() -> models.VersionInfo:
        return models.VersionInfo(title="qdrant - vector search engine", version=version)

    _add_collections(app, client)
    _add_points(app, client)
    return app


def _answer(result: Any) -> dict[str, Any]:
    return {"result": result, "status": "ok", "time": 0.0}


def _add_collections(app: FastAPI, client: QdrantClient) -> None:
    @app.get("/collections")
    def collections() -> dict[str, Any]:
        return _answer(client.get_collections())

    @app.get("/collections/{name}")
    def collection(name: str) -> dict[str, Any]:
        return _answer(client.get_collection(name))

    @app.get("/collections/{name}/exists")
    def exists(name: str) -> dict[str, Any]:
        return _answer({"exists": client.collection_exists(name)})

    @app.put("/collections/{name}")
    def create(name: str, body: models.CreateCollection) -> dict[str, Any]:
        return _answer(client.create_collection(name, body.vectors, metadata=body.metadata))

    @app.delete("/collections/{name}")
    def drop(name: str) -> dict[str, Any]:
        return _answer(client.delete_collection(name))

    @app.put("/collections/{name}/index")
    def index(name: str, body: models.CreateFieldIndex) -> dict[str, Any]:
        return _answer(client.create_payload_index(name, body.field_name, body.field_schema))


def _add_points(app: FastAPI, client: Any) -> None:
    @app.put("/collections/{name}/points")
    def upsert(name: str, wait: bool, body: models.PointsList) -> dict[str, Any]:
        assert wait  # what is written is found at once
        return _answer(client.upsert(name, body.points))

    @app.post("/collections/{name}/points/delete")
    def delete(name: str, wait: bool, body: models.PointIdsList) -> dict[str, Any]:
        assert wait
        return _answer(client.delete(name, body))

    @app.post("/collections/{name}/points")
    def retrieve(name: str, body: models.PointRequest) -> dict[str, Any]:
        return _answer(client.retrieve(name, body.ids, with_payload=body.with_payload, with_vectors=body.with_vector))

    @app.post("/collections/{name}/points/scroll")
    def scroll(name: str, body: models.ScrollRequest) -> dict[str, Any]:
        points, following = client.scroll(
            name, limit=body.limit, offset=body.offset, with_payload=body.with_payload, with_vectors=body.with_vector
        )
        return _answer({"points": points, "next_page_offset": following})

    @app.post("/collections/{name}/points/count")
    def count(name: str, body: models.CountRequest) -> dict[str, Any]:
        assert body.exact
        return _answer(client.count(name))

    @app.post("/collections/{name}/points/query")
    def query(name: str, body: models.QueryRequest) -> dict[str, Any]:
        hits = client.query_points(
            name,
            body.query,
            query_filter=body.filter,
            search_params=body.params,
            limit=body.limit,
            with_payload=body.with_payload,
        )
        return _answer(hits)


@contextlib.contextmanager
def running(app: FastAPI, port: int) -> Iterator[str]:
    """The application on a loopback port; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
