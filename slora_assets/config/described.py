"""Models whose fields are described by the docstrings under them, read when somebody asks.

pydantic's own `use_attribute_docstrings` looks for the source of each class as it is made. That was
half of the time in which the graph loads, in every process of Dagster, for what JSON Schemas alone
show.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Described(BaseModel):
    """Base of settings and documents."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """The model's JSON Schema with a description of each field that has one."""
        made = handler(schema)
        shown, told = handler.resolve_ref_schema(made).get("properties", {}), _docstrings(cls)
        for name, field in cls.model_fields.items():
            if field.description is None and name in told:
                for key in {name, field.alias, field.serialization_alias} & shown.keys():
                    shown[key]["description"] = told[name]
        return made


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """By field, the text under it, those of the model's bases included."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, Described) or one is Described:
            continue
        try:
            [source] = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        except (OSError, TypeError, SyntaxError):  # made without a file, or in a function's middle
            continue
        for field, text in pairwise(getattr(source, "body", ())):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match text:
                    case ast.Expr(ast.Constant(str(said))):
                        found[field.target.id] = inspect.cleandoc(said)
    return found
