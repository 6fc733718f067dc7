"""A server with a login: who may do what, tried by every way in."""

import asyncio
import contextlib
import http.client
import json
import secrets
import threading
import time
from datetime import timedelta

import httpx
import httpx2
import openai
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from rag.settings import load_settings
from retriever.errors import IsthmusError, NotFoundError
from tests.conftest import serving, unused_port
from tests.ui.server.conftest import QuotingEngine
from ui.cli.app import app
from ui.server.address import Address
from ui.state import accounts as accounts_module
from ui.state import database
from ui.state.access import OWNER, Access, ForbiddenError, Role, Scope
from ui.state.accounts import LoginError
from ui.state.collections import Collections
from ui.state.database import Base, CollectionRow

PASSWORD = "correct horse battery"
SECRET = "The vault of the ministry opens with XQ-7351."


class Guarded:
    """A server with a login, a public library, and a collection that only ana and the group desk see."""

    def __init__(self, collections, url):
        self.collections = collections
        self.accounts = collections.accounts
        self.engine = collections.library.engine
        self.url = url
        self.document = ""
        self.passage = ""

    def http(self, key=None, **headers):
        headers = {"Authorization": f"Bearer {key}"} if key else headers
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30, headers=headers)

    def key(self, user, *scopes, per_minute=1000):
        name = f"key {time.monotonic_ns()}"
        return self.accounts.add_key(name, user, scopes or list(Scope), per_minute, by="test")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, fake_encoder, new_state):
    library = tmp_path_factory.mktemp("guarded") / "library"
    settings = load_settings(library=library, sample=False, login="local", max_file_mb=1, state_url=new_state())
    address = Address("127.0.0.1", unused_port())
    with (
        Collections(settings, encoder=fake_encoder, engine=QuotingEngine(), url=address.url) as collections,
        serving(collections, address),
    ):
        guarded = Guarded(collections, address.url)
        guarded.accounts.add_user("root", PASSWORD, Role.ADMINISTRATOR, by="test")
        guarded.accounts.add_user("ana", PASSWORD, Role.EDITOR, by="test")
        guarded.accounts.add_user("ben", PASSWORD, Role.READER, ["desk"], by="test")
        guarded.accounts.add_user("eve", PASSWORD, Role.EDITOR, by="test")
        view = collections.of(Access("ana", Role.EDITOR))
        view.create("ministry")
        view.share("ministry", ["group:desk"])
        with view.use("ministry") as rag:
            rag.library.add_texts([("vault.txt", SECRET)])
            (document,) = rag.documents()
            guarded.document, guarded.passage = document.id, f"{document.id}-00000"
        with view.use() as rag:
            rag.library.add_texts([("bridge.txt", "The Golden Gate Bridge was opened in 1937.")])
        yield guarded


# Who comes in.


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/ask"), ("POST", "/v1/search"), ("GET", "/v1/documents"), ("POST", "/v1/documents"),
     ("GET", "/v1/collections"), ("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/v1/responses"),
     ("POST", "/retrieval"), ("POST", "/mcp"), ("GET", "/sources/x?passage=y"), ("GET", "/openapi.json"),
     ("GET", "/config"), ("POST", "/gradio_api/queue/join"), ("POST", "/gradio_api/upload"), ("GET", "/v1/jobs/x")],
)  # fmt: skip
@pytest.mark.parametrize("key", [None, "isthmus-wrong", "ü"])
def test_nothing_is_answered_without_a_key(guarded, method, path, key):
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
    with guarded.http() as http:
        answer = http.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["type"] == "LoginError"


