"""What reading a store back found, and the same as text.

Not here: reading it (``verify.py``).
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class VerifiedStore:
    """What reading a store back found.

    Attributes:
        artifacts: Keys that were looked at.
        versions: Versions of them.
        files: Files that were read.
        bytes: Their size.
        unrecorded: Files of before their hashes were recorded, which cannot be compared.
        damaged: One entry for each damaged version or published manifest.
        repaired: What was mended, in the same form.
        busy: Artifacts that were being made.
    """

    artifacts: int = 0
    versions: int = 0
    files: int = 0
    bytes: int = 0
    unrecorded: int = 0
    damaged: list[dict[str, Any]] = field(default_factory=list)
    repaired: list[dict[str, Any]] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)

    def add(self, entry: dict[str, Any], *, mended: bool) -> None:
        """Take in a damaged version or manifest."""
        (self.repaired if mended else self.damaged).append(entry)


def describe_verification(found: VerifiedStore) -> str:
    """What was found, as lines for a person."""
    lines = [
        f"{found.artifacts} artifacts, {found.versions} versions, {found.files} files, "
        f"{found.bytes:,} bytes read: {len(found.damaged)} damaged, {len(found.repaired)} repaired"
    ]
    for what, entries in (("damaged", found.damaged), ("repaired", found.repaired)):
        for entry in entries:
            lines.append(
                f"{what}: {entry['artifact']} {entry['version'] or 'published manifest'}"
            )
            lines += [f"  {name} {problem}" for name, problem in entry["files"].items()]
            lines += [f"  {entry['remedy']}"] if what == "damaged" else []
    lines += [f"left out, being made at this moment: {name}" for name in found.busy]
    if found.unrecorded:
        lines.append(
            f"{found.unrecorded} files of before hashes of them were kept: not compared"
        )
    return "\n".join(lines)
