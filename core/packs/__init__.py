"""Libraries that Deskside does not bring along: their licence is shown, and the user says yes, before they are installed."""