def test_a_browser_is_sent_to_the_login_and_back(guarded):
    with guarded.http(**{"Accept": "text/html", "Accept-Language": "ro"}) as http:
        assert http.get("/").headers["location"] == "/login"
        form = http.get("/login")
        assert "Parolă" in form.text
        wrong = http.post("/login", data={"name": "ana", "password": "wrong password"})
        assert (wrong.status_code, "do not fit" in wrong.text) == (401, True)
        right = http.post("/login", data={"name": "ana", "password": PASSWORD})
        assert (right.status_code, right.headers["location"]) == (303, "/")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Isthmus" in http.get("/").text
        assert [c["name"] for c in http.get("/v1/collections").json()] == ["library", "ministry"]
        http.post("/logout")
        assert http.get("/").headers["location"] == "/login"
        http.cookies.set("isthmus_session", cookie.partition("=")[2].partition(";")[0])
        assert http.get("/v1/collections", headers={"Accept": "*/*"}).status_code == 401


def test_another_sites_form_cannot_log_in_or_out(guarded):
    with guarded.http() as http:
        for path in ("/login", "/logout"):
            data = {"name": "ana", "password": PASSWORD}
            assert http.post(path, data=data, headers={"Origin": "https://attacker.example"}).status_code == 403


def test_logins_that_fail_lock_the_user_for_a_while(guarded, monkeypatch):
    guarded.accounts.add_user("locked", PASSWORD, Role.READER, by="test")
    for _ in range(accounts_module.MAX_FAILURES):
        with pytest.raises(LoginError, match="do not fit"):
            guarded.accounts.log_in("locked", "wrong password")
    with pytest.raises(LoginError, match="wait 15 minutes"):  # the right password
        guarded.accounts.log_in("locked", PASSWORD)
    now = database.now()
    monkeypatch.setattr(accounts_module, "now", lambda: now + timedelta(minutes=16))
    assert guarded.accounts.log_in("locked", PASSWORD)


