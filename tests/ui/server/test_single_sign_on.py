"""Login at a provider of OpenID Connect, and by the header of a proxy."""

import base64
import contextlib
import hashlib
import threading
import time

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Form
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey

from rag.settings import load_settings
from retriever.errors import IsthmusError
from tests.conftest import serving, unused_port
from tests.ui.server.conftest import QuotingEngine
from ui.server.address import Address
from ui.state.access import OWNER, Role
from ui.state.collections import Collections

SECRET = "the secret of the client"


class Provider:
    """A provider that logs everybody in at once, as the user whose claims are set."""

    def __init__(self) -> None:
        self.claims: dict[str, object] = {}
        self.challenges: dict[str, str] = {}
        self.nonces: dict[str, str] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.signing_key = self.key
        self.url = f"http://127.0.0.1:{unused_port()}"
        self.app = FastAPI()
        self.app.add_api_route("/.well-known/openid-configuration", self.configuration)
        self.app.add_api_route("/authorize", self.authorize)
        self.app.add_api_route("/token", self.token, methods=["POST"])
        self.app.add_api_route("/jwks", self.jwks)

    def configuration(self):
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, redirect_uri: str, state: str, nonce: str, code_challenge: str, client_id: str):
        code = f"code {len(self.challenges)}"
        self.challenges[code], self.nonces[code] = code_challenge, nonce
        return RedirectResponse(httpx.URL(redirect_uri, params={"code": code, "state": state}).__str__())

    def token(self, code: str = Form(), code_verifier: str = Form()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        assert digest == self.challenges.pop(code)
        now = int(time.time())
        claims = {"iss": self.url, "aud": "isthmus", "iat": now, "exp": now + 60, "nonce": self.nonces[code]}
        id_token = jwt.encode({"alg": "RS256", "kid": "1"}, claims | self.claims, self.signing_key)
        return {"access_token": "none", "token_type": "Bearer", "id_token": id_token}

    def jwks(self):
        return {"keys": [self.key.as_dict(private=False)]}


@pytest.fixture(scope="module")
def provider():
    provider = Provider()
    port = int(provider.url.rpartition(":")[2])
    server = uvicorn.Server(uvicorn.Config(provider.app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield provider
    server.should_exit = True
    thread.join()


@contextlib.contextmanager
def running(folder, fake_encoder, **changes):
    settings = load_settings(library=folder / "library", sample=False, **changes)
    address = Address("127.0.0.1", unused_port())
    with (
        Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections,
        serving(collections, address),
    ):
        yield collections, address.url


@pytest.fixture(scope="module")
def oidc(provider, fake_encoder, tmp_path_factory):
    changes = {"oidc_issuer": provider.url, "oidc_client_id": "isthmus", "oidc_client_secret": SECRET}
    with running(tmp_path_factory.mktemp("oidc"), fake_encoder, login="oidc", **changes) as server:
        yield server


def browser(url):
    return httpx.Client(
        base_url=url, trust_env=False, timeout=30, follow_redirects=True, headers={"Accept": "text/html"}
    )


def test_a_user_comes_back_from_the_provider_logged_in(oidc, provider):
    collections, url = oidc
    provider.claims = {"sub": "17", "email": "ana@help.example", "email_verified": True, "groups": ["desk", 7]}
    collections.of(OWNER).create("for the desk")
    collections.of(OWNER).share("for the desk", ["group:desk"])
    with browser(url) as page:
        assert "Isthmus" in page.get("/").text
        names = [info["name"] for info in page.get("/v1/collections").json()]
    assert names == ["library", "for the desk"]
    (user,) = collections.accounts.users()
    assert (user.name, user.role, user.groups) == ("ana@help.example", Role.READER, ("desk",))


def test_an_address_that_is_not_verified_names_nobody(oidc, provider):
    collections, url = oidc
    collections.accounts.add_user("root@help.example", None, Role.ADMINISTRATOR, by="test")
    provider.claims = {"sub": "666", "email": "root@help.example", "email_verified": False}
    with browser(url) as page:
        page.get("/")
        assert page.post("/v1/collections", json={"name": "x"}).status_code == 403
    assert "666" in [user.name for user in collections.accounts.users()]
    provider.claims = {"sub": "1", "email": "root@help.example", "email_verified": True}
    with browser(url) as page:
        page.get("/")
        assert page.post("/v1/collections", json={"name": "x"}).status_code == 201


@pytest.mark.parametrize("name", ["owner", "local"])
def test_a_provider_cannot_name_the_owner_or_a_user_with_a_password(oidc, provider, name):
    collections, url = oidc
    collections.accounts.add_user("local", "correct horse battery", Role.ADMINISTRATOR, by="test")
    provider.claims = {"sub": name}
    with browser(url) as page:
        refused = page.get("/")
        assert (refused.status_code, "cannot log in this way" in refused.text) == (401, True)
        assert page.get("/v1/models", headers={"Accept": "*/*"}).status_code == 401


def test_a_token_that_another_has_signed_is_refused(oidc, provider):
    _, url = oidc
    provider.claims = {"sub": "forged"}
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "1"})
    with browser(url) as page:
        refused = page.get("/")
    provider.signing_key = provider.key
    assert (refused.status_code, "failed" in refused.text) == (401, True)


def test_a_callback_that_nobody_asked_for_is_refused(oidc):
    _, url = oidc
    with browser(url) as page:
        assert page.get("/login/callback", params={"code": "code 0", "state": "made up"}).status_code == 401


def test_a_missing_setting_is_named(tmp_path, fake_encoder):
    with (
        pytest.raises(IsthmusError, match="needs the setting oidc_issuer"),
        running(tmp_path, fake_encoder, login="oidc"),
    ):
        pass


@pytest.mark.parametrize(
    ("trusted", "headers", "status"),
    [
        (["127.0.0.0/8"], {"X-Forwarded-User": "ben"}, 200),
        (["127.0.0.0/8"], {}, 401),
        (["127.0.0.0/8"], [("X-Forwarded-User", "ben"), ("X-Forwarded-User", "root")], 401),
        (["127.0.0.0/8"], {"X-Forwarded-User": "root"}, 401),  # has a password
        (["10.0.0.2"], {"X-Forwarded-User": "ben"}, 401),
        ([], {"X-Forwarded-User": "ben"}, 401),
    ],
)
def test_a_header_is_believed_from_trusted_proxies_alone(tmp_path, fake_encoder, trusted, headers, status):
    with running(tmp_path, fake_encoder, login="proxy", trusted_proxies=trusted) as (collections, url):
        collections.accounts.add_user("root", "correct horse battery", Role.ADMINISTRATOR, by="test")
        assert httpx.get(f"{url}/v1/models", headers=headers, trust_env=False).status_code == status
