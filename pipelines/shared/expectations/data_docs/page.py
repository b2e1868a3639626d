"""Rendering a suite's result as a Data Docs page.

Why: the renderers of Great Expectations know every expectation; their page loads from elsewhere.
Promise: two stock classes, with templates of ours found before theirs; nothing that is in the
    result's own meta (times, ids) reaches the page.
"""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader

from pipelines.gx_dask import gx
from pipelines.shared.expectations import register
from pipelines.shared.expectations.data_docs.heading import Heading
from pipelines.shared.expectations.data_docs.masking import shown

gx.load()

from great_expectations.core.expectation_validation_result import (  # noqa: E402
    ExpectationSuiteValidationResultSchema,
)
from great_expectations.render.renderer import (  # noqa: E402
    ValidationResultsColumnSectionRenderer,
    ValidationResultsPageRenderer,
)
from great_expectations.render.renderer.content_block import (  # noqa: E402
    ValidationResultsTableContentBlockRenderer,
)
from great_expectations.render.view import DefaultJinjaPageView  # noqa: E402

TEMPLATES = Path(__file__).with_name("templates")


class RuleTable(ValidationResultsTableContentBlockRenderer):
    """The stock table of results, with the rule's name and severity behind each."""

    @classmethod
    def _get_content_block_fn(
        cls, expectation_type: str, expectation_config: Any = None
    ) -> Callable[..., list[Any]] | None:
        stock = super()._get_content_block_fn(expectation_type, expectation_config)

        def with_rule(result: Any = None, **given: Any) -> list[Any]:
            config = result.expectation_config
            own = [html.escape(str(config.meta.get("rule", ""))), str(config.severity.value)]
            return [[*row, *own] for row in stock(result=result, **given)]

        return with_rule

    @classmethod
    def _process_content_block(
        cls, content_block: Any, has_failed_evr: Any, render_object: Any = None
    ) -> None:
        super()._process_content_block(content_block, has_failed_evr, render_object)
        content_block.header_row += ["Rule", "Severity"]


class _Renderer(ValidationResultsPageRenderer):
    """The stock renderer of a page, without links to other pages."""

    def __init__(self) -> None:
        super().__init__()
        self._column_section_renderer = ValidationResultsColumnSectionRenderer(
            {"class_name": RuleTable.__name__, "module_name": __name__}
        )

    @classmethod
    def _render_validation_header(cls, validation_results: Any) -> Any:
        block = super()._render_validation_header(validation_results)
        styling = block.subheader.string_template["styling"]["params"]
        styling["expectation_suite_name"] = {"tag": "span"}
        return block


class _PageView(DefaultJinjaPageView):
    """The stock view over our page."""

    def __init__(self) -> None:
        super().__init__()
        self.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), self.env.loader])
        self.env.filters["values_of_graph"] = _values_of_graph
        self.env.filters["generate_html_element_uuid"] = self._number

    def render(self, document: Any, template: Any = None, **kwargs: Any) -> str:
        """The page; its elements are numbered from 0."""
        self._numbers = count()
        return str(super().render(document, template, **kwargs))

    def _number(self, prefix: str | None = None) -> str:
        return f"{prefix or ''}{next(self._numbers)}"


def data_docs_page(results: Sequence[Mapping[str, Any]], suite: str, heading: Heading) -> str:
    """The page of a suite's result.

    Args:
        results: What each expectation found, as JSON, in the order of the suite; ``meta.rule``
            of its configuration names the rule.
        suite: Name of the suite.
        heading: What is said above.
    """
    register()  # renderers are found by the registered expectations
    each = [_plain(shown(result, heading.masked)) for result in results]
    document = {
        "success": all(result["success"] for result in each),
        "suite_name": suite,
        "results": each,
        "suite_parameters": {},
        "statistics": _statistics(each),
        "meta": {
            "great_expectations_version": gx.load().__version__,
            "run_id": {"run_name": heading.run, "run_time": None},
            "batch_spec": {"data_asset_name": heading.asset},
        },
    }
    loaded = ExpectationSuiteValidationResultSchema().load(document)
    rendered = _Renderer().render(loaded)
    return _view().render(
        rendered,
        heading=heading.title,
        verdict=heading.verdict,
        reason=heading.reason,
        masked=", ".join(sorted(heading.masked)),
    )


@cache
def _view() -> _PageView:
    return _PageView()


def _plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """Without the name that the engine gave to the data."""
    config = result["expectation_config"]
    kwargs = {name: value for name, value in config["kwargs"].items() if name != "batch_id"}
    return {**result, "expectation_config": {**config, "kwargs": kwargs}}


def _statistics(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    held, evaluated = sum(result["success"] for result in results), len(results)
    return {
        "evaluated_expectations": evaluated,
        "successful_expectations": held,
        "unsuccessful_expectations": evaluated - held,
        "success_percent": held / evaluated * 100 if evaluated else None,
    }


def _values_of_graph(specification: Any) -> str:
    """The data of a Vega graph, which would need a script of megabytes to draw."""
    if isinstance(specification, str):
        specification = json.loads(specification)
    found = specification.get("datasets") or specification.get("data") or {}
    return json.dumps(found, indent=1)
