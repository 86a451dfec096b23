"""What a run says afterwards: one document, as HTML and as PDF."""
