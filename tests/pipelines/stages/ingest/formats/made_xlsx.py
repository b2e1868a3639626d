"""Spreadsheets made for a test, without a library: the parts of the Office Open XML format that count."""

import zipfile
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DATE_STYLE = 1
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
    f'<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    f'<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs>'
    f"</styleSheet>"
)


def write_xlsx(path, **sheets):
    """Write a workbook; each sheet is a list of rows of texts, numbers, booleans, times and None."""
    parts = {"_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")})}
    names = list(sheets)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(names, 1)
    )
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>'
    )
    targets = {
        f"rId{n}": ("worksheet", f"worksheets/s{n}.xml") for n in range(1, len(names) + 1)
    }
    targets["rId99"] = ("styles", "styles.xml")
    parts["xl/_rels/workbook.xml.rels"] = _relations(targets)
    parts["xl/styles.xml"] = STYLES
    for n, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/s{n}.xml"] = _sheet(rows)
    parts["[Content_Types].xml"] = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _relations(targets):
    each = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{RELATIONS}">{each}</Relationships>'


def _sheet(rows):
    body = "".join(
        f'<row r="{n}">{"".join(_cell(v, f"{chr(65 + c)}{n}") for c, v in enumerate(row))}</row>'
        for n, row in enumerate(rows, 1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'


def _cell(value, at):
    if value is None:
        return ""
    if isinstance(value, str):
        text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
        return f'<c r="{at}" t="inlineStr">{text}</c>'
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, datetime):
        days = (value - EPOCH).total_seconds() / 86400
        return f'<c r="{at}" s="{DATE_STYLE}"><v>{days!r}</v></c>'
    return f'<c r="{at}"><v>{value!r}</v></c>'
