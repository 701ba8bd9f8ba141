"""Insert a row, it becomes a text message. A text message arrives, it becomes a row."""

__version__ = "0.1.0"
