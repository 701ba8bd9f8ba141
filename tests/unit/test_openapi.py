"""What the facade says of itself is what it does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from starlette.routing import Route

from gateway.web import create_app
from tests.fakes import SETTINGS, DataApi
from tests.posts import CONVERSATION, Web

BEARER = {"authorization": "Bearer header.claims.signature"}


async def document(web: Web) -> dict[str, Any]:
    answer = await web.client.get(f"{web.url}/api/sms/openapi.json")
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


async def test_every_route_of_the_facade_is_described_and_no_other(web: Web) -> None:
    routed = {
        (route.path, method.lower())
        for route in create_app(SETTINGS).routes
        if isinstance(route, Route) and route.path.startswith("/api/sms/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {
        (path, method) for path, item in (await document(web))["paths"].items() for method in item
    }
    assert described == routed - {("/api/sms/openapi.json", "get")}


async def test_each_described_operation_calls_the_function_it_names(api: DataApi, web: Web) -> None:
    for path, item in (await document(web))["paths"].items():
        for method, operation in item.items():
            url = web.url + path.replace("{conversation_id}", CONVERSATION)
            queries = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
            asked = dict.fromkeys(queries, "7")
            await web.client.request(method, url, params=asked, headers=BEARER)
            assert api.calls[-1].name == operation["operationId"]
            for name in queries:
                assert api.calls[-1].params[f"p_{name}"] == 7
            assert set(re.findall(r"{(\w+)}", path)) == {
                p["name"] for p in operation["parameters"] if p["in"] == "path"
            }


@pytest.mark.parametrize("headers", [{}, BEARER])
async def test_an_error_has_the_described_shape(
    api: DataApi, web: Web, headers: dict[str, str]
) -> None:
    described = await document(web)
    answer = await web.client.get(f"{web.url}/api/sms/conversations/none/history", headers=headers)
    assert str(answer.status_code) in described["paths"]["/api/sms/stats"]["get"]["responses"]
    OAS31Validator(described["components"]["schemas"]["Error"]).validate(answer.json())
