"""Between Streamlit and a component's module: the script that loads it, and the requests that it sends back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.web_files import web_version

MAX_REQUEST_LETTERS = 200


def bootstrap(module: str) -> str:
    """The script of a component whose `mount` is in that module of /web/.

    Streamlit turns inline scripts into blobs without an address; the modules themselves come from our own route.
    """
    return _BOOTSTRAP.replace("MODULE", f"{web_version()}/{module}")


_BOOTSTRAP = """
export default function (component) {
  let cleanup = null;
  let isGone = false;
  import(new URL("web/MODULE", document.baseURI).href)
    .then(({ mount }) => { if (!isGone) cleanup = mount(component); })
    .catch((error) => {
      const message = document.createElement("p");
      message.textContent = `This part of the page cannot be loaded (${error.message}). Reload the page; is the server running?`;
      component.parentElement.append(message);
    });
  return () => { isGone = true; cleanup?.(); };
}
"""


def read_request(value: Any) -> dict[str, str]:
    """What a component asks the page for, as far as it is short text; it comes from outside."""
    if not isinstance(value, Mapping):
        return {}
    return {
        str(name): text for name, text in value.items() if isinstance(text, str) and len(text) <= MAX_REQUEST_LETTERS
    }
