"""What a reviewer looks at: a contact sheet, and a report in Markdown."""
