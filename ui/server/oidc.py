"""Login at an OpenID Connect provider: authorization code with PKCE, by Authlib."""

import secrets

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from httpx import HTTPError
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware

from rag.settings import Settings
from retriever.errors import IsthmusError
from ui.server.login import session_response
from ui.server.services import OriginOf, ServicesOf
from ui.state.accounts import LoginError

router = APIRouter(include_in_schema=False)
CALLBACK = "/login/callback"
MINUTES = 10
"""How long a login at the provider may take."""


def install(app: FastAPI, settings: Settings) -> None:
    """Have the application log users in at the provider that the settings name.

    Raises IsthmusError if one of them is missing.
    """
    missing = [key for key in ("oidc_issuer", "oidc_client_id", "oidc_client_secret") if not getattr(settings, key)]
    if missing:
        raise IsthmusError(f'login = "oidc" needs the setting {missing[0]}; docs/server.md says how.')
    secret = settings.oidc_client_secret
    app.state.oidc = OAuth().register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        server_metadata_url=f"{str(settings.oidc_issuer).rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
    )
    is_secure = (settings.public_url or "").startswith("https:")
    app.add_middleware(
        SessionMiddleware,
        secret_key=secrets.token_hex(32),
        session_cookie="isthmus_oidc",
        max_age=MINUTES * 60,
        https_only=is_secure,
    )
    app.include_router(router)


@router.get("/login")
async def start(request: Request, origin: OriginOf) -> RedirectResponse:
    """Send the browser to the provider."""
    provider: StarletteOAuth2App = request.app.state.oidc
    try:
        redirect: RedirectResponse = await provider.authorize_redirect(request, f"{origin}{CALLBACK}")
    except (HTTPError, OAuthError, ValueError) as error:
        raise LoginError(f"The login provider does not answer ({error}); try again later.") from error
    return redirect


@router.get(CALLBACK)
async def callback(request: Request, services: ServicesOf, origin: OriginOf) -> RedirectResponse:
    """Start a session of the user whom the provider names, by his verified address or, without one, his subject."""
    provider: StarletteOAuth2App = request.app.state.oidc
    try:
        token = await provider.authorize_access_token(request)
        claims = token["userinfo"]
    except (HTTPError, OAuthError, JoseError, LookupError, ValueError) as error:
        raise LoginError(f"The login at the provider failed ({error}); start again at /login.") from error
    name = claims["email"] if claims.get("email") and claims.get("email_verified") else claims["sub"]
    groups = claims.get("groups")
    told = [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else []
    return session_response(services.collections.accounts.log_in_external(str(name), told), origin)
