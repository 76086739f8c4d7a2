"""What people read, in Vietnamese and English: one table for pages, SMS and e-mail, and names of carriers."""
