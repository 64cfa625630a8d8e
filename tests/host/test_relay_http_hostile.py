"""Whatever a backend or an operator sends: an answer, a refusal with a code, never a failure."""

import json
import logging
import random

import aiohttp

from callboard_host.relay.faces.app_actions import AppActions

from .conftest import APP, MODEL

ROUNDS = 40  # bodies for each path
WORDS = ("", "a", "SN1", MODEL, APP, "o" * 200, "ü" * 70, "a b", "\0", "../..", "%2e", "\ud800")


def value(source, depth=0):
    """Something JSON can say, right by accident."""
    kinds = [
        lambda: source.choice(WORDS),
        lambda: source.choice((None, True, False, 0, 1, -1, 1.5, 2**31, 2**63, 10**30)),
    ]
    if depth < 3:
        kinds.append(lambda: [value(source, depth + 1) for _ in range(source.randrange(4))])
        kinds.append(lambda: {"a": value(source, depth + 1)})
    return source.choice(kinds)()


MEMBERS = (
    *("open_id", "model_id", "sn", "name", "wxa_appid", "kind", "user_id", "open_ids", "valid_ms"),
    *("arrears", "in_review", "campus", "needs_token", "modules", "properties", "no_rooms"),
)


def body(source, known):
    """Members at random, some with a value that is right."""
    chosen = {}
    for name in source.sample(MEMBERS, source.randrange(1, 8)):
        right = name in known and source.random() < 0.6
        chosen[name] = known[name] if right else value(source)
    return source.choice((chosen, chosen, chosen, value(source)))


async def test_no_body_makes_the_relay_fail(world, caplog):
    caplog.set_level(logging.WARNING)
    await world.device()
    await world.admin.add_model(MODEL, wxa_appid=APP)
    _, open_id = await world.invite()
    key = (await world.admin.add_key(APP))["key"]
    admin = world.relay.admin_token_path.read_text().strip()
    known = {"open_id": open_id, "model_id": MODEL, "sn": "SN0001", "wxa_appid": APP, "name": "x"}
    known |= {"kind": "campus", "user_id": "p", "open_ids": [open_id], "properties": {"a": 1}}
    paths = [(method, f"/v1/app{path}", key) for method, path, _ in AppActions(None).routes]
    paths += [(m, p.replace("/v1/app", f"/v1/admin/apps/{APP}"), admin) for m, p, _ in paths]
    for name in (*WORDS[1:], "SN0001"):
        name = name.encode("ascii", "ignore").decode().replace("/", "").replace("\0", "") or "x"
        paths += [("PUT", f"/v1/admin/apps/{name}", admin)]
        paths += [("PUT", f"/v1/admin/models/{name}", admin)]
        for part in ("name", "properties", "modules"):
            paths += [("PUT", f"/v1/admin/devices/{MODEL}/{name}/{part}", admin)]
    paths += [(m, "/v1/admin/authorisations", admin) for m in ("POST", "DELETE")]
    paths += [(m, "/v1/admin/bindings", admin) for m in ("POST", "DELETE")]
    paths += [("POST", p, admin) for p in ("/v1/admin/tickets", "/v1/admin/users")]
    paths += [("PUT", "/v1/admin/faults", admin)]
    source, seen = random.Random(3), {}
    async with aiohttp.ClientSession(world.relay.url) as http:
        for method, path, token in paths:
            if path.endswith("/users") and method == "DELETE":
                continue  # it would remove the user that the others need
            for _ in range(ROUNDS if token == key or "apps/" in path else 5):
                headers = {"Authorization": f"Bearer {token}"}
                data = json.dumps(body(source, known))
                async with http.request(method, path, data=data, headers=headers) as answer:
                    seen[answer.status] = seen.get(answer.status, 0) + 1
                    text = await answer.text()
                    assert answer.status < 500, (method, path, data, text)
                    if answer.status in (404, 405):
                        continue  # `..` made another path of it
                    told = json.loads(text)
                    if answer.status != 200:
                        assert told["error"]["message"], (method, path, data)
    assert seen[200] > 50 and seen[400] > 200, seen
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
