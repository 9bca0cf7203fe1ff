"""What `inspect` and `demo` show: tables, summary, page."""
