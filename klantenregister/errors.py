"""How a command fails: one clear text for a person, and the exit code of DESIGN section 2."""


class CommandError(Exception):
    """A command cannot do what was asked; its text says why and what to do."""

    exit_code = 1


class Failed(CommandError):
    """The command was right, but it could not be done."""


class AddressInUse(Failed):
    """Somebody else listens where we should."""


class NotRunning(Failed):
    """No installation answers on the admin socket."""


class WrongUsage(CommandError):
    """Wrong arguments or configuration."""

    exit_code = 2
