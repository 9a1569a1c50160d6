"""How much the frames of dead letters hold: weighed now and then in small steps, estimated between.

Nobody but a person deletes a dead letter, so their number grows; they are weighed again when it
has grown by a quarter. All weighing together so reads each frame a few times at most.
"""

from __future__ import annotations

import sqlite3
from typing import Final

STEP_LETTERS: Final = 64
"""A step weighs so many; a commit waits for at most one step."""

_COUNT: Final = "SELECT count(*) FROM dead_letter"  # pages only: a million rows take 10 ms
_WEIGHTS: Final = (
    "SELECT lane_seq, raw_id, length(CAST(raw AS BLOB)) FROM dead_letter "
    "CROSS JOIN event USING(lane_seq) CROSS JOIN inbox USING(raw_id) "
    "WHERE lane_seq>? AND reason IS NOT 'running' ORDER BY lane_seq LIMIT ?"
)


class Scales:
    """One weighing after another; remembers how far it came."""

    def __init__(self) -> None:
        self._letters = 0
        self._bytes = self._weighed = 0
        self._weighing = self._number = self._frame = 0

    def estimate(self) -> int:
        """Return the bytes that are held as of the last count, going by the last weighing."""
        return self._bytes * self._letters // self._weighed if self._weighed else 0

    def count(self, connection: sqlite3.Connection) -> None:
        """See how many there are.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        (self._letters,) = connection.execute(_COUNT).fetchone()

    def step(self, connection: sqlite3.Connection) -> bool:
        """Count, and weigh a few if they are to be weighed anew; False: all is known.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        if not self._number:
            self.count(connection)
            if abs(self._letters - self._weighed) <= self._weighed // 4:
                return False
        rows = connection.execute(_WEIGHTS, (self._number, STEP_LETTERS)).fetchall()
        for self._number, frame, size in rows:
            if frame != self._frame:  # events of one frame lie side by side; it is kept once
                self._weighing += size
            self._frame = frame
        if len(rows) == STEP_LETTERS:
            return True
        self._bytes, self._weighed = self._weighing, self._letters
        self._weighing = self._number = self._frame = 0
        return False
