"""What serving a model cost on the machine that exported it, for its card.

Why: who promotes a model wants to know whether it is fast enough, beside how good it is.
Promise: shown as measured at export; nothing is measured here.
"""

import json
from pathlib import Path

SERVING_SECTION = """{% if serving %}<h2>Serving</h2>
<section class="wide"><table>
{% for name, value in serving %}<tr><th>{{ name }}</th><td class="num" style="text-align:left">{{ value }}</td></tr>
{% endfor %}</table><p class="soft" style="margin-top: 10px">Raw rows through the exported graph, preprocessing inside, on the machine that
trained.</p></section>{% endif %}
"""
"""The facts on a card, for either kind of page."""


def serving_facts(model: Path) -> list[tuple[str, str]]:
    """Name and value of each figure of ``serving.json``; none where the model has no such file."""
    file = model / "serving.json"
    if not file.is_file():
        return []
    measured = json.loads(file.read_text())
    return [
        (
            "one row",
            f"{measured['row_ms_median']:.2f} ms (median), {measured['row_ms_p95']:.2f} ms (95th percentile)",
        ),
        (
            f"a batch of {measured['batch_rows']:,.0f} rows",
            f"{measured['batch_ms_median']:.1f} ms (median)",
        ),
        ("throughput", f"{measured['rows_per_s']:,.0f} rows a second"),
    ]
