"""The words of an evaluation in English and Vietnamese. Verdicts and reasons are the panel's, from its catalogue."""

from __future__ import annotations

from typing import Any

from edge.apps.inspect.words import InspectWords
from edge.domain.verdict import ReasonCode, Verdict

_OURS = {
    "Evaluation of {name}": "Đánh giá {name}",
    "Tried on {good} good and {defect} defective parts from {source}, {when} UTC.": (
        "Đã thử trên {good} sản phẩm đạt và {defect} sản phẩm lỗi từ {source}, {when} UTC."
    ),
    "{name}: {good} good and {defect} defective parts": "{name}: {good} sản phẩm đạt và {defect} sản phẩm lỗi",
    "examining": "đang kiểm tra",
    "Each picture as a whole is the part.": "Mỗi ảnh được xem là một sản phẩm nguyên vẹn.",
    "Escapes": "Lọt lỗi",
    "defective parts judged OK": "sản phẩm lỗi bị phán là đạt",
    "False rejects": "Loại nhầm",
    "good parts judged UNSURE or NG": "sản phẩm đạt bị phán là nghi ngờ hoặc lỗi",
    "{count} of {of}": "{count} trên {of}",
    "with 95 % confidence between {low} and {high}": "với độ tin cậy 95 % nằm từ {low} đến {high}",
    "Image AUROC": "AUROC theo ảnh",
    "Average precision": "Độ chính xác trung bình",
    "Pixel AUROC": "AUROC theo điểm ảnh",
    "a defective part scores higher than a good one in so many pairs": (
        "tỷ lệ cặp mà sản phẩm lỗi có điểm cao hơn sản phẩm đạt"
    ),
    "area under precision over recall": "diện tích dưới đường độ chính xác theo độ bao phủ",
    "share of each defect's area found, up to 30 % false pixels": (
        "phần diện tích mỗi vết lỗi được tìm thấy, tối đa 30 % điểm ảnh báo nhầm"
    ),
    "the same for single pixels": "tương tự cho từng điểm ảnh",
    "Latency": "Thời gian xử lý",
    "p50 per part, p99 {p99} ms, {threads} thread(s); reading the file is not in it": (
        "p50 mỗi sản phẩm, p99 {p99} ms, {threads} luồng; không tính thời gian đọc tệp"
    ),
    "Scores": "Điểm",
    "Scores, 0 at the UNSURE limit and 1 at the NG limit": "Điểm, 0 tại giới hạn nghi ngờ và 1 tại giới hạn lỗi",
    "good parts upwards, defective ones downwards; the last bar holds all that lie beyond": (
        "sản phẩm đạt hướng lên, sản phẩm lỗi hướng xuống; cột cuối gồm mọi điểm lớn hơn"
    ),
    "Kinds of defect": "Các loại lỗi",
    "kind": "loại",
    "parts": "sản phẩm",
    "escape rate": "tỷ lệ lọt lỗi",
    "95 % interval": "khoảng tin cậy 95 %",
    "Defective parts judged OK, the lowest score first": "Sản phẩm lỗi bị phán là đạt, điểm thấp nhất trước",
    "Good parts judged UNSURE or NG, the highest score first": (
        "Sản phẩm đạt bị phán là nghi ngờ hoặc lỗi, điểm cao nhất trước"
    ),
    "left: the picture, the known defect outlined; right: what the model sees, bright is unusual": (
        "trái: ảnh, lỗi đã biết được viền; phải: điều mô hình thấy, sáng là bất thường"
    ),
    "none": "không có",
    "score": "điểm",
    "More, named in the JSON file: {count}.": "Còn nữa, có tên trong tệp JSON: {count}.",
    "The detector was made from {count} of these {of} pictures ({names}): the figures are too kind. Move them away.": (
        "Bộ phát hiện đã được dạy bằng {count} trong {of} ảnh này ({names}): các con số quá đẹp. Hãy chuyển chúng đi."
    ),
    "There are no good parts: false rejects and AUROC cannot be told.": (
        "Không có sản phẩm đạt: không thể biết tỷ lệ loại nhầm và AUROC."
    ),
    "There are no defective parts: escapes and AUROC cannot be told.": (
        "Không có sản phẩm lỗi: không thể biết tỷ lệ lọt lỗi và AUROC."
    ),
    "There are no masks: AU-PRO and pixel AUROC cannot be told.": (
        "Không có mặt nạ: không thể biết AU-PRO và AUROC theo điểm ảnh."
    ),
    "Defective pictures without a mask, not in AU-PRO and pixel AUROC: {count}.": (
        "Ảnh lỗi không có mặt nạ, không được tính trong AU-PRO và AUROC theo điểm ảnh: {count}."
    ),
    "Masks that are all black, not used: {count}.": "Mặt nạ đen hoàn toàn, không được dùng: {count}.",
    "Pictures without a map, in no pixel figure: {count}.": (
        "Ảnh không có bản đồ, không được tính theo điểm ảnh: {count}."
    ),
    "Parts that were not inspected and are in neither rate: {count} ({reasons}).": (
        "Sản phẩm không được kiểm tra và không nằm trong tỷ lệ nào: {count} ({reasons})."
    ),
    "Pictures that cannot be read and are in no figure: {count} ({names}).": (
        "Ảnh không đọc được và không được tính: {count} ({names})."
    ),
    "Masks that cannot be read: {count} (of {names}).": "Mặt nạ không đọc được: {count} (của {names}).",
    "Masks of another size than their pictures, not used: {count} (of {names}).": (
        "Mặt nạ khác kích thước với ảnh, không được dùng: {count} (của {names})."
    ),
    "Files passed over, because they are no pictures or lie in no kind's folder: {count}.": (
        "Tệp được bỏ qua vì không phải ảnh hoặc không nằm trong thư mục loại nào: {count}."
    ),
}


class EvaluateWords:
    """UsageError when there is no such language."""

    def __init__(self, language: str) -> None:
        self._panel = InspectWords(language)
        self.language = language

    def __call__(self, text: str, **values: Any) -> str:
        """One of our own texts, its English the id, with the values put in. KeyError for any other."""
        vietnamese = _OURS[text]
        return (vietnamese if self.language == "vi" else text).format(**values)

    def verdict(self, verdict: Verdict) -> str:
        return self._panel.verdict(verdict)

    def code(self, code: ReasonCode) -> str:
        return self._panel.code(code)


def known() -> tuple[str, ...]:
    """Every text there are words for."""
    return tuple(_OURS)
