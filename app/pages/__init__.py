"""The pages of the window, one module or package each. The convention:

- a page is `class XPage(QWidget)`, made with `(session: app.session.Session)` when it is first shown;
- it gets everything by `session.call(...)` and the session's signals, imports no other page, and starts no thread;
- it is registered by one line of `app.window.PAGES`;
- a signal `page_wanted(str)`, if it has one, brings another page to the front;
- it takes colours, fonts and distances from `app.theme`, icons from `app.icons`, and restyles what it painted itself on
  `changeEvent` with `QEvent.Type.PaletteChange`;
- texts go through `self.tr(...)`; every control has an accessible name and a place in the tab order.
"""
