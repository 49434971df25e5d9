"""The background service: one HTTP API for the window, scripts and OpenAI clients, over supervised engine workers."""
