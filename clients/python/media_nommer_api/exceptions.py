"""What calls raise before anything is sent."""


class InvalidInputError(Exception):
    """An argument is missing."""

    message = "Invalid input."

    def __init__(self, message=None):
        super().__init__(message or self.message)
