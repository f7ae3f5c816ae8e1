"""`report.html`: a profile, and the advice that follows from it, as one page that opens from the disk."""

from stoker.reporting.page import report_html, save_report

__all__ = ["report_html", "save_report"]
