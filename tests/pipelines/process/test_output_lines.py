from pipelines.process.output_lines import BURST_LINES, LINE_BYTES, LineCutter


def cut(*chunks: bytes, seconds_apart: float = 0.0) -> list[str]:
    lines: list[str] = []
    now = iter(range(10**9))
    cutter = LineCutter(lines.append, clock=lambda: next(now) * seconds_apart)
    for chunk in chunks:
        cutter.feed(chunk)
    cutter.close()
    return lines


def test_lines_are_cut_wherever_the_reads_fall():
    assert cut(b"one\ntw", b"o\n", b"thr", b"ee") == ["one", "two", "three"]


def test_a_progress_bars_states_are_lines_and_windows_ends_are_one():
    assert cut(b" 10%\r 20%\r\ndone\r", b"\nend\n") == [" 10%", " 20%", "done", "end"]


def test_bytes_that_are_no_text_are_shown_and_not_raised():
    assert cut(b"\xff\xfe caf\xc3\xa9\n") == ["\ufffd\ufffd caf\u00e9"]


def test_a_line_without_end_is_logged_in_chunks():
    assert [len(line) for line in cut(b"x" * (2 * LINE_BYTES + 5))] == [
        LINE_BYTES,
        LINE_BYTES,
        5,
    ]


def test_a_flood_is_capped_counted_and_its_last_lines_are_logged():
    lines = cut(*(b"%d\n" % number for number in range(BURST_LINES + 1000)))
    assert lines[:BURST_LINES] == [str(number) for number in range(BURST_LINES)]
    assert lines[BURST_LINES].startswith("[980 lines omitted")
    assert lines[BURST_LINES + 1 :] == [
        str(BURST_LINES + number) for number in range(980, 1000)
    ]


def test_a_slow_talker_is_never_cut():
    n_lines = BURST_LINES + 1000
    lines = cut(*(b"%d\n" % number for number in range(n_lines)), seconds_apart=0.02)
    assert lines == [str(number) for number in range(n_lines)]


def test_a_long_flood_costs_the_log_about_the_stated_rate():
    chunk = b"".join(b"%d\n" % number for number in range(1000))
    lines = cut(*[chunk] * 1000, seconds_apart=0.1)
    assert len(lines) < BURST_LINES + 100 * 100 * 1.3
