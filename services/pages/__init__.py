"""The pages that come with the API: where to begin, its documentation, the event catalogue, the problems explained.

Everything comes from this server: no script, style or font from elsewhere, nothing inline.
"""

from services.pages.routes import FRENCH, router

__all__ = ["FRENCH", "router"]
