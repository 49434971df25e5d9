"""Model-written text as it is shown: safe, fast, and as it grows.

segments.py  cuts a text into pieces that are shown by one widget each       (no Qt)
safe.py      bidi tricks and control characters; which links may be opened   (no Qt)
latex.py     formulas as readable text                                       (no Qt)
parser.py    markdown-it-py with our rule for formulas, HTML as plain text   (no Qt)
render.py    parsed Markdown into a QTextDocument, through its cursor: nothing here ever meets an HTML parser
highlight.py colours for code, by Pygments
"""
