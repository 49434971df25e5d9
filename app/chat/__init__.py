"""The chats: what is shown (transcript, composer, sidebar, panel), what decides (controller), what runs (answers)."""
