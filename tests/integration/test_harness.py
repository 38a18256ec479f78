"""What the other tests read answers with takes them however their bytes are cut."""

import unittest

from harness import Connection

BODY = b"b" * (1 << 20)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Told(Connection):
    """A connection whose peer has said these pieces, each of which is one read."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)
        self._held = b""

    def read(self):
        if self._held:
            return super().read()
        return self._pieces.pop(0) if self._pieces else b""


class Reading(unittest.TestCase):
    def test_an_answer_may_be_cut_anywhere_in_its_head(self):
        for at in range(ANSWER.index(BODY) + 1):
            pieces = [piece for piece in (ANSWER[:at], ANSWER[at:]) if piece]
            response = Told(*pieces).response()
            self.assertEqual((200, BODY, True), (response.status, response.body, response.complete))

    def test_an_answer_may_begin_in_the_piece_that_ends_the_one_before(self):
        for at in range(1, 20):
            client = Told(ANSWER + ANSWER[:at], ANSWER[at:])
            self.assertEqual([BODY, BODY], [client.response().body for _ in range(2)])

    def test_a_head_without_an_end_is_refused(self):
        with self.assertRaisesRegex(AssertionError, "no end in sight"):
            Told(*[b"X: y\r\n" * 1000] * 1000).response()


if __name__ == "__main__":
    unittest.main()
