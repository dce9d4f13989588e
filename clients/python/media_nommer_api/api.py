"""The calls."""

from media_nommer_api.exceptions import InvalidInputError
from media_nommer_api.server_io import APIRequest


class APIConnection:
    """Calls to one system. Made by media_nommer_api.connect()."""

    def __init__(self, api_hostname, api_key=None, timeout=30):
        self.api_hostname = api_hostname.rstrip("/")
        self._api_key = api_key
        self._timeout = timeout

    def job_submit(self, source_path, dest_path, job_options, notify_url=None):
        """Submits a job and returns the answer, an APIResponse; the job runs later.

        source_path, dest_path: addresses of the media and of the result.
        job_options: what is to be run, as media_nommer_api.presets has it.
        notify_url: hears of each state of the job.

        Raises InvalidInputError where one of the first three is missing, and urllib.error.URLError where the system
        cannot be reached or takes no such calls.
        """
        required = {"source_path": source_path, "dest_path": dest_path, "job_options": job_options}
        for name, value in required.items():
            if not value:
                raise InvalidInputError(f"{name} is missing")
        data = dict(required, notify_url=notify_url)
        request = APIRequest(self.api_hostname, "job/submit", data, self._api_key, self._timeout)
        return request.send()
