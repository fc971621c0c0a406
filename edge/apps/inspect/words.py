"""The words of `edge inspect` in English and Vietnamese. Verdicts and reasons are the panel's, from its catalogue."""

from __future__ import annotations

from edge.domain.result import Result
from edge.domain.verdict import Reason, ReasonCode, Verdict
from edge.errors import UsageError
from edge.panel import vocabulary
from edge.panel import words as panel_words

_OURS = {
    "parts": "sản phẩm",
    "of which": "trong đó",
    "reasons": "lý do",
    "score": "điểm",
    "value": "giá trị",
    "limit": "giới hạn",
    "latency": "thời gian xử lý",
    "group": "nhóm",
    "files that are no pictures were passed over": "tệp không phải là ảnh đã được bỏ qua",
    "frames seen": "khung hình đã xem",
    "frames could not be decoded": "khung hình không giải mã được",
    "passed the barrier with a length that no part may have, and were not judged": (
        "vật đi qua vạch với chiều dài không hợp lệ và không được kiểm tra"
    ),
    "interrupted: what came later was not judged": "bị ngắt: phần sau đó không được kiểm tra",
    "the video ends before its own end: what came later was not judged": (
        "video bị cụt: phần sau đó không được kiểm tra"
    ),
}

_SCORED = (ReasonCode.ANOMALY, ReasonCode.ANOMALY_UNSURE, ReasonCode.CLASS, ReasonCode.CLASS_UNSURE)


class InspectWords:
    """UsageError when there is no such language."""

    def __init__(self, language: str) -> None:
        if language not in panel_words.LANGUAGES:
            known = " or ".join(sorted(panel_words.LANGUAGES))
            raise UsageError(f"there are no words in {language[:20]!r}", hint=f"give --language {known}")
        self.language = language
        self._panel = panel_words.load(language)

    def __call__(self, text: str) -> str:
        """One of our own texts; the id is its English."""
        return _OURS[text] if self.language == "vi" else text

    def verdict(self, verdict: Verdict) -> str:
        return self._panel(vocabulary.VERDICTS[verdict])

    def code(self, code: ReasonCode) -> str:
        return self._panel(vocabulary.REASONS[code])

    def reason(self, reason: Reason) -> str:
        """What it is, where, and its figures: `Looks different from good parts (surface: score 4.1, limit 3)`."""
        where = f"{reason.where}: " if reason.where else ""
        kind = self("score" if reason.code in _SCORED else "value")
        figures = f"{kind} {reason.value:.4g}, {self('limit')} {reason.limit:.4g}"
        shown = where + figures if reason.value or reason.limit else reason.where
        return f"{self.code(reason.code)} ({shown})" if shown else self.code(reason.code)

    def reasons(self, result: Result) -> str:
        return "; ".join(self.reason(reason) for reason in result.reasons)
