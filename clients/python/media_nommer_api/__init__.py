"""The interface of the original media-nommer client, for Python 3."""

from media_nommer_api.api import APIConnection
from media_nommer_api.exceptions import InvalidInputError
from media_nommer_api.server_io import APIRequest, APIResponse

__all__ = ["APIConnection", "APIRequest", "APIResponse", "InvalidInputError", "connect"]


def connect(api_hostname, api_key=None, timeout=30):
    """Prepares calls to a system; nothing is sent yet.

    api_hostname: protocol, host, port and, if there is one, a path: "http://127.0.0.1:8001".
    api_key: sent with each call, where the system asks for keys.
    timeout: seconds that an answer may take.
    """
    return APIConnection(api_hostname, api_key=api_key, timeout=timeout)
