"""Finding a known text in whatever servers and processes leave behind: files, tables, logs, compressed or encoded."""
