"""What /api/sms is, for tools that read OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.1.html

Rows are described in supabase/types/database.ts; here stands what is HTTP.
"""

from __future__ import annotations

from typing import Any

from gateway import __version__

Schema = dict[str, Any]

_ERROR: Schema = {
    "type": "object",
    "required": ["code", "message", "details", "hint"],
    "properties": {
        "code": {"type": "string", "description": "PT401, PT404, PT409, PT422, PT429 or PT503"},
        "message": {"type": "string"},
        "details": {"type": ["string", "null"]},
        "hint": {"type": ["string", "null"]},
    },
}
_CONVERSATION: Schema = {
    "name": "conversation_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_ERRORS = {
    401: "No token, or one that Supabase does not accept",
    404: "No such row of this user's",
    409: "The row's state forbids it",
    422: "A parameter cannot be meant",
    503: "The database does not answer: try again",
}


def describe(server: str) -> Schema:
    """The document; `server` is PUBLIC_URL."""
    history = [
        _CONVERSATION,
        _query("limit", "How many messages, newest first"),
        _query("before_id", "Only messages older than this id: the last one seen"),
    ]
    row, rows = {"type": "object"}, {"type": "array", "items": {"type": "object"}}
    conversation = "/api/sms/conversations/{conversation_id}"
    return {
        "openapi": "3.1.1",
        "info": {"title": "SMS gateway", "version": __version__},
        "servers": [{"url": server}],
        "security": [{"user": []}],
        "components": {
            "securitySchemes": {
                "user": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a user of the Supabase project",
                }
            },
            "schemas": {"Error": _ERROR},
        },
        "paths": {
            "/api/sms/stats": {
                "get": _operation("get_sms_stats", "Figures of the user's accounts", [], row)
            },
            f"{conversation}/history": {
                "get": _operation("get_sms_conversation_history", "One page", history, rows)
            },
            f"{conversation}/close": {
                "post": _operation(
                    "close_sms_conversation",
                    "Ends it; a new message opens another",
                    [_CONVERSATION],
                    {},
                )
            },
        },
    }


def _operation(name: str, summary: str, parameters: list[Schema], answer: Schema) -> Schema:
    """`name` is the SQL function that decides."""
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": answer}}},
            **{str(status): _error(why) for status, why in _ERRORS.items()},
        },
    }


def _error(description: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _query(name: str, description: str) -> Schema:
    schema = {"type": "integer", "minimum": 0}
    return {"name": name, "in": "query", "description": description, "schema": schema}
