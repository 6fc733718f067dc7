"""Time in texts and questions: dates and periods, calendar arithmetic, L1 to L3 questions, demonstrations."""