def test_logins_at_once_count_each(guarded):
    guarded.accounts.add_user("rushed", PASSWORD, Role.READER, by="test")
    errors = []

    def attempt():
        try:
            guarded.accounts.log_in("rushed", "wrong password")
        except LoginError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(accounts_module.MAX_FAILURES + 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == accounts_module.MAX_FAILURES + 2
    with pytest.raises(LoginError):
        guarded.accounts.log_in("rushed", PASSWORD)


def test_a_failed_login_does_not_tell_whether_there_is_such_a_user(guarded):
    guarded.accounts.add_user("there", PASSWORD, Role.READER, by="test")
    replies: dict[str, set[str]] = {name: set() for name in ("there", "nobody")}
    for name, told in replies.items():
        for _ in range(accounts_module.MAX_FAILURES + 2):
            with pytest.raises(LoginError) as failed:
                guarded.accounts.log_in(name, "wrong password")
            told.add(str(failed.value))
    assert replies["there"] == replies["nobody"]


def test_names_are_the_same_in_whatever_form_of_unicode(guarded):
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    guarded.accounts.add_user(decomposed, PASSWORD, Role.READER, [f"{decomposed}s"], by="test")
    guarded.collections.of(OWNER).create("hers")
    guarded.collections.of(OWNER).share("hers", [f"group:{decomposed}s"])
    with guarded.http(guarded.key(composed)) as http:
        assert "hers" in http.get("/v1/models").text
    assert guarded.accounts.log_in(composed, PASSWORD)
    guarded.collections.of(OWNER).delete("hers")
    guarded.accounts.remove_user(decomposed, by="test")


def test_nobody_takes_the_place_of_the_owner_or_of_one_who_left(guarded):
    with pytest.raises(IsthmusError, match="not 'owner'"):
        guarded.accounts.add_user("owner", PASSWORD, Role.EDITOR, by="test")
    guarded.accounts.add_user("leaver", PASSWORD, Role.EDITOR, by="test")
    guarded.collections.of(Access("leaver", Role.EDITOR)).create("left")
    guarded.collections.of(OWNER).create("shared with leaver")
    guarded.collections.of(OWNER).share("shared with leaver", ["user:leaver", "user:ana"])
    guarded.accounts.remove_user("leaver", by="test")
    guarded.accounts.add_user("leaver", PASSWORD, Role.EDITOR, by="test")
    assert guarded.collections.of(Access("leaver", Role.EDITOR)).names() == ["library"]
    assert guarded.collections.of(OWNER).info("left").owner == "owner"
    assert guarded.collections.of(OWNER).info("shared with leaver").readers == ["user:ana"]
    for name in ("left", "shared with leaver"):
        guarded.collections.of(OWNER).delete(name)


def test_a_session_ends_by_itself_with_the_password_and_with_the_user(guarded, monkeypatch):
    guarded.accounts.add_user("brief", PASSWORD, Role.READER, by="test")
    cookie = guarded.accounts.log_in("brief", PASSWORD)
    assert guarded.accounts.session_access(cookie).name == "brief"
    now = database.now()
    with monkeypatch.context() as later:
        later.setattr(accounts_module, "now", lambda: now + accounts_module.SESSION + timedelta(seconds=1))
        assert guarded.accounts.session_access(cookie) is None
    guarded.accounts.add_user("brief", PASSWORD + "!", Role.READER, by="test")
    assert guarded.accounts.session_access(cookie) is None
    cookie = guarded.accounts.log_in("brief", PASSWORD + "!")
    key = guarded.accounts.add_key("brief's", "brief", [Scope.ASK], by="test")
    guarded.accounts.remove_user("brief", by="test")
    assert guarded.accounts.session_access(cookie) is None
    assert guarded.accounts.key_access(key) is None


def test_the_last_administrator_stays(guarded):
    for change in (
        lambda: guarded.accounts.remove_user("root", by="test"),
        lambda: guarded.accounts.change_user("root", Role.EDITOR, [], by="test"),
        lambda: guarded.accounts.add_user("root", PASSWORD, Role.READER, by="test"),
    ):
        with pytest.raises(IsthmusError, match="'root' is the last administrator"):
            change()
        assert guarded.collections.of(OWNER).names()
        (root,) = [user for user in guarded.accounts.users() if user.role is Role.ADMINISTRATOR]
        assert root.name == "root"
        assert guarded.accounts.log_in("root", PASSWORD)
    guarded.accounts.add_user("second", PASSWORD, Role.ADMINISTRATOR, by="test")
    guarded.accounts.change_user("second", Role.READER, [], by="test")
    guarded.accounts.remove_user("second", by="test")


def test_another_role_leaves_password_and_session(guarded):
    guarded.accounts.add_user("climber", PASSWORD, Role.READER, by="test")
    cookie = guarded.accounts.log_in("climber", PASSWORD)
    guarded.accounts.change_user("climber", Role.EDITOR, ["desk"], by="test")
    access = guarded.accounts.session_access(cookie)
    assert (access.role, access.groups) == (Role.EDITOR, frozenset({"desk"}))
    assert guarded.accounts.log_in("climber", PASSWORD)
    with pytest.raises(IsthmusError, match="No user is called 'stranger'"):
        guarded.accounts.change_user("stranger", Role.EDITOR, [], by="test")


def test_a_user_is_shown_with_his_last_login_and_lock_and_can_be_unlocked(guarded):
    def shown():
        return next(user for user in guarded.accounts.users() if user.name == "forgetful")

    guarded.accounts.add_user("forgetful", PASSWORD, Role.READER, by="test")
    assert (shown().last_login, shown().locked_until) == (None, None)
    guarded.accounts.log_in("forgetful", PASSWORD)
    assert shown().last_login <= database.now()
    for _ in range(accounts_module.MAX_FAILURES):
        with pytest.raises(LoginError):
            guarded.accounts.log_in("forgetful", "wrong password")
    assert shown().locked_until > database.now()
    guarded.accounts.unlock_user("forgetful", by="test")
    assert shown().locked_until is None
    assert guarded.accounts.log_in("forgetful", PASSWORD)
    guarded.accounts.remove_user("forgetful", by="test")
    guarded.accounts.add_user("forgetful", PASSWORD, Role.READER, by="test")
    assert shown().last_login is None  # that was another


@pytest.mark.parametrize(
    ("name", "scopes", "per_minute"),
    [("", [Scope.ASK], 1), ("a\nb", [Scope.ASK], 1), ("a", [], 1), ("a", [Scope.ASK], 0)],
)
def test_an_unfit_key_is_refused(guarded, name, scopes, per_minute):
    with pytest.raises(IsthmusError, match="A key has a name of 1 to 100 characters, a scope"):
        guarded.accounts.add_key(name, "ana", scopes, per_minute, by="test")


@pytest.mark.parametrize("password", ["short", "x" * 1001])
def test_an_unfit_password_is_refused(guarded, password):
    with pytest.raises(IsthmusError, match="8 to 1000 characters"):
        guarded.accounts.add_user("new", password, Role.READER, by="test")


def test_nothing_secret_is_kept_as_it_is(guarded):
    key = guarded.key("ana")
    cookie = guarded.accounts.log_in("ana", PASSWORD)
    with guarded.collections.database.connect() as connection:
        stored = str([connection.execute(select(table)).all() for table in Base.metadata.sorted_tables])
    assert "ana" in stored
    for secret in (key, cookie, PASSWORD):
        assert secret not in stored


def test_a_key_has_its_own_limit(guarded):
    with guarded.http(guarded.key("ben", per_minute=2)) as http:
        assert [http.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
        assert "2 requests a minute" in http.get("/v1/models").json()["error"]["message"]


# What may be seen.


def everything_that_a_key_gets(guarded, key):
    """The replies of every way in that could tell of the ministry's vault."""
    question = "What does the vault of the ministry open with?"
    in_collections = ("library", "ministry")
    with guarded.http(key) as http:
        for name in in_collections:
            yield http.post("/v1/ask", json={"question": question, "collection": name})
            yield http.post("/v1/ask", json={"question": question, "collection": name, "stream": True})
            yield http.post("/v1/search", json={"query": "vault ministry XQ-7351", "k": 50, "collection": name})
            yield http.get("/v1/documents", params={"collection": name})
            yield http.get(f"/v1/passages/{guarded.passage}", params={"collection": name})
            yield http.get(f"/sources/{guarded.document}", params={"passage": guarded.passage, "collection": name})
            yield http.post("/retrieval", json={"knowledge_id": name, "query": "vault ministry XQ-7351"})
            messages = [{"role": "user", "content": question}]
            yield http.post("/v1/chat/completions", json={"model": name, "messages": messages})
            yield http.post("/v1/responses", json={"model": name, "input": question})
            yield http.get(f"/v1/models/{name}")
        yield http.get("/v1/collections")
        yield http.get("/v1/models")


def test_what_one_may_not_see_is_hinted_at_nowhere(guarded):
    for reply in everything_that_a_key_gets(guarded, guarded.key("eve")):
        told = reply.text.replace("'ministry'", "").replace("vault of the ministry open", "")
        told = told.replace('"ministry"', "") if reply.status_code == 404 else told
        assert "XQ-7351" not in told, reply.url
        assert "vault" not in told, reply.url
        assert "ministry" not in told, reply.url


@pytest.mark.parametrize("user", ["ana", "ben", "root"])
def test_owner_readers_and_administrators_see_it(guarded, user):
    with guarded.http(guarded.key(user)) as http:
        (hit,) = http.post("/v1/search", json={"query": "vault", "collection": "ministry"}).json()
        assert hit["hit"]["passage"]["text"] == SECRET
        assert SECRET in http.get(hit["url"]).text.replace("<mark>", "")


async def mcp_call(guarded, key, tool, **arguments):
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"})
    async with http, Client(streamable_http_client(f"{guarded.url}/mcp", http_client=http)) as client:
        return await client.call_tool(tool, arguments)


async def test_mcp_has_the_rights_of_its_key(guarded):
    seen = await mcp_call(guarded, guarded.key("ben"), "search", query="vault", collection="ministry")
    assert seen.structured_content["results"][0]["text"] == SECRET
    for tool, arguments in (
        ("search", {"query": "vault", "collection": "ministry"}),
        ("ask", {"question": "What does the vault open with?", "collection": "ministry"}),
        ("fetch", {"id": f"ministry/{guarded.passage}"}),
        ("fetch", {"id": f"library/{guarded.passage}"}),
    ):
        refused = await mcp_call(guarded, guarded.key("eve"), tool, **arguments)
        assert refused.is_error
        assert "XQ-7351" not in refused.content[0].text


def test_an_openai_client_has_the_rights_of_its_key(guarded):
    client = openai.OpenAI(base_url=f"{guarded.url}/v1", api_key=guarded.key("eve"), max_retries=0)
    assert [model.id for model in client.models.list()] == ["library"]
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="ministry", messages=[{"role": "user", "content": "vault?"}])


# What may be done.


def test_roles_and_scopes_bound_what_may_be_changed(guarded):
    upload = {"files": [("files", ("x.txt", b"Words."))]}
    for user, scopes, status in (
        ("ben", (Scope.ASK, Scope.WRITE, Scope.ADMIN), 403),
        ("ana", (Scope.ASK,), 403),
        ("ana", (Scope.ASK, Scope.WRITE), 202),
    ):
        with guarded.http(guarded.key(user, *scopes)) as http:
            assert http.post("/v1/documents", data={"collection": "ministry"}, **upload).status_code == status
            refused = http.delete("/v1/documents/none", params={"collection": "ministry"})
            assert refused.status_code == (404 if status == 202 else 403)
            assert http.post("/v1/collections", json={"name": "a/b"}).status_code == (400 if status == 202 else 403)
    with guarded.http(guarded.key("ana", Scope.WRITE)) as http:
        assert http.post("/v1/search", json={"query": "vault", "collection": "ministry"}).status_code == 403


def test_an_upload_is_refused_before_it_is_read(guarded):
    headers = {"Authorization": f"Bearer {guarded.key('ana', Scope.ASK)}", "Content-Length": "1000000"}
    headers["Content-Type"] = "multipart/form-data; boundary=x"
    connection = http.client.HTTPConnection("127.0.0.1", int(guarded.url.rpartition(":")[2]), timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/v1/documents")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()  # and no body
        assert connection.getresponse().status == 403


def test_a_character_that_databases_do_not_take_is_none_of_a_name(guarded):
    with guarded.http(guarded.key("ana")) as http:
        assert http.get("/v1/jobs/a%00b").status_code == 404
        assert http.delete("/v1/documents/a%00b").status_code == 404
        assert http.patch("/v1/collections/ministry", json={"readers": ["group:desk", "user:\0"]}).status_code == 200
        assert http.patch("/v1/collections/ministry", json={"readers": ["group:desk"]}).status_code == 200
        upload = {"files": [("files", ("x.txt", b"Words."))], "data": {"names": "a\0b.txt", "collection": "ministry"}}
        assert http.post("/v1/documents", **upload).status_code == 202
    with pytest.raises(LoginError):
        guarded.accounts.log_in("ana\0", PASSWORD)


def test_only_owner_and_administrators_manage_a_collection(guarded):
    guarded.collections.of(Access("ana", Role.EDITOR)).create("shared")
    guarded.collections.of(Access("ana", Role.EDITOR)).share("shared", ["everyone"])
    with guarded.http(guarded.key("eve")) as http:
        assert http.patch("/v1/collections/shared", json={"readers": ["user:eve"]}).status_code == 403
        assert http.patch("/v1/collections/shared", json={"name": "stolen"}).status_code == 403
        assert http.delete("/v1/collections/shared/documents").status_code == 403
        assert http.delete("/v1/collections/shared").status_code == 403
        assert http.delete("/v1/collections/ministry").status_code == 404
    with guarded.http(guarded.key("root")) as http:
        assert http.patch("/v1/collections/shared", json={"readers": ["king"]}).status_code == 400
        assert http.patch("/v1/collections/shared", json={"readers": []}).json()["readers"] == []
    with guarded.http(guarded.key("eve")) as http:
        assert http.delete("/v1/collections/shared").status_code == 404
    guarded.collections.of(OWNER).delete("shared")


def test_an_administrators_key_needs_the_scope_to_manage_what_is_not_his(guarded):
    with guarded.http(guarded.key("root", Scope.ASK, Scope.WRITE)) as http:
        assert http.delete("/v1/collections/ministry").status_code == 403
        assert http.get("/metrics").status_code == 403
    with guarded.http(guarded.key("root")) as http:
        assert http.get("/metrics").status_code == 404  # off


def test_readers_of_a_collection_are_told_to_who_manages_it(guarded):
    for user, readers in (("ana", ["group:desk"]), ("ben", [])):
        with guarded.http(guarded.key(user)) as http:
            infos = {info["name"]: info for info in http.get("/v1/collections").json()}
        assert infos["ministry"]["readers"] == readers


def test_slow_calls_of_mcp_leave_the_server_answering(guarded):
    guarded.engine.paused.clear()
    key = guarded.key("ben", per_minute=1000)
    calls = [
        threading.Thread(target=asyncio.run, args=(mcp_call(guarded, key, "ask", question="Golden Gate Bridge?"),))
        for _ in range(45)
    ]
    for call in calls:
        call.start()
    try:
        with guarded.http(key) as http:
            assert http.get("/healthz").status_code == 200
            assert http.post("/v1/search", json={"query": "bridge"}).status_code == 200
    finally:
        guarded.engine.paused.set()
        for call in calls:
            call.join()


def test_a_row_of_a_foreign_database_reaches_no_other_folder(guarded, tmp_path):
    (tmp_path / "victim").mkdir()
    with Session(guarded.collections.database) as session:
        session.add(CollectionRow(id=str(tmp_path / "victim"), name="bad", settings={}, owner="owner", readers=[]))
        session.commit()
    with guarded.http(guarded.key("root")) as http:
        assert "damaged id" in http.delete("/v1/collections/bad").json()["error"]["message"]
    assert (tmp_path / "victim").is_dir()
    with Session(guarded.collections.database) as session:
        session.delete(session.get_one(CollectionRow, str(tmp_path / "victim")))
        session.commit()


def test_a_job_is_told_to_who_started_it(guarded):
    with guarded.http(guarded.key("eve")) as http:
        location = http.post("/v1/documents", files=[("files", ("job.txt", b"Words."))]).headers["Location"]
        assert http.get(location).status_code == 200
    with guarded.http(guarded.key("ana")) as http:
        assert http.get(location).status_code == 404


def test_what_is_done_is_in_the_audit_trail_and_no_question_is(guarded):
    with guarded.http(guarded.key("ana")) as http:
        http.post("/v1/ask", json={"question": "Is the zebra striped?"})
        name = http.post("/v1/collections", json={"name": "passing"}).json()["name"]
        http.delete(f"/v1/collections/{name}")
        http.delete("/v1/documents/none", params={"collection": "ministry"})
    entries = [(entry.who, entry.action, entry.what) for entry in guarded.accounts.audit.entries()]
    assert guarded.accounts.audit.entries()[-1].outcome == "failed"
    assert ("ana", "create collection", "passing") in entries
    assert ("ana", "delete collection", "passing") in entries
    assert not [entry for entry in entries if "zebra" in str(entry)]


def test_access_is_checked_by_role_and_scope():
    Access("a", Role.EDITOR).check(Scope.WRITE)
    with pytest.raises(ForbiddenError, match="A editor may not"):
        Access("a", Role.EDITOR).check(Scope.ADMIN)
    with pytest.raises(ForbiddenError, match="has not the scope write"):
        Access("a", Role.EDITOR, scopes=frozenset({Scope.ASK})).check(Scope.WRITE)


# The administrator's tab.


class Page:
    """The page's events of administrators, as a program sends them: by their functions' numbers."""

    def __init__(self, http):
        self.http = http
        self.session = secrets.token_hex(8)
        self.config = http.get("/config").json()
        names = {component["id"]: component["props"].get("elem_id") for component in self.config["components"]}
        reports = ("administration-report", "users-report", "keys-report")
        self.events = {
            (names.get(event["targets"][0][0], ""), event["id"]): [names[field] for field in event["inputs"]]
            for event in self.config["dependencies"]
            if event["outputs"] and names[event["outputs"][0]] in reports
        }

    def send(self, trigger, **inputs):
        """What comes of the first event of an element; without `inputs` its fields are empty."""
        number = next(number for name, number in self.events if name == trigger)
        return self.send_number(number, [inputs.get(field.replace("-", "_")) for field in self.events[trigger, number]])

    def send_number(self, number, inputs):
        body = {"fn_index": number, "data": inputs, "session_hash": self.session}
        self.http.post("/gradio_api/queue/join", json=body).raise_for_status()
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as messages:
            for line in messages.iter_lines():
                if "process_completed" in line:
                    return json.loads(line.removeprefix("data:"))["output"]["data"]
        raise AssertionError("the event has no end")


@pytest.mark.parametrize(
    ("user", "scopes", "refusal"),
    [
        ("ben", tuple(Scope), "A reader may not do this"),
        ("ana", tuple(Scope), "A editor may not do this"),
        ("root", (Scope.ASK, Scope.WRITE), "The key has not the scope admin"),
    ],
)
def test_every_event_of_the_administrators_tab_refuses_others(guarded, user, scopes, refusal):
    with guarded.http(guarded.key(user, *scopes)) as http:
        before = guarded.accounts.users(), guarded.accounts.keys(), guarded.accounts.audit.entries()
        page = Page(http)
        assert {trigger for trigger, _ in page.events} >= {
            "administration", "user", "save-user", "unlock-user", "delete-user", "make-key", "revoke-key"
        }  # fmt: skip
        for (_, number), fields in page.events.items():
            inputs: dict[str, object] = {
                "user": "ana",
                "role": "administrator",
                "groups": [],
                "new-password": PASSWORD,
                "to-revoke": [],
            }
            inputs |= {"key-name": "stolen", "key-user": None, "scopes": ["ask"], "per-minute": 60}
            report, *rest = page.send_number(number, [inputs[field] for field in fields])
            assert refusal in report
            assert not any(value.keys() & {"value", "choices", "visible"} for value in rest)
    assert (guarded.accounts.users(), guarded.accounts.keys(), guarded.accounts.audit.entries()) == before


def test_the_page_tells_others_nothing_of_the_administrators_tab(guarded):
    guarded.accounts.add_user("hidden-away", PASSWORD, Role.READER, ["hidden-group"], by="test")
    with guarded.http(guarded.key("ben")) as http:
        assert "hidden-" not in http.get("/config").text + http.get("/").text
    guarded.accounts.remove_user("hidden-away", by="test")


def test_an_administrator_manages_users_and_keys_on_the_page(guarded):
    with guarded.http(guarded.key("root")) as http:
        page = Page(http)
        page.send("administration")
        report, _ = page.send("save-user", user="mia", role="editor", groups=["desk"], new_password="")
        assert "A new user needs a password; give one." in report
        page.send("save-user", user="mia", role="editor", groups=["desk"], new_password=PASSWORD)
        page.send("save-user", user="mia", role="reader", groups=["desk"], new_password="")
        (mia,) = [user for user in guarded.accounts.users() if user.name == "mia"]
        assert (mia.role, mia.groups) == (Role.READER, ("desk",))
        assert guarded.accounts.log_in("mia", PASSWORD)
        shown = page.send("administration")
        assert '<td dir="auto">mia</td>' in shown[1]
        guarded.accounts.audit.record("mia", "remove documents", "library", "failed")
        assert "library (failed)" in page.send("administration")[-1]
        assert "group:desk" in shown[-4]  # of the ministry's collection
        assert "quoting" in shown[-3]
        assert "1 MB" in shown[-2]
        assert "set user" in shown[-1]
        assert PASSWORD not in str(shown)

        _, box, _ = page.send("make-key", key_name="mia's", key_user="mia", scopes=["ask"], per_minute=7)
        with guarded.http(box["value"]) as program:
            assert program.get("/v1/models").status_code == 200
            assert box["value"] not in str(page.send("administration"))
            page.send("revoke-key", to_revoke=["mia's"])
            assert program.get("/v1/models").status_code == 401
        page.send("unlock-user", user="mia")
        page.send("delete-user", user="mia")
        report, _ = page.send("delete-user", user="root")
        assert "is the last administrator" in report
    entries = [(entry.who, entry.action, entry.what) for entry in guarded.accounts.audit.entries()]
    for entry in [
        ("set user", "mia (editor)"), ("set user", "mia (reader)"), ("add key", "mia's of mia: ask"),
        ("remove key", "mia's"), ("unlock user", "mia"), ("remove user", "mia"),
    ]:  # fmt: skip
        assert ("root", *entry) in entries


# The commands.


def isthmus(*arguments, input=None):
    result = CliRunner().invoke(app, arguments, input=input)
    if isinstance(result.exception, IsthmusError):
        raise result.exception
    return result.stdout


def test_users_and_keys_are_managed_by_command_while_the_server_runs(guarded, monkeypatch):
    settings = guarded.collections.library.settings
    library = settings.library
    monkeypatch.setenv("ISTHMUS_LIBRARY", str(library))
    if settings.state_url:
        monkeypatch.setenv("ISTHMUS_STATE_URL", settings.state_url.get_secret_value())
    assert (library / "server.token").stat().st_mode & 0o077 == 0
    isthmus("users", "add", "Eve's", "--external")
    isthmus("users", "change", "Eve's", "--role", "editor", "--group", "desk")
    assert "unlocked Eve's" in isthmus("users", "unlock", "Eve's")
    listed = [user for user in json.loads(isthmus("users", "list", "--json")) if user["name"] == "Eve's"]
    assert listed == [{"name": "Eve's", "role": "editor", "groups": ["desk"], "last_login": None, "locked_until": None}]
    isthmus("users", "remove", "Eve's")
    isthmus("users", "add", "Zoë", "--role", "editor", "--group", "desk", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert "Zoë" in isthmus("users", "list")
    key = isthmus("keys", "add", "bot", "--user", "Zoë", "--scope", "ask").strip()
    listed = isthmus("keys", "list")
    assert key[:12] in listed
    assert key not in listed
    with guarded.http(key) as http:
        assert http.post("/v1/search", json={"query": "vault", "collection": "ministry"}).status_code == 200
        isthmus("keys", "remove", "bot")
        assert http.get("/v1/models").status_code == 401
    isthmus("users", "remove", "Zoë")
    with pytest.raises(NotFoundError), guarded.collections.of(OWNER).change("library", "remove documents") as rag:
        rag.remove("none")
    audit = isthmus("audit")
    assert "remove user  Zoë\n" in audit
    assert "remove documents  library (failed)\n" in audit
    with pytest.raises(IsthmusError, match="No user is called 'Zoë'"):
        isthmus("keys", "add", "bot", "--user", "Zoë")


def test_the_command_of_the_same_account_needs_no_login(guarded, monkeypatch):
    monkeypatch.setenv("ISTHMUS_LIBRARY", str(guarded.collections.library.settings.library))
    assert "XQ-7351" in isthmus("search", "vault", "-c", "ministry")
