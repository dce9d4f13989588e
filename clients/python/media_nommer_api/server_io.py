"""Requests and answers."""

import json
import urllib.request


class APIRequest:
    """One call. Its key never shows in its text."""

    def __init__(self, api_hostname, request_path, data, api_key=None, timeout=30):
        self.api_hostname = api_hostname
        self.request_path = request_path
        self.data = data
        self._api_key = api_key
        self._timeout = timeout

    def send(self):
        """Sends it and waits for the answer."""
        request = urllib.request.Request(
            f"{self.api_hostname}/{self.request_path}",
            data=json.dumps(self.data or {}).encode("utf-8"),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        if self._api_key:
            # Not sent along where a redirect leads elsewhere.
            request.add_unredirected_header("Authorization", f"Bearer {self._api_key}")
        with urllib.request.urlopen(request, timeout=self._timeout) as answer:
            return APIResponse(self, answer.read())


class APIResponse:
    """An answer: `data` is what it says, `is_success()` whether the call did what it was to do."""

    def __init__(self, request, raw_response):
        self.request = request
        self.raw_response = raw_response
        self.data = json.loads(raw_response)

    def __str__(self):
        return repr(self.data)

    def is_success(self):
        """Whether there was no error; if there was one, data["message"] tells it."""
        return self.data["success"]
