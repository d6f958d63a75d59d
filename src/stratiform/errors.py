"""The two errors that users see: one line each, saying what came, what is allowed and what to type."""


class UserError(ValueError):
    """Wrong use: nothing was written. The command line ends with exit status 2."""


class Failed(RuntimeError):
    """The work could not be finished: the last good state is intact. The command line ends with exit status 1."""


class Unsaid(Failed):
    """The work of several processes could not be finished, and another one says why."""
