"""The portal's words in Vietnamese and English; a test holds that neither lacks one."""

from typing import Final, Literal

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")

STATUS: Final[dict[str, dict[str, str]]] = {
    "info_received": {"vi": "Đã nhận thông tin", "en": "Information received"},
    "pickup_in_progress": {"vi": "Đang lấy hàng", "en": "Pick-up under way"},
    "pickup_failed": {"vi": "Chưa lấy được hàng", "en": "Pick-up failed"},
    "accepted": {"vi": "Đã nhận gửi", "en": "Accepted"},
    "in_transit": {"vi": "Đang vận chuyển", "en": "In transit"},
    "customs_hold": {"vi": "Đang ở hải quan", "en": "With customs"},
    "held": {"vi": "Đang tạm giữ", "en": "Held"},
    "out_for_delivery": {"vi": "Đang giao hàng", "en": "Out for delivery"},
    "attempt_failed": {"vi": "Giao chưa thành công", "en": "Delivery attempt failed"},
    "ready_at_point": {"vi": "Chờ nhận tại điểm phục vụ", "en": "Ready for collection"},
    "delivered": {"vi": "Đã giao", "en": "Delivered"},
    "return_pending": {"vi": "Chờ chuyển hoàn", "en": "To be returned"},
    "returning": {"vi": "Đang chuyển hoàn", "en": "On its way back"},
    "returned": {"vi": "Đã chuyển hoàn", "en": "Returned to sender"},
    "cancelled": {"vi": "Đã hủy", "en": "Cancelled"},
    "damaged": {"vi": "Bị hư hỏng", "en": "Damaged"},
    "lost": {"vi": "Bị thất lạc", "en": "Lost"},
    "compensated": {"vi": "Đã bồi thường", "en": "Compensated"},
    "expired": {"vi": "Hết hạn theo dõi", "en": "Tracking expired"},
}
REASON: Final[dict[str, dict[str, str]]] = {
    "addressee_absent": {"vi": "Người nhận vắng nhà", "en": "Nobody was there"},
    "refused": {"vi": "Người nhận từ chối", "en": "Refused"},
    "address_incomplete_or_wrong": {
        "vi": "Địa chỉ thiếu hoặc sai",
        "en": "Address incomplete or wrong",
    },
    "addressee_moved": {"vi": "Người nhận đã chuyển đi", "en": "Addressee has moved"},
    "addressee_unknown": {"vi": "Không có người nhận", "en": "Addressee not known there"},
    "no_contact": {"vi": "Không liên lạc được", "en": "Could not be reached"},
    "reschedule_requested": {"vi": "Hẹn giao lại", "en": "Another date was asked for"},
    "reschedule_limit": {"vi": "Quá số lần hẹn", "en": "Too many new dates"},
    "business_closed": {"vi": "Cơ sở đóng cửa", "en": "Closed"},
    "access_blocked": {"vi": "Không vào được", "en": "No access"},
    "point_uncollected": {"vi": "Không đến nhận", "en": "Not collected"},
    "cod_not_ready": {"vi": "Chưa có tiền thu hộ", "en": "Cash on delivery not ready"},
    "partner_cancelled": {"vi": "Người gửi hủy", "en": "Cancelled by the sender"},
    "carrier_overload": {"vi": "Đơn vị vận chuyển quá tải", "en": "Carrier overloaded"},
    "weather": {"vi": "Do thời tiết", "en": "Weather"},
    "damaged": {"vi": "Bị hư hỏng", "en": "Damaged"},
    "lost": {"vi": "Không tìm thấy", "en": "Not found"},
    "missorted": {"vi": "Phân loại nhầm", "en": "Missorted"},
    "customs": {"vi": "Hải quan", "en": "Customs"},
    "security": {"vi": "An ninh", "en": "Security"},
    "out_of_area": {"vi": "Ngoài vùng phục vụ", "en": "Outside the area"},
    "not_accepted_goods": {"vi": "Hàng không được nhận", "en": "Goods not accepted"},
    "wrong_phone": {"vi": "Sai số điện thoại", "en": "Wrong phone number"},
    "other": {"vi": "Lý do khác", "en": "Other reason"},
    "unknown": {"vi": "Chưa rõ lý do", "en": "Reason not given"},
}
MODE: Final[dict[str, dict[str, str]]] = {
    "address": {"vi": "tại địa chỉ", "en": "at the address"},
    "point": {"vi": "tại điểm phục vụ", "en": "at a service point"},
    "locker": {"vi": "tại tủ nhận hàng", "en": "at a parcel locker"},
    "redirect": {"vi": "theo yêu cầu của người nhận", "en": "as the recipient asked"},
    "unknown": {"vi": "", "en": ""},
}
PAGE: Final[dict[str, dict[str, str]]] = {
    "title": {"vi": "Theo dõi bưu gửi", "en": "Parcel tracking"},
    "search": {"vi": "Nhập mã bưu gửi", "en": "Tracking number"},
    "go": {"vi": "Tra cứu", "en": "Track"},
    "other_language": {"vi": "English", "en": "Tiếng Việt"},
    "attempts": {"vi": "Số lần giao chưa thành công", "en": "Failed attempts"},
    "promised": {"vi": "Dự kiến giao", "en": "Promised for"},
    "reported": {"vi": "Bưu tá báo, chờ xác nhận", "en": "Reported by the courier, not yet confirmed"},
    "delayed": {"vi": "Muộn hơn dự kiến", "en": "Later than promised"},
    "stuck": {"vi": "Lâu hơn thường lệ chưa có tin mới", "en": "No news for longer than usual"},
    "timeline": {"vi": "Hành trình", "en": "Journey"},
    "waiting": {"vi": "Đã đăng ký, chờ đơn vị vận chuyển báo tin", "en": "Registered; waiting for the carrier's first report"},
    "choose": {"vi": "Nhiều đơn vị có mã này. Bưu gửi của bạn đi bằng:", "en": "Several carriers have this number. Yours travels with:"},
    "missing": {"vi": "Chưa thấy bưu gửi này", "en": "We do not see this parcel"},
    "missing_help": {
        "vi": "Kiểm tra lại mã: chữ O và số 0, chữ I và số 1 dễ nhầm. Mã mới có thể mất vài giờ mới hiện. Nếu vẫn không thấy, hãy hỏi người gửi mã đúng và tên đơn vị vận chuyển.",
        "en": "Check the number: O and 0, I and 1 are easily mixed up. A new number may take some hours to appear. If it stays away, ask the sender for the right number and the carrier's name.",
    },
    "rates": {"vi": "Tỷ lệ phát đến địa chỉ", "en": "Delivery-to-address rate"},
    "rates_help": {
        "vi": "Theo ngày nhận gửi. Tỷ lệ thuần: phần phát đến địa chỉ trong số đã phát. Tỷ lệ gộp: trong số đã kết thúc, kể cả chuyển hoàn và thất lạc. Chưa rõ cách phát được nêu riêng (Luật Bưu chính 49/2010/QH12, Điều 11).",
        "en": "By acceptance day. Net: of what was delivered, the share delivered to the address. Gross: of all that ended, returned and lost ones too. Deliveries of unknown mode are shown and never counted in (Postal Law 49/2010/QH12, Art. 11).",
    },
    "carrier": {"vi": "Đơn vị", "en": "Carrier"},
    "province": {"vi": "Tỉnh, thành", "en": "Province"},
    "all_provinces": {"vi": "Tất cả", "en": "All"},
    "accepted": {"vi": "Nhận gửi", "en": "Accepted"},
    "to_address": {"vi": "Đến địa chỉ", "en": "To address"},
    "at_point": {"vi": "Tại điểm", "en": "At point"},
    "as_asked": {"vi": "Theo yêu cầu", "en": "As asked"},
    "unknown_mode": {"vi": "Chưa rõ cách", "en": "Unknown mode"},
    "returned": {"vi": "Chuyển hoàn", "en": "Returned"},
    "lost": {"vi": "Thất lạc", "en": "Lost"},
    "net": {"vi": "Thuần", "en": "Net"},
    "gross": {"vi": "Gộp", "en": "Gross"},
    "missing_days": {"vi": "Thiếu số liệu", "en": "What is missing"},
    "missing_days_help": {
        "vi": "Những ngày đơn vị không báo bưu gửi nào được nhận gửi.",
        "en": "Days on which a carrier reported no acceptance at all.",
    },
    "first_attempt": {"vi": "Lần đầu", "en": "First attempt"},
    "on_time": {"vi": "Đúng hẹn", "en": "On time"},
    "transit": {"vi": "Giờ, 50 / 90 %", "en": "Hours, 50 / 90 %"},
    "lateness": {"vi": "Báo chậm", "en": "How late reports come"},
    "lateness_help": {
        "vi": "Từ lúc sự kiện xảy ra đến lúc nhận được báo cáo, theo phút: 50, 95 và 99 % số báo cáo không quá.",
        "en": "Minutes from the event to the receipt of its report: 50, 95 and 99 % of the reports within.",
    },
    "scans": {"vi": "Báo cáo", "en": "Reports"},
    "counts_too": {"vi": "Cũng tính là phát tại địa chỉ", "en": "Counted as delivered to the address, too"},
    "redirect_counts": {"vi": "phát theo yêu cầu", "en": "delivered as asked"},
    "locker_counts": {"vi": "phát vào tủ", "en": "laid into a locker"},
    "unknown_place": {"vi": "Chưa rõ", "en": "Unknown"},
    "no_rates": {"vi": "Chưa có số liệu.", "en": "No figures yet."},
}  # fmt: skip


def choose(asked: str | None, accepted: str) -> Language:
    """The language: asked by a link, else the best of the `Accept-Language` header, else Vietnamese."""
    if asked in LANGUAGES:
        return "en" if asked == "en" else "vi"
    best: tuple[float, Language] = (0.0, "vi")
    for part in accepted.split(",")[:20]:
        name, _, quality = part.strip().partition(";q=")
        weight = _weight(quality)
        language = name.strip().lower()[:2]
        if language in LANGUAGES and weight > best[0]:
            best = (weight, "en" if language == "en" else "vi")
    return best[1]


def _weight(quality: str) -> float:
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
