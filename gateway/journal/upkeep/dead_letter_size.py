"""Size of the frames that dead letters keep: measured in small steps, estimated between.

Only a person deletes a dead letter, so their number grows. When it has grown by a quarter, the
size is measured again; so each frame is read a few times in all.
"""

from __future__ import annotations

import sqlite3
from typing import Final

STEP_LETTERS: Final = 64
"""Dead letters one step measures; a commit waits for at most one step."""

_COUNT: Final = "SELECT count(*) FROM dead_letter"  # pages only: a million rows take 10 ms
_SIZES: Final = (
    "SELECT lane_seq, raw_id, length(CAST(raw AS BLOB)) FROM dead_letter "
    "CROSS JOIN event USING(lane_seq) CROSS JOIN inbox USING(raw_id) "
    "WHERE lane_seq>? AND reason IS NOT 'running' ORDER BY lane_seq LIMIT ?"
)


class DeadLetterSize:
    """Measures the size again and again; remembers how far the current measurement came."""

    def __init__(self) -> None:
        self._letters = 0
        self._bytes = self._measured = 0
        self._measuring = self._number = self._frame = 0

    def estimate(self) -> int:
        """Return the bytes that are held as of the last count, going by the last measurement."""
        return self._bytes * self._letters // self._measured if self._measured else 0

    def count(self, connection: sqlite3.Connection) -> None:
        """Count the dead letters.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        (self._letters,) = connection.execute(_COUNT).fetchone()

    def step(self, connection: sqlite3.Connection) -> bool:
        """Count, and measure a few if the number changed by a quarter; False: all is measured.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        if not self._number:
            self.count(connection)
            if abs(self._letters - self._measured) <= self._measured // 4:
                return False
        rows = connection.execute(_SIZES, (self._number, STEP_LETTERS)).fetchall()
        for self._number, frame, size in rows:
            if frame != self._frame:  # events of one frame lie side by side; it is kept once
                self._measuring += size
            self._frame = frame
        if len(rows) == STEP_LETTERS:
            return True
        self._bytes, self._measured = self._measuring, self._letters
        self._measuring = self._number = self._frame = 0
        return False
