"""The chats on disk: SQLite in WAL mode with a full-text index. No Qt in here.

records.py  what is stored, as plain dataclasses        schema.py  tables, migrations, backup, damage
tree.py     a chat's messages as a tree                 words.py   how text is indexed and asked for
store.py    every call, for one thread                  search.py  the full-text index
"""
