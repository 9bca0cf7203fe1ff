"""What `inspect` and `demo` show: tables, numbers and one page, from a run and its data."""

from surfeit.report.config import ReportConfig
from surfeit.report.write import write_report

__all__ = ["ReportConfig", "write_report"]
